/* SPDX-License-Identifier: Apache-2.0 */
/* The one SQLite connection and its schema. Store thread only (or start-up). All calls block.
 *
 * Times are stored as integers (ns since the epoch), ids as text, settings as JSON. */
#pragma once

#include "base/clock.h"

struct db;

#define DB_SCHEMA_VERSION 8

/* Opens or makes the file (mode 0600), sets WAL + FULL, migrates forward. Returns 0, -EPROTO
 * (schema is newer), -EUCLEAN (damaged, or not ours), -EBUSY (another process has it) or -errno. */
int db_open(const char *path, struct db **ret);
struct db *db_close(struct db *db);
/* What SQLite last complained about. */
const char *db_message(const struct db *db);
