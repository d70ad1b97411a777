/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.json beside the segments: what the capture is, covers and lacks; enough to rebuild its
 * catalogue rows, and evidence (docs/evidence.md): the SHA-256 of each segment, chained, and the
 * probe's signature (base/signed_json.h). Rewritten atomically at each change. */
#pragma once

#include <jansson.h>

#include "base/signing_key.h"
#include "storage/catalogue.h"
#include "storage/retention.h"

#define MANIFEST_NAME "manifest.json"

/* capture + coverage + segments + gaps (+ timeline: journal notes, may be NULL) as one object, the
 * same the API's capture detail shows. Unknown times are null. New reference. Pure. */
json_t *manifest_format(const struct capture_row *capture, const struct segment_row segments[],
			size_t segment_count, const struct gap_row gaps[], size_t gap_count,
			const json_t *timeline);
/* Reads the rows of `capture` from db and replaces manifest.json in its folder: manifest_format's
 * members, and its alerts, pin, chain, probe, clock and signature. No key: unsigned. Blocks on the
 * disk. Returns 0, MANIFEST_ABSENT (no such row, or no folder) or -errno. */
#define MANIFEST_ABSENT 1
int manifest_save(struct db *db, int captures_fd, const struct signing_key *key,
		  const char *capture);

/* That a manifest has something to tell which is in the rows: `what` is written in the transaction
 * of the rows, and cleared when a manifest that was begun with it is on the disk. Recovery looks at
 * those that were not cleared. 0 or -errno; get: "" = nothing is due. */
#define MANIFEST_DUE_SIZE SEGMENT_NAME_SIZE
int manifest_due_set(struct db *db, const char *capture, const char *what);
int manifest_due_get(struct db *db, const char *capture, char ret[MANIFEST_DUE_SIZE]);
int manifest_due_clear(struct db *db, const char *capture, const char *what);

/* Whether manifest.json in `folder` tells all that the rows tell now; who signed it is not looked
 * at. Reads the disk. Returns 1, 0 (it is behind, absent or damaged) or -errno of the store. */
int manifest_is_current(struct db *db, int folder, const char *capture);

/* What a manifest tells, for rebuilding rows; all owned. Zero is empty. */
struct manifest {
	struct capture_row capture;
	struct segment_row *segments;
	size_t segment_count;
	struct gap_row *gaps;
	size_t gap_count;
	json_t *timeline; /* array, or NULL */
	bool pinned;
	wall_t pinned_until; /* 0 = for ever */
	char pin_note[RETENTION_NOTE_MAX + 1];
};
void manifest_fini(struct manifest *manifest);
/* Reads manifest.json in `folder` as hostile bytes. Returns 0, MANIFEST_ABSENT (none, or it cannot
 * be that of `capture`: damaged, of another capture, out of bounds) or -errno. */
int manifest_load(int folder, const char *capture, struct manifest *ret);
