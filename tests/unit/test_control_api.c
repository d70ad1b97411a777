/* SPDX-License-Identifier: Apache-2.0 */
/* Bad input, settings, downloads: the API's answers. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/json.h"
#include "tests/unit/control_lab.h"

#define ALERT "{\"level\": \"critical\", \"policy\": \"p\", \"object\": \"o\"}"

static void ask(struct lab *lab, const char *method, const char *path, const char *token,
		const char *body, struct lab_answer *ret)
{
	lab_ask_with(lab, method, path, token, "", body, body ? strlen(body) : 0, ret);
}

/* The problem's code must be this; its detail and errors must contain `word`. */
static void refused(struct lab *lab, int status, const char *code, const char *word,
		    const char *method, const char *path, const char *body)
{
	struct lab_answer answer;
	char type[256];

	lab_ask(lab, method, path, body, &answer);
	if (answer.status != status || !strstr(answer.body, word))
		fprintf(stderr, "%s %s: %s\n", method, path, answer.body);
	check_int(answer.status, status);
	check_text(lab_header(&answer, "Content-Type", type), "application/problem+json");
	check_text(lab_text(answer.json, "code"), code);
	check(strstr(answer.body, word));
	lab_answer_fini(&answer);
}

static int64_t count_alerts(struct lab *lab)
{
	CLEANUP_JSON json_t *page = lab_call(lab, 200, "GET", "/api/v1/alerts", NULL);

	return (int64_t)json_array_size(json_object_get(page, "items"));
}

static void test_tokens(struct lab *lab)
{
	struct lab_answer wrong, unknown, bearer;

	ask(lab, "POST", "/in/native/wrong", NULL, ALERT, &wrong);
	ask(lab, "POST", "/in/nobody/wrong", NULL, ALERT, &unknown);
	check_int(wrong.status, 401);
	check_int(unknown.status, 401);
	check_text(unknown.body, wrong.body); /* which sources exist is not told */
	ask(lab, "GET", "/api/v1/status", NULL, NULL, &bearer);
	check_int(bearer.status, 401);
	lab_answer_fini(&bearer);
	ask(lab, "GET", "/api/v1/status", lab->native, NULL, &bearer);
	check_int(bearer.status, 401);
	lab_answer_fini(&bearer);
	lab_answer_fini(&wrong);
	lab_answer_fini(&unknown);
	check_int(count_alerts(lab), 0);
	check_int(lab->start_count, 0);
}

/* TCF-20, A-30 */
static void test_bodies(struct lab *lab)
{
	CLEANUP_FREE char *path = xasprintf("/in/native/%s", lab->native);
	CLEANUP_FREE char *large = xmalloc((2u << 20) + 1);
	CLEANUP_FREE char *deep = xmalloc(2001);

	memset(large, ' ', 2u << 20);
	large[2u << 20] = '\0';
	memset(deep, '[', 2000);
	deep[2000] = '\0';
	refused(lab, 400, "invalid_json", "line 1", "POST", path, "{");
	refused(lab, 400, "invalid_json", "", "POST", path, "{\"level\": \"critical\"");
	refused(lab, 400, "too_deep", "32", "POST", path, deep);
	refused(lab, 413, "too_large", "1048576", "POST", path, large);
	refused(lab, 422, "invalid_value", "catastrophic", "POST", path,
		"{\"level\": \"catastrophic\", \"policy\": \"p\", \"object\": \"o\"}");
	check_int(count_alerts(lab), 0);
	check_int(lab->start_count, 0);
}

