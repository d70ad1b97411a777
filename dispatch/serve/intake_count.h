/* SPDX-License-Identifier: Apache-2.0 */
/* How many alerts each source sent since this process started, and what became of them: for the
 * metrics. A deleted source's row stays; names that are no source of ours share the row "". */
#pragma once

#include <stdint.h>

#include "policy/settings.h"

#define INTAKE_COUNT_SOURCES 64 /* further ones share the row "" */

enum intake_result {
	INTAKE_ACCEPTED,
	INTAKE_DUPLICATE,
	INTAKE_UNAUTHORIZED, /* a request */
	INTAKE_INVALID,	     /* a request */
	INTAKE_LIMITED,	     /* a request */
	INTAKE_FAILED,	     /* not stored, the sender was told to try again */
	INTAKE_RESULT_COUNT,
};

struct intake_counts {
	struct intake_count {
		char source[SETTING_NAME_MAX + 1];
		uint64_t results[INTAKE_RESULT_COUNT];
	} rows[INTAKE_COUNT_SOURCES]; /* rows[0] has the name "" */
};

const char *intake_result_name(enum intake_result result);

/* source may be NULL: it is none of ours. */
void intake_count_add(struct intake_counts *counts, const char *source, enum intake_result result);
