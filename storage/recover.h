/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up: makes catalogue and captures folder agree again. Blocking; before anything is served.
 *
 * - hidden segments (left by a killed recorder) of captures: cut at the last whole block, sealed,
 *   adopted; unreadable ones are quarantined as "<name>.bad";
 * - sealed files without a row are adopted (facts from the file; capture row from manifest.json, or
 *   made up with policy_name "recovered");
 * - rows without a file are marked missing;
 * - a capture that is not finished and lost its recorder in the middle of a segment gets a gap row
 *   (cause "restart", unknown, from its last packet, to = 0): catalogue_close_gap gives it its end;
 * - captures of state STARTING, RECORDING or STOPPING stay so: control decides whether they go on.
 *
 * `live`: names a (capture, ring, segment) that a running recorder still writes: left alone. */
#pragma once

#include "storage/catalogue.h"

struct recover_report {
	unsigned adopted, repaired, quarantined, missing;
	unsigned skipped; /* files and folders that could not be read or renamed: as they were */
};
typedef bool (*recover_live)(void *owner, const char *capture, const char *nic, uint32_t number);

/* Only folders named by a capture's id are looked at; symbolic links are never followed. Run it in
 * one transaction. 0 or -errno; a file's own trouble is counted, not returned. */
int recover_folder(struct db *db, int captures_fd, recover_live live, void *owner,
		   struct recover_report *ret);