static void test_unknown(struct lab *lab)
{
	struct lab_answer answer;
	char allow[256];

	refused(lab, 404, "not_found", "nothing", "GET", "/api/v1/nothing", NULL);
	refused(lab, 404, "not_found", "", "GET", "/api/v1/../v1/status", NULL);
	refused(lab, 404, "unknown_policy", "nobody", "GET", "/api/v1/policies/nobody", NULL);
	refused(lab, 404, "not_found", "", "GET",
		"/api/v1/captures/01900000-0000-7000-8000-000000000000", NULL);
	refused(lab, 404, "not_found", "", "GET",
		"/api/v1/captures/01900000-0000-7000-8000-000000000000/download", NULL);
	refused(lab, 400, "unknown_parameter", "colour", "GET", "/api/v1/captures?colour=red",
		NULL);
	refused(lab, 400, "invalid_value", "limit", "GET", "/api/v1/captures?limit=0", NULL);
	lab_ask(lab, "DELETE", "/api/v1/policies", NULL, &answer);
	check_int(answer.status, 405);
	check_text(lab_header(&answer, "Allow", allow), "GET, POST");
	lab_answer_fini(&answer);
}

static void test_policies(struct lab *lab)
{
	CLEANUP_JSON json_t *policy = NULL, *patched = NULL;
	struct lab_answer answer;
	char etag[256];

	lab_ask(lab, "POST", "/api/v1/policies", "{\"name\": \"dns\", \"filter\": \"udp prot 53\"}",
		&answer);
	check_int(answer.status, 422);
	check_text(lab_text(answer.json, "code"), "invalid_filter");
	check(json_is_integer(json_object_get(answer.json, "position")));
	check(strstr(answer.body, "syntax error"));
	lab_answer_fini(&answer);
	policy = lab_call(lab, 201, "POST", "/api/v1/policies",
			  "{\"name\": \"dns\", \"filter\": \"udp port 53\"}");
	refused(lab, 409, "name_taken", "dns", "POST", "/api/v1/policies", "{\"name\": \"dns\"}");
	lab_ask(lab, "GET", "/api/v1/policies/dns", NULL, &answer);
	check_text(lab_header(&answer, "ETag", etag), "\"v1\"");
	lab_answer_fini(&answer);
	lab_ask_with(lab, "PATCH", "/api/v1/policies/dns", lab->admin, "If-Match: \"v7\"\r\n", "{}",
		     2, &answer);
	check_int(answer.status, 412);
	lab_answer_fini(&answer);
	patched = lab_call(lab, 200, "PATCH", "/api/v1/policies/dns", "{\"linger\": \"5s\"}");
	check_text(lab_text(patched, "filter"), "udp port 53");
	check_int(lab_number(patched, "version"), 2);
	json_decref(lab_call(lab, 204, "DELETE", "/api/v1/policies/dns", NULL));
	refused(lab, 404, "unknown_policy", "dns", "GET", "/api/v1/policies/dns", NULL);
}

static void test_endpoints(struct lab *lab)
{
	CLEANUP_JSON json_t *endpoint = NULL;

	refused(lab, 422, "unknown_policy", "nobody", "POST", "/api/v1/endpoints",
		"{\"name\": \"e\", \"kind\": \"pcap\", \"policy\": "
		"\"nobody\"}");
	endpoint = lab_call(lab, 201, "POST", "/api/v1/endpoints",
			    "{\"name\": \"e\", \"kind\": \"pcap\", \"policy\": \"default\"}");
	check_int(strlen(lab_text(endpoint, "policy")), 36);
	json_decref(lab_call(lab, 204, "DELETE", "/api/v1/endpoints/e", NULL));
}

