/* SPDX-License-Identifier: Apache-2.0 */
/* Is a folder still what the probe signed (docs/evidence.md)? Reads files, asks nobody. Blocks. */
#pragma once

#include <jansson.h>

#include "base/hash.h"
#include "base/signing_key.h"

#define EVIDENCE_MANIFEST "manifest.json"

enum evidence_result {
	EVIDENCE_GENUINE,    /* all there, all as signed */
	EVIDENCE_INCOMPLETE, /* what is signed is genuine; the rest was not sealed then, or gone */
	EVIDENCE_UNREADABLE, /* a file or folder could not be read */
	EVIDENCE_ALTERED,    /* something was changed, taken away, added, or is not signed */
};
/* "genuine", … */
const char *evidence_result_name(enum evidence_result result);

/* One capture's folder. */
struct evidence {
	char capture[64]; /* its id, or the folder's name where no manifest tells one */
	char public_key[SIGNING_PUBLIC_HEX_SIZE];
	char chain[SHA256_HEX_SIZE]; /* computed from the files as far as they are genuine; "" */
	size_t segments;	     /* that are genuine */
	json_t *findings;	     /* array of {file, code, text}; owned */
	enum evidence_result result; /* the worst */
};

/* key: 64 hex digits that the signature must be by; NULL = the one the manifest names. `path` is a
 * capture's folder. */
void evidence_check(const char *path, const char *key, struct evidence *ret);
void evidence_fini(struct evidence *evidence);
