/* SPDX-License-Identifier: Apache-2.0 */
/* bench_outbox FOLDER ENDPOINTS ROWS
 *
 * The outbox alone, in a database of its own in FOLDER: ROWS pushes to so many endpoints are added,
 * and then leased and settled until none is left; each transaction is of BATCH alerts or leases, as
 * the group commit makes them under load. Prints JSON: rows per second of each half. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "storage/db_internal.h"
#include "storage/outbox.h"

enum { BATCH = 64, LEASES = 240 };

static void must(int r)
{
	bug_on(r < 0);
}

static void add(struct db *db, int number, int endpoints)
{
	static char request[] = "{\"body\":\"as long as the default body of a push is, more or "
				"less\",\"title\":\"a title\",\"facts\":\"Level\\tcritical\\n\"}";
	struct outbox_push push = {.created_at = wall_now(), .request = request, .event = "firing"};

	snprintf(push.id, sizeof(push.id), "p-%d", number);
	snprintf(push.alert, sizeof(push.alert), "a-%d", number / endpoints);
	snprintf(push.endpoint, sizeof(push.endpoint), "e-%d", number % endpoints);
	snprintf(push.fingerprint, sizeof(push.fingerprint), "%064d", number / endpoints);
	must(outbox_add(db, &push));
}

static void add_all(struct db *db, int rows, int endpoints)
{
	for (int done = 0; done < rows;) {
		must(db_atomic_start(db));
		for (int i = 0; i < BATCH && done < rows; i++, done++)
			add(db, done, endpoints);
		must(db_atomic_end(db, 0));
	}
}

static void settle(struct db *db, const struct outbox_push *push)
{
	struct outbox_result result = {
		.state = OUTBOX_DELIVERED, .at = wall_now(), .status = 200, .text = "HTTP 200: ok"};

	memcpy(result.id, push->id, sizeof(result.id));
	must(outbox_settle(db, &result));
}

static int send_all(struct db *db)
{
	static struct outbox_push pushes[LEASES];
	int n, all = 0;

	do {
		must(db_atomic_start(db));
		must(n = outbox_lease(db, wall_now(), NULL, LEASES, pushes));
		must(db_atomic_end(db, 0));
		must(db_atomic_start(db));
		for (int i = 0; i < n; i++) {
			settle(db, &pushes[i]);
			free(pushes[i].request);
		}
		must(db_atomic_end(db, 0));
		all += n;
	} while (n);
	return all;
}

/* From 1, or 0 if it is no number. */
static int read_number(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	return *end || number < 1 || number > INT_MAX ? 0 : (int)number;
}

static double seconds_since(mono_t began)
{
	return (double)mono_sub(mono_now(), began) / (double)DUR_S;
}

int main(int argc, char **argv)
{
	int endpoints = argc == 4 ? read_number(argv[2]) : 0;
	int rows = argc == 4 ? read_number(argv[3]) : 0;
	CLEANUP_FREE char *path = NULL;
	double added, sent;
	struct db *db;
	mono_t began;

	if (!endpoints || !rows)
		return EXIT_FAILURE;
	path = xasprintf("%s/outbox.db", argv[1]);
	must(db_open(path, &db));
	began = mono_now();
	add_all(db, rows, endpoints);
	added = seconds_since(began);
	began = mono_now();
	bug_on(send_all(db) != rows);
	sent = seconds_since(began);
	db_close(db);
	printf("{\"added_per_s\": %.0f, \"sent_per_s\": %.0f}\n", rows / added, rows / sent);
	return EXIT_SUCCESS;
}
