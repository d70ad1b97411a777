/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision writes besides the engine's actions: a list of rows by value, applied in order in
 * one transaction. Lists are made on the loop and applied on the store thread. */
#pragma once

#include <sys/queue.h>

#include "dispatch/serve/announce.h"
#include "storage/catalogue.h"
#include "storage/outbox.h"

enum fact_kind {
	FACT_CAPTURE,
	FACT_FOLDER, /* makes the capture's folder */
	FACT_SEGMENT,
	FACT_GAP,
	FACT_NOTE,
	FACT_SETTING, /* json NULL: removes it */
	FACT_PUSH,
	FACT_SUPPRESSED,
	FACT_KILL_PUSHES, /* of the endpoint `id`, reason = text */
	FACT_REMOVE_RUN,  /* of the policy `id` */
	FACT_FINISHED,	  /* the capture `id` is told of, if that is all of it */
};

struct fact {
	STAILQ_ENTRY(fact) next;
	enum fact_kind kind;
	bool maybe_known; /* GAP: written only if the same gap is not there yet */
	wall_t at;
	char setting[24]; /* SETTING: kind of the row; NOTE: kind of the object */
	char id[IDENT_SIZE];
	char alert[IDENT_SIZE];
	char *text; /* owned: note, reason, setting's JSON */
	union {
		struct capture_row capture;
		struct segment_row segment;
		struct gap_row gap;
		struct outbox_push push; /* request owned */
		struct announce announce;
	};
};
STAILQ_HEAD(facts, fact);

void facts_fini(struct facts *facts);

void fact_add_capture(struct facts *facts, const struct capture_row *row);
void fact_add_folder(struct facts *facts, const char *capture);
void fact_add_segment(struct facts *facts, const struct segment_row *row);
struct fact *fact_add_gap(struct facts *facts, const struct gap_row *row);
__attribute__((format(printf, 6, 7))) void fact_add_note(struct facts *facts, wall_t at,
							 const char *kind, const char *id,
							 const char *alert, const char *format,
							 ...);
/* json is put; NULL removes the row. */
void fact_add_setting(struct facts *facts, const char *kind, const char *id, char *json);
/* push->request is put; reason NULL = to be delivered. */
void fact_add_push(struct facts *facts, const struct outbox_push *push, const char *reason);
void fact_add_kill(struct facts *facts, const char *endpoint, const char *reason);
void fact_add_finished(struct facts *facts, const char *capture, const struct announce *announce);
void fact_add_remove_run(struct facts *facts, const char *policy);

/* Store thread. 0 or the first failure. */
int facts_apply(struct db *db, int captures_fd, const struct facts *facts);
