/* SPDX-License-Identifier: Apache-2.0 */
/* Who took which packets away: one row per download, written when it begins and completed when it
 * ends, and one per signed link. The newest AUDIT_KEPT stay. Store thread. 0 or -errno unless said.
 */
#pragma once

#include <jansson.h>

#include "base/hash.h"
#include "base/ident.h"
#include "storage/db.h"

#define AUDIT_KEPT	   100000
#define AUDIT_REQUEST_SIZE 1024

struct audit_row {
	char id[IDENT_SIZE];
	wall_t at;
	char who[64];			  /* "token admin", "uid 0", "link 1f2e…" */
	char address[64];		  /* "" at the unix socket */
	char request[AUDIT_REQUEST_SIZE]; /* path and query */
	char capture[IDENT_SIZE];	  /* "" = of several, or of a ring */
	int status;
	/* known at the end */
	wall_t until;
	uint64_t bytes; /* handed to the client's connection */
	/* of a segment and of what was derived its SHA-256, of a whole capture its entity tag; "" =
	 * not known */
	char hash[SHA256_HEX_SIZE];
	const char *outcome; /* static, see docs/api.md; "running" */
};

int audit_add(struct db *db, const struct audit_row *row);
/* until, bytes, hash and outcome of the row with its id. */
int audit_end(struct db *db, const struct audit_row *row);
/* Those that a daemon left behind as running: outcome "restart". */
int audit_close(struct db *db);
/* Newest first; `capture` and `before` (an id) may be "". ret: array, new reference. */
int audit_list(struct db *db, const char *capture, const char *before, int limit, json_t **ret);
