/* SPDX-License-Identifier: Apache-2.0 */
/* What endpoints were told: one row per pair and endpoint, and who knows of which open alert. Part
 * of the engine's durable state; written in the transaction of the push it is about. Store thread.
 * All return 0 or -errno. */
#pragma once

#include "policy/engine_state.h" /* types only */
#include "storage/db.h"

int memory_save(struct db *db, const struct push_memory *memory);
/* All of a pair. */
int memory_remove(struct db *db, const char *pair);
typedef int (*memory_call)(void *owner, const struct push_memory *memory);
int memory_list(struct db *db, memory_call call, void *owner);

int memory_add_told(struct db *db, const char *fingerprint, const char *endpoint);
/* endpoint "" = all of the alert. */
int memory_remove_told(struct db *db, const char *fingerprint, const char *endpoint);
typedef int (*memory_told_call)(void *owner, const char *fingerprint, const char *endpoint);
int memory_list_told(struct db *db, memory_told_call call, void *owner);
