/* SPDX-License-Identifier: Apache-2.0 */
/* The store: SQLite behind one thread, with group commit. The catalogue, journal, outbox and
 * settings are tables in it (db.h and the headers beside it).
 *
 * The loop posts jobs; the store thread runs them in order. Consecutive write jobs that wait
 * already share one transaction (at most 64 jobs or 5 ms) which is durable (WAL, FULL) before any
 * of their `done` is called; nothing waits for a group to fill, jobs gather while the disk is busy.
 * A write job that returns < 0 undoes only itself (savepoint); a commit that fails fails all jobs
 * of its group with the same error. Read jobs see everything committed before, and must not write.
 */
#pragma once

#include "base/loop.h"

struct db;
struct store;

enum store_job_kind {
	STORE_READ,
	STORE_WRITE,
};

/* Runs on the store thread. `arg` is the caller's; it must not touch the loop. 0 or -errno. */
typedef int (*store_run)(struct db *db, void *arg);
/* Called on the loop once the job is durable (or failed: result < 0). Owns arg from here. */
typedef void (*store_done)(void *arg, int result);

/* Opens or creates <state>/ringbell.db (mode 0600), migrates, starts the thread. Blocks.
 * Returns 0, -EPROTO if the schema is newer than this program, or -errno. */
int store_open(struct loop *loop, const char *state_folder, struct store **ret);
/* Finishes all posted jobs (calling their done), stops the thread. Returns NULL. */
struct store *store_close(struct store *store);

void store_post(struct store *store, enum store_job_kind kind, store_run run, store_done done,
		void *arg);

/* The connection itself, for start-up before any job is posted and for tests. */
struct db *store_db(struct store *store);
