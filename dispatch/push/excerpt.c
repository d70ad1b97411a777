/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/excerpt.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char blanks[] = " \t\r\n\v\f";

/* Length of the well-formed UTF-8 sequence (RFC 3629) at p, or 0. */
static size_t sequence_len(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char first, last, second_min, second_max, len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (*p < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if (left < forms[i].len || p[1] < forms[i].second_min || p[1] > forms[i].second_max)
			return 0;
		for (size_t n = 2; n < forms[i].len; n++)
			if ((p[n] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* C0, DEL, and C1 (which terminals obey too). */
static int is_control(const unsigned char *p, size_t len)
{
	if (len == 1)
		return *p < 0x20 || *p == 0x7f;
	return len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

/* Writes the next piece of text for the bytes at p; returns how many bytes it stands for. */
static size_t next_piece(const unsigned char *p, size_t left, char piece[8])
{
	size_t len = sequence_len(p, left);

	if (*p && strchr(blanks, *p)) {
		snprintf(piece, 8, " ");
		len = 1;
		while (len < left && p[len] && strchr(blanks, p[len]))
			len++;
		return len;
	}
	if (len == 0 || is_control(p, len)) {
		snprintf(piece, 8, "\\x%02x", *p);
		return 1;
	}
	memcpy(piece, p, len);
	piece[len] = '\0';
	return len;
}

char *excerpt_format(const void *data, size_t len, char *text, size_t size)
{
	const unsigned char *p = data, *end = p + len;
	size_t used = 0, cut = 0; /* where the mark goes if the rest does not fit */

	while (p < end) {
		char piece[8];
		size_t n = next_piece(p, (size_t)(end - p), piece);
		size_t piece_len = strlen(piece);

		if (used + piece_len > size - 1) {
			memcpy(text + cut, EXCERPT_MARK, sizeof(EXCERPT_MARK));
			return text;
		}
		memcpy(text + used, piece, piece_len);
		used += piece_len;
		if (used + sizeof(EXCERPT_MARK) <= size)
			cut = used;
		p += n;
	}
	text[used] = '\0';
	return text;
}
