/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/self_alert.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/utf8.h"

static void set(char **field, const char *text, size_t max)
{
	free(*field);
	*field = utf8_copy(text, max);
}

void self_alert_fingerprint(const char *policy, const char *object, char ret[SHA256_HEX_SIZE])
{
	alert_fingerprint(ENGINE_SELF, policy, object, "", ret);
}

void self_alert_fill(struct alert *alert, const struct self_alert *self, wall_t now)
{
	CLEANUP_FREE char *title = xasprintf("%s: %s", self->policy, self->object);

	ident_new(now, alert->id);
	alert->status = self->over ? ALERT_RECOVERED : ALERT_FIRING;
	alert->level = self->over ? LEVEL_RECOVERY : self->level;
	alert->starts_at = self->over ? (wall_t){0} : now;
	alert->ends_at = self->over ? now : (wall_t){0};
	alert->event_at = alert->received_at = now;
	set(&alert->source, ENGINE_SELF, SETTING_NAME_MAX);
	set(&alert->policy_id, self->policy, ALERT_NAME_MAX);
	set(&alert->policy_name, self->policy, ALERT_NAME_MAX);
	set(&alert->object_id, self->object, ALERT_NAME_MAX);
	set(&alert->object_name, self->object, ALERT_NAME_MAX);
	set(&alert->title, title, ALERT_TEXT_MAX);
	set(&alert->text, self->text, ALERT_TEXT_MAX);
	self_alert_fingerprint(self->policy, alert->object_id, alert->fingerprint);
}
