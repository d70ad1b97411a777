/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "storage/db_internal.h"
#include "storage/journal.h"
#include "storage/outbox.h"
#include "tests/unit/scratch.h"

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

/* Alert `number` of source "am", fingerprint "f<number modulo 2>". */
static void add_alert(struct db *db, int number, const char *source, const char *outcome)
{
	struct alert_list list;
	CLEANUP_JSON json_t *json = NULL;
	CLEANUP_FREE char *text = NULL;
	struct alert *alert;
	char sender_id[16], object[16];

	alert_list_init(&list);
	alert = alert_list_add(&list);
	snprintf(alert->id, sizeof(alert->id), "id-%d", number);
	snprintf(alert->fingerprint, sizeof(alert->fingerprint), "f%d", number % 2);
	snprintf(sender_id, sizeof(sender_id), "%s", number % 3 ? "" : "again");
	set_text(&alert->source, source);
	set_text(&alert->title, "title");
	set_text(&alert->policy_id, "latency");
	set_text(&alert->policy_level, "high");
	snprintf(object, sizeof(object), "web-%d", number);
	set_text(&alert->object_name, object);
	set_text(&alert->region, "gz");
	set_text(&alert->team, "net");
	set_text(&alert->delivery_id, sender_id);
	alert->level = LEVEL_CRITICAL;
	alert->received_at.ns = number * DUR_S;
	json = alert_format(alert);
	text = json_format(json);
	check(!journal_add_alert(db, alert, text, outcome, "d1"));
	alert_list_fini(&list);
}

static const char *ids(const json_t *list)
{
	static char text[256];
	size_t i, used = 0;
	const json_t *item;

	text[0] = '\0';
	json_array_foreach (list, i, item)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ",
					 json_string_value(json_object_get(item, "id")) + 3);
	return text;
}

static void check_page(struct db *db, struct journal_query query, const char *want)
{
	CLEANUP_JSON json_t *list = NULL;
	char next[IDENT_SIZE];

	query.before = query.before ? query.before : "";
	query.source = query.source ? query.source : "";
	query.fingerprint = query.fingerprint ? query.fingerprint : "";
	check(!journal_list_alerts(db, &query, &list, next));
	check_text(ids(list), want);
}

/* ALR-14 */
static void alerts_are_listed_newest_first(struct db *db)
{
	struct open_alert open = {.fingerprint = "f1", .alert = "id-3", .open = true};

	for (int i = 1; i <= 6; i++)
		add_alert(db, i, i == 4 ? "other" : "am", i == 3 ? "opened" : "repeated");
	check(!journal_save_open_alert(db, &open));
	check_page(db, (struct journal_query){.limit = 100}, "6 5 4 3 2 1 ");
	check_page(db, (struct journal_query){.limit = 2}, "6 5 ");
	check_page(db, (struct journal_query){.limit = 2, .before = "id-5"}, "4 3 ");
	check_page(db, (struct journal_query){.limit = 9, .before = "nobody"}, "");
	check_page(db, (struct journal_query){.limit = 9, .source = "other"}, "4 ");
	check_page(db, (struct journal_query){.limit = 9, .fingerprint = "f1"}, "5 3 1 ");
	check_page(db, (struct journal_query){.limit = 9, .open_only = 1}, "3 ");
	/* ALR-14 */
	check_page(db, (struct journal_query){.limit = 9, .level = "critical", .source = "other"},
		   "4 ");
	check_page(db, (struct journal_query){.limit = 9, .level = "error"}, "");
	check_page(db, (struct journal_query){.limit = 9, .policy = "latency"}, "6 5 4 3 2 1 ");
	check_page(db, (struct journal_query){.limit = 9, .policy = "loss"}, "");
	check_page(db, (struct journal_query){.limit = 9, .object = "web-2"}, "2 ");
	check_page(db, (struct journal_query){.limit = 9, .policy_level = "high"}, "6 5 4 3 2 1 ");
	check_page(db, (struct journal_query){.limit = 9, .region = "gz", .team = "net"},
		   "6 5 4 3 2 1 ");
	check_page(db, (struct journal_query){.limit = 9, .user = "nobody"}, "");
	check_page(db,
		   (struct journal_query){.limit = 9, .since = {2 * DUR_S}, .until = {4 * DUR_S}},
		   "3 2 ");
	open.open = false;
	check(!journal_save_open_alert(db, &open));
	check_page(db, (struct journal_query){.limit = 9, .open_only = 1}, "");
}

