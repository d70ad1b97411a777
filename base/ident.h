/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers: UUIDv7 (RFC 9562: sortable by time) and random secrets. */
#pragma once

#include <stddef.h>

#include "base/clock.h"

#define IDENT_SIZE 37 /* text of a UUID with NUL */

/* Writes a fresh UUIDv7 whose time part is `now`. Returns id. */
const char *ident_new(wall_t now, char id[IDENT_SIZE]);

/* 1 if text has the form of a UUID in lower case. */
int ident_valid(const char *text);

/* Writes `len` random URL-safe characters (5.95 bits each) and NUL. Returns text. */
const char *secret_new(char *text, size_t len);
