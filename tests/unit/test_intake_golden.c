/* SPDX-License-Identifier: Apache-2.0 */
/* Every payload of tests/data/intake/<kind>/ against the alerts it must become, and every payload
 * bent in the ways payloads get bent. <name>.json (or .jsonl) is what the sender posts,
 * <name>.expect the alerts as alert_format has them, without what is empty or new each time.
 * <name>.firing and <name>.recovered are one alert.
 *
 * RINGBELL_GOLDEN_UPDATE=1 writes the expectations anew: read the difference before you keep it. */
#include <dirent.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/intake.h"
#include "tests/fuzz/intake_check.h"
#include "tests/unit/test.h"

#define PATH_SIZE 512

struct payload {
	enum source_kind kind;
	char stem[PATH_SIZE]; /* path without .json */
	char *text;
	size_t len;
};

static struct intake intake_of(enum source_kind kind)
{
	struct source_kind_facts facts = source_kind_get(kind);
	struct intake intake = {.kind = kind,
				.source = source_kind_name(kind),
				.default_level = facts.default_level,
				.zone_minutes = facts.zone_minutes,
				.mapping = intake_check_mapping(kind),
				.patterns = intake_check_patterns(kind)};

	check(!wall_parse("2026-01-01T12:00:00Z", &intake.now));
	return intake;
}

/* ---- files ---- */

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = xmalloc(1 << 20);

	if (!file) {
		free(text);
		return NULL;
	}
	*len = fread(text, 1, (1 << 20) - 1, file);
	text[*len] = '\0';
	fclose(file);
	return text;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	check(file);
	fputs(text, file);
	fclose(file);
}

static const char *ending(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot : "";
}

typedef void (*payload_call)(const struct payload *payload);

static void each_file(enum source_kind kind, const char *folder, const char *name,
		      payload_call call)
{
	struct payload payload = {.kind = kind};
	char path[PATH_SIZE + 300];

	if (strcmp(ending(name), ".json") != 0 && strcmp(ending(name), ".jsonl") != 0)
		return;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	payload.text = read_file(path, &payload.len);
	check(payload.text);
	snprintf(payload.stem, sizeof(payload.stem), "%.*s", (int)(ending(path) - path), path);
	call(&payload);
	free(payload.text);
}

/* Calls for every payload of every kind; a kind without any is a failure. */
static void each_payload(const char *root, payload_call call)
{
	for (enum source_kind kind = 0; kind < SOURCE_KIND_COUNT; kind++) {
		char folder[PATH_SIZE];
		struct dirent *entry;
		DIR *dir;
		int count = 0;

		snprintf(folder, sizeof(folder), "%s/%s", root, source_kind_name(kind));
		dir = opendir(folder);
		if (!dir)
			fprintf(stderr, "no payloads in %s\n", folder);
		check(dir);
		while ((entry = readdir(dir))) {
			each_file(kind, folder, entry->d_name, call);
			count++;
		}
		check(count > 2);
		closedir(dir);
	}
}

/* ---- expected ---- */

static bool is_empty(const json_t *value)
{
	return json_is_null(value) ||
	       (json_is_string(value) &&
		(!json_string_length(value) || !strcmp(json_string_value(value), "0s"))) ||
	       ((json_is_object(value) || json_is_array(value)) && !json_object_size(value) &&
		!json_array_size(value));
}

static void drop_empty(json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		if (json_is_object(value))
			drop_empty(value);
		if (is_empty(value))
			json_object_del(object, key);
	}
}

static json_t *format_list(const struct alert_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		json_t *alert = alert_format(&list->alerts[i]);

		json_object_del(alert, "id");
		json_object_del(alert, "received_at");
		json_object_del(alert, "level_number");
		drop_empty(alert);
		json_array_append_new(array, alert);
	}
	return array;
}

static json_t *parse_result(enum source_kind kind, const char *text, size_t len)
{
	struct intake intake = intake_of(kind);
	struct error err = {0};
	struct alert_list list;
	json_t *result;

	alert_list_init(&list);
	if (intake_parse(&intake, text, len, &list, &err))
		return json_pack("{s:s, s:s}", "refused", err.code, "field", err.field);
	result = json_pack("{s:o}", "alerts", format_list(&list));
	if (list.ignored)
		json_object_set_new(result, "ignored", json_integer((json_int_t)list.ignored));
	alert_list_fini(&list);
	return result;
}

