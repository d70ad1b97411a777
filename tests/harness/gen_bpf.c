/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/gen_bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#define BATCH_PACED 16
#define BATCH_FLOOD 64

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* Runs the program `count` times in the kernel: one call, so not for more than half a second. */
static int send_some(int program, const struct gen_options *o, const unsigned char *frame,
		     uint64_t count)
{
	struct xdp_md context = {.data_end = o->frame_bytes};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = o->frame_bytes,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)count,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = o->rate ? BATCH_PACED : BATCH_FLOOD);

	return bpf_prog_test_run_opts(program, &run);
}

static int send_all(int program, const struct gen_options *o, uint64_t start_ns,
		    const unsigned char *frame)
{
	uint64_t chunk = o->rate ? o->rate / 2 + 1 : 500000, done = 0;
	uint64_t end = start_ns + o->seconds * 1000000000u;

	while (done < o->count && gen_now_ns() < end) {
		uint64_t n = o->count - done < chunk ? o->count - done : chunk;

		if (send_some(program, o, frame, n)) {
			perror("gen: BPF_PROG_RUN");
			return 1;
		}
		done += n;
	}
	return 0;
}

int gen_bpf_run(const struct gen_options *o, struct gen_state *state, const unsigned char *frame)
{
	struct bpf_object *object;
	int map, program, r;
	uint32_t key = 0;

	libbpf_set_print(say_nothing);
	object = bpf_object__open_file(GEN_BPF_OBJECT, NULL);
	if (!object)
		return GEN_BPF_UNAVAILABLE;
	if (bpf_object__load(object)) {
		bpf_object__close(object);
		return GEN_BPF_UNAVAILABLE;
	}
	program = bpf_program__fd(bpf_object__find_program_by_name(object, "gen"));
	map = bpf_object__find_map_fd_by_name(object, "state");
	state->start_ns = gen_now_ns();
	r = bpf_map_update_elem(map, &key, state, 0) != 0;
	if (!r)
		r = send_all(program, o, state->start_ns, frame);
	if (!r)
		r = bpf_map_lookup_elem(map, &key, state) != 0;
	bpf_object__close(object);
	return r;
}
