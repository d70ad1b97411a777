/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of ours in what a remote answers: a peer that repeats our request, or a proxy's page
 * about it, must not carry them into results, notes and alerts. Pure. */
#pragma once

#include "dispatch/push/courier.h"

#define HIDE_LENGTH_MIN 4 /* shorter ones would hide half of any text */

/* What must not be shown of a push: texts one after the other, each with its NUL, an empty one at
 * the end. The caller frees it with hide_free. */
char *hide_list(const struct courier_push *push);
/* Accepts NULL, returns NULL. */
char *hide_free(char *list);

/* Replaces each of the list in text, which gets no longer, by "***". `text` is an excerpt. */
void hide_apply(const char *list, char *text);