/* Templates: refused with their place when saved, shown over a sample or an alert that came. */
static void test_templates(struct lab *lab)
{
	static const char path[] = "/api/v1/templates/preview";
	CLEANUP_JSON json_t *shown = NULL, *broken = NULL, *alert = NULL;
	char *body;

	refused(lab, 422, "invalid_template", "line 1, column 4", "POST", "/api/v1/endpoints",
		"{\"name\": \"t\", \"kind\": \"http\", \"url\": \"http://h/\", "
		"\"content\": \"{% if x %}\"}");
	refused(lab, 422, "unknown_endpoint", "nobody", "POST", path, "{\"endpoint\": \"nobody\"}");
	refused(lab, 422, "invalid_value", "pdf", "POST", path, "{\"form\": \"pdf\"}");
	shown = lab_call(lab, 200, "POST", path,
			 "{\"form\": \"text\", \"content\": \"{{ level_text }} {{ object }}\", "
			 "\"language\": \"zh\", \"url\": \"http://h/{{ policy_level }}\"}");
	check_text(lab_text(shown, "body"), "致命 核心交换机 \"A\" eth0");
	check_text(lab_text(shown, "url"), "http://h/2");
	check(json_is_null(json_object_get(shown, "problem")));
	broken = lab_call(lab, 200, "POST", path,
			  "{\"form\": \"text\", \"content\": \"{{ nope }}\", \"strict\": true}");
	check_text(lab_text(json_object_get(broken, "problem"), "text"),
		   "line 1, column 1: 'nope' is undefined");
	json_decref(shown);
	shown = lab_call(lab, 200, "POST", "/api/v1/alerts",
			 "{\"level\": \"warning\", \"policy\": \"p\", \"object\": \"web-1\"}");
	body = xasprintf("{\"form\": \"text\", \"content\": \"{{ level }} {{ object }}\", "
			 "\"alert\": \"%s\"}",
			 lab_text(json_array_get(json_object_get(shown, "alerts"), 0), "id"));
	alert = lab_call(lab, 200, "POST", path, body);
	check_text(lab_text(alert, "body"), "warning web-1");
	free(body);
	refused(lab, 404, "not_found", "019afb3d", "POST", path,
		"{\"alert\": \"019afb3d-5c80-7f00-8000-000000000001\"}");
}

static void test_sources(struct lab *lab)
{
	CLEANUP_JSON json_t *source = NULL, *shown = NULL, *renewed = NULL;
	CLEANUP_FREE char *path = NULL, *other = NULL;

	source = lab_call(lab, 201, "POST", "/api/v1/sources",
			  "{\"name\": \"mine\", \"kind\": \"native\"}");
	check_int(strlen(lab_text(source, "token")), 32);
	shown = lab_call(lab, 200, "GET", "/api/v1/sources/mine", NULL);
	check(!json_object_get(shown, "token"));
	path = xasprintf("/in/mine/%s", lab_text(source, "token"));
	json_decref(lab_call(lab, 200, "POST", path,
			     "{\"level\": \"info\", \"policy\": \"p\", \"object\": \"o\"}"));
	renewed = lab_call(lab, 200, "POST", "/api/v1/sources/mine/token", NULL);
	refused(lab, 401, "unauthorized", "", "POST", path, ALERT);
	other = xasprintf("/in/mine/%s", lab_text(renewed, "token"));
	json_decref(lab_call(lab, 200, "POST", other,
			     "{\"level\": \"info\", \"policy\": \"p\", \"object\": \"o\"}"));
	json_decref(lab_call(lab, 204, "DELETE", "/api/v1/sources/mine", NULL));
	refused(lab, 401, "unauthorized", "", "POST", other, ALERT);
}

static void test_status(struct lab *lab)
{
	CLEANUP_JSON json_t *status = lab_call(lab, 200, "GET", "/api/v1/status", NULL);
	const json_t *ring = json_array_get(json_object_get(status, "rings"), 0);

	check_text(lab_text(ring, "nic"), "cap0");
	check_text(lab_text(ring, "state"), "up");
	check(json_is_true(json_object_get(status, "ready")));
	check(lab_number(status, "storage.free_bytes") > 0);
	json_decref(lab_call(lab, 200, "GET", "/livez", NULL));
	json_decref(lab_call(lab, 200, "GET", "/readyz", NULL));
}

/* A request that trickles in is cut, however busily it trickles. */
static void test_slow_request(struct lab *lab)
{
	int fd = lab_connect(lab);
	char byte;

	check(send(fd, "GET /livez HTTP/1.1\r\nX-", 23, MSG_NOSIGNAL) == 23);
	lab_wait(lab, send(fd, "a", 1, MSG_NOSIGNAL) < 0 || recv(fd, &byte, 1, 0) == 0, 20);
	close(fd);
}

/* ---- downloads ---- */

