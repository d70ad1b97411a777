/* SPDX-License-Identifier: Apache-2.0 */
/* The ringbell program as a user runs it, against a scripted API: exit statuses, output, downloads.
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "tests/unit/peer.h"
#include "tests/unit/test.h"

extern char **environ;

#define CAPTURE "0193a000-0000-7000-8000-000000000001"
#define BYTES	300000 /* of each of the two segments */

/* The API: what it answers, and what it was asked. */
struct api {
	pthread_mutex_t lock;
	/* set while nobody asks */
	const char *status; /* "200 OK" */
	const char *body;
	const char *detail;   /* of the capture, instead of the generated one */
	size_t cut;	      /* downloads break off after so many bytes; 0 = they do not */
	int corrupt;	      /* one byte of the second segment is wrong */
	const char *coverage; /* completeness */
	int ignore_range;
	unsigned undigested; /* so many details lack the hashes */
	/* shared, under lock */
	char first_line[256];
	char authorization[256];
	char range[64], if_range[128];
	char posted[1024];
	size_t sent;
};

static struct {
	struct api api;
	struct peer *peer;
	char server[64];
	char folder[64];
	char stream[2 * BYTES];
	char out[65536], err[65536];
} t;

static void format_detail(char *text, size_t size, int hashes)
{
	char first[SHA256_HEX_SIZE], second[SHA256_HEX_SIZE];

	sha256_text(t.stream, BYTES, first);
	sha256_text(t.stream + BYTES, BYTES, second);
	snprintf(
		text, size,
		"{\"id\": \"" CAPTURE "\", \"state\": \"finished\", \"policy_name\": \"p\","
		" \"coverage\": {\"completeness\": \"%s\", \"code\": \"the_code\"}, \"segments\": ["
		"{\"name\": \"a\", \"sealed\": true, \"missing\": false, \"file_bytes\": %d,"
		" \"sha256\": \"%s\"},"
		"{\"name\": \"gone\", \"sealed\": true, \"missing\": true, \"file_bytes\": 5,"
		" \"sha256\": \"\"},"
		"{\"name\": \"b /\", \"sealed\": true, \"missing\": false, \"file_bytes\": %d,"
		" \"sha256\": \"%s\"},"
		"{\"name\": \"open\", \"sealed\": false, \"missing\": false, \"file_bytes\": 9,"
		" \"sha256\": \"\"}]}",
		t.api.coverage, BYTES, hashes ? first : "", BYTES, hashes ? second : "");
}

static void answer_download(struct peer_request *request, struct api *api)
{
	static char copy[BYTES];
	size_t second = strstr(api->first_line, "/segments/b%20%2F") != NULL;
	size_t from = 0, until = sizeof(copy);
	char head[256];

	memcpy(copy, t.stream + second * BYTES, BYTES);
	if (second && api->corrupt)
		copy[7] ^= 1;
	if (api->range[0] && !api->ignore_range)
		from = strtoul(api->range + strlen("bytes="), NULL, 10);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		 from ? "206 Partial Content" : "200 OK", until - from);
	peer_write(request, head);
	if (second && api->cut && from + api->cut < until)
		until = from + api->cut;
	api->sent += until - from;
	while (from < until) {
		ssize_t n = send(request->socket, copy + from, until - from, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		from += (size_t)n;
	}
}

static void answer_text(const struct peer_request *request, const char *status, const char *body)
{
	char head[256];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
		 strlen(body));
	peer_write(request, head);
	peer_write(request, body);
}

static void answer_detail(const struct peer_request *request, struct api *api)
{
	char detail[4096];

	format_detail(detail, sizeof(detail), !api->undigested);
	if (api->undigested)
		api->undigested--;
	answer_text(request, "200 OK", api->detail ? api->detail : detail);
}

static void record(struct api *api, const struct peer_request *request)
{
	snprintf(api->first_line, sizeof(api->first_line), "%.*s",
		 (int)strcspn(request->text, "\r\n"), request->text);
	peer_header(request, "authorization", api->authorization, sizeof(api->authorization));
	peer_header(request, "range", api->range, sizeof(api->range));
	peer_header(request, "if-range", api->if_range, sizeof(api->if_range));
	snprintf(api->posted, sizeof(api->posted), "%s", request->text + request->head_len);
}

static void on_request(void *owner, struct peer_request *request)
{
	struct api *api = owner;

	pthread_mutex_lock(&api->lock);
	record(api, request);
	if (api->status)
		answer_text(request, api->status, api->body);
	else if (strstr(api->first_line, "/download "))
		answer_download(request, api);
	else if (strstr(api->first_line, "/captures?"))
		answer_text(request, "200 OK", "{\"items\": [{\"id\": \"" CAPTURE "\"}]}");
	else if (strstr(api->first_line, "/captures/"))
		answer_detail(request, api);
	else
		answer_text(request, "404 Not Found", "");
	pthread_mutex_unlock(&api->lock);
}

