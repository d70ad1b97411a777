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

#define EITHER(code) (code) | BPF_K, (code) | BPF_X
#define SIZES(code)  (code) | BPF_W, (code) | BPF_H, (code) | BPF_B

/* Every instruction there is. */
static const uint16_t known_codes[] = {
	SIZES(BPF_LD | BPF_ABS),
	SIZES(BPF_LD | BPF_IND),
	BPF_LD | BPF_IMM,
	BPF_LD | BPF_MEM,
	BPF_LD | BPF_LEN,
	BPF_LDX | BPF_IMM,
	BPF_LDX | BPF_MEM,
	BPF_LDX | BPF_LEN,
	BPF_LDX | BPF_MSH | BPF_B,
	BPF_ST,
	BPF_STX,
	EITHER(BPF_ALU | BPF_ADD),
	EITHER(BPF_ALU | BPF_SUB),
	EITHER(BPF_ALU | BPF_MUL),
	EITHER(BPF_ALU | BPF_DIV),
	EITHER(BPF_ALU | BPF_MOD),
	EITHER(BPF_ALU | BPF_AND),
	EITHER(BPF_ALU | BPF_OR),
	EITHER(BPF_ALU | BPF_XOR),
	EITHER(BPF_ALU | BPF_LSH),
	EITHER(BPF_ALU | BPF_RSH),
	BPF_ALU | BPF_NEG,
	BPF_JMP | BPF_JA,
	EITHER(BPF_JMP | BPF_JEQ),
	EITHER(BPF_JMP | BPF_JGT),
	EITHER(BPF_JMP | BPF_JGE),
	EITHER(BPF_JMP | BPF_JSET),
	BPF_RET | BPF_K,
	BPF_RET | BPF_A,
	BPF_MISC | BPF_TAX,
	BPF_MISC | BPF_TXA,
};

static int is_known(uint16_t code)
{
	for (size_t i = 0; i < sizeof(known_codes) / sizeof(known_codes[0]); i++)
		if (known_codes[i] == code)
			return 1;
	return 0;
}

/* What libpcap 1.10's bpf_validate lets pass: jumps that go backwards (it uses them itself for
 * "protochain"), so a program may never end; and codes at which its bpf_filter aborts. */
static int is_sound(const struct filter *filter)
{
	for (uint32_t i = 0; i < filter->count; i++) {
		const struct bpf_insn *insn = &filter->insns[i];

		if (!is_known(insn->code))
			return 0;
		if (insn->code == (BPF_JMP | BPF_JA) && insn->k >= filter->count - i - 1)
			return 0;
	}
	return 1;
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
	if (!bpf_validate(filter->insns, (int)filter->count) || !is_sound(filter)) {
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