/* The one that is asked for lies far behind others: a list looks at so many and says where it was.
 */
static void a_look_through_the_journal_is_bounded(struct db *db)
{
	struct journal_query query = {
		.before = "", .source = "", .fingerprint = "", .object = "web-2", .limit = 9};
	CLEANUP_JSON json_t *first = NULL, *second = NULL;
	char next[IDENT_SIZE], end[IDENT_SIZE];

	check(!db_run(db,
		      "INSERT INTO alerts (id, delivery, source, delivery_id, fingerprint,"
		      "  received_at, outcome, alert) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL"
		      "  SELECT i + 1 FROM n WHERE i < ?) SELECT 'other-' || i, '', 'am', '', 'f9',"
		      "  ?, 'opened', '{\"id\": \"other\"}' FROM n",
		      db_integer(JOURNAL_LOOK), db_integer(7 * DUR_S)));
	check(!journal_list_alerts(db, &query, &first, next));
	check_int(json_array_size(first), 0);
	check_text(next, "other-1");
	query.before = next;
	check(!journal_list_alerts(db, &query, &second, end));
	check_text(ids(second), "2 ");
	check_text(end, "");
	check(!db_run(db, "DELETE FROM alerts WHERE fingerprint = 'f9'"));
}

static void one_alert_shows_what_was_sent(struct db *db)
{
	static const char raw[] = "{\"odd\":\"\xff\"}";
	struct journal_delivery delivery = {.id = "d1",
					    .source = "am",
					    .received_at = {5},
					    .raw = raw,
					    .raw_size = sizeof(raw) - 1};
	json_t *alert;

	check(!journal_add_delivery(db, &delivery));
	check_int(journal_get_alert(db, "nobody", &alert), JOURNAL_ABSENT);
	check_int(journal_get_alert(db, "id-3", &alert), 0);
	check_text(json_string_value(json_object_get(alert, "outcome")), "opened");
	check_text(json_string_value(json_object_get(alert, "title")), "title");
	check_text(json_string_value(json_object_get(alert, "level")), "critical");
	check_text(json_string_value(json_object_get(alert, "received_at")),
		   "1970-01-01T00:00:03.000000000Z");
	check_text(json_string_value(json_object_get(alert, "raw")), "{\"odd\":\"\xef\xbf\xbd\"}");
	check(json_is_false(json_object_get(alert, "open")));
	json_decref(alert);
}

/* ALR-12 */
static void raw_bytes_are_bounded(struct db *db)
{
	struct journal_delivery delivery = {.id = "d2", .source = "am"};
	CLEANUP_ROWS struct db_rows rows = {0};
	CLEANUP_FREE char *raw = xcalloc(1, JOURNAL_RAW_MAX + 1000);

	delivery.raw = raw;
	delivery.raw_size = JOURNAL_RAW_MAX + 1000;
	check(!journal_add_delivery(db, &delivery));
	check(!db_query(db, &rows,
			"SELECT length(raw), raw_bytes FROM deliveries WHERE id = 'd2'"));
	check_int(db_next(&rows), DB_ROW);
	check_int(db_get_integer(&rows, 0), JOURNAL_RAW_MAX);
	check_int(db_get_integer(&rows, 1), JOURNAL_RAW_MAX + 1000);
}

static int join(void *owner, const char *source, const char *delivery_id)
{
	struct buf *seen = owner;

	buf_printf(seen, "%s/%s;", source, delivery_id);
	return 0;
}

static void delivery_ids_since(struct db *db)
{
	CLEANUP_BUF struct buf seen = BUF_INIT;

	check(!journal_list_delivery_ids(db, (wall_t){0}, join, &seen));
	check_text(seen.data, "am/again;"); /* told twice, listed once; without id: not at all */
	buf_clear(&seen);
	check(!journal_list_delivery_ids(db, (wall_t){7 * DUR_S}, join, &seen));
	check_int(seen.len, 0);
}

/* --- live state: each comes back as it was saved --- */

static struct open_alert last_open_alert;
static struct hold last_hold;
static struct policy_run last_run;
static int calls;

