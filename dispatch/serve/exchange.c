/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/exchange.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/connection.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/problem.h"
#include "dispatch/serve/transfer.h"

struct exchange *exchange_new(struct control *control, struct connection *connection,
			      struct evhttp_request *http)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));

	exchange->control = control;
	exchange->connection = connection;
	exchange->http = http;
	exchange->began = mono_now();
	TAILQ_INIT(&exchange->query);
	return exchange;
}

static void exchange_free(struct exchange *exchange)
{
	transfer_end(exchange->transfer, "left");
	if (exchange->window)
		evbuffer_free(exchange->window);
	evhttp_clear_headers(&exchange->query);
	if (exchange->connection)
		connection_on_answered(exchange->connection);
	free(exchange);
}

void exchange_on_closed(struct exchange *exchange)
{
	void (*on_gone)(void *owner) = exchange->on_gone;
	void *owner = exchange->owner;

	exchange->http = NULL;
	exchange->connection = NULL;
	if (on_gone) {
		exchange_free(exchange);
		on_gone(owner);
	}
}

/* ---- the request ---- */

const char *exchange_param(const struct exchange *exchange, size_t index)
{
	return index < exchange->match.param_count ? exchange->match.params[index] : NULL;
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
	return evhttp_find_header(&exchange->query, name);
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
	if (!exchange->http)
		return NULL;
	return evhttp_find_header(evhttp_request_get_input_headers(exchange->http), name);
}

const char *exchange_body(struct exchange *exchange, size_t *len)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(exchange->http);

	*len = evbuffer_get_length(body);
	return *len ? (const char *)evbuffer_pullup(body, -1) : "";
}

bool exchange_read_object(struct exchange *exchange, json_t **ret)
{
	size_t len;
	const char *body = exchange_body(exchange, &len);
	struct error err = {0};

	if (!len) {
		*ret = json_object();
		return true;
	}
	if (json_parse(body, len, EXCHANGE_BODY_MAX, ret, &err) < 0) {
		exchange_refuse_error(exchange, strcmp(err.code, "too_large") ? 400 : 413, &err);
		return false;
	}
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		exchange_refuse(exchange, 422, "invalid_value", "a JSON object is expected");
		return false;
	}
	return true;
}

bool exchange_read_number(struct exchange *exchange, const char *name, int min, int max, int *ret)
{
	const char *text = exchange_query(exchange, name);
	char *end;
	long n;

	if (!text)
		return true;
	errno = 0;
	n = strtol(text, &end, 10);
	if (!errno && end != text && !*end && n >= min && n <= max) {
		*ret = (int)n;
		return true;
	}
	exchange_refuse(exchange, 400, "invalid_value",
			"parameter %s: \"%.60s\": whole number from %d to %d expected", name, text,
			min, max);
	return false;
}

bool exchange_check_query(struct exchange *exchange, const char *const allowed[])
{
	struct evkeyval *pair;

	TAILQ_FOREACH (pair, &exchange->query, next) {
		size_t i = 0;

		while (allowed[i] && strcmp(allowed[i], pair->key))
			i++;
		if (allowed[i])
			continue;
		exchange_refuse(exchange, 400, "unknown_parameter",
				"query parameter \"%.60s\" is not known here", pair->key);
		return false;
	}
	return true;
}

/* ---- the answer ---- */

void exchange_set_header(struct exchange *exchange, const char *name, const char *value)
{
	struct evkeyvalq *headers;

	if (!exchange->http)
		return;
	headers = evhttp_request_get_output_headers(exchange->http);
	evhttp_remove_header(headers, name);
	evhttp_add_header(headers, name, value);
}

static void set_common_headers(struct exchange *exchange)
{
	exchange_set_header(exchange, "X-Content-Type-Options", "nosniff");
	exchange_set_header(exchange, "Cache-Control", "no-store");
}

static size_t method_index(const struct exchange *exchange)
{
	size_t i = 0;

	while (i < REQUEST_METHODS - 1 && exchange->method != 1u << i)
		i++;
	return i;
}

static void count(const struct exchange *exchange, int status)
{
	struct request_counts *counts = &exchange->control->requests;
	const struct route *route = exchange->match.route;
	size_t row = route ? (size_t)(route - api_routes) : api_route_count;
	enum crowd_kind kind = route && route->permission == PERMISSION_SOURCE ? CROWD_INTAKE
									       : CROWD_MANAGEMENT;

	if (row < REQUEST_ROUTES_MAX && status >= 100 && status < 600)
		counts->answers[row][method_index(exchange)][status / 100 - 1]++;
	metrics_histogram_add(&counts->durations[kind], mono_sub(mono_now(), exchange->began));
}

/* body is put. */
static void send_body(struct exchange *exchange, int status, struct evbuffer *body)
{
	count(exchange, status);
	if (exchange->http) {
		set_common_headers(exchange);
		evhttp_send_reply(exchange->http, status, problem_title(status), body);
	}
	evbuffer_free(body);
	exchange_free(exchange);
}

static void send_text(struct exchange *exchange, int status, const char *type, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	bug_on(!body);
	if (text) {
		exchange_set_header(exchange, "Content-Type", type);
		evbuffer_add_printf(body, "%s\n", text);
	}
	send_body(exchange, status, body);
}

void exchange_reply_text(struct exchange *exchange, const char *type, const char *text, size_t len)
{
	struct evbuffer *body = evbuffer_new();

	bug_on(!body);
	exchange_set_header(exchange, "Content-Type", type);
	evbuffer_add(body, text, len);
	send_body(exchange, 200, body);
}

