/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "dispatch/push/courier.h"

void courier_push_init(struct courier_push *push, const char *id)
{
	memset(push, 0, offsetof(struct courier_push, data));
	snprintf(push->push, sizeof(push->push), "%s", id);
	push->numbers[COURIER_VERIFY] = 1;
	push->data[0] = '\0';
	push->used = 1;
}

int courier_push_set(struct courier_push *push, enum courier_text which, const char *text)
{
	size_t size = strlen(text) + 1;

	if (size == 1)
		return 0;
	if (size > sizeof(push->data) - push->used)
		return -ENOSPC;
	push->offsets[which] = push->used;
	memcpy(push->data + push->used, text, size);
	push->used += (uint32_t)size;
	return 0;
}

const char *courier_push_get(const struct courier_push *push, enum courier_text which)
{
	return push->data + push->offsets[which];
}

size_t courier_push_size(const struct courier_push *push)
{
	return offsetof(struct courier_push, data) + push->used;
}

int courier_push_is_sound(const struct courier_push *push, size_t size)
{
	if (size <= offsetof(struct courier_push, data) || size > sizeof(*push) ||
	    push->used > sizeof(push->data) || courier_push_size(push) != size)
		return 0;
	if (push->data[0] || push->data[push->used - 1])
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(push->offsets); i++)
		if (push->offsets[i] >= push->used)
			return 0;
	return memchr(push->push, '\0', sizeof(push->push)) && ident_valid(push->push);
}

const char *courier_verdict_name(enum courier_verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_DELIVERED] = "delivered",
		[VERDICT_RETRY] = "retry",
		[VERDICT_PERMANENT] = "permanent",
		[VERDICT_DISABLE] = "disable",
	};

	bug_on(verdict >= ARRAY_SIZE(names));
	return names[verdict];
}

const char *courier_step_name(enum courier_step step)
{
	static const char *const names[] = {
		[COURIER_STEP_NONE] = "none",	    [COURIER_STEP_DNS] = "dns",
		[COURIER_STEP_CONNECT] = "connect", [COURIER_STEP_TLS] = "tls",
		[COURIER_STEP_AUTH] = "auth",	    [COURIER_STEP_PROTOCOL] = "protocol",
		[COURIER_STEP_REMOTE] = "remote",   [COURIER_STEP_REQUEST] = "request",
	};

	bug_on(step >= ARRAY_SIZE(names));
	return names[step];
}
