/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signed_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define FLAGS	  (JSON_INDENT(1) | JSON_SORT_KEYS)
#define TAIL_SIZE 400

/* The last two lines; returns their length. */
static size_t format_tail(const char *public_hex, const char *signature_hex, char tail[TAIL_SIZE])
{
	return (size_t)snprintf(tail, TAIL_SIZE,
				" \"signature\": {\"algorithm\": \"ed25519\", \"public_key\": "
				"\"%s\", \"value\": \"%s\"}\n}\n",
				public_hex, signature_hex);
}

char *signed_json_format(const json_t *object, const struct signing_key *key)
{
	CLEANUP_FREE char *text = json_dumps(object, FLAGS);
	char hex[SIGNATURE_HEX_SIZE], tail[TAIL_SIZE];
	size_t len = strlen(text);
	char *whole;

	bug_on(!json_object_size(object) || json_object_get(object, "signature"));
	if (!key || !key->public_hex[0])
		return xasprintf("%s\n", text);
	memcpy(text + len - 2, ",\n", 2); /* was "\n}" */
	format_tail(key->public_hex, signing_key_sign(key, text, len, hex), tail);
	whole = xmalloc(len + sizeof(tail));
	memcpy(whole, text, len);
	memcpy(whole + len, tail, strlen(tail) + 1);
	return whole;
}

/* Lower-case hexadecimal digits of just that length; NULL = it is something else. */
static const char *hex_of(const json_t *signature, const char *key, size_t size)
{
	const char *text = json_string_value(json_object_get(signature, key));

	return text && strlen(text) + 1 == size && strspn(text, "0123456789abcdef") + 1 == size
		       ? text
		       : NULL;
}

static int check(const char *text, size_t len, const json_t *signature,
		 char public_hex[SIGNING_PUBLIC_HEX_SIZE])
{
	const char *public = hex_of(signature, "public_key", SIGNING_PUBLIC_HEX_SIZE);
	const char *value = hex_of(signature, "value", SIGNATURE_HEX_SIZE);
	char tail[TAIL_SIZE];
	size_t tail_len;

	if (!public || !value)
		return SIGNED_JSON_MISMATCH;
	memcpy(public_hex, public, SIGNING_PUBLIC_HEX_SIZE);
	tail_len = format_tail(public, value, tail);
	if (len < tail_len || memcmp(text + len - tail_len, tail, tail_len) ||
	    signing_key_check(public, value, text, len - tail_len))
		return SIGNED_JSON_MISMATCH;
	return 0;
}

int signed_json_parse(const char *text, size_t len, json_t **ret,
		      char public_hex[SIGNING_PUBLIC_HEX_SIZE])
{
	const json_t *signature;

	public_hex[0] = '\0';
	*ret = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return -EBADMSG;
	}
	signature = json_object_get(*ret, "signature");
	return signature ? check(text, len, signature, public_hex) : SIGNED_JSON_UNSIGNED;
}