static void api_reset(void)
{
	struct api *api = &t.api;

	api->status = api->body = api->detail = NULL;
	api->cut = api->sent = 0;
	api->corrupt = 0;
	api->undigested = 0;
	api->coverage = "complete";
	api->ignore_range = 0;
}

static void read_file(const char *path, char *text, size_t size)
{
	CLEANUP_BUF struct buf b = BUF_INIT;

	check(!file_read(AT_FDCWD, path, size - 1, &b));
	memset(text, 0, size);
	if (b.len)
		memcpy(text, b.data, b.len);
}

#define ARGUMENTS_MAX 24

/* The peer's threads and we take turns. */
static void api_sync(void)
{
	pthread_mutex_lock(&t.api.lock);
	pthread_mutex_unlock(&t.api.lock);
}

/* Runs the program with words separated by '|' behind those in argv. Returns its status. */
static int spawn(char *argv[ARGUMENTS_MAX], int count, const char *words)
{
	CLEANUP_FREE char *copy = strdup(words);
	posix_spawn_file_actions_t actions;
	char *rest = copy;
	int status;
	pid_t pid;

	while (rest && count < ARGUMENTS_MAX - 1)
		argv[count++] = strsep(&rest, "|");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "out", O_CREAT | O_TRUNC | O_WRONLY, 0600);
	posix_spawn_file_actions_addopen(&actions, 2, "err", O_CREAT | O_TRUNC | O_WRONLY, 0600);
	api_sync();
	check(!posix_spawn(&pid, RINGBELL, &actions, NULL, argv, environ));
	posix_spawn_file_actions_destroy(&actions);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	api_sync();
	read_file("err", t.err, sizeof(t.err));
	return WEXITSTATUS(status);
}

static int ringbell(const char *words)
{
	char *argv[ARGUMENTS_MAX] = {(char *)RINGBELL, (char *)"--server", t.server,
				     (char *)"--token-file", (char *)"token"};

	return spawn(argv, 5, words);
}

static int ringbell_out(const char *words)
{
	int status = ringbell(words);

	read_file("out", t.out, sizeof(t.out));
	return status;
}

static void write_file(const char *name, const void *data, size_t len)
{
	CLEANUP_CLOSE int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	check(fd >= 0 && !file_write_all(fd, data, len));
}

static int file_is_stream(const char *name)
{
	static char copy[sizeof(t.stream) + 2];
	struct stat st;

	if (stat(name, &st) || st.st_size != sizeof(t.stream))
		return 0;
	read_file(name, copy, sizeof(copy));
	return !memcmp(copy, t.stream, sizeof(t.stream));
}

static int exists(const char *name)
{
	return !access(name, F_OK);
}

static void setup(void)
{
	snprintf(t.folder, sizeof(t.folder), "/tmp/ringbell-cli-XXXXXX");
	check(mkdtemp(t.folder) && !chdir(t.folder));
	write_file("token", "s3cret\n", 7);
	for (size_t i = 0; i < sizeof(t.stream); i++)
		t.stream[i] = (char)(i * 2654435761u >> 11);
	pthread_mutex_init(&t.api.lock, NULL);
	t.peer = peer_new(on_request, &t.api);
	snprintf(t.server, sizeof(t.server), "http://127.0.0.1:%d", peer_port(t.peer));
	unsetenv("RINGBELL_STATE");
	api_reset();
}

static void teardown(void)
{
	static const char *const names[] = {"token", "tokens.json", "out", "err", "f", "f.part"};

	peer_free(t.peer);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	check(!chdir("/") && !rmdir(t.folder));
}

/* Statuses of the API become exit statuses and one clear line. */
static void test_problems(void)
{
	static const struct {
		const char *status;
		int exit;
	} rows[] = {
		{"400 Bad", 1},	     {"401 No", 4},    {"403 No", 4},	    {"404 No", 3},
		{"409 Conflict", 6}, {"412 Old", 6},   {"422 Wrong", 1},    {"500 Oops", 1},
		{"504 Too late", 7}, {"302 Found", 1}, {"503 Starting", 1},
	};

	t.api.body = "{\"title\": \"T\", \"code\": \"the_code\", \"detail\": \"no \\u001b[2Jway\","
		     " \"errors\": [{\"pointer\": \"/level\"}]}";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		t.api.status = rows[i].status;
		check_int(ringbell_out("policy|list"), rows[i].exit);
		check_text(t.err, "ringbell: /level: no [2Jway (the_code)\n");
		check_text(t.out, "");
	}
	t.api.body = "<html>";
	check_int(ringbell("policy|list"), 1);
	check_text(t.err, "ringbell: the server answered HTTP 503\n");
	t.api.status = "200 OK";
	check_int(ringbell("policy|list"), 1);
	api_reset();
}

