/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/filter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

#include "base/alloc.h"

struct filter {
	uint32_t count;
	struct bpf_insn insns[];
};

/* libpcap lets jumps go backwards, which it uses for "protochain": such a program may never end. */
static int jumps_back(const struct filter *filter)
{
	for (uint32_t i = 0; i < filter->count; i++) {
		const struct bpf_insn *insn = &filter->insns[i];

		if (insn->code == (BPF_JMP | BPF_JA) && insn->k >= filter->count - i - 1)
			return 1;
	}
	return 0;
}

int filter_new(const struct rec_program *program, struct filter **ret)
{
	struct filter *filter;

	*ret = NULL;
	if (program->count > REC_INSNS_MAX)
		return -EINVAL;
	if (!program->count)
		return 0;
	filter = xcalloc(1, sizeof(*filter) + program->count * sizeof(filter->insns[0]));
	filter->count = program->count;
	for (uint32_t i = 0; i < program->count; i++) {
		const struct sock_filter *from = &program->insns[i];

		filter->insns[i] = (struct bpf_insn){from->code, from->jt, from->jf, from->k};
	}
	if (!bpf_validate(filter->insns, (int)filter->count) || jumps_back(filter)) {
		free(filter);
		return -EINVAL;
	}
	*ret = filter;
	return 0;
}

struct filter *filter_free(struct filter *filter)
{
	free(filter);
	return NULL;
}

int filter_run(const struct filter *filter, const uint8_t *data, uint32_t captured_bytes,
	       uint32_t original_bytes)
{
	return bpf_filter(filter->insns, data, original_bytes, captured_bytes) != 0;
}
