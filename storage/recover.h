/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up: makes catalogue and captures folder agree again. Blocking; before anything is served.
 *
 * - hidden segments (left by a killed recorder) of captures: cut at the last whole block, sealed,
 *   adopted;
 * - sealed files without a row are adopted (facts from the file; capture row from manifest.json, or
 *   made up with policy_name "recovered");
 * - what is not ours, not readable or not whole is moved aside (storage/quarantine.h): files, links
 *   and pipes beside the captures, everything but segments and the manifest in a capture, segments
 *   that are no pcapng, sealed ones that end inside a block, manifests that are none. Folders
 *   beside the captures stay: they may be mount points, snapshots, lost+found;
 * - rows without a file are marked missing; of a segment that was only opened the row goes too;
 * - a capture that is not finished and lost its recorder in the middle of a segment gets a gap row
 *   (cause "restart", unknown, from its last packet, to = 0): catalogue_close_gap gives it its end;
 * - captures of state STARTING, RECORDING or STOPPING stay so: control decides whether they go on.
 *
 * Run again, it finds nothing to do. */
#pragma once

#include "base/signing_key.h"
#include "storage/catalogue.h"

struct recover_report {
	unsigned adopted, repaired, quarantined, missing; /* segments; quarantined: anything */
	unsigned skipped;  /* files and folders that could not be read or moved: as they were */
	unsigned captures; /* rows made from manifests */
	unsigned ended;	   /* of these: were running when the catalogue was lost */
	unsigned made_up;  /* rows made without a manifest */
};

struct recover_calls {
	/* A running recorder still writes this segment: it is left alone. NULL = there is none. */
	bool (*is_live)(void *owner, const char *capture, const char *nic, uint32_t number);
	/* For the log. `where`: the capture, or ""; `name` may hold any bytes. May be NULL. */
	void (*on_quarantined)(void *owner, const char *where, const char *name,
			       const char *reason);
	/* For the log: counted as skipped because of this -errno. May be NULL. */
	void (*on_skipped)(void *owner, const char *where, const char *name, int r);
	void *owner;
	const struct signing_key *key; /* for manifests; NULL = unsigned */
};

/* Only folders named by a capture's id are entered; symbolic links are never followed. Run it in
 * one transaction. 0 or -errno; a file's own trouble is counted, not returned. */
int recover_folder(struct db *db, int captures_fd, const struct recover_calls *calls,
		   struct recover_report *ret);
