/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/download.h"
#include "cli/table.h"
#include "cli/text.h"

#define POLL_US		 300000
#define DIGEST_POLLS_MAX 100 /* 30 s: the probe hashes a segment in far less */

static void print_captures(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"ID", "id", TABLE_VALUE},
		{"STATE", "state", TABLE_VALUE},
		{"POLICY", "policy_name", TABLE_VALUE},
		{"STARTED", "created_at", TABLE_VALUE},
		{"PACKETS", "coverage.packets", TABLE_VALUE},
		{"SIZE", "coverage.file_bytes", TABLE_BYTES},
		{"COVERAGE", "coverage.completeness", TABLE_VALUE},
		{"BECAUSE", "coverage.code", TABLE_VALUE},
		/* clang-format on */
	};

	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_segments(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"SEGMENT", "name", TABLE_VALUE},
		{"PACKETS", "packets", TABLE_VALUE},
		{"SIZE", "file_bytes", TABLE_BYTES},
		{"FROM", "first", TABLE_VALUE},
		{"UNTIL", "last", TABLE_VALUE},
		{"SEALED", "sealed", TABLE_VALUE},
		{"MISSING", "missing", TABLE_VALUE},
		{"SHA-256", "sha256", TABLE_VALUE},
		/* clang-format on */
	};

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_gaps(const json_t *list)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"GAP ON", "nic", TABLE_VALUE},
		{"CAUSE", "cause", TABLE_VALUE},
		{"PACKETS", "packets", TABLE_VALUE},
		{"AT MOST", "at_most", TABLE_VALUE},
		{"UNKNOWN", "unknown", TABLE_VALUE},
		{"FROM", "from", TABLE_VALUE},
		{"UNTIL", "to", TABLE_VALUE},
		/* clang-format on */
	};

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_print_list(list, columns, ARRAY_SIZE(columns), stdout);
}

static void print_capture(const json_t *capture)
{
	static const char *const members[] = {
		/* clang-format off */
		"id",           "id",
		"state",        "state",
		"policy",       "policy_name",
		"alert",        "alert",
		"started",      "created_at",
		"finished",     "finished_at",
		"stop reason",  "stop_reason",
		"problem",      "problem",
		"wanted from",  "coverage.requested_from",
		"wanted until", "coverage.requested_until",
		"first packet", "coverage.delivered_from",
		"last packet",  "coverage.delivered_until",
		"packets",      "coverage.packets",
		"coverage",     "coverage.completeness",
		"because",      "coverage.code",
		NULL,
		/* clang-format on */
	};

	run_print_members(capture, members);
	print_segments(json_object_get(capture, "segments"));
	print_gaps(json_object_get(capture, "gaps"));
}

enum exit_status run_capture_list(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *path = run_format_list_path("captures", arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = path ? client_get(client, path, &answer) : EXIT_USAGE;

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
		return EXIT_OK;
	}
	print_captures(json_object_get(answer.json, "items"));
	run_print_more(answer.json);
	return EXIT_OK;
}

/* The id the operand means, as a piece of a path. *ret is the caller's to free. */
static enum exit_status find_capture(struct client *client, const char *operand, char **ret)
{
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r;
	const char *id;

	if (strcmp(operand, "latest")) {
		*ret = client_format_piece(operand);
		return EXIT_OK;
	}
	r = client_get(client, "captures?limit=1", &answer);
	if (r)
		return r;
	id = json_string_value(
		json_object_get(json_array_get(json_object_get(answer.json, "items"), 0), "id"));
	if (!id) {
		text_complain("there is no capture yet");
		return EXIT_NOT_FOUND;
	}
	*ret = client_format_piece(id);
	return EXIT_OK;
}

enum exit_status run_capture_link(struct client *client, const struct arguments *arguments)
{
	const char *time = arguments->values[OPTION_FOR];
	CLEANUP_FREE char *piece = NULL, *path = NULL;
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	CLEANUP_JSON json_t *body = json_object();
	enum exit_status r = find_capture(client, arguments->operand, &piece);

