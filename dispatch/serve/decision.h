/* SPDX-License-Identifier: Apache-2.0 */
/* One decision on its way from the engine to the world: commit, then act.
 *
 * Sequence: decision_new → engine_on_*(…, &decision->actions), facts added → decision_commit. On
 * the loop it turns actions into rows and renders pushes; on the store thread all of it is written
 * in one transaction; back on the loop `done` is told (a sender is answered there), and then what
 * is visible happens: the recorder is brought in line with the live captures, pushes are leased. */
#pragma once

#include "dispatch/serve/fact.h"
#include "policy/engine.h"
#include "storage/journal.h"
#include "storage/store.h"

struct control;

/* result: 0 = durable, else -errno. The decision is freed after the call. */
struct decision;
typedef void (*decision_done)(void *owner, struct decision *decision, int result);

struct decision {
	struct control *control;
	struct instant now;
	struct actions actions;
	struct alert_list alerts; /* owns what the actions borrow */
	struct facts facts;
	struct journal_delivery
		delivery; /* id "" = none; raw and source are owned by this struct */
	store_run also;	  /* NULL = nothing; written before the rest, in its transaction */
	void *also_arg;	  /* borrowed until `done` */
	decision_done done;
	void *owner;
};

struct decision *decision_new(struct control *control);

/* Takes the decision. done may be NULL. */
void decision_commit(struct decision *decision, decision_done done, void *owner);
/* A decision_done whose owner is the exchange: it is answered with 204, or why it could not be. */
void decision_reply_empty(void *owner, struct decision *decision, int result);
/* If that policy was made for one capture, and it is over: deletes it. */
void decision_drop_spent(struct decision *decision, const char *policy);
/* Nothing was decided: frees it. */
void decision_abort(struct decision *decision);

/* Adds what the kernel says of the clock to a capture's timeline. */
void decision_note_clock(struct decision *decision, const char *capture);

/* What became of an alert the decision is about. */
enum alert_outcome decision_outcome(const struct decision *decision, const struct alert *alert);
