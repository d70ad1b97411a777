/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts that come as lines of JSON without anybody who waits for an answer: from a file that is
 * followed, or from a unix socket. Lines become one decision, at most LINES_ALERTS alerts of them;
 * what does not parse is counted, logged and passed over.
 *
 * Sequence: lines_new → lines_add or lines_parse, until lines_full → lines_commit or lines_abort.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "dispatch/serve/decision.h"

#define LINES_BYTES_MAX (256 * 1024) /* of one line; nothing longer is an alert */
#define LINES_ALERTS	200

struct source;

struct lines {
	struct decision *decision;
	const struct source *source; /* borrowed, must not change meanwhile: no turn of the loop */
	struct buf raw;
};

void lines_start(struct lines *lines, struct control *control, const struct source *source);
bool lines_full(const struct lines *lines);
size_t lines_count(const struct lines *lines);

/* One line, with or without its end. */
void lines_add(struct lines *lines, const char *line, size_t len);
/* Whole lines of `text`, which holds at most LINES_BYTES_MAX, until lines_full. Returns how many
 * bytes are done with. *skipping: in the rest of a line that is too long; kept between calls. */
size_t lines_parse(struct lines *lines, const char *text, size_t len, bool *skipping);

/* Decides, writes and counts. `done` as of decision_commit; facts may be added to the decision
 * before. */
void lines_commit(struct lines *lines, decision_done done, void *owner);
void lines_abort(struct lines *lines);
