/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/auth.h"

#include <string.h>
#include <strings.h>

const char *auth_bearer(const char *header)
{
	if (!header || strncasecmp(header, "Bearer ", 7))
		return NULL;
	header += 7;
	while (*header == ' ')
		header++;
	return *header ? header : NULL;
}

int auth_matches(const char *token, const char *sha256)
{
	char hex[SHA256_HEX_SIZE];
	const char *shown = token ? token : "";
	int equal;

	sha256_text(shown, strlen(shown), hex);
	equal = secret_equal(hex, sha256);
	return equal && token && *token;
}
