/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP sender: pushes become requests, answers become verdicts. libcurl's multi interface on
 * our loop; host names are looked up by libcurl's resolver threads, so nothing here blocks.
 *
 * Redirects are not followed, certificates are verified, proxies and cookies are off, and every
 * push has a connection of its own: on a reused one libcurl 7.88 repeats a POST by itself when the
 * peer resets it, and a repeat must be counted as an attempt. The process must ignore SIGPIPE and
 * have called curl_global_init. */
#pragma once

#include "base/loop.h"
#include "dispatch/push/courier.h"

#define ENDPOINT_HTTP_ANSWER_MAX 65536 /* bytes of an answer that are read */

struct endpoint_http;

typedef void (*endpoint_http_on_result)(void *owner, const struct courier_result *result);

/* `config` is borrowed until endpoint_http_free. */
struct endpoint_http *endpoint_http_new(struct loop *loop, const struct courier_config *config,
					endpoint_http_on_result on_result, void *owner);
/* Breaks off what is under way, without results. Accepts NULL, returns NULL. */
struct endpoint_http *endpoint_http_free(struct endpoint_http *http);

/* Sends one push, whose texts are terminated and whose body_size is within bounds. on_result is
 * called exactly once: from the loop, or from within this call if the request is not sendable. */
void endpoint_http_start(struct endpoint_http *http, const struct courier_push *push);
