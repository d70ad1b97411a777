/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/intake_count.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

const char *intake_result_name(enum intake_result result)
{
	static const char *const names[] = {
		[INTAKE_ACCEPTED] = "accepted",		[INTAKE_DUPLICATE] = "duplicate",
		[INTAKE_UNAUTHORIZED] = "unauthorized", [INTAKE_INVALID] = "invalid",
		[INTAKE_LIMITED] = "limited",		[INTAKE_FAILED] = "failed",
	};

	bug_on(result >= INTAKE_RESULT_COUNT);
	return names[result];
}

static struct intake_count *find_row(struct intake_counts *counts, const char *source)
{
	for (size_t i = 1; i < INTAKE_COUNT_SOURCES; i++) {
		struct intake_count *row = &counts->rows[i];

		if (!row->source[0])
			snprintf(row->source, sizeof(row->source), "%s", source);
		if (!strcmp(row->source, source))
			return row;
	}
	return &counts->rows[0];
}

void intake_count_add(struct intake_counts *counts, const char *source, enum intake_result result)
{
	bug_on(result >= INTAKE_RESULT_COUNT);
	if (source && *source)
		find_row(counts, source)->results[result]++;
	else
		counts->rows[0].results[result]++;
}
