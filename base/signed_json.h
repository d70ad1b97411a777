/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON object as a text whose last member is a signature of all before it.
 *
 *	{
 *	 "a": 1,
 *	 "signature": {"algorithm": "ed25519", "public_key": "<64 hex>", "value": "<128 hex>"}
 *	}
 *
 * What is signed are bytes, not values: the lines before the last two, each with its line break. So
 * whoever checks it needs no way of writing JSON like ours, only `head -n -2` and any Ed25519. The
 * last two lines are of this form to the byte, so that no byte of the text is free to change. */
#pragma once

#include "base/json.h"
#include "base/signing_key.h"

/* `object` has members, none of them "signature". No key: without a signature. The caller frees the
 * text. */
char *signed_json_format(const json_t *object, const struct signing_key *key);

enum signed_json_outcome {
	SIGNED_JSON_UNSIGNED = 1, /* an object without a signature */
	SIGNED_JSON_MISMATCH,	  /* not what was signed, or not by the key it names */
};

/* Reads a text: hostile bytes. *ret is a new reference to the whole object, also with an outcome;
 * public_hex is the key it names, or "". Returns 0, an outcome, or -EBADMSG: it is no JSON object,
 * *ret is NULL. Depth is bounded by jansson's own limit (2048). */
int signed_json_parse(const char *text, size_t len, json_t **ret,
		      char public_hex[SIGNING_PUBLIC_HEX_SIZE]);
