/* SPDX-License-Identifier: Apache-2.0 */
/* Texts within the limits of others: cut on a character with a mark, counted in their unit, escaped
 * by their rules. Pure. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"

#define TEXT_MARK "…" /* what is cut off ends in this */

/* Appends text, at most max bytes with the mark; max ≥ 3. */
void text_append_bytes(struct buf *b, const char *text, size_t max);
/* The same, at most max characters (code points); max ≥ 1. */
void text_append_chars(struct buf *b, const char *text, size_t max);
/* Cuts what is in b to max bytes, with the mark. */
void text_cut(struct buf *b, size_t max);
/* Number of bytes ≤ max that end on a character. */
size_t text_fit(const char *text, size_t len, size_t max);

/* Slack's control characters & < > as entities. */
void text_append_slack(struct buf *b, const char *text);
/* For the markdown of WeCom and DingTalk: no link or mention comes of it. */
void text_append_markdown(struct buf *b, const char *text);

/* The word for an enum level (policy/level.h); "" for another number. */
const char *text_level(uint32_t level);

/* A JSON string, whatever the bytes are. New reference. */
json_t *text_json(const char *text);

/* One line of COURIER_FACTS; moves on. Returns 0 at the end. */
struct text_fact {
	const char *name, *value;
	size_t name_len, value_len;
};
int text_next_fact(const char **cursor, struct text_fact *ret);