static struct rec_start record(struct lab *lab, const char *policy)
{
	CLEANUP_FREE char *path = xasprintf("/api/v1/policies/%s/enable", policy);
	size_t before = lab->start_count;

	json_decref(lab_call(lab, 200, "POST", path, "{\"note\": \"test\"}"));
	lab_wait(lab, lab->start_count > before, 20);
	lab_report_started(lab, &lab->starts[before]);
	lab_wait(lab, lab->acked == lab->report, 20);
	return lab->starts[before];
}

static bool is_finished(struct lab *lab, const char *path)
{
	CLEANUP_JSON json_t *capture = lab_call(lab, 200, "GET", path, NULL);

	return !strcmp(lab_text(capture, "state"), "finished");
}

static void end(struct lab *lab, const struct rec_start *start, uint64_t packets)
{
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s", start->capture);
	CLEANUP_FREE char *stop = xasprintf("%s/stop", path);
	size_t before = lab->stop_count;

	json_decref(lab_call(lab, 200, "POST", stop, NULL));
	lab_wait(lab, lab->stop_count > before, 20);
	lab_report_finished(lab, start, REC_END_STOPPED, packets);
	lab_wait(lab, is_finished(lab, path), 20);
}

static bool has_digests(struct lab *lab, const char *path)
{
	CLEANUP_JSON json_t *capture = lab_call(lab, 200, "GET", path, NULL);
	json_t *segment;
	size_t i;

	json_array_foreach (json_object_get(capture, "segments"), i, segment)
		if (strlen(lab_text(segment, "sha256")) != 64)
			return false;
	return true;
}

static void check_range(struct lab *lab, const char *path, const struct lab_answer *whole,
			const char *etag)
{
	struct lab_answer part;
	char headers[300], value[256];

	snprintf(headers, sizeof(headers), "Range: bytes=9990-10009\r\nIf-Range: %s\r\n", etag);
	lab_ask_with(lab, "GET", path, lab->admin, headers, NULL, 0, &part);
	check_int(part.status, 206);
	check_int(part.len, 20);
	check(!memcmp(part.body, whole->body + 9990, 20)); /* over the seam of two segments */
	check_text(lab_header(&part, "Content-Range", value), "bytes 9990-10009/610000");
	lab_answer_fini(&part);
	lab_ask_with(lab, "GET", path, lab->admin, "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n",
		     NULL, 0, &part);
	check_int(part.status, 200);
	check_int(part.len, whole->len);
	lab_answer_fini(&part);
	lab_ask_with(lab, "GET", path, lab->admin, "Range: bytes=610000-\r\n", NULL, 0, &part);
	check_int(part.status, 416);
	lab_answer_fini(&part);
	snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", etag);
	lab_ask_with(lab, "GET", path, lab->admin, headers, NULL, 0, &part);
	check_int(part.status, 304);
	check_int(part.len, 0);
	lab_answer_fini(&part);
	lab_ask_with(lab, "HEAD", path, lab->admin, "", NULL, 0, &part);
	check_int(part.status, 200);
	check_int(part.len, 0);
	check_text(lab_header(&part, "Content-Length", value), "610000");
	lab_answer_fini(&part);
}

static void check_segment(struct lab *lab, const char *path, const struct lab_answer *whole)
{
	CLEANUP_JSON json_t *capture = lab_call(lab, 200, "GET", path, NULL);
	const json_t *first = json_array_get(json_object_get(capture, "segments"), 0);
	CLEANUP_FREE char *segment =
		xasprintf("%s/segments/%s/download", path, lab_text(first, "name"));
	char etag[256], hex[SHA256_HEX_SIZE];
	struct lab_answer answer;

	lab_ask(lab, "GET", segment, NULL, &answer);
	check_int(answer.status, 200);
	check_int(answer.len, 10000);
	check(!memcmp(answer.body, whole->body, answer.len));
	lab_header(&answer, "ETag", etag);
	check(!strncmp(etag + 1, sha256_text(answer.body, answer.len, hex), 64));
	lab_answer_fini(&answer);
}

