/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/table.h"
#include "cli/text.h"

#define LIMIT_MAX 200

bool run_set_list(json_t *object, const char *key, const char *text)
{
	json_t *list = json_array();

	if (!text) {
		json_decref(list);
		return true;
	}
	json_object_set_new(object, key, list);
	do {
		size_t len = strcspn(text, ",");

		if (!len || json_array_append_new(list, json_stringn(text, len))) {
			text_complain("%s: an empty word or one that is not UTF-8: words "
				      "expected, with commas between them",
				      key);
			return false;
		}
		text += len;
	} while (*text++ == ',');
	return true;
}

int run_wants_json(const struct arguments *arguments)
{
	return arguments->values[OPTION_JSON] != NULL;
}

void run_print_json(const struct answer *answer)
{
	const struct buf *text = &answer->text;

	fwrite(text->data, 1, text->len, stdout);
	if (text->len && text->data[text->len - 1] != '\n')
		putchar('\n');
}

void run_print_members(const json_t *object, const char *const members[])
{
	size_t width = 0;

	for (size_t i = 0; members[i]; i += 2)
		if (strlen(members[i]) > width)
			width = strlen(members[i]);
	for (size_t i = 0; members[i]; i += 2) {
		CLEANUP_FREE char *value = text_format_member(object, members[i + 1]);

		printf("%-*s  %s\n", (int)width, members[i], value);
	}
}

static int is_limit(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && n >= 1 && n <= LIMIT_MAX;
}

void run_print_problems(const json_t *object)
{
	const json_t *problems = json_object_get(object, "problems"), *problem;
	size_t i;

	if (json_array_size(problems))
		putchar('\n');
	json_array_foreach (problems, i, problem) {
		CLEANUP_FREE char *kind = text_format_member(problem, "object");
		CLEANUP_FREE char *name = text_format_member(problem, "name");
		CLEANUP_FREE char *text = text_format_member(problem, "problem");

		printf("problem: %s \"%s\": %s\n", kind, name, text);
	}
}

char *run_format_list_path(const char *path, const struct arguments *arguments)
{
	const char *limit = arguments->values[OPTION_LIMIT];
	const char *state = arguments->values[OPTION_IN];
	CLEANUP_FREE char *piece = state ? client_format_piece(state) : NULL;

	if (limit && !is_limit(limit)) {
		text_complain("--limit \"%s\" is not a number from 1 to %d", limit, LIMIT_MAX);
		return NULL;
	}
	return xasprintf("%s?limit=%s%s%s", path, limit ? limit : "50", piece ? "&state=" : "",
			 piece ? piece : "");
}

void run_print_more(const json_t *list)
{
	if (json_is_string(json_object_get(list, "next")))
		fprintf(stderr, "ringbell: there are more; see --limit\n");
}
