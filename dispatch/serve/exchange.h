/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request and its one answer.
 *
 * A handler gets an exchange and answers it exactly once, now or later; the answer frees it. The
 * client may leave in between: then the answer goes nowhere, and whoever streams is told by
 * on_gone. */
#pragma once

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "dispatch/serve/link.h"
#include "dispatch/serve/route.h"

#define EXCHANGE_BODY_MAX (1u << 20)

struct connection;
struct control;
struct transfer;

struct exchange {
	struct control *control;
	struct connection *connection;
	struct evhttp_request *http; /* NULL: the client is gone */
	enum route_method method;
	mono_t began; /* the request was complete */
	struct route_match match;
	struct evkeyvalq query;
	char link[LINK_ID_SIZE];      /* came by a signed link; "" = not */
	struct transfer *transfer;    /* while a body is being streamed */
	struct evbuffer *window;      /* of that body, until it may leave */
	int status;		      /* of that body, until its head was sent; then 0 */
	void (*on_gone)(void *owner); /* only while a body is being streamed */
	void *owner;
};

/* The request's parts; borrowed, NULL if absent. */
const char *exchange_param(const struct exchange *exchange, size_t index);
const char *exchange_query(const struct exchange *exchange, const char *name);
const char *exchange_header(const struct exchange *exchange, const char *name);
/* The whole body, contiguous, not NUL-terminated. */
const char *exchange_body(struct exchange *exchange, size_t *len);
/* The body as a JSON object. Returns false after having answered 400 or 422. A missing body counts
 * as {}. *ret is a new reference. */
bool exchange_read_object(struct exchange *exchange, json_t **ret);
/* Query parameter as a number. Returns false after having answered 400. */
bool exchange_read_number(struct exchange *exchange, const char *name, int min, int max, int *ret);
/* Only these query parameters are known (NULL-terminated). Returns false after a 400. */
bool exchange_check_query(struct exchange *exchange, const char *const allowed[]);

/* Answer headers, before the answer. */
void exchange_set_header(struct exchange *exchange, const char *name, const char *value);

/* Answers; each frees the exchange. json is put. */
void exchange_reply(struct exchange *exchange, int status, json_t *json);
void exchange_reply_empty(struct exchange *exchange, int status);
/* 200 with these bytes, which are copied. */
void exchange_reply_text(struct exchange *exchange, const char *type, const char *text, size_t len);
/* The same with bytes that never change and never go away: a slow reader costs nothing. */
void exchange_reply_static(struct exchange *exchange, const char *type, const char *text,
			   size_t len);
void exchange_reply_problem(struct exchange *exchange, int status, json_t *problem);
__attribute__((format(printf, 4, 5))) void
exchange_refuse(struct exchange *exchange, int status, const char *code, const char *format, ...);
void exchange_refuse_error(struct exchange *exchange, int status, const struct error *err);
/* A store job failed: 507 when there is no space, else 503. */
void exchange_refuse_store(struct exchange *exchange, int result);

/* ETag "v<version>" of a setting; does If-Match allow the change? Answers 412 if not. */
void exchange_set_version(struct exchange *exchange, int64_t version);
bool exchange_check_version(struct exchange *exchange, int64_t version);

/* Streams: start, then windows, each after the one before has drained, then end. Of unknown size
 * they go in chunks. Head and first window leave once the audit has the download; if it cannot be
 * written, on_gone is called and the client hears why.
 * exchange_stream_end frees the exchange. abort: cuts the connection, so that a client sees that
 * the body is short; frees it too. */
#define EXCHANGE_SIZE_UNKNOWN UINT64_MAX
typedef void (*exchange_drained)(void *owner);
void exchange_stream_start(struct exchange *exchange, int status, uint64_t size,
			   void (*on_gone)(void *owner), void *owner);
void exchange_stream_send(struct exchange *exchange, struct evbuffer *window,
			  exchange_drained drained);
/* What the audit tells of it: SHA-256 or entity tag, as hex. */
void exchange_stream_hash(struct exchange *exchange, const char *hash);
void exchange_stream_end(struct exchange *exchange);
void exchange_stream_abort(struct exchange *exchange);

/* For server.c: the connection is closing. */
void exchange_on_closed(struct exchange *exchange);
/* For server.c. */
struct exchange *exchange_new(struct control *control, struct connection *connection,
			      struct evhttp_request *http);