static void test_usage(void)
{
	check_int(ringbell("nonsense"), 2);
	check_int(ringbell("alert|send|--policy|p|--object|o"), 2);
	check(strstr(t.err, "--level"));
	check_int(ringbell("capture|list|--limit|0"), 2);
	check_int(ringbell_out("help"), 0);
	check(strstr(t.out, "ringbell capture download ID"));
	check_int(ringbell_out("capture|download|--help"), 0);
	check(strstr(t.out, "--allow-partial"));
	check_int(ringbell_out("--version"), 0);
	check_text(t.out, "ringbell " RINGBELL_VERSION "\n");
}

/* --json is the API's text, byte for byte; a table has no control characters. */
static void test_output(void)
{
	t.api.status = "200 OK";
	t.api.body = "{ \"items\":[{\"name\":\"a\\u001b[31mb\",\"state\":\"on\"}],\n \"x\":1 }";
	check_int(ringbell_out("policy|list|--json"), 0);
	check(!strncmp(t.out, t.api.body, strlen(t.api.body)));
	check_text(t.out + strlen(t.api.body), "\n");
	check_int(ringbell_out("policy|list"), 0);
	check(strstr(t.out, "a[31mb"));
	check(!strchr(t.out, '\x1b'));
	check_text(t.api.authorization, "Bearer s3cret");
	api_reset();
}

static void test_requests(void)
{
	t.api.status = "200 OK";
	t.api.body = "{\"alerts\": [{\"id\": \"i\", \"outcome\": \"opened\"}]}";
	check_int(
		ringbell_out("alert|send|--level|error|--policy|p|--object|o|--title|\xe8\xad\xa6"),
		0);
	check_text(t.api.first_line, "POST /api/v1/alerts HTTP/1.1");
	check_text(t.api.posted, "{\"level\":\"error\",\"object\":\"o\",\"policy\":\"p\","
				 "\"title\":\"\xe8\xad\xa6\"}");
	check(strstr(t.out, "opened"));
	check_int(ringbell("alert|send|--status|recovered|--policy|p|--object|o"), 0);
	check_int(ringbell("alert|send|--level|x|--policy|\xff|--object|o"), 2);
	check_int(ringbell("policy|enable|a/b c|--for|5m|--note|why"), 0);
	check_text(t.api.first_line, "POST /api/v1/policies/a%2Fb%20c/enable HTTP/1.1");
	check_text(t.api.posted, "{\"for\":\"5m\",\"note\":\"why\"}");
	check_int(ringbell("policy|automatic|p"), 0);
	check_text(t.api.posted, "{}");
	check_int(ringbell("capture|list|--limit|7|--in|recording"), 0);
	check_text(t.api.first_line, "GET /api/v1/captures?limit=7&state=recording HTTP/1.1");
	check_int(ringbell("capture|stop|" CAPTURE), 0);
	check_text(t.api.first_line, "POST /api/v1/captures/" CAPTURE "/stop HTTP/1.1");
	api_reset();
}

static void test_token(void)
{
	static const char tokens[] = "{\"admin\": \"fromstate\", \"other\": \"x\"}";

	t.api.status = "200 OK";
	t.api.body = "{\"items\": []}";
	unlink("token");
	check_int(ringbell("policy|list"), 4);
	check(strstr(t.err, "token cannot be read: No such file or directory"));
	write_file("token", "two words", 9);
	check_int(ringbell("policy|list"), 4);
	write_file("token", "a\r\nX: y", 7);
	check_int(ringbell("policy|list"), 4);
	write_file("tokens.json", tokens, strlen(tokens));
	write_file("token", "s3cret\n", 7);
	check_int(ringbell("policy|list"), 0);
	check_text(t.api.authorization, "Bearer s3cret");
	api_reset();
}

/* Without --token-file the state folder has it: the option's, or the environment's. */
static void test_state(void)
{
	char *argv[ARGUMENTS_MAX] = {(char *)RINGBELL, (char *)"--server", t.server};

	t.api.status = "200 OK";
	t.api.body = "{\"items\": []}";
	check_int(spawn(argv, 3, "policy|list|--state|/nowhere"), 4);
	check(strstr(t.err, "/nowhere/tokens.json"));
	setenv("RINGBELL_STATE", t.folder, 1);
	memset(argv + 3, 0, sizeof(argv) - 3 * sizeof(*argv));
	check_int(spawn(argv, 3, "policy|list"), 0);
	check_text(t.api.authorization, "Bearer fromstate");
	unsetenv("RINGBELL_STATE");
	memset(argv + 3, 0, sizeof(argv) - 3 * sizeof(*argv));
	check_int(spawn(argv, 3, "policy|list|--state|."), 0);
	api_reset();
}

