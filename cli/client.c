/* SPDX-License-Identifier: Apache-2.0 */
/* CURLOPT_NOSIGNAL stays off, so that libcurl keeps SIGPIPE from ending us while it works; names
 * are looked up by its threads, which need no signal. */
#include "cli/client.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/text.h"

#define ANSWER_BYTES_MAX  (64u << 20)
#define PROBLEM_BYTES_MAX 65536
#define CONNECT_TIMEOUT_S 5L
#define TIMEOUT_S	  30L
#define STALL_S		  60L /* a download may take hours, but not stand still */

struct client {
	CURL *easy;
	char *server; /* without the final '/' */
	char *socket;
	char *authorization; /* NULL = none needed */
	char *cacert;
	char *fingerprint;
	long verify_host; /* as CURLOPT_SSL_VERIFYHOST */
	char error[CURL_ERROR_SIZE];
};

#define set(easy, option, value) bug_on(curl_easy_setopt(easy, option, value) != CURLE_OK)

DEFINE_CLEANUP(struct curl_slist *, curl_slist_free_all)
DEFINE_CLEANUP(CURLU *, curl_url_cleanup)
#define CLEANUP_SLIST CLEANUP(curl_slist_free_all_ptr)

void answer_fini(struct answer *answer)
{
	buf_fini(&answer->text);
	json_decref(answer->json);
	answer->json = NULL;
}

char *client_format_piece(const char *name)
{
	char *escaped = curl_easy_escape(NULL, name, (int)strlen(name));
	char *piece = xstrdup(escaped);

	bug_on(!escaped);
	curl_free(escaped);
	return piece;
}

static bool is_server(const char *server)
{
	CLEANUP(curl_url_cleanup_ptr) CURLU *url = curl_url();

	for (const char *p = server; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '?' || *p == '#')
			return false;
	return (!strncasecmp(server, "http://", 7) || !strncasecmp(server, "https://", 8)) && url &&
	       !curl_url_set(url, CURLUPART_URL, server, 0);
}

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static bool is_fingerprint(const char *text)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	return !strncmp(text, "sha256//", 8) && strspn(text + 8, base64) == 43 &&
	       !strcmp(text + 51, "=");
}

enum exit_status client_open(const struct client_options *options, struct client **ret)
{
	const char *server = options->server;
	struct client *client;
	size_t len = strlen(server);

	if (!is_server(server)) {
		text_complain("--server \"%s\" is not of the form http[s]://host[:port]", server);
		return EXIT_USAGE;
	}
	if (options->fingerprint && !is_fingerprint(options->fingerprint)) {
		text_complain("--fingerprint \"%s\" is not of the form sha256//<44 characters of "
			      "base64>, as ringbelld logs it at its start",
			      options->fingerprint);
		return EXIT_USAGE;
	}
	bug_on(curl_global_init(CURL_GLOBAL_DEFAULT));
	client = xcalloc(1, sizeof(*client));
	client->easy = curl_easy_init();
	bug_on(!client->easy);
	while (len && server[len - 1] == '/')
		len--;
	client->server = xasprintf("%.*s", (int)len, server);
	client->socket = copy(options->socket);
	if (options->token)
		client->authorization = xasprintf("Authorization: Bearer %s", options->token);
	client->cacert = copy(options->certificate ? options->certificate : options->cacert);
	client->fingerprint = copy(options->fingerprint);
	client->verify_host = options->certificate ? 0 : 2;
	*ret = client;
	return EXIT_OK;
}

struct client *client_close(struct client *client)
{
	if (!client)
		return NULL;
	curl_easy_cleanup(client->easy);
	curl_global_cleanup();
	if (client->authorization)
		explicit_bzero(client->authorization, strlen(client->authorization));
	free(client->authorization);
	free(client->server);
	free(client->socket);
	free(client->cacert);
	free(client->fingerprint);
	free(client);
	return NULL;
}

/* The key alone tells who it is: libcurl compares it before anything is sent, also where nobody
 * vouches for the certificate. */
