/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "storage/db_internal.h"
#include "storage/outbox.h"
#include "tests/unit/scratch.h"

#define ROWS_MAX  4000
#define STEPS	  6000
#define ENDPOINTS 4
#define PRINTS	  6
#define LEASE_MAX 64

/* --- the model: what the outbox must do, in the plainest way --- */

enum model_state {
	MODEL_PENDING,
	MODEL_LEASED,
	MODEL_DELIVERED,
	MODEL_DEAD,
	MODEL_SUPPRESSED,
};

struct model_row {
	int endpoint, fingerprint;
	enum model_state state;
	int attempts;
	int64_t next_at;
	bool killed; /* while it was leased */
};

struct model {
	struct scratch scratch;
	struct db *db;
	int64_t now;
	int count;
	struct model_row rows[ROWS_MAX];
};

static void format_id(int number, char id[IDENT_SIZE])
{
	snprintf(id, IDENT_SIZE, "00000000-0000-7000-8000-%012d", number);
}

static int parse_id(const char *id)
{
	return (int)strtol(id + 24, NULL, 10);
}

static bool is_open(const struct model_row *row)
{
	return row->state == MODEL_PENDING || row->state == MODEL_LEASED;
}

static bool is_first_of_pair(const struct model *model, int number)
{
	for (int i = 0; i < number; i++)
		if (is_open(&model->rows[i]) &&
		    model->rows[i].endpoint == model->rows[number].endpoint &&
		    model->rows[i].fingerprint == model->rows[number].fingerprint)
			return false;
	return true;
}

static int leases_of(const struct model *model, int endpoint)
{
	int n = 0;

	for (int i = 0; i < model->count; i++)
		n += model->rows[i].endpoint == endpoint && model->rows[i].state == MODEL_LEASED;
	return n;
}

static int model_lease(struct model *model, int max, int numbers[])
{
	bool first[ROWS_MAX];
	int n = 0;

	for (int i = 0; i < model->count; i++)
		first[i] = is_open(&model->rows[i]) && is_first_of_pair(model, i);
	for (int i = 0; i < model->count && n < max; i++) {
		struct model_row *row = &model->rows[i];

		if (!first[i] || row->state != MODEL_PENDING || row->next_at > model->now ||
		    leases_of(model, row->endpoint) >= OUTBOX_LEASES_PER_ENDPOINT)
			continue;
		row->state = MODEL_LEASED;
		row->attempts++;
		numbers[n++] = i;
	}
	return n;
}

/* INT64_MAX = none */
static int64_t model_next_due(const struct model *model)
{
	int64_t due = INT64_MAX;

	for (int i = 0; i < model->count; i++)
		if (model->rows[i].state == MODEL_PENDING && model->rows[i].next_at < due &&
		    is_first_of_pair(model, i) &&
		    leases_of(model, model->rows[i].endpoint) < OUTBOX_LEASES_PER_ENDPOINT)
			due = model->rows[i].next_at;
	return due;
}

/* --- both at once --- */

static void open_again(struct model *model)
{
	if (model->db) {
		check(!db_atomic_end(model->db, 0));
		db_close(model->db);
	}
	check(!db_open(scratch_path(&model->scratch, "model.db"), &model->db));
	check(!db_atomic_start(model->db)); /* one fsync per reopening is enough here */
}

static void both_add(struct model *model)
{
	struct model_row *row = &model->rows[model->count];
	struct outbox_push push = {.created_at = {model->now}, .request = (char[]){"{\"n\":1}"}};

	if (model->count == ROWS_MAX)
		return;
	*row = (struct model_row){.endpoint = rand() % ENDPOINTS,
				  .fingerprint = rand() % PRINTS,
				  .next_at = model->now};
	/* one busy endpoint with endless pairs reaches its limit of leases */
	if (row->endpoint == 0)
		row->fingerprint = rand() % 1000;
	format_id(model->count, push.id);
	snprintf(push.endpoint, sizeof(push.endpoint), "endpoint %d", row->endpoint);
	snprintf(push.fingerprint, sizeof(push.fingerprint), "%064d", row->fingerprint);
	if (rand() % 8) {
		check_int(outbox_add(model->db, &push), 0);
	} else {
		row->state = MODEL_SUPPRESSED;
		check_int(outbox_add_suppressed(model->db, &push, "silenced"), 0);
	}
	model->count++;
}

