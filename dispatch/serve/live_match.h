/* SPDX-License-Identifier: Apache-2.0 */
/* The structured filter of a live capture, ready for the recorder. Never changes once made. */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "policy/match.h"

#define LIVE_MATCH_TEXT_SIZE 640

struct live_match {
	struct buf table;		 /* capture/match_table.h */
	char digest[SHA256_HEX_SIZE];	 /* of the table: equal ones need no edit */
	char text[LIVE_MATCH_TEXT_SIZE]; /* for the file: JSON, cut to fit */
};

/* NULL where nothing is filtered: own is NULL (everything) and count 0. `narrow`: alerts' hints, of
 * which a packet must meet one as well. */
struct live_match *live_match_new(const struct match *own, const struct match *narrow,
				  size_t count);
/* Accepts NULL, returns NULL. */
struct live_match *live_match_free(struct live_match *match);