static void test_download(struct lab *lab)
{
	struct rec_start start = record(lab, "default");
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s", start.capture);
	CLEANUP_FREE char *download = xasprintf("%s/download", path);
	CLEANUP_FREE char *manifest = xasprintf("%s/manifest", path);
	struct lab_answer whole;
	char value[256];

	lab_report_sealed(lab, &start, start.first_segment, 10000, 10);
	lab_wait(lab, lab->acked == lab->report, 20);
	lab_ask(lab, "GET", download, NULL, &whole);
	check_int(whole.status, 200); /* while it runs: what is surely there */
	check_int(whole.len, 10000);
	check_text(lab_header(&whole, "Accept-Ranges", value), "none");
	lab_answer_fini(&whole);
	lab_report_sealed(lab, &start, start.first_segment + 1, 600000, 10);
	end(lab, &start, 20);
	lab_wait(lab, has_digests(lab, path), 20);
	lab_ask(lab, "GET", download, NULL, &whole);
	check_int(whole.status, 200);
	check_int(whole.len, 610000);
	check_text(lab_header(&whole, "Content-Type", value), "application/x-pcapng");
	check_text(lab_header(&whole, "X-Content-Type-Options", value), "nosniff");
	check(strstr(lab_header(&whole, "Content-Disposition", value), "attachment"));
	lab_header(&whole, "ETag", value);
	check_int(strlen(value), 66);
	check_range(lab, download, &whole, value);
	check_segment(lab, path, &whole);
	lab_answer_fini(&whole);
	json_decref(lab_call(lab, 200, "GET", manifest, NULL));
}

static void test_empty_download(struct lab *lab)
{
	struct rec_start start = record(lab, "default");
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s/download", start.capture);
	CLEANUP_FREE char *longer = xasprintf("/api/v1/captures/%sx", start.capture);
	CLEANUP_FREE char *longer_manifest = xasprintf("%s/manifest", longer);
	struct lab_answer answer;

	refused(lab, 404, "not_found", "", "GET", longer, NULL);
	refused(lab, 404, "not_found", "", "GET", longer_manifest, NULL);
	refused(lab, 409, "still_running", "no packet yet", "GET", path, NULL);
	lab_report_sealed(lab, &start, start.first_segment, 500, 0);
	end(lab, &start, 0);
	lab_ask(lab, "GET", path, NULL, &answer);
	check_int(answer.status, 409);
	check_text(lab_text(answer.json, "completeness"), "empty");
	check(lab_text(answer.json, "code")[0]);
	lab_answer_fini(&answer);
}

static void test_deleted_file(struct lab *lab)
{
	struct rec_start start = record(lab, "default");
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s", start.capture);
	CLEANUP_FREE char *download = xasprintf("%s/download", path);
	CLEANUP_JSON json_t *capture = NULL;
	CLEANUP_FREE char *file = NULL;
	const char *name;

	lab_report_sealed(lab, &start, start.first_segment, 500, 3);
	end(lab, &start, 3);
	lab_wait(lab, has_digests(lab, path), 20);
	capture = lab_call(lab, 200, "GET", path, NULL);
	name = lab_text(json_array_get(json_object_get(capture, "segments"), 0), "name");
	file = xasprintf("%s/%s/%s", lab->config.captures, start.capture, name);
	check(!unlink(file));
	refused(lab, 410, "gone", "deleted", "GET", download, NULL);
}

int main(void)
{
	struct lab lab;

	lab_init(&lab);
	json_decref(
		lab_call(&lab, 200, "PATCH", "/api/v1/policies/default", "{\"linger\": \"0s\"}"));
	test_tokens(&lab);
	test_bodies(&lab);
	test_unknown(&lab);
	test_policies(&lab);
	test_endpoints(&lab);
	test_status(&lab);
	test_slow_request(&lab);
	test_download(&lab);
	test_empty_download(&lab);
	test_deleted_file(&lab);
	test_templates(&lab);
	test_sources(&lab);
	lab_fini(&lab);
	return 0;
}
