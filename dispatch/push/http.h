/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange, for all kinds of endpoints: a request goes out, an answer or a failure comes
 * back. libcurl's multi interface on our loop; host names are looked up by libcurl's resolver
 * threads, so nothing here blocks.
 *
 * Redirects are not followed, certificates are verified unless told otherwise, cookies are off, no
 * proxy is taken from the environment, and every request has a connection of its own: on a reused
 * one libcurl 7.88 repeats a POST by itself when the peer resets it, and a repeat must be counted
 * as an attempt. Forbidden destinations are refused by the address that is connected to
 * (dispatch/push/destination.h). The process must ignore SIGPIPE and have called curl_global_init.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/loop.h"
#include "dispatch/push/verdict.h"

#define HTTP_ANSWER_MAX 65536 /* bytes of an answer that are read */

struct http;

/* All texts are borrowed until http_start returns; NULL = none. */
struct http_request {
	const char *method; /* GET has no body */
	const char *url;
	const char *headers; /* "Name: value\n" lines; "Name:\n" is sent empty */
	const char *body;
	size_t body_len;
	uint32_t timeout_ms;		  /* 0 = 10 s */
	uint32_t verify;		  /* 0 = certificates are not verified */
	const char *ca, *cert, *cert_key; /* PEM, "" = the system's, none */
	const char *proxy;		  /* "" = none */
};

struct http_answer {
	unsigned status;	/* of a final, complete header block; 0 = none came */
	struct verdict failure; /* status 0: what that means */
	const char *error;	/* status 0: why, one line */
	const char *body;	/* NUL-terminated, cut at HTTP_ANSWER_MAX */
	size_t body_len;
	const char *retry_after; /* the header's value or "" */
	const char *redirect;	 /* absolute URL of a 3xx, "" = none */
	uint32_t elapsed_ms;
};

/* The answer is borrowed during the call. */
typedef void (*http_on_answer)(void *owner, const struct http_answer *answer);

/* `config` is borrowed until http_free. */
struct http *http_new(struct loop *loop, const struct courier_config *config);
/* Breaks off what is under way, without a call. Accepts NULL, returns NULL. */
struct http *http_free(struct http *http);

/* The request was checked (dispatch/push/request.h). on_answer is called exactly once, from the
 * loop. */
void http_start(struct http *http, const struct http_request *request, http_on_answer on_answer,
		void *owner);
