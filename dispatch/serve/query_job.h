/* SPDX-License-Identifier: Apache-2.0 */
/* A read of the store that becomes the answer of an exchange: no SQLite on the loop. */
#pragma once

#include "base/ident.h"
#include "dispatch/serve/exchange.h"
#include "storage/store.h"

struct query_job;
/* Store thread: fills job->json, or sets job->absent. 0 or -errno. */
typedef int (*query_run)(struct db *db, struct query_job *job);
/* Loop: may amend job->json before it is sent. */
typedef void (*query_finish)(struct query_job *job);

struct query_job {
	struct exchange *exchange;
	query_run run;
	query_finish finish; /* may be NULL */
	query_finish reply;  /* answers by itself, perhaps later; may be NULL */
	/* what is asked; unused members are "" or 0 */
	char id[IDENT_SIZE + 1]; /* as asked for: one that is too long matches nothing */
	char before[IDENT_SIZE];
	char policy[IDENT_SIZE];
	char alert[IDENT_SIZE];
	char source[65];
	char fingerprint[65];
	json_t *filter; /* other parameters by name; owned, NULL = none */
	wall_t since, until;
	int state;
	int limit;
	bool open_only;
	/* the answer */
	json_t *json;
	bool absent;
	int status; /* 200 unless set */
};

struct query_job *query_job_new(struct exchange *exchange, query_run run);
void query_job_post(struct query_job *job);
/* Nothing is read: the exchange was answered otherwise. */
void query_job_abort(struct query_job *job);

/* Query parameter that is an id, or "". Returns false after having answered 400. */
bool query_job_read_id(struct query_job *job, const char *name, char ret[IDENT_SIZE]);

/* {items, next}: next = id of the last item if there may be more, else null. items is put. */
json_t *query_job_page(json_t *items, int limit);
