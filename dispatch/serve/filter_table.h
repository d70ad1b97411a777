/* SPDX-License-Identifier: Apache-2.0 */
/* Structured filters as the recorder takes them (capture/match_table.h). Pure but for the memory
 * file. */
#pragma once

#include "base/buf.h"
#include "policy/match.h"

/* Appends the table of a filter that is narrowed to any of `count` others; 0 = not narrowed. */
void filter_table_format(const struct match *match, const struct match *narrow, size_t count,
			 struct buf *out);

/* A sealed memory file with these bytes. Returns a descriptor or -errno. */
int filter_table_open(const struct buf *table);
