/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/report.h"

#include <string.h>

#include "base/alloc.h"

void report_put(struct mailbox *box, uint32_t type, const void *body, size_t size)
{
	struct report *report = xmalloc(sizeof(*report) + size);

	report->type = type;
	report->size = (uint32_t)size;
	if (size)
		memcpy(report->body, body, size);
	mailbox_put(box, &report->letter);
}

struct report *report_take(struct mailbox *box)
{
	return (struct report *)mailbox_take(box);
}
