/* SPDX-License-Identifier: Apache-2.0 */
/* Settings rows: what an operator configured (policies, endpoints, sources), as JSON texts whose
 * meaning is policy/settings.h's. Store thread. All return 0 or -errno unless said. */
#pragma once

#include <stdint.h>

#include "storage/db.h"

/* kind: "policy", "endpoint", "source". Inserts or replaces by (kind, id). */
int settings_save(struct db *db, const char *kind, const char *id, const char *json);
int settings_remove(struct db *db, const char *kind, const char *id);
/* Calls for each row of the kind in id order (= by age); a non-zero return stops and is returned.
 */
typedef int (*settings_call)(void *owner, const char *id, const char *json);
int settings_list(struct db *db, const char *kind, settings_call call, void *owner);

/* Saves in db what can still be read of the settings in the damaged database at path, which is no
 * db's. 0, SETTINGS_DAMAGED (not all of them, maybe none) or -errno (of db); *ret: rows saved. */
#define SETTINGS_DAMAGED 1
int settings_salvage(struct db *db, const char *path, unsigned *ret);