static void both_lease(struct model *model)
{
	struct outbox_push got[LEASE_MAX];
	int max = 1 + rand() % LEASE_MAX, want[LEASE_MAX];
	int n = outbox_lease(model->db, (wall_t){model->now}, NULL, max, got);

	check_int(n, model_lease(model, max, want));
	for (int i = 0; i < n; i++) {
		const struct model_row *row = &model->rows[want[i]];

		check_int(parse_id(got[i].id), want[i]);
		check_int(got[i].attempt, row->attempts);
		check_text(got[i].request, "{\"n\":1}");
		free(got[i].request);
	}
}

static void both_settle(struct model *model)
{
	int number = model->count ? rand() % model->count : 0;
	struct model_row *row = &model->rows[number];
	struct outbox_result result = {.at = {model->now}, .status = 200, .text = "answer"};

	for (int tries = 0; tries < 200 && row->state != MODEL_LEASED && model->count; tries++) {
		number = rand() % model->count;
		row = &model->rows[number];
	}
	format_id(number, result.id);
	result.state = (enum outbox_state)(rand() % 3);
	result.next_at.ns = model->now + rand() % 50;
	if (!model->count || row->state != MODEL_LEASED) {
		check_int(outbox_settle(model->db, &result), OUTBOX_NOT_LEASED);
		return;
	}
	check_int(outbox_settle(model->db, &result), 0);
	row->next_at = result.next_at.ns;
	row->state = result.state == OUTBOX_DELIVERED		  ? MODEL_DELIVERED
		     : result.state == OUTBOX_DEAD || row->killed ? MODEL_DEAD
								  : MODEL_PENDING;
}

static void both_release(struct model *model)
{
	int n = 0;

	for (int i = 0; i < model->count; i++) {
		struct model_row *row = &model->rows[i];

		if (row->state != MODEL_LEASED)
			continue;
		row->state = row->killed ? MODEL_DEAD : MODEL_PENDING;
		row->attempts--; /* nobody's fault but ours */
		n++;
	}
	check_int(outbox_release_leases(model->db), n);
}

static void both_kill(struct model *model)
{
	int endpoint = 1 + rand() % (ENDPOINTS - 1);
	char id[IDENT_SIZE];

	for (int i = 0; i < model->count; i++) {
		struct model_row *row = &model->rows[i];

		if (row->endpoint != endpoint || !is_open(row))
			continue;
		row->killed = true;
		if (row->state == MODEL_PENDING)
			row->state = MODEL_DEAD;
	}
	snprintf(id, sizeof(id), "endpoint %d", endpoint);
	check_int(outbox_kill(model->db, id, "endpoint_deleted: gone"), 0);
}

static void check_same(struct model *model)
{
	int64_t counts[MODEL_SUPPRESSED + 1] = {0}, due = model_next_due(model);
	struct outbox_counts got;
	wall_t got_due;

	for (int i = 0; i < model->count; i++)
		counts[model->rows[i].state]++;
	check(!outbox_count(model->db, &got));
	check_int(got.accepted, model->count);
	check_int(got.pending, counts[MODEL_PENDING] + counts[MODEL_LEASED]);
	check_int(got.delivered, counts[MODEL_DELIVERED]);
	check_int(got.dead, counts[MODEL_DEAD]);
	check_int(got.suppressed, counts[MODEL_SUPPRESSED]);
	check_int(got.accepted, got.pending + got.delivered + got.dead + got.suppressed);
	check_int(outbox_next_due(model->db, NULL, &got_due), due == INT64_MAX ? OUTBOX_EMPTY : 0);
	if (due != INT64_MAX)
		check_int(got_due.ns, due);
}

static void model_step(struct model *model)
{
	int what = rand() % 100;

	model->now += rand() % 5;
	if (what < 35)
		both_add(model);
	else if (what < 50)
		both_lease(model);
	else if (what < 95)
		both_settle(model);
	else if (what < 96)
		both_kill(model);
	else if (what < 97)
		both_release(model);
	else if (what < 98)
		open_again(model);
}

static void outbox_does_what_the_model_does(const struct scratch *scratch)
{
	static struct model model;

	model.scratch = *scratch;
	model.now = 1000;
	srand(2);
	open_again(&model);
	for (int i = 0; i < STEPS; i++) {
		model_step(&model);
		if (i % 10 == 0)
			check_same(&model);
	}
	check(model.count > STEPS / 4);
	check(!db_atomic_end(model.db, 0));
	db_close(model.db);
}

