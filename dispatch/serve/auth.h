/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: how a request shows one, and whether it is the right one. Pure.
 *
 * Only SHA-256 of a token is ever stored; a token has 190 bits of chance, so a plain hash is
 * enough. Comparing takes the same time for every wrong token. */
#pragma once

#include "base/hash.h"

#define AUTH_TOKEN_LEN	32
#define AUTH_TOKEN_SIZE (AUTH_TOKEN_LEN + 1)

/* The token of "Authorization: Bearer <token>", inside header; NULL if there is none. */
const char *auth_bearer(const char *header);

/* 1 if SHA-256 of token is `sha256` ("" matches nothing). token may be NULL. */
int auth_matches(const char *token, const char *sha256);
