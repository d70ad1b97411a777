/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/link.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define MAC_SIZE     crypto_auth_hmacsha256_BYTES
#define MAC_HEX_SIZE (2 * MAC_SIZE + 1)
#define EXPIRES	     "expires="
#define SIGNATURE    "&signature="

/* Keys have one use each: this one is not the one that manifests are signed with. */
static void make_mac(const struct signing_key *key, const char *text, size_t len,
		     char hex[MAC_HEX_SIZE])
{
	static const char use[] = "ringbell download links 1";
	unsigned char secret[crypto_auth_hmacsha256_KEYBYTES], mac[MAC_SIZE];
	crypto_auth_hmacsha256_state state;

	crypto_generichash(secret, sizeof(secret), (const unsigned char *)use, sizeof(use) - 1,
			   key->secret, SIGNING_SEED_SIZE);
	crypto_auth_hmacsha256_init(&state, secret, sizeof(secret));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(secret, sizeof(secret));
	hex_format(mac, sizeof(mac), hex);
}

int link_format(const struct signing_key *key, const char *target, wall_t until, char *text,
		size_t size)
{
	char hex[MAC_HEX_SIZE];
	int n = snprintf(text, size, "%s%c" EXPIRES "%" PRId64, target,
			 strchr(target, '?') ? '&' : '?', until.ns / DUR_S);

	if (n < 0 || (size_t)n + sizeof(SIGNATURE) + sizeof(hex) > size)
		return -ENAMETOOLONG;
	make_mac(key, text, (size_t)n, hex);
	snprintf(text + n, size - (size_t)n, SIGNATURE "%s", hex);
	return 0;
}

/* The end, which is the last thing that was signed. */
static int64_t read_expires(const char *target, const char *end)
{
	const char *at = end;

	while (at > target && at[-1] >= '0' && at[-1] <= '9')
		at--;
	if ((size_t)(at - target) <= sizeof(EXPIRES) - 1 || end - at > 12 || at == end ||
	    strncmp(at - (sizeof(EXPIRES) - 1), EXPIRES, sizeof(EXPIRES) - 1) != 0)
		return 0;
	at = at - (sizeof(EXPIRES) - 1);
	return at[-1] == '?' || at[-1] == '&' ? strtoll(at + sizeof(EXPIRES) - 1, NULL, 10) : 0;
}

int link_check(const struct signing_key *key, const char *target, wall_t now, char id[LINK_ID_SIZE])
{
	const char *end = strstr(target, SIGNATURE), *shown;
	char hex[MAC_HEX_SIZE];

	if (!end)
		return LINK_NONE;
	shown = end + sizeof(SIGNATURE) - 1;
	if (!key->public_hex[0])
		return LINK_FORGED;
	make_mac(key, target, (size_t)(end - target), hex);
	if (strlen(shown) != sizeof(hex) - 1 || !secret_equal(shown, hex))
		return LINK_FORGED;
	snprintf(id, LINK_ID_SIZE, "%.16s", hex);
	return read_expires(target, end) > now.ns / DUR_S ? 0 : LINK_EXPIRED;
}