/* --- one by one --- */

static void add(struct db *db, int number, const char *endpoint, const char *fingerprint)
{
	struct outbox_push push = {.created_at = {100}, .request = (char[]){"{}"}};

	format_id(number, push.id);
	snprintf(push.alert, sizeof(push.alert), "alert %d", number);
	snprintf(push.endpoint, sizeof(push.endpoint), "%s", endpoint);
	snprintf(push.fingerprint, sizeof(push.fingerprint), "%s", fingerprint);
	check(!outbox_add(db, &push));
}

/* Leases and returns the numbers as text: "1 2 ". */
static const char *lease(struct db *db, int64_t now)
{
	struct outbox_push got[LEASE_MAX];
	static char text[512];
	int n = outbox_lease(db, (wall_t){now}, NULL, LEASE_MAX, got), used = 0;

	check(n >= 0);
	text[0] = '\0';
	for (int i = 0; i < n; i++) {
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%d ",
				 parse_id(got[i].id));
		free(got[i].request);
	}
	return text;
}

static int settle(struct db *db, int number, enum outbox_state state, int64_t next_at)
{
	struct outbox_result result = {.state = state,
				       .at = {200},
				       .next_at = {next_at},
				       .status = 503,
				       .text = "Service Unavailable"};

	format_id(number, result.id);
	return outbox_settle(db, &result);
}

static void recovery_waits_for_its_firing(struct db *db)
{
	wall_t due;

	add(db, 1, "e", "f");
	add(db, 2, "e", "f");
	add(db, 3, "e", "g");
	add(db, 4, "d", "f");
	check_text(lease(db, 99), "");
	check_text(lease(db, 100), "1 3 4 ");
	check_text(lease(db, 100), "");
	check_int(outbox_next_due(db, NULL, &due), OUTBOX_EMPTY);
	check_int(settle(db, 1, OUTBOX_PENDING, 500), 0);
	check_text(lease(db, 499), "");
	check_int(outbox_next_due(db, NULL, &due), 0);
	check_int(due.ns, 500);
	check_text(lease(db, 500), "1 ");
	check_int(settle(db, 1, OUTBOX_DELIVERED, 0), 0);
	check_int(settle(db, 1, OUTBOX_DELIVERED, 0), OUTBOX_NOT_LEASED);
	check_text(lease(db, 500), "2 ");
	check_int(outbox_release_leases(db), 3);
	check_text(lease(db, 500), "2 3 4 ");
	for (int i = 2; i <= 4; i++)
		check_int(settle(db, i, OUTBOX_DELIVERED, 0), 0);
}

static void dead_endpoint_leaves_leases_to_others(struct db *db)
{
	char fingerprint[16];
	wall_t due;

	for (int i = 100; i < 200; i++) {
		snprintf(fingerprint, sizeof(fingerprint), "%d", i);
		add(db, i, "slow", fingerprint);
	}
	add(db, 200, "quick", "f");
	check(strstr(lease(db, 600), "115 200 ")); /* sixteen, and the other's */
	check_text(lease(db, 600), "");
	check_int(outbox_next_due(db, NULL, &due), OUTBOX_EMPTY);
	check_int(outbox_kill(db, "slow", "endpoint_deleted"), 0);
	check_int(settle(db, 100, OUTBOX_PENDING, 700), 0);
	check_int(settle(db, 101, OUTBOX_DELIVERED, 0), 0);
	check_int(settle(db, 200, OUTBOX_PENDING, 700), 0);
	check_text(lease(db, 800), "200 ");
	check_int(outbox_release_leases(db), 15);
	check_text(lease(db, 800), "200 ");
}