static void check_golden(const struct payload *payload)
{
	json_t *result = parse_result(payload->kind, payload->text, payload->len);
	char *text = json_dumps(result, JSON_INDENT(2) | JSON_SORT_KEYS), *want;
	char path[PATH_SIZE + 16];
	size_t len;

	snprintf(path, sizeof(path), "%s.expect", payload->stem);
	if (getenv("RINGBELL_GOLDEN_UPDATE")) {
		CLEANUP_FREE char *line = xasprintf("%s\n", text);

		write_file(path, line);
	}
	want = read_file(path, &len);
	if (!want || len != strlen(text) + 1 || strncmp(want, text, len - 1) != 0) {
		fprintf(stderr, "%s:\n%s\nbut got:\n%s\n", path, want ? want : "(missing)", text);
		exit(1);
	}
	free(want);
	free(text);
	json_decref(result);
}

/* ---- one alert ---- */

static char *fingerprint_of(const json_t *result)
{
	json_t *alert = json_array_get(json_object_get(result, "alerts"), 0);
	const char *text = json_string_value(json_object_get(alert, "fingerprint"));

	check(text);
	return xstrdup(text);
}

static void check_pair(const struct payload *payload)
{
	const char *what = ending(payload->stem);
	char path[PATH_SIZE + 32];
	CLEANUP_FREE char *other = NULL, *a = NULL, *b = NULL;
	json_t *firing, *recovered;
	size_t len;

	if (strcmp(what, ".firing") != 0)
		return;
	snprintf(path, sizeof(path), "%.*s.recovered.json", (int)(what - payload->stem),
		 payload->stem);
	other = read_file(path, &len);
	check(other);
	firing = parse_result(payload->kind, payload->text, payload->len);
	recovered = parse_result(payload->kind, other, len);
	a = fingerprint_of(firing);
	b = fingerprint_of(recovered);
	if (strcmp(a, b) != 0)
		fprintf(stderr, "%s: recovery has another fingerprint\n", payload->stem);
	check_text(a, b);
	json_decref(firing);
	json_decref(recovered);
}

/* ---- bent payloads ---- */

static void survive(const struct payload *payload, const char *text, size_t len)
{
	intake_check(payload->kind, (const uint8_t *)text, len);
}

static void check_refused(const struct payload *payload, const char *text, size_t len,
			  const char *code)
{
	struct intake intake = intake_of(payload->kind);
	struct alert_list list;
	struct error err = {0};

	alert_list_init(&list);
	if (!intake_parse(&intake, text, len, &list, &err))
		fprintf(stderr, "%s: not refused: %.200s\n", payload->stem, text);
	check_text(err.code, code);
}

static void truncated(const struct payload *payload)
{
	for (size_t len = 0; len < payload->len; len += 1 + payload->len / 50)
		survive(payload, payload->text, len);
}

static void too_long(const struct payload *payload)
{
	static bool done[SOURCE_KIND_COUNT]; /* one per kind will do */
	char *text;

	if (done[payload->kind])
		return;
	done[payload->kind] = true;
	text = xmalloc(INTAKE_BYTES_MAX + 1);

	memset(text, ' ', INTAKE_BYTES_MAX + 1);
	memcpy(text, payload->text, payload->len);
	check_refused(payload, text, INTAKE_BYTES_MAX + 1, "too_large");
	survive(payload, text, INTAKE_BYTES_MAX);
	free(text);
}

static void too_deep(const struct payload *payload)
{
	struct buf text = BUF_INIT;

	for (int i = 0; i < 40; i++)
		buf_append_text(&text, "[");
	buf_append(&text, payload->text, payload->len);
	check_refused(payload, text.data, text.len, "too_deep");
	buf_fini(&text);
}

/* Each byte between quotes once as a byte that is no UTF-8, and as NUL. */
static void bad_bytes(const struct payload *payload)
{
	char *text = xmemdup(payload->text, payload->len);

	for (size_t i = 1; i < payload->len; i += 1 + payload->len / 40) {
		char byte = text[i];

		text[i] = (char)0xff;
		survive(payload, text, payload->len);
		text[i] = '\0';
		survive(payload, text, payload->len);
		text[i] = byte;
	}
	free(text);
}

static void duplicate_keys(const struct payload *payload)
{
	CLEANUP_FREE char *text = NULL;

	if (payload->text[0] != '{')
		return;
	text = xasprintf("{\"zz\": 1, \"zz\": 2, %s", payload->text + 1);
	check_refused(payload, text, strlen(text), "invalid_json");
}

