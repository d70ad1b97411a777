/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/live_match.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/filter_table.h"
#include "policy/utf8.h"

static void fill_text(struct live_match *match, const struct match *own, const struct match *narrow,
		      size_t count)
{
	CLEANUP_JSON json_t *json = match_format(own), *list = json_array();
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, match_format(&narrow[i]));
	if (count)
		json_object_set(json, "narrowed", list);
	text = json_format(json);
	utf8_put(match->text, sizeof(match->text), text);
}

struct live_match *live_match_new(const struct match *own, const struct match *narrow, size_t count)
{
	static const struct match everything;
	struct live_match *match;
	struct sha256 hash;

	if (!own && !count)
		return NULL;
	match = xcalloc(1, sizeof(*match));
	filter_table_format(own ? own : &everything, narrow, count, &match->table);
	sha256_init(&hash);
	sha256_add(&hash, match->table.data, match->table.len);
	sha256_format(&hash, match->digest);
	fill_text(match, own ? own : &everything, narrow, count);
	return match;
}

struct live_match *live_match_free(struct live_match *match)
{
	if (match)
		buf_fini(&match->table);
	free(match);
	return NULL;
}
