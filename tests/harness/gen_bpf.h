/* SPDX-License-Identifier: Apache-2.0 */
/* gen's sender by BPF_PROG_RUN with live XDP frames (Linux 5.18 or later). */
#pragma once

#include "tests/harness/gen_socket.h"

#define GEN_BPF_UNAVAILABLE 2

/* As gen_socket_run; also GEN_BPF_UNAVAILABLE, without a message, where no program can be loaded.
 */
int gen_bpf_run(const struct gen_options *o, struct gen_state *state, const unsigned char *frame);