static int see_open_alert(void *owner, const struct open_alert *alert)
{
	last_open_alert = *alert;
	calls++;
	return *(int *)owner;
}

static int see_hold(void *owner, const struct hold *hold)
{
	last_hold = *hold;
	calls++;
	return *(int *)owner;
}

static int see_run(void *owner, const struct policy_run *run)
{
	last_run = *run;
	calls++;
	return *(int *)owner;
}

static void live_state_comes_back(struct db *db)
{
	struct open_alert alert = {.fingerprint = "print",
				   .alert = "a",
				   .open = true,
				   .level = LEVEL_WARNING,
				   .levels = LEVEL_BIT(LEVEL_ERROR) | LEVEL_BIT(LEVEL_WARNING),
				   .starts_at = {1},
				   .last_event_at = {2},
				   .count = 3};
	struct hold hold = {.policy = "p",
			    .kind = HOLD_OPERATOR,
			    .key = "operator",
			    .endpoint = "e",
			    .level = LEVEL_ERROR,
			    .note = "why",
			    .since = {4},
			    .until = {5}};
	struct policy_run run = {.policy = "p",
				 .state = POLICY_ABNORMAL,
				 .capture = "c",
				 .capture_from = {6},
				 .capture_began = {7},
				 .linger_until = {8},
				 .retry_at = {9},
				 .veto = true,
				 .veto_until = {10},
				 .reason = "disk_full: no space"};
	int go_on = 0;

	check(!db_run(db, "DELETE FROM open_alerts"));
	for (int i = 0; i < 2; i++) { /* the second time they replace */
		check(!journal_save_open_alert(db, &alert));
		check(!journal_save_hold(db, &hold));
		check(!journal_save_run(db, &run));
		alert.count++;
		hold.until.ns++;
		run.state = POLICY_ON;
	}
	alert.count--;
	hold.until.ns--;
	calls = 0;
	check(!journal_list_open_alerts(db, see_open_alert, &go_on));
	check(!journal_list_holds(db, see_hold, &go_on));
	check(!journal_list_runs(db, see_run, &go_on));
	check_int(calls, 3);
	check(!memcmp(&last_open_alert, &alert, sizeof(alert)));
	check(!memcmp(&last_hold, &hold, sizeof(hold)));
	check(!memcmp(&last_run, &run, sizeof(run)));
	check(!journal_remove_hold(db, &hold));
	check(!journal_remove_run(db, "p"));
	check(!journal_list_holds(db, see_hold, &go_on));
	check(!journal_list_runs(db, see_run, &go_on));
	check_int(calls, 3);
}

static void notes_make_a_timeline(struct db *db)
{
	json_t *notes;

	check(!journal_add_note(db, (wall_t){DUR_S}, "capture", "c", "a", "begins"));
	check(!journal_add_note(db, (wall_t){DUR_S}, "capture", "other", "", "begins"));
	check(!journal_add_note(db, (wall_t){2 * DUR_S}, "push", "p", "a", "delivered"));
	check(!journal_add_note(db, (wall_t){3 * DUR_S}, "capture", "c", "", "ends"));
	check(!journal_list_notes(db, "capture", "c", "", &notes));
	check_int(json_array_size(notes), 2);
	check_text(json_string_value(json_object_get(json_array_get(notes, 1), "text")), "ends");
	check_text(json_string_value(json_object_get(json_array_get(notes, 0), "at")),
		   "1970-01-01T00:00:01.000000000Z");
	json_decref(notes);
	check(!journal_list_notes(db, NULL, NULL, "a", &notes));
	check_int(json_array_size(notes), 2);
	check_text(json_string_value(json_object_get(json_array_get(notes, 1), "kind")), "push");
	json_decref(notes);
}

static int64_t count_rows(struct db *db, const char *table)
{
	CLEANUP_FREE char *sql = xasprintf("SELECT count(*) FROM %s", table);
	CLEANUP_ROWS struct db_rows rows = {0};

	check(!db_query(db, &rows, sql));
	check_int(db_next(&rows), DB_ROW);
	return db_get_integer(&rows, 0);
}

