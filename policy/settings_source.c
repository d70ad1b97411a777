/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/alloc.h"
#include "policy/intake_generic.h"
#include "policy/settings_source.h"

#define SPAN_MAX	 (24 * DUR_HOUR)
#define HEARTBEAT_MAX	 (30 * 24 * DUR_HOUR)
#define RATE_MAX	 100000
#define HOLDS_MAX	 100000
#define LEVELS_MAX	 64
#define WORD_MAX	 64
#define SECRET_MIN	 16
#define SECRET_MAX	 256
#define HEADER_NAME_MAX	 64
#define PREFIX_MAX	 16
#define FILE_MAX	 500
#define CERTIFICATES_MAX 32768

static const char *const keys[] = {
	"name",	     "kind",	 "default_level", "levels",    "zone",
	"delay",     "hold",	 "confirm",	  "heartbeat", "rate",
	"holds_max", "policies", "hmac",	  "networks",  "token_places",
	"mapping",   "file",	 "certificates",  "kafka",     NULL,
};

/* What the API adds to a source's view. */
static const char *const shown[] = {"token", "url", "old_token_until", "file_state", NULL};

static const struct {
	const char *name;
	enum source_token_place place;
} places[] = {{"url", SOURCE_TOKEN_URL},
	      {"bearer", SOURCE_TOKEN_BEARER},
	      {"basic", SOURCE_TOKEN_BASIC},
	      {"header", SOURCE_TOKEN_HEADER}};

/* ---- ownership ---- */

static void take_kind(struct source *source, enum source_kind kind)
{
	struct source_kind_facts facts = source_kind_get(kind);

	source->kind = kind;
	source->default_level = facts.default_level;
	source->hold = facts.hold;
	source->zone_minutes = facts.zone_minutes;
}

void source_default(struct source *source)
{
	*source = (struct source){
		.name = xstrdup(""),
		.token_places = SOURCE_TOKEN_ANYWHERE,
		.levels = json_object(),
		.mapping = json_object(),
		.certificates = xstrdup(""),
		.file = xstrdup(""),
		.hmac = {.header = xstrdup(""),
			 .timestamp_header = xstrdup(""),
			 .prefix = xstrdup("")},
	};
	take_kind(source, SOURCE_NATIVE);
}

struct source *source_copy(const struct source *source)
{
	struct source *copy = xmemdup(source, sizeof(*source));

	copy->name = xstrdup(source->name);
	copy->levels = json_incref(source->levels);
	copy->mapping = json_incref(source->mapping);
	copy->patterns = intake_patterns_use(source->patterns);
	copy->certificates = xstrdup(source->certificates);
	copy->file = xstrdup(source->file);
	source_kafka_copy(&copy->kafka);
	copy->hmac.header = xstrdup(source->hmac.header);
	copy->hmac.timestamp_header = xstrdup(source->hmac.timestamp_header);
	copy->hmac.prefix = xstrdup(source->hmac.prefix);
	setting_copy_list(copy->hmac.secrets);
	setting_copy_list(copy->networks);
	setting_copy_list(copy->policies);
	return copy;
}

void source_fini(struct source *source)
{
	free(source->name);
	json_decref(source->levels);
	json_decref(source->mapping);
	source->patterns = intake_patterns_drop(source->patterns);
	free(source->certificates);
	free(source->file);
	source_kafka_fini(&source->kafka);
	free(source->hmac.header);
	free(source->hmac.timestamp_header);
	free(source->hmac.prefix);
	setting_free_list(source->hmac.secrets);
	setting_free_list(source->networks);
	setting_free_list(source->policies);
	source->name = NULL;
	source->levels = NULL;
	source->mapping = NULL;
	source->certificates = NULL;
	source->file = NULL;
	source->hmac = (struct source_hmac){0};
}

/* ---- identity and levels ---- */

static int read_name(struct source *source, const json_t *object, struct error *err)
{
	int r = setting_read_name(object, &source->name, err);
	const char *problem = r ? NULL : setting_check_source(source->name);

	if (problem)
		return error_set(err, "invalid_value", "/name", "\"%s\": %s", source->name,
				 problem);
	if (!r && !strcmp(source->name, "ringbell"))
		return error_set(err, "invalid_value", "/name",
				 "\"ringbell\": reserved for alerts about this system itself");
	return r;
}

