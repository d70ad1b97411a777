/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/hide.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "dispatch/push/excerpt.h"
#include "policy/settings.h"

#define STARS "***"

/* As an excerpt would show it. */
static void add(struct buf *list, const char *text, size_t len)
{
	size_t size = 4 * len + 8;
	char *shown;

	if (len < HIDE_LENGTH_MIN)
		return;
	shown = xmalloc(size);
	excerpt_format(text, len, shown, size);
	buf_append(list, shown, strlen(shown) + 1);
	explicit_bzero(shown, size);
	free(shown);
}

static void add_text(struct buf *list, const struct courier_push *push, enum courier_text which)
{
	const char *text = courier_push_get(push, which);

	add(list, text, strlen(text));
}

/* The value, and what follows a scheme: "Bearer TOKEN". */
static void add_header(struct buf *list, const char *line, size_t len)
{
	const char *value = memchr(line, ':', len), *end = line + len, *blank;

	if (!value || !strncasecmp(line, "content-type:", 13))
		return;
	value += 1 + strspn(value + 1, " ");
	add(list, value, (size_t)(end - value));
	blank = memchr(value, ' ', (size_t)(end - value));
	if (blank)
		add(list, blank + 1, (size_t)(end - blank - 1));
}

static void add_headers(struct buf *list, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		add_header(list, lines, len);
		lines += len + (lines[len] != '\0');
	}
}

/* "scheme://user:password@host" */
static void add_proxy(struct buf *list, const char *url)
{
	const char *user = strstr(url, "://"), *at = strrchr(url, '@'), *colon;

	if (!user || !at)
		return;
	user += 3;
	add(list, user, (size_t)(at - user));
	colon = memchr(user, ':', (size_t)(at - user));
	if (colon)
		add(list, colon + 1, (size_t)(at - colon - 1));
}

/* The keys in a robot's address, the last piece of a webhook's. */
static void add_address(struct buf *list, const char *url)
{
	const char *query = strchr(url, '?'), *last = strrchr(url, '/');

	if (!query && last)
		add(list, last + 1, strlen(last + 1));
	while (query && *query) {
		size_t len = strcspn(query + 1, "&");
		const char *value = memchr(query + 1, '=', len);

		if (value)
			add(list, value + 1, (size_t)(query + 1 + len - value - 1));
		query += 1 + len;
	}
}

char *hide_list(const struct courier_push *push)
{
	CLEANUP_BUF struct buf list = BUF_INIT;

	add_text(&list, push, COURIER_SECRET);
	add_text(&list, push, COURIER_SECRET_OLD);
	add_headers(&list, courier_push_get(push, COURIER_HEADERS));
	add_proxy(&list, courier_push_get(push, COURIER_PROXY));
	if (push->kind == ENDPOINT_WECOM_ROBOT || push->kind == ENDPOINT_DINGTALK ||
	    (push->kind == ENDPOINT_SLACK && !*courier_push_get(push, COURIER_SECRET)))
		add_address(&list, courier_push_get(push, COURIER_URL));
	buf_append(&list, "", 1);
	return buf_take(&list);
}

static size_t list_size(const char *list)
{
	const char *p = list;

	while (*p)
		p += strlen(p) + 1;
	return (size_t)(p - list) + 1;
}

char *hide_free(char *list)
{
	if (list)
		explicit_bzero(list, list_size(list));
	free(list);
	return NULL;
}

static void hide_one(const char *secret, char *text)
{
	size_t len = strlen(secret);

	while ((text = strstr(text, secret))) {
		memcpy(text, STARS, sizeof(STARS) - 1);
		text += sizeof(STARS) - 1;
		memmove(text, text + len - (sizeof(STARS) - 1),
			strlen(text + len - (sizeof(STARS) - 1)) + 1);
	}
}

/* An excerpt that is cut off within a secret ends with its beginning. */
static void hide_cut(const char *secret, char *text)
{
	size_t len = strlen(text), mark = sizeof(EXCERPT_MARK) - 1;
	size_t n = strlen(secret) - 1;

	if (len < mark || strcmp(text + len - mark, EXCERPT_MARK) != 0)
		return;
	len -= mark;
	n = n < len ? n : len;
	while (n >= HIDE_LENGTH_MIN && memcmp(text + len - n, secret, n) != 0)
		n--;
	if (n >= HIDE_LENGTH_MIN)
		memcpy(text + len - n, STARS EXCERPT_MARK, sizeof(STARS EXCERPT_MARK));
}

void hide_apply(const char *list, char *text)
{
	for (; *list; list += strlen(list) + 1) {
		hide_one(list, text);
		hide_cut(list, text);
	}
}