/* One alert with its delivery and a push that was settled; open or not. */
static void add_event(struct db *db, wall_t at, const char *fingerprint, int open)
{
	struct alert alert = {
		.received_at = at, .source = (char[]){"am"}, .delivery_id = (char[]){""}};
	struct journal_delivery delivery = {
		.source = "am", .received_at = at, .raw = "{}", .raw_size = 2};
	struct outbox_push push = {.created_at = at, .request = (char[]){"{}"}};
	struct open_alert state = {.open = open};

	ident_new(at, alert.id);
	ident_new(at, delivery.id);
	ident_new(at, push.id);
	snprintf(alert.fingerprint, sizeof(alert.fingerprint), "%s", fingerprint);
	memcpy(push.alert, alert.id, sizeof(push.alert));
	memcpy(push.fingerprint, alert.fingerprint, sizeof(push.fingerprint));
	memcpy(state.fingerprint, alert.fingerprint, sizeof(state.fingerprint));
	memcpy(state.alert, alert.id, sizeof(state.alert));
	check(!journal_add_delivery(db, &delivery));
	check(!journal_add_alert(db, &alert, "{}", "opened", delivery.id));
	check(!journal_save_open_alert(db, &state));
	check(!outbox_add_suppressed(db, &push, "level"));
	check(!journal_add_note(db, at, "push", push.id, alert.id, "a push"));
}

/* ALR-13. */
static void what_is_old_goes_and_what_is_open_stays(void)
{
	wall_t now = wall_now(), old = wall_add(now, -40 * 24 * DUR_HOUR);
	struct scratch scratch;
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "old.db"), &db));
	add_event(db, old, "open-since-long", 1);
	for (int i = 0; i < 3; i++)
		add_event(db, wall_add(old, i * DUR_MIN), "over", 0);
	add_event(db, now, "new", 0);
	check_int(journal_prune(db, wall_add(now, -30 * 24 * DUR_HOUR), 2), 2);
	check_int(journal_prune(db, wall_add(now, -30 * 24 * DUR_HOUR), 2), 1);
	check_int(journal_prune(db, wall_add(now, -30 * 24 * DUR_HOUR), 2), 0);
	check_int(count_rows(db, "alerts"), 2);
	check_int(count_rows(db, "deliveries"), 2);
	check_int(count_rows(db, "outbox"), 2);
	check_int(count_rows(db, "notes"), 2);
	db_close(db);
	scratch_fini(&scratch);
}

/* A probe that was off for long: others wait for each step, so each is bounded. */
static void much_that_is_old_goes_in_steps(void)
{
	wall_t old = wall_add(wall_now(), -40 * 24 * DUR_HOUR);
	wall_t until = wall_add(wall_now(), -30 * 24 * DUR_HOUR);
	static const int left[][3] = {{4, 20, 20}, {0, 4, 20}, {0, 0, 4}, {0, 0, 0}};
	struct journal_delivery delivery = {.source = "s", .raw = "x", .raw_size = 1};
	struct scratch scratch;
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "many.db"), &db));
	for (int i = 0; i < 20; i++) {
		struct outbox_push push = {.created_at = old, .request = (char[]){"{}"}};

		ident_new(old, push.id);
		check(!outbox_add_suppressed(db, &push, "level"));
		check(!journal_add_note(db, old, "push", push.id, "", "sent"));
		memcpy(delivery.id, push.id, sizeof(delivery.id));
		check(!journal_add_delivery(db, &delivery));
	}
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) { /* more is left, though no alert went */
		check_int(journal_prune(db, until, 2), i + 1 < ARRAY_SIZE(left) ? 2 : 0);
		check_int(count_rows(db, "outbox"), left[i][0]);
		check_int(count_rows(db, "deliveries"), left[i][1]);
		check_int(count_rows(db, "notes"), left[i][2]);
	}
	db_close(db);
	scratch_fini(&scratch);
}

int main(void)
{
	struct scratch scratch;
	struct db *db;

	what_is_old_goes_and_what_is_open_stays();
	much_that_is_old_goes_in_steps();
	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	alerts_are_listed_newest_first(db);
	a_look_through_the_journal_is_bounded(db);
	one_alert_shows_what_was_sent(db);
	raw_bytes_are_bounded(db);
	delivery_ids_since(db);
	live_state_comes_back(db);
	notes_make_a_timeline(db);
	db_close(db);
	scratch_fini(&scratch);
	return 0;
}