/* Another kind brings its own defaults; what else is in the object overrides them. */
static int read_kind(struct source *source, const json_t *object, struct error *err)
{
	enum source_kind kind;
	const char *text;
	char list[320];
	int r = json_read_text(object, "", "kind", 1, 32, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (source_kind_parse(text, &kind))
		return error_set(err, "invalid_value", "/kind", "\"%s\": %s expected", text,
				 source_kind_list(list, sizeof(list)));
	if (kind != source->kind)
		take_kind(source, kind);
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

static int check_level_words(const json_t *object, struct error *err)
{
	const char *word;
	json_t *value;
	enum level level;

	if (json_object_size(object) > LEVELS_MAX)
		return error_set(err, "invalid_value", "/levels", "at most %d words expected",
				 LEVELS_MAX);
	json_object_foreach ((json_t *)object, word, value) {
		const char *text = json_string_value(value);

		if (*word && strlen(word) <= WORD_MAX && text && !level_parse(text, &level))
			continue;
		return error_set(err, "invalid_value", "/levels",
				 "\"%.64s\": a word of 1 to %d bytes with one of " LEVEL_WORDS
				 " expected",
				 word, WORD_MAX);
	}
	return 0;
}

static int read_level_words(struct source *source, const json_t *object, struct error *err)
{
	json_t *levels;
	int r = json_read_object(object, "", "levels", &levels, err);

	if (!r)
		r = check_level_words(levels, err);
	if (!r) {
		json_decref(source->levels);
		source->levels = json_deep_copy(levels);
	}
	return r < 0 ? r : 0;
}

static int read_mapping(struct source *source, const json_t *object, struct error *err)
{
	json_t *mapping, *kept = NULL;
	int r = json_read_object(object, "", "mapping", &mapping, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (json_object_size(mapping))
		r = intake_generic_read(mapping, &kept, err);
	if (r)
		return r;
	json_decref(source->mapping);
	source->mapping = kept ? kept : json_object();
	intake_patterns_drop(source->patterns);
	source->patterns = intake_patterns_new(source->mapping);
	return 0;
}

static int read_file(struct source *source, const json_t *object, struct error *err)
{
	int r = setting_read_text(object, "file", 0, FILE_MAX, &source->file, err);

	if (r || !*source->file)
		return r;
	if (source->file[0] != '/' || strstr(source->file, "/../") || !source->file[1])
		return error_set(err, "invalid_value", "/file",
				 "\"%.200s\": an absolute path without \"..\" expected",
				 source->file);
	if (!source_kind_get(source->kind).lines)
		return error_set(err, "invalid_value", "/file",
				 "a source of kind %s sends no lines that could be in a file",
				 source_kind_name(source->kind));
	return 0;
}

static int read_kafka(struct source *source, const json_t *object, struct error *err)
{
	int r = source_kafka_read(&source->kafka, object, err);

	if (!r && source->kafka.cluster && *source->file)
		return error_set(err, "invalid_value", "/kafka",
				 "\"%.200s\" is the source's file: a file or a topic expected, "
				 "not both",
				 source->file);
	return r;
}

static int read_certificates(struct source *source, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "certificates", 0, CERTIFICATES_MAX, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (*text && !strstr(text, "-----BEGIN CERTIFICATE-----"))
		return error_set(err, "invalid_value", "/certificates",
				 "certificates in PEM expected");
	setting_set(&source->certificates, text);
	return 0;
}

static int read_zone(struct source *source, const json_t *object, struct error *err)
{
	const char *text;
	int hours, minutes, end = 0, r = json_read_text(object, "", "zone", 1, 16, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (sscanf(text, "%*1[+-]%2d:%2d%n", &hours, &minutes, &end) != 2 || text[end] ||
	    strlen(text) != 6 || hours > 14 || minutes > 59)
		return error_set(err, "invalid_value", "/zone",
				 "\"%s\": a zone like \"+08:00\" expected", text);
	source->zone_minutes = (*text == '-' ? -1 : 1) * (hours * 60 + minutes);
	return 0;
}

static json_t *format_zone(int minutes)
{
	int m = abs(minutes);

	return json_sprintf("%c%02d:%02d", minutes < 0 ? '-' : '+', m / 60, m % 60);
}

/* ---- who may send ---- */

static int read_places(struct source *source, const json_t *object, struct error *err)
{
	json_t *list, *value;
	unsigned found = 0;
	char field[96];
	size_t i;
	int r = json_read_array(object, "", "token_places", 8, &list, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	json_array_foreach (list, i, value) {
		const char *text = json_string_value(value);
		size_t p = 0;

		while (p < ARRAY_SIZE(places) && text && strcmp(places[p].name, text))
			p++;
		if (!text || p == ARRAY_SIZE(places)) {
			snprintf(field, sizeof(field), "/token_places/%zu", i);
			return error_set(err, "invalid_value", field,
					 "\"%.60s\": url, bearer, basic or header expected",
					 text ? text : "");
		}
		found |= places[p].place;
	}
	if (!found)
		return error_set(err, "invalid_value", "/token_places",
				 "at least one of url, bearer, basic and header expected");
	source->token_places = found;
	return 0;
}

static json_t *format_places(unsigned set)
{
	json_t *list = json_array();

	for (size_t p = 0; p < ARRAY_SIZE(places); p++)
		if (set & places[p].place)
			json_array_append_new(list, json_string(places[p].name));
	return list;
}

static const char *check_network(const char *text)
{
	struct address_range range;
	const char *problem = address_range_parse(text, &range);

	if (!problem && range.family == ADDRESS_MAC)
		return "an IP address or network like \"10.0.0.0/8\" expected";
	return problem;
}

static const char *check_policy(const char *text)
{
	return *text && strlen(text) <= SETTING_NAME_MAX ? NULL : "a policy's id or name expected";
}

static bool is_token(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static int read_header_name(const json_t *hmac, const char *key, char **ret, struct error *err)
{
	const char *text;
	char field[96];
	int r = json_read_text(hmac, "/hmac", key, 0, HEADER_NAME_MAX, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	snprintf(field, sizeof(field), "/hmac/%s", key);
	if (!is_token(text))
		return error_set(err, "invalid_value", field, "\"%s\": a header's name expected",
				 text);
	setting_set(ret, text);
	return 0;
}

/* "***" keeps the secret at its place. */
static int read_secrets(struct source_hmac *hmac, const json_t *object, struct error *err)
{
	char *found[SOURCE_SECRETS_MAX + 1] = {NULL};
	json_t *list;
	size_t count = 0;
	int r = json_read_array(object, "/hmac", "secrets", SOURCE_SECRETS_MAX, &list, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	while (hmac->secrets[count])
		count++;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text && !strcmp(text, SETTING_SECRET) && i < count)
			text = hmac->secrets[i];
		else if (!text || strlen(text) < SECRET_MIN || strlen(text) > SECRET_MAX) {
			setting_free_list(found);
			return error_set(err, "invalid_value", "/hmac/secrets",
					 "secrets of %d to %d bytes expected", SECRET_MIN,
					 SECRET_MAX);
		}
		found[i] = xstrdup(text);
	}
	setting_free_list(hmac->secrets);
	memcpy(hmac->secrets, found, sizeof(found));
	return 0;
}

static int read_encoding(struct source_hmac *hmac, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "/hmac", "encoding", 1, 16, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (strcmp(text, "hex") && strcmp(text, "base64"))
		return error_set(err, "invalid_value", "/hmac/encoding",
				 "\"%s\": hex or base64 expected", text);
	hmac->base64 = !strcmp(text, "base64");
	return 0;
}

static int read_hmac(struct source *source, const json_t *object, struct error *err)
{
	static const char *const members[] = {"header",	  "timestamp_header", "prefix",
					      "encoding", "secrets",	      NULL};
	struct source_hmac *hmac = &source->hmac;
	const char *prefix;
	json_t *value;
	int r = json_read_object(object, "", "hmac", &value, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	r = json_check_keys(value, "/hmac", members, err);
	if (!r)
		r = read_header_name(value, "header", &hmac->header, err);
	if (!r)
		r = read_header_name(value, "timestamp_header", &hmac->timestamp_header, err);
	if (!r)
		r = json_read_text(value, "/hmac", "prefix", 0, PREFIX_MAX, &prefix, err);
	if (!r)
		setting_set(&hmac->prefix, prefix);
	if (r >= 0)
		r = read_encoding(hmac, value, err);
	if (!r)
		r = read_secrets(hmac, value, err);
	if (!r && !*hmac->header != !hmac->secrets[0])
		return error_set(err, "invalid_value", "/hmac",
				 "header and secrets belong together: both or neither expected");
	return r;
}

static json_t *format_hmac(const struct source_hmac *hmac, const char *mask)
{
	json_t *secrets = json_array();

	for (char *const *secret = hmac->secrets; *secret; secret++)
		json_array_append_new(secrets, json_string(mask ? mask : *secret));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "header", hmac->header, "timestamp_header",
			 hmac->timestamp_header, "prefix", hmac->prefix, "encoding",
			 hmac->base64 ? "base64" : "hex", "secrets", secrets);
}

/* ---- all ---- */

static int read_spans(struct source *source, const json_t *object, struct error *err)
{
	int r = json_read_dur(object, "", "delay", 0, SPAN_MAX, &source->delay, err);

	if (r >= 0)
		r = json_read_dur(object, "", "hold", 0, SPAN_MAX, &source->hold, err);
	if (r >= 0)
		r = json_read_dur(object, "", "confirm", 0, SPAN_MAX, &source->confirm, err);
	if (r >= 0)
		r = json_read_dur(object, "", "heartbeat", 0, HEARTBEAT_MAX, &source->heartbeat,
				  err);
	return r < 0 ? r : 0;
}

static int read_limits(struct source *source, const json_t *object, struct error *err)
{
	int64_t rate = source->rate, holds = source->holds_max;
	int r = json_read_int(object, "", "rate", 0, RATE_MAX, &rate, err);

	if (r >= 0)
		r = json_read_int(object, "", "holds_max", 0, HOLDS_MAX, &holds, err);
	if (r < 0)
		return r;
	source->rate = (uint32_t)rate;
	source->holds_max = (uint32_t)holds;
	return setting_read_list(object, "policies", SOURCE_POLICIES_MAX, check_policy,
				 source->policies, err);
}

typedef int (*source_reader)(struct source *source, const json_t *object, struct error *err);

static int read_all(struct source *source, const json_t *object, struct error *err)
{
	static const source_reader readers[] = {
		read_name,	   read_kind,  read_level, read_level_words, read_mapping,
		read_certificates, read_file,  read_kafka, read_zone,	     read_places,
		read_hmac,	   read_spans, read_limits};
	int r = setting_check_keys(object, keys, shown, err);

	for (size_t i = 0; !r && i < ARRAY_SIZE(readers); i++)
		r = readers[i](source, object, err);
	if (!r)
		r = setting_read_list(object, "networks", SOURCE_NETWORKS_MAX, check_network,
				      source->networks, err);
	return r;
}

int source_read(struct source *source, const json_t *object, struct error *err)
{
	CLEANUP_FREE struct source *draft = source_copy(source);
	struct source before = *source;
	int r = read_all(draft, object, err);

	if (!r && !*draft->hmac.header)
		setting_free_list(draft->hmac.secrets);
	if (!r) {
		*source = *draft;
		*draft = before;
	}
	source_fini(draft);
	return r;
}

static json_t *format(const struct source *source, enum kind_secrets secrets)
{
	const char *mask = secrets == KIND_MASKED ? SETTING_SECRET : NULL;
	json_t *object = json_pack(
		"{s:s, s:I, s:s, s:s, s:s, s:O, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "id",
		source->id, "version", (json_int_t)source->version, "name", source->name, "kind",
		source_kind_name(source->kind), "default_level", level_name(source->default_level),
		"levels", source->levels, "zone", format_zone(source->zone_minutes), "delay",
		setting_format_dur(source->delay), "hold", setting_format_dur(source->hold),
		"confirm", setting_format_dur(source->confirm), "heartbeat",
		setting_format_dur(source->heartbeat), "rate", (json_int_t)source->rate,
		"holds_max", (json_int_t)source->holds_max);

	json_object_set(object, "mapping", source->mapping);
	json_object_set_new(object, "file", json_string(source->file));
	json_object_set_new(object, "kafka", source_kafka_format(&source->kafka, secrets));
	json_object_set_new(object, "certificates", json_string(source->certificates));
	json_object_set_new(object, "policies", setting_format_list(source->policies));
	json_object_set_new(object, "token_places", format_places(source->token_places));
	json_object_set_new(object, "hmac", format_hmac(&source->hmac, mask));
	json_object_set_new(object, "networks", setting_format_list(source->networks));
	json_object_set_new(object, "created_at", setting_format_wall(source->created_at));
	json_object_set_new(object, "updated_at", setting_format_wall(source->updated_at));
	return object;
}

json_t *source_format(const struct source *source)
{
	json_t *object = format(source, KIND_MASKED);

	json_object_set_new(object, "old_token_until",
			    setting_format_wall(source->old_token_until));
	return object;
}

json_t *source_format_full(const struct source *source)
{
	return format(source, KIND_SHOWN);
}

struct intake source_intake(const struct source *source, wall_t now)
{
	return (struct intake){.kind = source->kind,
			       .source = source->name,
			       .default_level = source->default_level,
			       .levels = source->levels,
			       .zone_minutes = source->zone_minutes,
			       .mapping = source->mapping,
			       .patterns = source->patterns,
			       .now = now};
}