static void test_unreachable(void)
{
	char server[sizeof(t.server)];

	memcpy(server, t.server, sizeof(server));
	snprintf(t.server, sizeof(t.server), "http://127.0.0.1:1");
	check_int(ringbell("status"), 5);
	check(strstr(t.err, "cannot be reached"));
	snprintf(t.server, sizeof(t.server), "ftp://127.0.0.1");
	check_int(ringbell("status"), 2);
	memcpy(t.server, server, sizeof(server));
}

static void test_download(void)
{
	check_int(ringbell_out("capture|download|latest|-w|f"), 0);
	check_text(t.err, "");
	check_text(t.out, "f: 585.9 KiB in 2 segments, SHA-256 verified\n");
	check(file_is_stream("f") && !exists("f.part"));
	unlink("f");
	check_int(ringbell("capture|download|" CAPTURE "|-w|-"), 0);
	check(file_is_stream("out"));
	t.api.undigested = 2;
	check_int(ringbell("capture|download|latest|-w|f|--wait"), 0);
	check(file_is_stream("f"));
	unlink("f");
	api_reset();
}

static void test_resume(void)
{
	char hex[SHA256_HEX_SIZE], etag[SHA256_HEX_SIZE + 2];

	t.api.cut = 100000;
	check(ringbell("capture|download|latest|-w|f") != 0);
	check(strstr(t.err, "goes on from there"));
	check(exists("f.part") && !exists("f"));
	t.api.cut = t.api.sent = 0;
	check_int(ringbell("capture|download|latest|-w|f"), 0);
	check_text(t.api.first_line,
		   "GET /api/v1/captures/" CAPTURE "/segments/b%20%2F/download HTTP/1.1");
	check_text(t.api.range, "bytes=100000-");
	snprintf(etag, sizeof(etag), "\"%s\"", sha256_text(t.stream + BYTES, BYTES, hex));
	check_text(t.api.if_range, etag);
	check_int(t.api.sent, BYTES - 100000);
	check(file_is_stream("f"));
	/* whole already: nothing is fetched */
	check(!rename("f", "f.part"));
	t.api.sent = 0;
	check_int(ringbell("capture|download|latest|-w|f"), 0);
	check_int(t.api.sent, 0);
	check(file_is_stream("f"));
	unlink("f");
	api_reset();
}

/* What lies there is not ours: it is noticed, and everything is fetched. */
static void test_foreign_part(void)
{
	static char junk[BYTES + 10];

	write_file("f.part", junk, sizeof(junk));
	check_int(ringbell("capture|download|latest|-w|f"), 0);
	check(strstr(t.err, "starting again"));
	check(file_is_stream("f"));
	/* the server ignores the range */
	write_file("f.part", t.stream, BYTES + 1000);
	t.api.ignore_range = 1;
	unlink("f");
	check_int(ringbell("capture|download|latest|-w|f"), 0);
	check(file_is_stream("f"));
	unlink("f");
	api_reset();
}

static void test_corrupt(void)
{
	struct stat st;

	t.api.corrupt = 1;
	check_int(ringbell("capture|download|latest|-w|f"), 1);
	check(strstr(t.err, "segment b / differs from its SHA-256"));
	check(!exists("f"));
	check(!stat("f.part", &st) && st.st_size == BYTES); /* the good one stays */
	t.api.corrupt = 0;
	check_int(ringbell("capture|download|latest|-w|f"), 0);
	check(file_is_stream("f"));
	unlink("f");
	t.api.corrupt = 1;
	check_int(ringbell("capture|download|latest|-w|-"), 1);
	api_reset();
}

static void test_coverage(void)
{
	t.api.coverage = "partial";
	check_int(ringbell("capture|download|latest|-w|f"), 8);
	check_text(t.err, "ringbell: the capture is partial: the_code\n");
	check(file_is_stream("f"));
	check_int(ringbell("capture|download|latest|-w|f|--allow-partial"), 0);
	unlink("f");
	t.api.detail =
		"{\"id\": \"" CAPTURE "\", \"state\": \"finished\", \"segments\": [],"
		" \"coverage\": {\"completeness\": \"empty\", \"code\": \"nothing_matched\"}}";
	check_int(ringbell("capture|download|latest|-w|f"), 8);
	check(!exists("f") && !exists("f.part"));
	api_reset();
}

int main(void)
{
	setup();
	test_problems();
	test_usage();
	test_output();
	test_requests();
	test_token();
	test_state();
	test_unreachable();
	test_download();
	test_resume();
	test_foreign_part();
	test_corrupt();
	test_coverage();
	teardown();
	return 0;
}
