/* SPDX-License-Identifier: Apache-2.0 */
/* A BPF program as the compiler worker, which may be anybody's by then, sends it: one byte of
 * length, the instructions, then a packet. What the verifier lets pass ends, stays inside the
 * packet, and says the same every time. */
#include "base/cleanup.h"
#include "capture/filter.h"
#include "tests/fuzz/fuzz.h"

static struct rec_program program;

/* Every path goes forward, to an instruction of the program: so it ends. */
static void check_jumps(void)
{
	for (uint32_t i = 0; i < program.count; i++) {
		const struct sock_filter *insn = &program.insns[i];
		uint64_t next = (uint64_t)i + 1;

		if (BPF_CLASS(insn->code) == BPF_RET)
			continue;
		fuzz_check(next < program.count);
		if (BPF_CLASS(insn->code) != BPF_JMP)
			continue;
		if (BPF_OP(insn->code) == BPF_JA) {
			fuzz_check(next + insn->k < program.count);
		} else {
			fuzz_check(next + insn->jt < program.count);
			fuzz_check(next + insn->jf < program.count);
		}
	}
}

static bool has_memory(void)
{
	for (uint32_t i = 0; i < program.count; i++)
		if (BPF_MODE(program.insns[i].code) == BPF_MEM)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	CLEANUP_FREE uint8_t *packet = NULL;
	struct filter *filter;
	int matches;

	program.count = (uint32_t)fuzz_take(&input, 1);
	for (uint32_t i = 0; i < program.count; i++) {
		struct sock_filter *insn = &program.insns[i];

		insn->code = (uint16_t)fuzz_take(&input, 2);
		insn->jt = (uint8_t)fuzz_take(&input, 1);
		insn->jf = (uint8_t)fuzz_take(&input, 1);
		insn->k = (uint32_t)fuzz_take(&input, 4);
	}
	if (filter_new(&program, &filter)) {
		fuzz_check(!filter && program.count);
		return 0;
	}
	fuzz_check(!filter == !program.count);
	if (!filter)
		return 0;
	check_jumps();
	packet = xmalloc(input.size + 1);
	memcpy(packet, input.data, input.size);
	matches = filter_run(filter, packet, (uint32_t)input.size, (uint32_t)input.size);
	fuzz_check(matches == 0 || matches == 1);
	/* the byte behind the packet is never looked at */
	packet[input.size] ^= 0xff;
	fuzz_check(has_memory() || filter_run(filter, packet, (uint32_t)input.size,
					      (uint32_t)input.size) == matches);
	filter_free(filter);
	return 0;
}
