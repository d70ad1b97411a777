/* SPDX-License-Identifier: Apache-2.0 */
/* Which captures have to go, and how they go: by age, by the folder's size, by free space, oldest
 * first; never one that runs, is pinned, or is being read.
 *
 * Going has three steps, each of which may be the last before a crash: the removal is committed
 * (rows marked missing, so that nobody is promised the files), the files are deleted, the removal
 * is done. What is not done is taken up again. The row of a removed capture stays and says why.
 * Everything but the plan runs on the store thread. */
#pragma once

#include "storage/catalogue.h"

struct retention_limits {
	dur_t age;		  /* since a capture finished; 0 = for ever */
	uint64_t max_bytes;	  /* of all captures together; 0 = no limit */
	uint64_t keep_free_bytes; /* of the file system */
};

enum retention_reason {
	RETENTION_STAYS,
	RETENTION_AGE,
	RETENTION_SIZE,
	RETENTION_SPACE,
	RETENTION_OPERATOR,
};
/* "age", …: the word of the API and of the timeline. */
const char *retention_reason_name(enum retention_reason reason);

struct retention_item {
	char id[IDENT_SIZE];
	char policy[IDENT_SIZE];
	wall_t finished_at;
	uint64_t bytes;
	dur_t age;   /* its policy's own limit; 0 = the general one */
	bool locked; /* pinned or being read */
};

struct retention_facts {
	wall_t now;
	uint64_t all_bytes; /* of all captures, running ones too */
	uint64_t free_bytes;
};

/* items by finished_at, oldest first; ret has `count` places. Returns the bytes that stay wanting:
 * what size and space still ask for when all that may go has gone. Pure. */
uint64_t retention_plan(const struct retention_item items[], size_t count,
			const struct retention_limits *limits, const struct retention_facts *facts,
			enum retention_reason ret[]);

/* Finished captures that have files, oldest first; pinned ones are locked. *ret is the caller's to
 * free, *all_bytes counts running ones too. Returns the number or -errno. */
int retention_list(struct db *db, wall_t now, struct retention_item **ret, uint64_t *all_bytes);

/* In a write job. Commits to removing it: 0, or CATALOGUE_ABSENT where it is not finished, pinned,
 * or removed already. */
int retention_remove(struct db *db, const char *capture, enum retention_reason reason, wall_t now);

/* The first removal behind `capture` ("" = of all) whose files may still be there: 0 with its id
 * and folder, or CATALOGUE_ABSENT. */
int retention_next(struct db *db, char capture[IDENT_SIZE], char folder[128]);
/* Deletes up to `max` files of a capture's folder, and the folder once it is empty. Blocks on the
 * disk. Returns 0: all gone, RETENTION_MORE, or -errno. Links are removed, never followed. */
#define RETENTION_MORE 1
int retention_delete_files(int captures_fd, const char *folder, int max);
int retention_finish(struct db *db, const char *capture);

#define RETENTION_NOTE_MAX 200
struct retention_state {
	bool pinned;
	wall_t pinned_until; /* 0 = for ever */
	char pin_note[RETENTION_NOTE_MAX + 1];
	wall_t removed_at; /* 0 = not removed */
	enum retention_reason reason;
};
int retention_get(struct db *db, const char *capture, wall_t now, struct retention_state *ret);
/* Keeps it from all removal until then. In a write job; 0, CATALOGUE_ABSENT or -errno. */
int retention_pin(struct db *db, const char *capture, wall_t until, const char *note, wall_t now);
/* The same without a note in its timeline, which is restored itself. 0 or -errno. */
int retention_restore_pin(struct db *db, const char *capture, wall_t until, const char *note,
			  wall_t now);
int retention_unpin(struct db *db, const char *capture, wall_t now);