/* What a value is replaced by: other types, absurd numbers and times, hostile texts. */
static const char *const others[] = {
	"null",
	"true",
	"[]",
	"{}",
	"[[{}]]",
	"-1",
	"0",
	"1e300",
	"9223372036854775807",
	"\"\"",
	"\"9999-12-31T23:59:59Z\"",
	"\"0000-00-00 00:00:00\"",
	"\"2026-02-30 25:61:61\"",
	"\"99999999999999999999999\"",
	"\"1.2.3.4 or host 0.0.0.0/0\"",
	"\"%s%n\\\"; DROP TABLE alerts; --\"",
	"\"\\u202e\\ud83d\\ude00\"",
};

struct bend {
	const struct payload *payload;
	json_t *root;
};

static void try_root(const struct bend *bend)
{
	static unsigned turn;

	CLEANUP_FREE char *text = NULL;

	if (turn++ % 16)
		return;
	text = json_format(bend->root);
	survive(bend->payload, text, strlen(text));
}

static void bend_all(const struct bend *bend, json_t *value);

static void bend_member(const struct bend *bend, json_t *parent, const char *key, size_t index)
{
	json_t *kept =
		json_incref(key ? json_object_get(parent, key) : json_array_get(parent, index));

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		json_t *other = json_loads(others[i], JSON_DECODE_ANY, NULL);

		check(other);
		if (key)
			json_object_set_new(parent, key, other);
		else
			json_array_set_new(parent, index, other);
		try_root(bend);
	}
	if (key)
		json_object_set(parent, key, kept);
	else
		json_array_set(parent, index, kept);
	bend_all(bend, kept);
	json_decref(kept);
}

static void bend_all(const struct bend *bend, json_t *value)
{
	CLEANUP_JSON json_t *names = json_array();
	const char *key;
	json_t *member;
	size_t i;

	json_object_foreach (value, key, member)
		json_array_append_new(names, json_string(key));
	json_array_foreach (names, i, member)
		bend_member(bend, value, json_string_value(member), 0);
	for (i = 0; i < json_array_size(value); i++)
		bend_member(bend, value, NULL, i);
}

static void wrong_types(const struct payload *payload)
{
	struct bend bend = {.payload = payload};

	bend.root = json_loadb(payload->text, payload->len, 0, NULL);
	if (bend.root) /* else it is lines */
		bend_all(&bend, bend.root);
	json_decref(bend.root);
}

/* Numbers as texts, texts of digits as numbers. */
static json_t *drift(const json_t *value)
{
	const char *text = json_string_value(value);
	json_t *copy, *member;
	const char *key;
	size_t i;

	if (json_is_integer(value)) {
		CLEANUP_FREE char *digits = json_format(value);

		return json_string(digits);
	}
	if (text && *text && *text != '0' && strlen(text) < 15 &&
	    strspn(text, "0123456789") == strlen(text))
		return json_integer(strtoll(text, NULL, 10));
	copy = json_copy((json_t *)value);
	json_object_foreach ((json_t *)value, key, member)
		json_object_set_new(copy, key, drift(member));
	json_array_foreach (value, i, member)
		json_array_set_new(copy, i, drift(member));
	return copy;
}

/* A foreign sender's number that becomes a text, or the other way round, changes no identity. */
static void drifted(const struct payload *payload)
{
	json_t *root = json_loadb(payload->text, payload->len, 0, NULL), *bent, *a, *b;
	CLEANUP_FREE char *text = NULL, *x = NULL, *y = NULL;

	if (!root || payload->kind == SOURCE_NATIVE) {
		json_decref(root);
		return;
	}
	bent = drift(root);
	text = json_format(bent);
	a = parse_result(payload->kind, payload->text, payload->len);
	b = parse_result(payload->kind, text, strlen(text));
	if (json_array_size(json_object_get(a, "alerts"))) {
		x = fingerprint_of(a);
		y = fingerprint_of(b);
		if (strcmp(x, y) != 0)
			fprintf(stderr, "%s: %s\n", payload->stem, text);
		check_text(y, x);
	}
	json_decref(root);
	json_decref(bent);
	json_decref(a);
	json_decref(b);
}

/* ALR-08, TCF-21 */
int main(void)
{
	static const payload_call calls[] = {check_golden,   check_pair,  truncated,
					     too_long,	     too_deep,	  bad_bytes,
					     duplicate_keys, wrong_types, drifted};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		each_payload(PAYLOADS, calls[i]);
	return 0;
}
