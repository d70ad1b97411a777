/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/source_auth.h"

#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "dispatch/serve/auth.h"
#include "dispatch/serve/sns.h"

#define BASIC_MAX      512
#define MAC_SIZE       crypto_auth_hmacsha256_BYTES
#define SIGNATURES_MAX 8
#define STAMP_SPAN     (5 * 60) /* a signed delivery is no older: else it could be played again */

const char *source_auth_name(enum source_auth_outcome outcome)
{
	static const char *const names[] = {
		[SOURCE_AUTH_TOKEN] = "wrong token",
		[SOURCE_AUTH_NETWORK] = "address outside its networks",
		[SOURCE_AUTH_SIGNATURE] = "wrong signature",
	};

	return names[outcome];
}

/* ---- token ---- */

int source_auth_token(const struct source *source, const char *token, wall_t now)
{
	const char *present = source ? source->token_sha256 : "";
	const char *old = source && wall_sub(source->old_token_until, now) > 0
				  ? source->old_token_sha256
				  : "";
	int a = auth_matches(token, present), b = auth_matches(token, old);

	return a | b;
}

/* The password of "Basic <base64 of user:password>"; false if there is none. */
static bool basic_password(const char *authorization, char password[BASIC_MAX])
{
	char text[BASIC_MAX];
	const char *colon;
	size_t len;

	if (!authorization || strncasecmp(authorization, "Basic ", 6))
		return false;
	if (sodium_base642bin((unsigned char *)text, sizeof(text) - 1, authorization + 6,
			      strlen(authorization + 6), " ", &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL))
		return false;
	text[len] = '\0';
	colon = strchr(text, ':');
	if (!colon)
		return false;
	memcpy(password, colon + 1, strlen(colon + 1) + 1);
	return true;
}

/* One token in a place where it counts is enough: a proxy may add an Authorization of its own. */
static bool check_token(const struct source *source, const struct source_credentials *shown,
			wall_t now)
{
	char password[BASIC_MAX];
	bool basic = basic_password(shown->authorization, password);
	const struct {
		enum source_token_place place;
		const char *token;
	} tokens[] = {{SOURCE_TOKEN_URL, shown->url_token},
		      {SOURCE_TOKEN_BEARER, auth_bearer(shown->authorization)},
		      {SOURCE_TOKEN_BASIC, basic ? password : NULL},
		      {SOURCE_TOKEN_HEADER, shown->token_header}};
	unsigned places = source ? source->token_places : SOURCE_TOKEN_ANYWHERE;
	bool fits = false;

	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
		if (places & tokens[i].place && source_auth_token(source, tokens[i].token, now))
			fits = true;
	return fits;
}

/* ---- network ---- */

static bool check_network(const struct source *source, const char *address)
{
	struct address from;

	if (!source->networks[0])
		return true;
	/* IPv4 on a socket for both */
	if (address && !strncasecmp(address, "::ffff:", 7) && strchr(address, '.'))
		address += 7;
	if (!address || address_parse(address, &from))
		return false;
	for (char *const *network = source->networks; *network; network++) {
		struct address_range range;

		if (!address_range_parse(*network, &range) && range.family == from.family &&
		    from.value >= range.range.from && from.value <= range.range.to)
			return true;
	}
	return false;
}

/* ---- signature ---- */

static void sign(const struct source *source, const char *secret,
		 const struct source_credentials *shown, unsigned char mac[MAC_SIZE])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
	if (*source->hmac.timestamp_header) {
		crypto_auth_hmacsha256_update(&state, (const unsigned char *)shown->timestamp,
					      strlen(shown->timestamp));
		crypto_auth_hmacsha256_update(&state, (const unsigned char *)":", 1);
	}
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)shown->body, shown->len);
	crypto_auth_hmacsha256_final(&state, mac);
}

static bool decode(const struct source_hmac *hmac, const char *text, size_t len,
		   unsigned char mac[MAC_SIZE])
{
	size_t prefix = strlen(hmac->prefix), got = 0;
	int r;

	if (len < prefix || strncmp(text, hmac->prefix, prefix) != 0)
		return false;
	text += prefix;
	len -= prefix;
	r = hmac->base64 ? sodium_base642bin(mac, MAC_SIZE, text, len, NULL, &got, NULL,
					     sodium_base64_VARIANT_ORIGINAL)
			 : sodium_hex2bin(mac, MAC_SIZE, text, len, NULL, &got, NULL);
	return !r && got == MAC_SIZE;
}

/* One of the signatures shown is one of the secrets'. */
static bool signature_fits(const struct source *source, const char *text, size_t len,
			   const struct source_credentials *shown)
{
	unsigned char mac[MAC_SIZE], want[MAC_SIZE];
	int fits = 0;

	if (!decode(&source->hmac, text, len, mac))
		return false;
	for (char *const *secret = source->hmac.secrets; *secret; secret++) {
		sign(source, *secret, shown, want);
		fits |= !sodium_memcmp(mac, want, MAC_SIZE);
	}
	return fits;
}

static bool stamp_fits(const struct source *source, const char *stamp, wall_t now)
{
	char *end;
	long long seconds, ours = now.ns / DUR_S;

	if (!*source->hmac.timestamp_header)
		return true;
	if (!stamp || !*stamp)
		return false;
	seconds = strtoll(stamp, &end, 10);
	return !*end && seconds >= ours - STAMP_SPAN && seconds <= ours + STAMP_SPAN;
}

/* Several may be shown, separated by commas: during a rotation the sender signs with both. */
static bool check_hmac(const struct source *source, const struct source_credentials *shown,
		       wall_t now)
{
	const char *text = shown->signature;

	if (!*source->hmac.header)
		return true;
	if (!text || !stamp_fits(source, shown->timestamp, now))
		return false;
	for (int i = 0; *text && i < SIGNATURES_MAX; i++) {
		size_t len;

		text += strspn(text, ", ");
		len = strcspn(text, ", ");
		if (signature_fits(source, text, len, shown))
			return true;
		text += len;
	}
	return false;
}

int source_auth_check(const struct source *source, const struct source_credentials *shown,
		      wall_t now)
{
	if (!check_token(source, shown, now))
		return SOURCE_AUTH_TOKEN;
	if (!check_network(source, shown->address))
		return SOURCE_AUTH_NETWORK;
	if (!check_hmac(source, shown, now))
		return SOURCE_AUTH_SIGNATURE;
	if (source->kind == SOURCE_AWS_SNS && *source->certificates &&
	    sns_verify(shown->body, shown->len, source->certificates))
		return SOURCE_AUTH_SIGNATURE;
	return 0;
}
