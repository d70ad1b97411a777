/* SPDX-License-Identifier: Apache-2.0 */
/* Signed links: a download's path with an end and a signature behind it, good for whoever has it,
 * until then. Stateless: HMAC-SHA256 over the path and query, with a key made of the probe's
 * signing key; a new signing.key ends all of them. Pure. */
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "base/signing_key.h"

#define LINK_ID_SIZE 17 /* first digits of the signature: names the link, opens nothing */
#define LINK_MAX     ((7 * 24 * DUR_HOUR))

/* target: path, or path and query. Writes "<target>?expires=<seconds>&signature=<hex>". Returns 0,
 * or -ENAMETOOLONG. */
int link_format(const struct signing_key *key, const char *target, wall_t until, char *text,
		size_t size);

enum link_outcome {
	LINK_NONE = 1,	  /* it has no signature */
	LINK_FORGED = 2,  /* not of that key, or changed */
	LINK_EXPIRED = 3, /* ours, and over */
};

/* target as the client sent it. Returns 0 or an outcome; *id is written for 0 and LINK_EXPIRED. */
int link_check(const struct signing_key *key, const char *target, wall_t now,
	       char id[LINK_ID_SIZE]);
