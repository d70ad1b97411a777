/* SPDX-License-Identifier: Apache-2.0 */
/* Stored values as JSON. Pure; all return new references, never NULL. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/clock.h"

/* Text; bytes that are not UTF-8 (interface names, senders' raw bytes) become U+FFFD. */
json_t *json_text(const char *text);
json_t *json_text_sized(const char *text, size_t size);
/* RFC 3339, or null if not known. */
json_t *json_wall(wall_t wall);
/* A counter; beyond 2^63 - 1 it stays there. */
json_t *json_count(uint64_t count);
