/* SPDX-License-Identifier: Apache-2.0 */
/* What makes an empty store work without configuration: an administrator's token, the sources
 * "native" and "alertmanager", the policy "default" and the pcap endpoint "default".
 *
 * <state>/tokens.json (0600) has the clear texts for the operator on this machine,
 * {admin, sources: {name: token}}; the store has only hashes. */
#pragma once

#include <stddef.h>

struct db;

#define FIRST_START_ADMIN "admin" /* settings row of kind "token" */

/* Store thread, in a write job. Does nothing if the store has an administrator's token.
 * 0 or -errno with message. */
int first_start(struct db *db, const char *state_folder, char *message, size_t size);
