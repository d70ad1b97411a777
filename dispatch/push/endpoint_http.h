/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the pushes of all kinds that speak HTTP (dispatch/push/vendor.h): encode, exchange, judge,
 * with the steps in between: WeCom's access token, PagerDuty's second event of a test, redirects.
 */
#pragma once

#include "base/loop.h"
#include "dispatch/push/courier.h"

struct endpoint_http;

typedef void (*endpoint_on_result)(void *owner, const struct courier_result *result);

/* `config` is borrowed until endpoint_http_free. */
struct endpoint_http *endpoint_http_new(struct loop *loop, const struct courier_config *config,
					endpoint_on_result on_result, void *owner);
/* Breaks off what is under way, without results. Accepts NULL, returns NULL. */
struct endpoint_http *endpoint_http_free(struct endpoint_http *http);

/* 1 if pushes of this kind are sent here. */
int endpoint_http_takes(uint32_t kind);

/* Sends one push (sound, of a kind that is taken). on_result is called exactly once: from the loop,
 * or from within this call if the request is not sendable. */
void endpoint_http_start(struct endpoint_http *http, const struct courier_push *push);
