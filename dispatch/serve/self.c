/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/self.h"

#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"

void self_raise(struct control *control, const struct self_alert *self)
{
	const struct open_alert *present;
	struct decision *decision;
	struct alert *alert;

	if (!control->engine)
		return;
	decision = decision_new(control);
	alert = alert_list_add(&decision->alerts);
	self_alert_fill(alert, self, decision->now.wall);
	present = engine_open_alert(control->engine, alert->fingerprint);
	if ((present && present->open) != self->over) {
		decision_abort(decision);
		return;
	}
	engine_on_alert(control->engine, alert, decision->now, &decision->actions);
	decision_commit(decision, NULL, NULL);
}

void self_raise_signals(struct control *control, const struct actions *actions)
{
	for (size_t i = 0; i < actions->count; i++) {
		const struct action *action = &actions->items[i];

		if (action->kind == ACTION_SIGNAL)
			self_raise(control, &(struct self_alert){.policy = action->signal.policy,
								 .object = action->signal.object,
								 .text = action->reason,
								 .level = action->signal.level,
								 .over = action->signal.over});
	}
}
