/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/route.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct pieces {
	size_t count;
	char *items[ROUTE_PIECES_MAX];
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place. Control characters, '/' and broken escapes make the path unknown. */
static bool piece_decode(char *piece)
{
	char *out = piece;

	for (const char *in = piece; *in; in++) {
		unsigned char c = (unsigned char)*in;

		if (c == '%') {
			int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);

			if (low < 0)
				return false;
			c = (unsigned char)(high << 4 | low);
			in += 2;
			if (c == '/')
				return false;
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		*out++ = (char)c;
	}
	*out = '\0';
	return true;
}

/* "/a/b" → "a", "b". Empty pieces, "." and ".." are no path of ours. */
static bool path_split(char *text, struct pieces *ret)
{
	char *rest = text + 1;

	ret->count = 0;
	if (*text != '/')
		return false;
	while (rest) {
		char *piece = strsep(&rest, "/");

		if (ret->count == ROUTE_PIECES_MAX || !piece_decode(piece) || !*piece ||
		    !strcmp(piece, ".") || !strcmp(piece, ".."))
			return false;
		ret->items[ret->count++] = piece;
	}
	return true;
}

static bool pattern_matches(const char *pattern, const struct pieces *pieces,
			    struct route_match *match)
{
	match->param_count = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		size_t len;

		if (*pattern++ != '/')
			return false;
		len = strcspn(pattern, "/");
		if (len == 2 && !strncmp(pattern, "{}", 2)) {
			if (match->param_count == ROUTE_PARAMS_MAX)
				return false;
			match->params[match->param_count++] = pieces->items[i];
		} else if (strlen(pieces->items[i]) != len ||
			   strncmp(pattern, pieces->items[i], len)) {
			return false;
		}
		pattern += len;
	}
	return !*pattern;
}

int route_find(const struct route table[], size_t count, enum route_method method, const char *path,
	       struct route_match *ret)
{
	struct pieces pieces;

	ret->allow = 0;
	ret->route = NULL;
	if (strlen(path) >= sizeof(ret->text))
		return ROUTE_UNKNOWN;
	memcpy(ret->text, path, strlen(path) + 1);
	if (!path_split(ret->text, &pieces))
		return ROUTE_UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		if (table[i].permission == PERMISSION_NONE ||
		    !pattern_matches(table[i].pattern, &pieces, ret))
			continue;
		if (table[i].methods & method) {
			ret->route = &table[i];
			return 0;
		}
		ret->allow |= table[i].methods;
	}
	return ret->allow ? ROUTE_METHOD : ROUTE_UNKNOWN;
}

const char *route_format_methods(unsigned methods, char text[64])
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < 6; i++)
		if (methods & 1u << i)
			len += (size_t)snprintf(text + len, 64 - len, "%s%s", len ? ", " : "",
						names[i]);
	return text;
}
