/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox beyond order: limits, what is over before it was sent, dead letters, fallbacks. */
#include "base/cleanup.h"
#include "storage/outbox.h"
#include "tests/unit/scratch.h"

#define MAX 64

static int number_of(const char *id)
{
	return (int)strtol(id + 24, NULL, 10);
}

static void format_id(int number, char id[IDENT_SIZE])
{
	snprintf(id, IDENT_SIZE, "00000000-0000-7000-8000-%012d", number);
}

static void add(struct db *db, int number, const char *endpoint, const char *fingerprint,
		const char *event)
{
	struct outbox_push push = {.created_at = {100}, .request = (char[]){"{}"}};

	format_id(number, push.id);
	fill_text(push.endpoint, endpoint);
	fill_text(push.fingerprint, fingerprint);
	fill_text(push.event, event);
	check(!outbox_add(db, &push));
}

/* Leases; the numbers as text, '+' behind one that tells of a firing as well. */
static const char *lease(struct db *db, struct outbox_limits *limits)
{
	static struct outbox_push got[MAX];
	static char text[256];
	int n = outbox_lease(db, (wall_t){200}, limits, MAX, got), used = 0;

	check(n >= 0);
	text[0] = '\0';
	for (int i = 0; i < n; i++) {
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%d%s ",
				 number_of(got[i].id), got[i].is_collapsed ? "+" : "");
		free(got[i].request);
	}
	return text;
}

static int settle_as(struct db *db, int number, enum outbox_state state, const char *reference)
{
	struct outbox_result result = {
		.state = state, .at = {200}, .next_at = {200}, .text = "", .reference = reference};

	format_id(number, result.id);
	return outbox_settle(db, &result);
}

static void check_states(struct db *db, int64_t delivered, int64_t suppressed, int64_t pending,
			 int64_t dead)
{
	struct outbox_counts counts;

	check(!outbox_count(db, &counts));
	check_int(counts.delivered, delivered);
	check_int(counts.suppressed, suppressed);
	check_int(counts.pending, pending);
	check_int(counts.dead, dead);
	check_int(counts.accepted, delivered + suppressed + pending + dead);
}

static void limits_are_kept(struct db *db)
{
	struct outbox_limit items[] = {{"slow", 1}, {"shut", 0}};
	struct outbox_limits limits = {items, 2};
	wall_t due;

	add(db, 1, "slow", "a", "firing");
	add(db, 2, "slow", "b", "firing");
	add(db, 3, "shut", "a", "firing");
	add(db, 4, "free", "a", "firing");
	check_text(lease(db, &limits), "1 4 ");
	items[0].room = 0;
	check_int(outbox_next_due(db, &limits, &due), OUTBOX_EMPTY);
	items[1].room = 5;
	check_int(outbox_next_due(db, &limits, &due), 0);
	check_text(lease(db, &limits), "3 ");
	for (int i = 1; i <= 4; i++)
		settle_as(db, i, OUTBOX_DELIVERED, "");
	check_text(lease(db, NULL), "2 ");
	check(!settle_as(db, 2, OUTBOX_DELIVERED, ""));
	check_states(db, 4, 0, 0, 0);
}

/* Due rows that go along with a lease: no younger one of a pair, none of others, beyond any limit.
 */
static void some_go_along(struct db *db)
{
	struct outbox_limit items[] = {{"chat", 1}};
	struct outbox_limits limits = {items, 1};
	static struct outbox_push got[MAX];

	for (int i = 1; i <= 4; i++)
		add(db, i, "chat", i == 3 ? "1" : (char[]){(char)('0' + i), 0}, "firing");
	add(db, 5, "other", "x", "firing");
	check_text(lease(db, &limits), "1 5 ");
	check_int(outbox_count_due(db, (wall_t){200}, "chat", 9), 3);
	check_int(outbox_count_due(db, (wall_t){200}, "chat", 2), 2);
	check_int(outbox_count_due(db, (wall_t){50}, "chat", 9), 0);
	check_int(outbox_lease_along(db, (wall_t){200}, "chat", MAX, got), 2);
	check_int(number_of(got[0].id), 2);
	check_int(number_of(got[1].id), 4);
	for (int i = 0; i < 2; i++)
		free(got[i].request);
	check_int(outbox_lease_along(db, (wall_t){200}, "chat", MAX, got), 0);
	for (int i = 1; i <= 5; i++)
		settle_as(db, i, OUTBOX_DELIVERED, "");
	check_text(lease(db, NULL), "3 ");
	check(!settle_as(db, 3, OUTBOX_DELIVERED, ""));
	check_states(db, 5, 0, 0, 0);
}