static const char *text_of(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

static void rows_tell_what_became_of_them(struct db *db)
{
	struct outbox_push push = {.alert = "muted", .endpoint = "e", .created_at = {300}};
	json_t *rows;

	format_id(900, push.id);
	check(!outbox_add_suppressed(db, &push, "level_not_wanted"));
	check(!outbox_list(db, "muted", 10, &rows));
	check_int(json_array_size(rows), 1);
	check_text(text_of(json_array_get(rows, 0), "state"), "suppressed");
	check_text(text_of(json_array_get(rows, 0), "reason"), "level_not_wanted");
	json_decref(rows);
	check(!outbox_list(db, "alert 1", 10, &rows));
	check_text(text_of(json_array_get(rows, 0), "state"), "delivered");
	check_text(text_of(json_array_get(rows, 0), "text"), "Service Unavailable");
	check_int(json_integer_value(json_object_get(json_array_get(rows, 0), "attempts")), 2);
	check_int(json_integer_value(json_object_get(json_array_get(rows, 0), "status")), 503);
	check(json_is_null(json_object_get(json_array_get(rows, 0), "next_at")));
	json_decref(rows);
	check(!outbox_list(db, "", 3, &rows));
	check_int(json_array_size(rows), 3);
	check_int(parse_id(text_of(json_array_get(rows, 0), "id")), 900);
	json_decref(rows);
	check_int(outbox_add(db, &push), -EEXIST);
}

static void backoff_doubles_to_five_minutes(void)
{
	check_int(outbox_backoff(1, 0), DUR_S / 2);
	check_int(outbox_backoff(1, 0.5), DUR_S * 3 / 4);
	check_int(outbox_backoff(2, 0), DUR_S);
	check_int(outbox_backoff(9, 0), 128 * DUR_S);
	check_int(outbox_backoff(10, 0), 150 * DUR_S);
	check_int(outbox_backoff(1000000, 0), 150 * DUR_S);
	check(outbox_backoff(1000000, 0.999999) <= 300 * DUR_S);
	check_int(outbox_backoff(0, 0), DUR_S / 2);
}

/* A dead endpoint in a storm: what waits must not make each look expensive. */
static void storm_is_leased_in_time(const struct scratch *scratch)
{
	char fingerprint[16];
	mono_t began;
	struct db *db;
	wall_t due;

	check(!db_open(scratch_path(scratch, "storm.db"), &db));
	check(!db_atomic_start(db));
	for (int i = 0; i < 10000; i++) {
		snprintf(fingerprint, sizeof(fingerprint), "%d", i % 2 ? 1 : i);
		add(db, i, "dead", fingerprint);
	}
	check(!db_atomic_end(db, 0));
	began = mono_now();
	for (int i = 0; i < 10; i++) {
		lease(db, 1000);
		outbox_next_due(db, NULL, &due);
		check(outbox_release_leases(db) >= 0);
	}
	/* 1/20 s for each would already be a failure of the whole store thread */
	check(mono_sub(mono_now(), began) < DUR_S);
	if (getenv("RINGBELL_TEST_VERBOSE"))
		printf("lease among 10000: %.2f ms\n", mono_sub(mono_now(), began) / 1e7);
	db_close(db);
}

/* The wall clock is set back by an hour: neither a new push nor a retry waits for it to come again.
 */
static void clock_steps_do_not_delay(struct scratch *scratch)
{
	const int64_t then = 10 * DUR_HOUR, now = then - DUR_HOUR;
	struct outbox_result result = {
		.state = OUTBOX_PENDING, .at = {then}, .next_at = {then + DUR_S}, .text = ""};
	struct outbox_push push = {.created_at = {then}, .request = (char[]){"{}"}};
	struct outbox_push got[2];
	struct db *db;

	check(!db_open(scratch_path(scratch, "step.db"), &db));
	format_id(1, push.id);
	snprintf(push.endpoint, sizeof(push.endpoint), "endpoint");
	check(!outbox_add(db, &push));
	check_int(outbox_lease(db, (wall_t){now}, NULL, 2, got), 1);
	free(got[0].request);
	memcpy(result.id, push.id, sizeof(result.id));
	check(!outbox_settle(db, &result));
	check_int(outbox_lease(db, (wall_t){then}, NULL, 2, got),
		  0); /* a retry waits as it should */
	check_int(outbox_lease(db, (wall_t){now}, NULL, 2, got), 1);
	free(got[0].request);
	db_close(db);
}

int main(void)
{
	struct scratch scratch;
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	recovery_waits_for_its_firing(db);
	dead_endpoint_leaves_leases_to_others(db);
	rows_tell_what_became_of_them(db);
	db_close(db);
	backoff_doubles_to_five_minutes();
	outbox_does_what_the_model_does(&scratch);
	storm_is_leased_in_time(&scratch);
	clock_steps_do_not_delay(&scratch);
	scratch_fini(&scratch);
	return 0;
}
