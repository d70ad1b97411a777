/* SPDX-License-Identifier: Apache-2.0 */
/* Who may deliver to a source. Pure.
 *
 * A source has one token (two while it is being changed), which is all the authority a sender has.
 * Beside it the operator can demand a network, a signature over the raw bytes (HMAC), or Amazon's
 * signature. All that is configured must fit. Comparing takes the same time for every wrong secret,
 * and a source that does not exist costs the same as one with another token. */
#pragma once

#include <stddef.h>

#include "policy/settings.h"

/* What a request shows; texts are borrowed, NULL if absent. */
struct source_credentials {
	const char *url_token;
	const char *authorization; /* header: Bearer or Basic */
	const char *token_header;  /* X-Ringbell-Token */
	const char *signature;	   /* the source's hmac.header */
	const char *timestamp;	   /* the source's hmac.timestamp_header */
	const char *address;	   /* of the peer */
	const char *body;	   /* raw */
	size_t len;
};

/* Why not; the text goes to the log, never to the sender. */
enum source_auth_outcome {
	SOURCE_AUTH_TOKEN = 1,
	SOURCE_AUTH_NETWORK,
	SOURCE_AUTH_SIGNATURE,
};
const char *source_auth_name(enum source_auth_outcome outcome);

/* 0 or an outcome. source may be NULL: SOURCE_AUTH_TOKEN. */
int source_auth_check(const struct source *source, const struct source_credentials *shown,
		      wall_t now);

/* Is this its token? In constant time. */
int source_auth_token(const struct source *source, const char *token, wall_t now);
