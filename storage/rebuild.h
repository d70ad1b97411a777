/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue made anew from the captures folder alone: from each capture's manifest and, where
 * there is none, from its pcapng files. Offline: no daemon may use the state folder. Blocking.
 *
 * What the folder does not know stays as the database has it: settings, tokens, alerts, holds,
 * pushes, and captures that were running when the daemon ended (it goes on with them). A database
 * that cannot be used is set aside as "ringbell.db.damaged-<time>", a new one made, and what can
 * still be read of the settings carried over; its alerts and pushes are lost.
 *
 * All or nothing, and idempotent: run again, it comes to the same. */
#pragma once

#include "base/error.h"
#include "storage/recover.h"

struct rebuild_report {
	struct recover_report folder;
	unsigned forgotten;    /* captures that only the database knew: their folder is gone */
	unsigned running;      /* left as they were */
	bool was_absent;       /* there was no database */
	char set_aside[64];    /* name of the damaged one; "" = none was */
	unsigned settings;     /* rows carried over from it */
	bool settings_damaged; /* not all of them could be read */
};

/* calls: what recover_folder needs. Returns 0, or -errno with err. */
int rebuild_run(const char *state_folder, int captures_fd, const struct recover_calls *calls,
		struct rebuild_report *ret, struct error *err);
