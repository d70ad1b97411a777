/* SPDX-License-Identifier: Apache-2.0 */
/* WeCom's access tokens: one per (API, corp, secret), kept until 90 % of their life is over. Who
 * asks while one is being fetched waits for that one (WCA-04). */
#pragma once

#include "dispatch/push/http.h"

struct wecom_tokens;

/* token NULL: there is none, and why; its push id is not set. Both are borrowed during the call. */
typedef void (*wecom_on_token)(void *owner, const char *token,
			       const struct courier_result *failure);

struct wecom_tokens *wecom_tokens_new(struct http *http);
/* After http_free. Accepts NULL, returns NULL. */
struct wecom_tokens *wecom_tokens_free(struct wecom_tokens *tokens);

/* on_token is called once: from within this call if the token is known, else from the loop. */
void wecom_tokens_get(struct wecom_tokens *tokens, const struct courier_push *push,
		      wecom_on_token on_token, void *owner);
/* The API refused it. */
void wecom_tokens_forget(struct wecom_tokens *tokens, const char *token);
