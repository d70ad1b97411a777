/* SPDX-License-Identifier: Apache-2.0 */
/* A verified BPF program, run over packets that look as they did on the wire (tag put back). */
#pragma once

#include <stdint.h>

#include "capture/recorder.h"

struct filter;

/* Returns 0, or -EINVAL where the program may loop, jump out of itself or is too long. An empty
 * program gives *ret = NULL, which matches everything. */
int filter_new(const struct rec_program *program, struct filter **ret);
/* Accepts NULL, returns NULL. */
struct filter *filter_free(struct filter *filter);

/* True if the packet matches; filter must not be NULL. */
int filter_run(const struct filter *filter, const uint8_t *data, uint32_t captured_bytes,
	       uint32_t original_bytes);