static void pin(struct client *client)
{
	set(client->easy, CURLOPT_PINNEDPUBLICKEY, client->fingerprint);
	set(client->easy, CURLOPT_SSL_VERIFYPEER, 0L);
	set(client->easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

/* The options that every request has; the connection of the one before is kept. */
static void prepare(struct client *client, const char *path, struct curl_slist **headers)
{
	CLEANUP_FREE char *url = xasprintf("%s/api/v1/%s", client->server, path);

	curl_easy_reset(client->easy);
	client->error[0] = '\0';
	if (client->authorization)
		*headers = curl_slist_append(*headers, client->authorization);
	*headers = curl_slist_append(*headers, "Expect:");
	set(client->easy, CURLOPT_URL, url);
	set(client->easy, CURLOPT_HTTPHEADER, *headers);
	set(client->easy, CURLOPT_ERRORBUFFER, client->error);
	set(client->easy, CURLOPT_USERAGENT, "ringbell/" RINGBELL_VERSION);
	set(client->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	set(client->easy, CURLOPT_PROXY, ""); /* the token is for the probe alone */
	set(client->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	set(client->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	if (client->socket)
		set(client->easy, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	set(client->easy, CURLOPT_SSL_VERIFYHOST, client->verify_host);
	if (client->cacert)
		set(client->easy, CURLOPT_CAINFO, client->cacert);
	if (client->fingerprint)
		pin(client);
}

static enum exit_status complain_transport(struct client *client, CURLcode code)
{
	const char *why = client->error[0] ? client->error : curl_easy_strerror(code);
	curl_off_t connected = 0;

	if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH || code == CURLE_PEER_FAILED_VERIFICATION) {
		text_complain("%s is not trusted: %s; see \"ringbell status\" on the probe for its "
			      "fingerprint (--fingerprint, --cacert)",
			      client->server, why);
		return EXIT_NOT_ALLOWED;
	}
	curl_easy_getinfo(client->easy, CURLINFO_CONNECT_TIME_T, &connected);
	if (connected && code == CURLE_OPERATION_TIMEDOUT) {
		text_complain("%s does not answer: %s", client->server, why);
		return EXIT_TIMEOUT;
	}
	if (connected) {
		text_complain("%s broke off: %s", client->server, why);
		return EXIT_UNREACHABLE;
	}
	text_complain("%s cannot be reached: %s; is ringbelld running there? (--server)",
		      client->server, why);
	return EXIT_UNREACHABLE;
}

static enum exit_status status_to_exit(long status)
{
	switch (status) {
	case 401:
	case 403:
		return EXIT_NOT_ALLOWED;
	case 404:
	case 410:
		return EXIT_NOT_FOUND;
	case 409:
	case 412:
	case 428:
		return EXIT_CONFLICT;
	case 408:
	case 504:
		return EXIT_TIMEOUT;
	default:
		return EXIT_FAILED;
	}
}

/* problem+json as one line: what is wrong, where in the input, and the code for searching. */
static enum exit_status complain_status(long status, const struct buf *text)
{
	CLEANUP_JSON json_t *problem = json_loadb(text->len ? text->data : "", text->len, 0, NULL);
	CLEANUP_FREE char *detail = text_format_member(problem, "detail");
	CLEANUP_FREE char *title = text_format_member(problem, "title");
	CLEANUP_FREE char *code = text_format_member(problem, "code");
	const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
	CLEANUP_FREE char *pointer = text_format_member(first, "pointer");
	const char *what = strcmp(detail, "-") ? detail : title;
	const char *where = strcmp(pointer, "-") && !strstr(what, pointer) ? pointer : "";

	if (!strcmp(what, "-"))
		text_complain("the server answered HTTP %ld", status);
	else
		text_complain("%s%s%s (%s)", where, *where ? ": " : "", what, code);
	return status_to_exit(status);
}

static size_t on_text(char *data, size_t one, size_t len, void *owner)
{
	struct buf *text = owner;

	(void)one;
	if (text->len + len > ANSWER_BYTES_MAX)
		return 0;
	buf_append(text, data, len);
	return len;
}

static enum exit_status perform(struct client *client, struct answer *ret)
{
	CURLcode code;
	long status = 0;

	set(client->easy, CURLOPT_TIMEOUT, TIMEOUT_S);
	set(client->easy, CURLOPT_WRITEFUNCTION, on_text);
	set(client->easy, CURLOPT_WRITEDATA, &ret->text);
	code = curl_easy_perform(client->easy);
	if (code != CURLE_OK)
		return complain_transport(client, code);
	curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		return complain_status(status, &ret->text);
	ret->json = json_loadb(ret->text.len ? ret->text.data : "", ret->text.len, 0, NULL);
	if (ret->json)
		return EXIT_OK;
	text_complain("%s answered HTTP %ld without JSON: not a Ringbell?", client->server, status);
	return EXIT_FAILED;
}

enum exit_status client_get(struct client *client, const char *path, struct answer *ret)
{
	CLEANUP_SLIST struct curl_slist *headers = NULL;

	prepare(client, path, &headers);
	return perform(client, ret);
}

enum exit_status client_post(struct client *client, const char *path, const json_t *body,
			     struct answer *ret)
{
	CLEANUP_SLIST struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/json");
	CLEANUP_FREE char *text = json_format(body);

	prepare(client, path, &headers);
	set(client->easy, CURLOPT_POSTFIELDS, text);
	return perform(client, ret);
}

enum exit_status client_delete(struct client *client, const char *path)
{
	CLEANUP_SLIST struct curl_slist *headers = NULL;
	CLEANUP_ANSWER struct answer answer = ANSWER_INIT;

	prepare(client, path, &headers);
	set(client->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
	return perform(client, &answer);
}

struct fetching {
	const struct client_fetch *fetch;
	CURL *easy;
	bool begun;
	bool stopped; /* by a callback */
	long status;
	struct buf problem;
};

/* Where the answer starts: 206 gives what was asked for, 200 everything. */
static int begin(struct fetching *f)
{
	f->begun = true;
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &f->status);
	if (f->status != 200 && f->status != 206)
		return 0;
	return f->fetch->on_begin(f->fetch->owner, f->status == 206 ? f->fetch->offset : 0);
}

static size_t on_piece(char *data, size_t one, size_t len, void *owner)
{
	struct fetching *f = owner;

	(void)one;
	f->stopped = !f->begun && begin(f);
	if (f->stopped)
		return 0;
	if (f->status != 200 && f->status != 206) {
		if (f->problem.len + len <= PROBLEM_BYTES_MAX)
			buf_append(&f->problem, data, len);
		return len;
	}
	f->stopped = f->fetch->on_data(f->fetch->owner, data, len) != 0;
	return f->stopped ? 0 : len;
}

static void add_range(const struct client_fetch *fetch, struct curl_slist **headers)
{
	CLEANUP_FREE char *range = xasprintf("Range: bytes=%" PRIu64 "-", fetch->offset);
	CLEANUP_FREE char *condition = xasprintf("If-Range: %s", fetch->etag);

	*headers = curl_slist_append(*headers, range);
	*headers = curl_slist_append(*headers, condition);
}

enum exit_status client_fetch(struct client *client, const char *path,
			      const struct client_fetch *fetch)
{
	CLEANUP_SLIST struct curl_slist *headers = NULL;
	struct fetching f = {.fetch = fetch, .easy = client->easy};
	enum exit_status status = EXIT_OK;
	CURLcode code;

	if (fetch->offset)
		add_range(fetch, &headers);
	prepare(client, path, &headers);
	set(client->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	set(client->easy, CURLOPT_LOW_SPEED_TIME, STALL_S);
	set(client->easy, CURLOPT_BUFFERSIZE, 262144L);
	set(client->easy, CURLOPT_WRITEFUNCTION, on_piece);
	set(client->easy, CURLOPT_WRITEDATA, &f);
	code = curl_easy_perform(client->easy);
	if (!f.begun && code == CURLE_OK)
		f.stopped = begin(&f) != 0;
	if (!f.stopped && code != CURLE_OK)
		status = complain_transport(client, code);
	else if (!f.stopped && f.status != 200 && f.status != 206)
		status = complain_status(f.status, &f.problem);
	buf_fini(&f.problem);
	return status;
}