/* A chat is told once of what is over already; what may have been sent is not touched. */
static void over_before_it_was_sent(struct db *db)
{
	add(db, 1, "chat", "a", "firing");
	add(db, 2, "chat", "a", "recovered");
	add(db, 3, "chat", "b", "firing");
	check(!outbox_collapse(db, "chat", OUTBOX_COLLAPSE, (wall_t){200}));
	check_text(lease(db, NULL), "2+ 3 ");
	check(!settle_as(db, 2, OUTBOX_DELIVERED, ""));
	check(!settle_as(db, 3, OUTBOX_PENDING, "")); /* it may have arrived */
	add(db, 4, "chat", "b", "recovered");
	check(!outbox_collapse(db, "chat", OUTBOX_COLLAPSE, (wall_t){200}));
	check_text(lease(db, NULL), "3 ");
	check(!settle_as(db, 3, OUTBOX_DELIVERED, "C1 17.1"));
	check_text(lease(db, NULL), "4 ");
	check(!settle_as(db, 4, OUTBOX_DELIVERED, ""));
	check_states(db, 3, 1, 0, 0);
}

static void a_resolve_of_what_was_never_triggered_is_not_sent(struct db *db)
{
	add(db, 1, "pd", "a", "firing");
	add(db, 2, "pd", "a", "recovered");
	add(db, 3, "pd", "b", "firing");
	check(!outbox_collapse(db, "pd", OUTBOX_DROP, (wall_t){200}));
	check_text(lease(db, NULL), "3 ");
	check(!settle_as(db, 3, OUTBOX_DELIVERED, ""));
	add(db, 4, "pd", "b", "recovered");
	add(db, 5, "pd", "c", "recovered");
	check(!outbox_collapse(db, "pd", OUTBOX_DROP, (wall_t){200}));
	check_text(lease(db, NULL), "4 ");
	check(!settle_as(db, 4, OUTBOX_DELIVERED, ""));
	/* one that died may have triggered: its resolve goes out */
	add(db, 6, "pd", "d", "firing");
	check_text(lease(db, NULL), "6 ");
	check(!settle_as(db, 6, OUTBOX_DEAD, ""));
	add(db, 7, "pd", "d", "recovered");
	check(!outbox_collapse(db, "pd", OUTBOX_DROP, (wall_t){200}));
	check_text(lease(db, NULL), "7 ");
	check(!settle_as(db, 7, OUTBOX_DELIVERED, ""));
	check_states(db, 3, 3, 0, 1);
}

static void the_firings_reference_comes_with_its_recovery(struct db *db)
{
	struct outbox_push got[2];

	add(db, 1, "bot", "a", "firing");
	check_text(lease(db, NULL), "1 ");
	check(!settle_as(db, 1, OUTBOX_DELIVERED, "C1 17.1"));
	add(db, 2, "bot", "a", "recovered");
	check_int(outbox_lease(db, (wall_t){200}, NULL, 2, got), 1);
	check_text(got[0].reference, "C1 17.1");
	check(!got[0].is_collapsed);
	free(got[0].request);
}

static void dead_letters_go_again(struct db *db)
{
	char id[IDENT_SIZE];

	for (int i = 1; i <= 3; i++)
		add(db, i, "e", i == 3 ? "b" : "a", "firing");
	check_text(lease(db, NULL), "1 3 ");
	settle_as(db, 1, OUTBOX_DEAD, "");
	settle_as(db, 3, OUTBOX_DEAD, "");
	check_text(lease(db, NULL), "2 ");
	settle_as(db, 2, OUTBOX_DELIVERED, "");
	format_id(1, id);
	check_int(outbox_replay(db, id, (wall_t){200}), OUTBOX_SUPERSEDED);
	format_id(2, id);
	check_int(outbox_replay(db, id, (wall_t){200}), OUTBOX_NOT_DEAD);
	check_int(outbox_replay_endpoint(db, "e", (wall_t){200}), 1);
	check_text(lease(db, NULL), "3 ");
	settle_as(db, 3, OUTBOX_DEAD, "");
	format_id(3, id);
	check_int(outbox_replay(db, id, (wall_t){200}), 0);
	check_states(db, 1, 0, 1, 1);
}

static void a_fallback_is_told_once(struct db *db)
{
	struct outbox_push push = {.created_at = {200}};
	char id[IDENT_SIZE];

	add(db, 1, "e", "a", "firing");
	lease(db, NULL);
	format_id(1, id);
	format_id(2, push.id);
	fill_text(push.endpoint, "other");
	check_int(outbox_add_fallback(db, id, &push), OUTBOX_NOT_DEAD);
	settle_as(db, 1, OUTBOX_DEAD, "");
	check_int(outbox_add_fallback(db, id, &push), 0);
	check_text(lease(db, NULL), "2 ");
	settle_as(db, 2, OUTBOX_DEAD, "");
	fill_text(push.endpoint, "third");
	check_int(outbox_add_fallback(db, push.id, &push), OUTBOX_NOT_DEAD);
	check_states(db, 0, 0, 0, 2);
}

int main(void)
{
	static void (*const tests[])(struct db *) = {
		limits_are_kept,
		some_go_along,
		over_before_it_was_sent,
		a_resolve_of_what_was_never_triggered_is_not_sent,
		the_firings_reference_comes_with_its_recovery,
		dead_letters_go_again,
		a_fallback_is_told_once,
	};
	struct scratch scratch;

	scratch_init(&scratch);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		char name[32];
		struct db *db;

		snprintf(name, sizeof(name), "%zu.db", i);
		check(!db_open(scratch_path(&scratch, name), &db));
		tests[i](db);
		db_close(db);
	}
	scratch_fini(&scratch);
	return 0;
}
