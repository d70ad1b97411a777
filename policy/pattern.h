/* SPDX-License-Identifier: Apache-2.0 */
/* Names with * wildcards: * stands for any run of bytes, also none. Pure. */
#pragma once

#include <stdbool.h>

/* Takes at most strlen(pattern) * strlen(text) steps. (The verb "match" is what a pattern does.) */
bool pattern_match(const char *pattern, const char *text);
