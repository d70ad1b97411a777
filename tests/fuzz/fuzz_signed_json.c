/* SPDX-License-Identifier: Apache-2.0 */
/* A signed text, as a verifier finds it. What passes is, to the byte, what the key signed: written
 * again it is the same. */
#include <errno.h>
#include <string.h>

#include "base/signed_json.h"
#include "tests/fuzz/fuzz.h"

/* The texts of the corpus are signed with it. */
static const unsigned char seed[SIGNING_SEED_SIZE] = {1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char public_hex[SIGNING_PUBLIC_HEX_SIZE];
	CLEANUP_JSON json_t *json = NULL;
	CLEANUP_FREE char *again = NULL;
	struct signing_key key;
	int r = signed_json_parse((const char *)data, size, &json, public_hex);

	fuzz_check(r == 0 || r == -EBADMSG || r == SIGNED_JSON_UNSIGNED ||
		   r == SIGNED_JSON_MISMATCH);
	fuzz_check((r == -EBADMSG) == !json);
	if (r)
		return 0;
	signing_key_derive(seed, &key);
	fuzz_check(!strcmp(public_hex, key.public_hex)); /* nobody can sign but that one */
	json_object_del(json, "signature");
	again = signed_json_format(json, &key);
	fuzz_check(strlen(again) == size && !memcmp(again, data, size));
	return 0;
}
