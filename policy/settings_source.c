/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/settings_internal.h"

#define DELAY_MAX (24 * DUR_HOUR)

static const char *const keys[] = {"name", "kind", "default_level", "delay", NULL};

/* What the API adds to a source's view. */
static const char *const shown[] = {"token", "url", NULL};

void source_default(struct source *source)
{
	*source = (struct source){
		.name = xstrdup(""),
		.kind = SOURCE_NATIVE,
		.default_level = LEVEL_WARNING,
	};
}

struct source *source_copy(const struct source *source)
{
	struct source *copy = xmemdup(source, sizeof(*source));

	copy->name = xstrdup(source->name);
	return copy;
}

void source_fini(struct source *source)
{
	free(source->name);
	source->name = NULL;
}

static int read_name(struct source *source, const json_t *object, struct error *err)
{
	int r = setting_read_name(object, &source->name, err);
	const char *problem = r ? NULL : setting_check_source(source->name);

	if (problem)
		return error_set(err, "invalid_value", "/name", "\"%s\": %s", source->name,
				 problem);
	return r;
}

static int read_kind(struct source *source, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "kind", 1, 32, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (source_kind_parse(text, &source->kind))
		return error_set(err, "invalid_value", "/kind",
				 "\"%s\": native or alertmanager expected", text);
	return 0;
}

static int read_level(struct source *source, const json_t *object, struct error *err)
{
	const char *text;
	enum level level;
	int r = json_read_text(object, "", "default_level", 1, 32, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (level_parse(text, &level) || level == LEVEL_RECOVERY)
		return error_set(err, "invalid_value", "/default_level",
				 "\"%s\": critical, error, warning, no_data or info expected",
				 text);
	source->default_level = level;
	return 0;
}

static int read_all(struct source *source, const json_t *object, struct error *err)
{
	int r = setting_check_keys(object, keys, shown, err);

	if (!r)
		r = read_name(source, object, err);
	if (!r)
		r = read_kind(source, object, err);
	if (!r)
		r = read_level(source, object, err);
	if (!r)
		r = json_read_dur(object, "", "delay", 0, DELAY_MAX, &source->delay, err);
	return r < 0 ? r : 0;
}

int source_read(struct source *source, const json_t *object, struct error *err)
{
	CLEANUP_FREE struct source *draft = source_copy(source);
	struct source before = *source;
	int r = read_all(draft, object, err);

	if (!r) {
		*source = *draft;
		*draft = before;
	}
	source_fini(draft);
	return r;
}

json_t *source_format(const struct source *source)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:o}", "id", source->id, "version",
			 (json_int_t)source->version, "name", source->name, "kind",
			 source_kind_name(source->kind), "default_level",
			 level_name(source->default_level), "delay",
			 setting_format_dur(source->delay), "created_at",
			 setting_format_wall(source->created_at), "updated_at",
			 setting_format_wall(source->updated_at));
}