void exchange_reply_static(struct exchange *exchange, const char *type, const char *text,
			   size_t len)
{
	struct evbuffer *body = evbuffer_new();

	bug_on(!body || evbuffer_add_reference(body, text, len, NULL, NULL));
	exchange_set_header(exchange, "Content-Type", type);
	send_body(exchange, 200, body);
}

void exchange_reply(struct exchange *exchange, int status, json_t *json)
{
	CLEANUP_FREE char *text = json_format(json);

	json_decref(json);
	send_text(exchange, status, "application/json", text);
}

void exchange_reply_empty(struct exchange *exchange, int status)
{
	send_text(exchange, status, NULL, NULL);
}

void exchange_reply_problem(struct exchange *exchange, int status, json_t *problem)
{
	CLEANUP_FREE char *text = json_format(problem);

	json_decref(problem);
	send_text(exchange, status, "application/problem+json", text);
}

void exchange_refuse(struct exchange *exchange, int status, const char *code, const char *format,
		     ...)
{
	char detail[512];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	exchange_reply_problem(exchange, status, problem_format(status, code, detail));
}

void exchange_refuse_error(struct exchange *exchange, int status, const struct error *err)
{
	exchange_reply_problem(exchange, status, problem_format_error(status, err));
}

void exchange_refuse_store(struct exchange *exchange, int result)
{
	if (result == -ENOSPC || result == -EDQUOT)
		exchange_refuse(exchange, 507, "storage_full",
				"the state folder's file system is full: nothing was accepted");
	else
		exchange_refuse(exchange, 503, "storage_failed",
				"the store could not be read or written (%s): nothing was accepted",
				strerrordesc_np(-result));
}

void exchange_set_version(struct exchange *exchange, int64_t version)
{
	char etag[32];

	snprintf(etag, sizeof(etag), "\"v%" PRId64 "\"", version);
	exchange_set_header(exchange, "ETag", etag);
}

bool exchange_check_version(struct exchange *exchange, int64_t version)
{
	const char *wanted = exchange_header(exchange, "If-Match");
	char etag[32];

	snprintf(etag, sizeof(etag), "\"v%" PRId64 "\"", version);
	if (!wanted || !strcmp(wanted, "*") || !strcmp(wanted, etag))
		return true;
	exchange_refuse(exchange, 412, "changed_meanwhile",
			"If-Match: %.60s, but the present version is %s", wanted, etag);
	return false;
}

/* ---- streams ---- */

void exchange_stream_start(struct exchange *exchange, int status, uint64_t size,
			   void (*on_gone)(void *owner), void *owner)
{
	char length[24];

	bug_on(!exchange->http);
	if (size != EXCHANGE_SIZE_UNKNOWN) {
		snprintf(length, sizeof(length), "%" PRIu64, size);
		exchange_set_header(exchange, "Content-Length", length);
	}
	exchange->on_gone = on_gone;
	exchange->owner = owner;
	exchange->status = status;
	exchange->window = evbuffer_new();
	bug_on(!exchange->window);
	exchange->transfer = transfer_new(exchange, status);
}

/* The head goes with the first byte. */
static void send_head(struct exchange *exchange)
{
	int status = exchange->status;

	if (!status)
		return;
	exchange->status = 0;
	count(exchange, status);
	set_common_headers(exchange);
	evhttp_send_reply_start(exchange->http, status, problem_title(status));
}

/* evhttp's call when its output has drained. */
static void on_drained(struct evhttp_connection *connection, void *arg)
{
	struct exchange *exchange = arg;

	(void)connection;
	exchange->connection->drained(exchange->owner);
}

static void refuse_untold(struct exchange *exchange, int result)
{
	void (*on_gone)(void *owner) = take_ptr(exchange->on_gone);

	on_gone(exchange->owner);
	transfer_end(take_ptr(exchange->transfer), "cut");
	evhttp_clear_headers(evhttp_request_get_output_headers(exchange->http));
	exchange_refuse(exchange, result == -ENOSPC || result == -EDQUOT ? 507 : 503,
			result == -ENOSPC || result == -EDQUOT ? "storage_full" : "storage_failed",
			"the audit of downloads could not be written (%s): nothing was sent",
			strerrordesc_np(-result));
}

static void on_may_leave(void *owner, int result)
{
	struct exchange *exchange = owner;

	if (result < 0) {
		refuse_untold(exchange, result);
		return;
	}
	send_head(exchange);
	evhttp_send_reply_chunk_with_cb(exchange->http, exchange->window, on_drained, exchange);
}

void exchange_stream_send(struct exchange *exchange, struct evbuffer *window,
			  exchange_drained drained)
{
	exchange->connection->drained = drained;
	evbuffer_add_buffer(exchange->window, window);
	transfer_take(exchange->transfer, evbuffer_get_length(exchange->window), on_may_leave,
		      exchange);
}

void exchange_stream_hash(struct exchange *exchange, const char *hash)
{
	transfer_set_hash(exchange->transfer, hash);
}

void exchange_stream_end(struct exchange *exchange)
{
	struct evhttp_request *http = exchange->http;

	send_head(exchange); /* an empty body */
	transfer_end(take_ptr(exchange->transfer), "complete");
	exchange_free(exchange);
	evhttp_send_reply_end(http);
}

void exchange_stream_abort(struct exchange *exchange)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(exchange->http);
	struct bufferevent *socket = evhttp_connection_get_bufferevent(connection);

	/* evhttp sees the end of file next, and frees connection and request itself */
	exchange->on_gone = NULL;
	transfer_end(take_ptr(exchange->transfer), "cut");
	shutdown(bufferevent_getfd(socket), SHUT_RDWR);
	exchange_free(exchange);
}
