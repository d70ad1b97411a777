/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/fact.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "storage/journal.h"
#include "storage/settings.h"

#define FOLDER_MODE 02770 /* set-group-id: the recorder is in the folder's group */

void facts_fini(struct facts *facts)
{
	struct fact *fact;

	while ((fact = STAILQ_FIRST(facts))) {
		STAILQ_REMOVE_HEAD(facts, next);
		if (fact->kind == FACT_PUSH || fact->kind == FACT_SUPPRESSED)
			free(fact->push.request);
		free(fact->text);
		free(fact);
	}
}

static struct fact *fact_add(struct facts *facts, enum fact_kind kind, const char *id)
{
	struct fact *fact = xcalloc(1, sizeof(*fact));

	fact->kind = kind;
	snprintf(fact->id, sizeof(fact->id), "%s", id);
	STAILQ_INSERT_TAIL(facts, fact, next);
	return fact;
}

void fact_add_capture(struct facts *facts, const struct capture_row *row)
{
	fact_add(facts, FACT_CAPTURE, row->id)->capture = *row;
}

void fact_add_folder(struct facts *facts, const char *capture)
{
	fact_add(facts, FACT_FOLDER, capture);
}

void fact_add_segment(struct facts *facts, const struct segment_row *row)
{
	fact_add(facts, FACT_SEGMENT, row->capture)->segment = *row;
}

struct fact *fact_add_gap(struct facts *facts, const struct gap_row *row)
{
	struct fact *fact = fact_add(facts, FACT_GAP, row->capture);

	fact->gap = *row;
	return fact;
}

void fact_add_note(struct facts *facts, wall_t at, const char *kind, const char *id,
		   const char *alert, const char *format, ...)
{
	struct fact *fact = fact_add(facts, FACT_NOTE, id);
	va_list args;

	fact->at = at;
	snprintf(fact->setting, sizeof(fact->setting), "%s", kind);
	snprintf(fact->alert, sizeof(fact->alert), "%s", alert);
	va_start(args, format);
	bug_on(vasprintf(&fact->text, format, args) < 0);
	va_end(args);
}

void fact_add_setting(struct facts *facts, const char *kind, const char *id, char *json)
{
	struct fact *fact = fact_add(facts, FACT_SETTING, id);

	snprintf(fact->setting, sizeof(fact->setting), "%s", kind);
	fact->text = json;
}

void fact_add_push(struct facts *facts, const struct outbox_push *push, const char *reason)
{
	struct fact *fact = fact_add(facts, reason ? FACT_SUPPRESSED : FACT_PUSH, push->id);

	fact->push = *push;
	fact->text = xstrdup(reason);
}

void fact_add_kill(struct facts *facts, const char *endpoint, const char *reason)
{
	fact_add(facts, FACT_KILL_PUSHES, endpoint)->text = xstrdup(reason);
}

void fact_add_remove_run(struct facts *facts, const char *policy)
{
	fact_add(facts, FACT_REMOVE_RUN, policy);
}

void fact_add_finished(struct facts *facts, const char *capture, const struct announce *announce)
{
	fact_add(facts, FACT_FINISHED, capture)->announce = *announce;
}

/* Reports may concern a capture that was removed meanwhile: nothing to write then. */
static int capture_known(struct db *db, const char *id)
{
	struct capture_row row;
	int r = catalogue_get_capture(db, id, &row);

	return r < 0 ? r : r == 0;
}

static bool gap_same(const struct gap_row *a, const struct gap_row *b)
{
	return !strcmp(a->nic, b->nic) && !strcmp(a->cause, b->cause) && a->packets == b->packets &&
	       a->from.ns == b->from.ns && a->to.ns == b->to.ns;
}

static int apply_gap(struct db *db, const struct fact *fact)
{
	CLEANUP_FREE struct gap_row *gaps = NULL;
	int n;

	if (fact->maybe_known) {
		n = catalogue_list_gaps(db, fact->id, &gaps);
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++)
			if (gap_same(&gaps[i], &fact->gap))
				return 0;
	}
	return catalogue_add_gap(db, &fact->gap);
}

/* What the first report of a sealed segment told, and its digest, stay: one that is repeated by a
 * recorder's successor was read from the file, and knows neither the losses by cause nor the
 * digest. */
static void keep_known(struct segment_row *row, const struct segment_row *known)
{
	static const struct capture_loss none;

	if (!memcmp(&row->loss, &none, sizeof(none)))
		row->loss = known->loss;
	memcpy(row->sha256, known->sha256, sizeof(row->sha256));
	memcpy(row->index_sha256, known->index_sha256, sizeof(row->index_sha256));
	row->index_bytes = known->index_bytes;
}

static int apply_segment(struct db *db, const struct fact *fact)
{
	CLEANUP_FREE struct segment_row *rows = NULL;
	struct segment_row row = fact->segment;
	int n = catalogue_list_segments(db, fact->id, &rows);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (rows[i].ring != row.ring || rows[i].number != row.number)
			continue;
		if (rows[i].sealed && !row.sealed)
			return 0; /* an old "opened" told again */
		if (rows[i].sealed)
			keep_known(&row, &rows[i]);
	}
	return catalogue_save_segment(db, &row);
}

/* A folder that cannot be made shows up as the recorder's disk error, with its true cause. */
static int apply_folder(int captures_fd, const struct fact *fact)
{
	if (!mkdirat(captures_fd, fact->id, 0770))
		fchmodat(captures_fd, fact->id, FOLDER_MODE, 0);
	return 0;
}

static int fact_apply_report(struct db *db, const struct fact *fact)
{
	int r = capture_known(db, fact->id);

	if (r <= 0)
		return r;
	return fact->kind == FACT_GAP ? apply_gap(db, fact) : apply_segment(db, fact);
}

static int fact_apply(struct db *db, int captures_fd, const struct fact *fact)
{
	switch (fact->kind) {
	case FACT_CAPTURE:
		return catalogue_save_capture(db, &fact->capture);
	case FACT_FOLDER:
		return apply_folder(captures_fd, fact);
	case FACT_SEGMENT:
	case FACT_GAP:
		return fact_apply_report(db, fact);
	case FACT_NOTE:
		return journal_add_note(db, fact->at, fact->setting, fact->id, fact->alert,
					fact->text);
	case FACT_SETTING:
		return fact->text ? settings_save(db, fact->setting, fact->id, fact->text)
				  : settings_remove(db, fact->setting, fact->id);
	case FACT_PUSH:
		return outbox_add(db, &fact->push);
	case FACT_SUPPRESSED:
		return outbox_add_suppressed(db, &fact->push, fact->text);
	case FACT_KILL_PUSHES:
		return outbox_kill(db, fact->id, fact->text);
	case FACT_REMOVE_RUN:
		return journal_remove_run(db, fact->id);
	case FACT_FINISHED:
		return announce_finished(db, &fact->announce, fact->id);
	}
	bug_on(1);
}

int facts_apply(struct db *db, int captures_fd, const struct facts *facts)
{
	struct fact *fact;

	STAILQ_FOREACH (fact, facts, next) {
		int r = fact_apply(db, captures_fd, fact);

		if (r < 0)
			return r;
	}
	return 0;
}
