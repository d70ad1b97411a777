/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ident.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"

static void random_fill(void *data, size_t len)
{
	bug_on(getrandom(data, len, 0) != (ssize_t)len);
}

const char *ident_new(wall_t now, char id[IDENT_SIZE])
{
	uint64_t ms = (uint64_t)(now.ns / DUR_MS);
	uint64_t r[2];

	random_fill(r, sizeof(r));
	snprintf(id, IDENT_SIZE,
		 "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
		 (ms >> 16) & 0xffffffff, ms & 0xffff, r[0] & 0xfff,
		 ((r[0] >> 12) & 0x3fff) | 0x8000, r[1] & 0xffffffffffff);
	return id;
}

int ident_valid(const char *text)
{
	if (strlen(text) != IDENT_SIZE - 1)
		return 0;
	for (int i = 0; i < IDENT_SIZE - 1; i++) {
		int dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return 0;
	}
	return 1;
}

const char *secret_new(char *text, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const unsigned limit = 256 - 256 % (sizeof(alphabet) - 1);

	for (size_t i = 0; i < len;) {
		unsigned char byte;

		random_fill(&byte, 1);
		if (byte < limit) /* keeps every character equally likely */
			text[i++] = alphabet[byte % (sizeof(alphabet) - 1)];
	}
	text[len] = '\0';
	return text;
}