	if (r)
		return r;
	path = xasprintf("/api/v1/captures/%s/download", piece);
	json_object_set_new(body, "path", json_string(path));
	if (time)
		json_object_set_new(body, "for", json_string(time));
	r = client_post(client, "links", body, &answer);
	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		puts(json_string_value(json_object_get(answer.json, "url")));
	return EXIT_OK;
}

enum exit_status run_audit(struct client *client, const struct arguments *arguments)
{
	static const struct table_column columns[] = {
		/* clang-format off */
		{"AT", "at", TABLE_VALUE},
		{"WHO", "who", TABLE_VALUE},
		{"FROM", "address", TABLE_VALUE},
		{"SIZE", "bytes", TABLE_BYTES},
		{"OUTCOME", "outcome", TABLE_VALUE},
		{"REQUEST", "request", TABLE_VALUE},
		/* clang-format on */
	};
	CLEANUP_FREE char *path = run_format_list_path("downloads", arguments);
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = path ? client_get(client, path, &answer) : EXIT_USAGE;

	if (r)
		return r;
	if (run_wants_json(arguments)) {
		run_print_json(&answer);
		return EXIT_OK;
	}
	table_print_list(json_object_get(answer.json, "items"), columns, ARRAY_SIZE(columns),
			 stdout);
	run_print_more(answer.json);
	return EXIT_OK;
}

static enum exit_status get_capture(struct client *client, const char *piece, struct answer *ret)
{
	CLEANUP_FREE char *path = xasprintf("captures/%s", piece);

	answer_fini(ret);
	return client_get(client, path, ret);
}

enum exit_status run_capture_show(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *piece = NULL;
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = find_capture(client, arguments->operand, &piece);

	if (!r)
		r = get_capture(client, piece, &answer);
	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_capture(answer.json);
	return EXIT_OK;
}

enum exit_status run_capture_start(struct client *client, const struct arguments *arguments)
{
	static const enum option texts[] = {OPTION_LAST, OPTION_NEXT, OPTION_FILTER, OPTION_REASON};
	CLEANUP_JSON json_t *body = json_object();
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (arguments->values[texts[i]])
			json_object_set_new(body, option_rows[texts[i]].name,
					    json_string(arguments->values[texts[i]]));
	if (!run_set_list(body, "nics", arguments->values[OPTION_NIC]))
		return EXIT_USAGE;
	r = client_post(client, "captures", body, &answer);
	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_capture(answer.json);
	return EXIT_OK;
}

enum exit_status run_capture_stop(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *piece = NULL;
	CLEANUP_FREE char *path = NULL;
	CLEANUP_JSON json_t *body = json_object();
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;
	enum exit_status r = find_capture(client, arguments->operand, &piece);

	if (r)
		return r;
	path = xasprintf("captures/%s/stop", piece);
	r = client_post(client, path, body, &answer);
	if (r)
		return r;
	if (run_wants_json(arguments))
		run_print_json(&answer);
	else
		print_capture(answer.json);
	return EXIT_OK;
}

static int is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* Sealed and there: these make up the download, in this order. */
static int is_downloadable(const json_t *segment)
{
	return is_true(segment, "sealed") && !is_true(segment, "missing");
}

static const char *sha256_of(const json_t *segment)
{
	const char *hex = json_string_value(json_object_get(segment, "sha256"));

	return hex && strlen(hex) == SHA256_HEX_SIZE - 1 ? hex : NULL;
}

static int is_finished(const json_t *capture)
{
	const char *state = json_string_value(json_object_get(capture, "state"));

	return state && !strcmp(state, "finished");
}

static int is_digested(const json_t *capture)
{
	const json_t *segment;
	size_t i;

	json_array_foreach (json_object_get(capture, "segments"), i, segment)
		if (is_downloadable(segment) && !sha256_of(segment))
			return 0;
	return 1;
}

