/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/json.h"
#include "cli/evidence.h"
#include "cli/run.h"
#include "cli/text.h"

#define KEY_FILE_MAX 4096

/* The digits themselves, or a file whose first word they are. False: said why not. */
static bool read_key(const char *option, char key[SIGNING_PUBLIC_HEX_SIZE])
{
	unsigned char bytes[(SIGNING_PUBLIC_HEX_SIZE - 1) / 2];
	CLEANUP_BUF struct buf text = BUF_INIT;
	int r;

	if (!hex_parse(option, bytes, sizeof(bytes))) {
		memcpy(key, option, SIGNING_PUBLIC_HEX_SIZE);
		return true;
	}
	r = file_read(AT_FDCWD, option, KEY_FILE_MAX, &text);
	if (r) {
		text_complain("--key: \"%s\" is neither 64 hexadecimal digits nor a file: %s",
			      option, strerrordesc_np(-r));
		return false;
	}
	snprintf(key, SIGNING_PUBLIC_HEX_SIZE, "%.*s",
		 (int)strcspn(text.data ? text.data : "", " \t\r\n"), text.data ? text.data : "");
	if (!hex_parse(key, bytes, sizeof(bytes)))
		return true;
	text_complain("--key: file \"%s\" does not begin with 64 hexadecimal digits", option);
	return false;
}

/* ---- one capture ---- */

static json_t *format_evidence(const struct evidence *evidence)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:O}", "capture", evidence->capture, "result",
			 evidence_result_name(evidence->result), "public_key", evidence->public_key,
			 "chain", evidence->chain, "segments", (json_int_t)evidence->segments,
			 "findings", evidence->findings);
}

static void print_evidence(const struct evidence *evidence)
{
	const json_t *finding;
	size_t i;

	json_array_foreach (evidence->findings, i, finding) {
		CLEANUP_FREE char *file = text_format_member(finding, "file");
		CLEANUP_FREE char *code = text_format_member(finding, "code");
		CLEANUP_FREE char *text = text_format_member(finding, "text");

		printf("%s: %s: %s: %s\n", evidence->capture, code, file, text);
	}
	printf("%s: %s: %zu segments as signed%s%s\n", evidence->capture,
	       evidence_result_name(evidence->result), evidence->segments,
	       *evidence->public_key ? " by key " : "", evidence->public_key);
}

static enum evidence_result verify_one(const char *path, const char *key, json_t *list)
{
	struct evidence evidence;
	enum evidence_result result;

	evidence_check(path, key, &evidence);
	result = evidence.result;
	if (list)
		json_array_append_new(list, format_evidence(&evidence));
	else
		print_evidence(&evidence);
	evidence_fini(&evidence);
	return result;
}

/* ---- a folder of captures ---- */

static int is_capture(const struct dirent *entry)
{
	return ident_valid(entry->d_name);
}

static int is_evidence(const struct dirent *entry)
{
	const char *suffix = strrchr(entry->d_name, '.');

	return !strcmp(entry->d_name, EVIDENCE_MANIFEST) || (suffix && !strcmp(suffix, ".pcapng"));
}

/* By its name or what lies in it; then it is checked itself, whatever folders are there, too. */
static bool is_one(const char *path)
{
	CLEANUP_FREE char *whole = realpath(path, NULL);
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_evidence, NULL);

	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return count > 0 || (whole && ident_valid(strrchr(whole, '/') + 1));
}

/* Returns the worst; *count is how many captures there are. */
static enum evidence_result verify_all(const char *path, const char *key, json_t *list, int *count)
{
	enum evidence_result worst = EVIDENCE_GENUINE;
	struct dirent **entries = NULL;

	*count = scandir(path, &entries, is_capture, alphasort);
	for (int i = 0; i < *count; i++) {
		CLEANUP_FREE char *below = xasprintf("%s/%s", path, entries[i]->d_name);
		enum evidence_result result = verify_one(below, key, list);

		if (result > worst)
			worst = result;
		free(entries[i]);
	}
	free(entries);
	return worst;
}

static enum exit_status to_status(enum evidence_result result)
{
	static const enum exit_status statuses[] = {
		[EVIDENCE_GENUINE] = EXIT_OK,
		[EVIDENCE_INCOMPLETE] = EXIT_INCOMPLETE,
		[EVIDENCE_UNREADABLE] = EXIT_FAILED,
		[EVIDENCE_ALTERED] = EXIT_ALTERED,
	};

	return statuses[result];
}

enum exit_status run_verify(struct client *client, const struct arguments *arguments)
{
	const char *path = arguments->operand, *option = arguments->values[OPTION_KEY];
	CLEANUP_JSON json_t *list = run_wants_json(arguments) ? json_array() : NULL;
	char key[SIGNING_PUBLIC_HEX_SIZE];
	enum evidence_result result = EVIDENCE_UNREADABLE;
	int count = 0;

	(void)client;
	if (option && !read_key(option, key))
		return EXIT_USAGE;
	if (!is_one(path))
		result = verify_all(path, option ? key : NULL, list, &count);
	if (count < 0) {
		text_complain("%s: %s", path, strerror(errno));
		return EXIT_NOT_FOUND;
	}
	if (!count)
		result = verify_one(path, option ? key : NULL, list);
	if (list)
		json_dumpf(list, stdout, JSON_INDENT(2));
	if (list)
		putchar('\n');
	else if (!option && result != EVIDENCE_UNREADABLE)
		text_complain("no --key: whether the key is the probe's own was not checked");
	return to_status(result);
}

enum exit_status run_key(struct client *client, const struct arguments *arguments)
{
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = client_get(client, "signing-key", &answer);

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
	} else {
		CLEANUP_FREE char *key = text_format_member(answer.json, "public_key");

		puts(key);
	}
	return EXIT_OK;
}