/* Asks until the capture is finished (--wait) and the probe has hashed what is sealed. */
static enum exit_status await_capture(struct client *client, const char *piece,
				      const struct arguments *arguments, struct answer *ret)
{
	int wait = arguments->values[OPTION_WAIT] != NULL;
	int polls = 0;

	for (;;) {
		enum exit_status r = get_capture(client, piece, ret);
		int finished = !r && (!wait || is_finished(ret->json));

		if (r || (finished && is_digested(ret->json)))
			return r;
		if (finished && ++polls > DIGEST_POLLS_MAX) {
			text_complain("the probe has not hashed the segments yet; try again later");
			return EXIT_TIMEOUT;
		}
		usleep(POLL_US);
	}
}

/* Fills segments, an array the caller frees; returns how many. */
static size_t list_segments(const json_t *capture, struct verify_segment **ret)
{
	const json_t *list = json_object_get(capture, "segments"), *segment;
	size_t count = 0, i;

	*ret = xcalloc(json_array_size(list) + 1, sizeof(**ret));
	json_array_foreach (list, i, segment) {
		if (!is_downloadable(segment))
			continue;
		(*ret)[count].name = json_string_value(json_object_get(segment, "name"));
		(*ret)[count].bytes =
			(uint64_t)json_integer_value(json_object_get(segment, "file_bytes"));
		memcpy((*ret)[count++].sha256, sha256_of(segment), SHA256_HEX_SIZE);
	}
	return count;
}

static enum exit_status judge_coverage(const json_t *capture, const struct arguments *arguments)
{
	CLEANUP_FREE char *completeness = text_format_member(capture, "coverage.completeness");
	CLEANUP_FREE char *code = text_format_member(capture, "coverage.code");

	if (!strcmp(completeness, "complete"))
		return EXIT_OK;
	text_complain("the capture is %s: %s", completeness, code);
	return arguments->values[OPTION_ALLOW_PARTIAL] ? EXIT_OK : EXIT_INCOMPLETE;
}

static void print_done(const struct download *download, const struct answer *capture,
		       const struct arguments *arguments)
{
	int to_stdout = !strcmp(download->file, "-");
	char size[TEXT_BYTES_SIZE];
	uint64_t bytes = 0;

	for (size_t i = 0; i < download->count; i++)
		bytes += download->segments[i].bytes;
	if (run_wants_json(arguments) && !to_stdout)
		run_print_json(capture);
	else
		fprintf(to_stdout ? stderr : stdout, "%s: %s in %zu segments, SHA-256 verified\n",
			to_stdout ? "capture" : download->file, text_format_bytes(bytes, size),
			download->count);
}

static enum exit_status fetch_capture(struct client *client, const struct answer *capture,
				      const struct arguments *arguments)
{
	const char *id = json_string_value(json_object_get(capture->json, "id"));
	CLEANUP_FREE char *name = xasprintf("%s.pcapng", id ? id : "capture");
	CLEANUP_FREE struct verify_segment *segments = NULL;
	const char *output = arguments->values[OPTION_OUTPUT];
	struct download download = {.capture = id, .file = output ? output : name};
	enum exit_status r;

	download.count = list_segments(capture->json, &segments);
	download.segments = segments;
	if (!download.count)
		return judge_coverage(capture->json, arguments);
	r = download_fetch(client, &download);
	if (r)
		return r;
	print_done(&download, capture, arguments);
	return judge_coverage(capture->json, arguments);
}

enum exit_status run_capture_download(struct client *client, const struct arguments *arguments)
{
	const char *output = arguments->values[OPTION_OUTPUT];
	CLEANUP_ANSWER struct answer capture = ANSWER_INIT;
	CLEANUP_FREE char *piece = NULL;
	enum exit_status r;

	if (output && !strcmp(output, "-") && isatty(STDOUT_FILENO)) {
		text_complain("standard output is a terminal: redirect it, or give -w FILE");
		return EXIT_USAGE;
	}
	r = find_capture(client, arguments->operand, &piece);
	if (!r)
		r = await_capture(client, piece, arguments, &capture);
	return r ? r : fetch_capture(client, &capture, arguments);
}
