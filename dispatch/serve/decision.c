/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/decision.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/exchange.h"
#include "dispatch/serve/finished_count.h"
#include "dispatch/serve/manifest_job.h"
#include "dispatch/serve/message.h"
#include "dispatch/serve/narrow.h"
#include "dispatch/serve/self.h"
#include "storage/memory.h"
#include "storage/refusal.h"

struct decision *decision_new(struct control *control)
{
	struct decision *decision = xcalloc(1, sizeof(*decision));

	decision->control = control;
	decision->now = instant_now();
	alert_list_init(&decision->alerts);
	STAILQ_INIT(&decision->facts);
	return decision;
}

void decision_abort(struct decision *decision)
{
	actions_fini(&decision->actions);
	alert_list_fini(&decision->alerts);
	facts_fini(&decision->facts);
	free((void *)decision->delivery.raw);
	free((void *)decision->delivery.source);
	free(decision);
}

enum alert_outcome decision_outcome(const struct decision *decision, const struct alert *alert)
{
	for (size_t i = 0; i < decision->actions.count; i++) {
		const struct action *action = &decision->actions.items[i];

		if (action->kind == ACTION_ALERT && action->alert == alert)
			return action->outcome;
	}
	/* a recovery that was accepted before, and counts now */
	return alert->status == ALERT_RECOVERED ? OUTCOME_CLOSED : OUTCOME_NOTICE;
}

/* ---- actions → live captures and rows, on the loop ---- */

static void format_slice(const struct pcap_policy *policy, char text[48])
{
	if (!policy->headers_only)
		snprintf(text, 48, "whole");
	else if (!policy->slice_bytes)
		snprintf(text, 48, "headers");
	else
		snprintf(text, 48, "headers+%u", policy->slice_bytes);
}

static void append_nic(char rings[512], const char *nic)
{
	size_t len = strlen(rings);

	snprintf(rings + len, 512 - len, "%s%s", len ? "," : "", nic);
}

static void format_rings(const struct control *control, const struct pcap_policy *policy,
			 char rings[512])
{
	struct ring_view ring;

	rings[0] = '\0';
	for (size_t i = 0; i < POLICY_NICS_MAX && policy->nics[i]; i++)
		append_nic(rings, policy->nics[i]);
	for (uint32_t i = 0; !policy->nics[0] && control_ring(control, i, &ring); i++)
		append_nic(rings, ring.nic);
}

static void take_policy(const struct control *control, struct live_capture *capture,
			const struct pcap_policy *policy)
{
	capture->rotate_bytes = policy->rotate_bytes;
	capture->rotate = policy->rotate;
	capture->budget_bytes = engine_budget(control->engine, policy->id);
	narrow_apply(capture, policy);
}

static const struct alert *find_alert(const struct decision *decision, const char *id,
				      const char *fingerprint)
{
	for (size_t i = 0; i < decision->alerts.count; i++) {
		const struct alert *alert = &decision->alerts.alerts[i];

		if (!strcmp(alert->id, id) || !strcmp(alert->fingerprint, fingerprint))
			return alert;
	}
	return NULL;
}

static void on_capture(struct decision *decision, const struct action *action)
{
	struct control *control = decision->control;
	const struct action_capture *wish = &action->capture;
	const struct pcap_policy *policy = engine_policy(control->engine, wish->policy);
	struct capture_row row = {.state = CAPTURE_STARTING,
				  .created_at = decision->now.wall,
				  .requested_from = wish->from,
				  .trigger_at = wish->trigger};
	struct live_capture *capture;

	bug_on(!policy);
	memcpy(row.id, wish->id, sizeof(row.id));
	memcpy(row.policy, wish->policy, sizeof(row.policy));
	memcpy(row.alert, wish->alert, sizeof(row.alert));
	memcpy(row.folder, wish->id, sizeof(wish->id));
	snprintf(row.policy_name, sizeof(row.policy_name), "%s", policy->name);
	snprintf(row.filter, sizeof(row.filter), "%s", policy->filter);
	format_slice(policy, row.slice);
	format_rings(control, policy, row.rings);
	capture = live_add(&control->live, &row);
	narrow_add(decision, capture, policy, find_alert(decision, row.alert, "-"));
	take_policy(control, capture, policy);
	live_resolve(control, capture);
	fact_add_folder(&decision->facts, row.id);
	fact_add_capture(&decision->facts, &capture->row);
	fact_add_note(&decision->facts, decision->now.wall, "capture", row.id, row.alert,
		      "capture of policy \"%s\" begins", row.policy_name);
	decision_note_clock(decision, row.id);
}

void decision_note_clock(struct decision *decision, const char *capture)
{
	struct clock_state clock;

	clock_state_get(&clock);
	fact_add_note(&decision->facts, decision->now.wall, "capture", capture, "",
		      "clock %s, error at most %lld ms",
		      clock.synchronised ? "synchronised" : "not synchronised",
		      (long long)(clock.error_max / DUR_MS));
}

static void on_stop(struct decision *decision, const struct action *action)
{
	struct live_capture *capture = live_find(&decision->control->live, action->capture.id);

	if (!capture)
		return;
	capture->row.state = CAPTURE_STOPPING;
	capture->row.requested_until = action->capture.until;
	if (!capture->row.stop_reason[0])
		snprintf(capture->row.stop_reason, sizeof(capture->row.stop_reason), "%s",
			 action->reason);
	fact_add_capture(&decision->facts, &capture->row);
	fact_add_note(&decision->facts, decision->now.wall, "capture", capture->row.id, "",
		      "capture ends: %s", action->reason);
}

static void on_edit(struct decision *decision, const struct action *action)
{
	struct control *control = decision->control;
	const struct pcap_policy *policy = engine_policy(control->engine, action->capture.policy);
	struct live_capture *capture;

	LIST_FOREACH (capture, &control->live.captures, next) {
		if (!policy || strcmp(capture->row.policy, policy->id) ||
		    capture->row.state == CAPTURE_STOPPING)
			continue;
		snprintf(capture->row.filter, sizeof(capture->row.filter), "%s", policy->filter);
		format_slice(policy, capture->row.slice);
		take_policy(control, capture, policy);
		fact_add_capture(&decision->facts, &capture->row);
		fact_add_note(&decision->facts, decision->now.wall, "capture", capture->row.id, "",
			      "policy edited while capturing: filter \"%s\", slice %s",
			      capture->row.filter, capture->row.slice);
	}
}

/* One more alert: a running capture may have to keep more. */
static void widen_held(struct decision *decision, const struct hold *hold)
{
	struct control *control = decision->control;
	const struct policy_run *run = engine_run(control->engine, hold->policy);
	const struct pcap_policy *policy = engine_policy(control->engine, hold->policy);
	struct live_capture *capture = run ? live_find(&control->live, run->capture) : NULL;

	if (!capture || !policy || !policy->narrow || capture->is_wide)
		return;
	narrow_add(decision, capture, policy,
		   hold->kind == HOLD_ALERT ? find_alert(decision, "-", hold->key) : NULL);
	narrow_apply(capture, policy);
	fact_add_capture(&decision->facts, &capture->row);
}

/* What the endpoint by which an alert holds the policy has to say, beside the capture. */
static void note_content(struct decision *decision, const struct hold *hold, const char *capture,
			 const struct alert *alert)
{
	CLEANUP_FREE char *note = message_note(decision, hold->endpoint, alert);

	if (note)
		fact_add_note(&decision->facts, decision->now.wall, "capture", capture, alert->id,
			      "%s", note);
}

static void note_hold(struct decision *decision, const struct action *action)
{
	const struct hold *hold = &action->hold;
	const struct policy_run *run = engine_run(decision->control->engine, hold->policy);
	const char *what = action->kind == ACTION_HOLD ? "held" : "released";
	const struct alert *about = hold->kind == HOLD_ALERT ? find_alert(decision, "-", hold->key)
							     : NULL;
	const char *alert = about		     ? about->id
			    : decision->alerts.count ? decision->alerts.alerts[0].id
						     : "";

	log_info("policy", "%s: %s by %s%s%s", hold->policy, what, hold_kind_name(hold->kind),
		 *alert ? ", alert " : "", alert);
	fact_add_note(&decision->facts, decision->now.wall, "policy", hold->policy, alert,
		      "%s by %s%s%s%s%s", what, hold_kind_name(hold->kind),
		      hold->note[0] ? ": " : "", hold->note, action->reason[0] ? ", " : "",
		      action->reason);
	if (run && run->capture[0])
		fact_add_note(&decision->facts, decision->now.wall, "capture", run->capture, alert,
			      "%s by %s%s%s", what, hold_kind_name(hold->kind),
			      hold->note[0] ? ": " : "", hold->note);
	if (run && run->capture[0] && about && wall_sub(hold->since, decision->now.wall) == 0 &&
	    action->kind == ACTION_HOLD)
		note_content(decision, hold, run->capture, about);
}

/* What was asked for and not done, with the reason: beside the alert and beside the policy. */
static void on_refuse(struct decision *decision, const struct action *action)
{
	refusal_count_add(&decision->control->refusals, action->reason);
	fact_add_note(&decision->facts, decision->now.wall, "policy", action->hold.policy,
		      action->alert->id, "refused to be held: %s", action->reason);
}

static void on_run(struct decision *decision, const struct action *action)
{
	log_info("policy", "%s: %s", action->run.policy, action->reason);
	fact_add_note(&decision->facts, decision->now.wall, "policy", action->run.policy, "", "%s",
		      action->reason);
}

static void on_push(struct decision *decision, const struct action *action)
{
	struct outbox_push push = {.created_at = decision->now.wall};

	memcpy(push.id, action->push.id, sizeof(push.id));
	if (!push.id[0])
		ident_new(decision->now.wall, push.id);
	memcpy(push.alert, action->alert->id, sizeof(push.alert));
	memcpy(push.endpoint, action->push.endpoint, sizeof(push.endpoint));
	memcpy(push.fingerprint, action->alert->fingerprint, sizeof(push.fingerprint));
	snprintf(push.event, sizeof(push.event), "%s", alert_status_name(action->alert->status));
	if (action->kind == ACTION_PUSH)
		push.request = message_format(decision, action);
	else
		push.request = xstrdup("{}");
	fact_add_push(&decision->facts, &push, action->kind == ACTION_PUSH ? NULL : action->reason);
}

static void on_action(struct decision *decision, const struct action *action)
{
	switch (action->kind) {
	case ACTION_CAPTURE:
		on_capture(decision, action);
		break;
	case ACTION_STOP:
		on_stop(decision, action);
		break;
	case ACTION_EDIT:
		on_edit(decision, action);
		break;
	case ACTION_HOLD:
	case ACTION_UNHOLD:
		note_hold(decision, action);
		if (action->kind == ACTION_HOLD)
			widen_held(decision, &action->hold);
		break;
	case ACTION_RUN:
		on_run(decision, action);
		break;
	case ACTION_PUSH:
	case ACTION_SUPPRESS:
		on_push(decision, action);
		break;
	case ACTION_REFUSE:
		on_refuse(decision, action);
		break;
	case ACTION_START: /* carried out after the commit */
	case ACTION_SIGNAL:
	case ACTION_ALERT:
	case ACTION_OPEN_ALERT:
	case ACTION_MEMORY:
	case ACTION_FORGET:
	case ACTION_TOLD:
	case ACTION_UNTOLD:
		break;
	}
}

/* ---- store thread ---- */

static int apply_alert(struct db *db, const struct decision *decision, const struct action *action)
{
	CLEANUP_JSON json_t *json = alert_format(action->alert);
	CLEANUP_FREE char *text = json_format(json);

	return journal_add_alert(db, action->alert, text, alert_outcome_name(action->outcome),
				 decision->delivery.id);
}

static int action_apply(struct db *db, const struct decision *decision, const struct action *action)
{
	switch (action->kind) {
	case ACTION_ALERT:
		return apply_alert(db, decision, action);
	case ACTION_OPEN_ALERT:
		return journal_save_open_alert(db, &action->open_alert);
	case ACTION_HOLD:
		return journal_save_hold(db, &action->hold);
	case ACTION_UNHOLD:
		return journal_remove_hold(db, &action->hold);
	case ACTION_RUN:
		return journal_save_run(db, &action->run);
	case ACTION_MEMORY:
		return memory_save(db, &action->memory);
	case ACTION_FORGET:
		return memory_remove(db, action->memory.pair);
	case ACTION_TOLD:
		return memory_add_told(db, action->push.fingerprint, action->push.endpoint);
	case ACTION_UNTOLD:
		return memory_remove_told(db, action->push.fingerprint, action->push.endpoint);
	default:
		return 0; /* became a fact */
	}
}

static int decision_run(struct db *db, void *arg)
{
	const struct decision *decision = arg;
	int r = decision->also ? decision->also(db, decision->also_arg) : 0;

	if (r < 0)
		return r;
	if (decision->delivery.id[0]) {
		r = decision->delivery.problem[0] ? refusal_add(db, &decision->delivery)
						  : journal_add_delivery(db, &decision->delivery);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < decision->actions.count; i++) {
		r = action_apply(db, decision, &decision->actions.items[i]);
		if (r < 0)
			return r;
	}
	return facts_apply(db, decision->control->captures_fd, &decision->facts);
}

/* ---- back on the loop ---- */

static void fact_carry_out(struct control *control, const struct fact *fact)
{
	struct live_capture *capture;

	switch (fact->kind) {
	case FACT_CAPTURE:
		capture = live_find(&control->live, fact->id);
		if (capture) {
			capture->committed = fact->capture;
			live_match_commit(capture);
		}
		manifest_job_post(control, fact->id);
		if (fact->capture.state == CAPTURE_FINISHED)
			finished_count_post(control, fact->id);
		break;
	case FACT_SEGMENT:
		if (fact->segment.sealed)
			digest_queue_kick(&control->digests);
		manifest_job_post(control, fact->id);
		break;
	case FACT_GAP:
		manifest_job_post(control, fact->id);
		break;
	case FACT_PUSH:
		courier_link_kick(&control->courier);
		break;
	case FACT_FINISHED:
		if (fact->announce.count)
			courier_link_kick(&control->courier);
		break;
	case FACT_SUPPRESSED:
		courier_link_count_suppressed(&control->courier, fact->push.endpoint);
		break;
	default:
		break;
	}
}

static void start_carry_out(struct control *control, const struct action *action)
{
	struct live_capture *capture = live_find(&control->live, action->capture.id);

	if (!capture)
		log_warning("control", "capture %s: start of an unknown capture, ignoring",
			    action->capture.id);
	else if (capture->failed)
		live_retry(control, capture);
}

static void carry_out(struct decision *decision)
{
	struct control *control = decision->control;
	struct fact *fact;

	for (size_t i = 0; i < decision->actions.count; i++)
		if (decision->actions.items[i].kind == ACTION_START)
			start_carry_out(control, &decision->actions.items[i]);
	STAILQ_FOREACH (fact, &decision->facts, next)
		fact_carry_out(control, fact);
	recorder_link_reconcile(&control->recorder);
}

static void decision_on_committed(void *arg, int result)
{
	struct decision *decision = arg;

	if (decision->done)
		decision->done(decision->owner, decision, result);
	if (result >= 0 && decision->control->engine && !decision->control->stopping)
		carry_out(decision);
	decision_abort(decision);
}

static bool is_recorded(const struct live *live, const char *policy)
{
	const struct live_capture *capture;

	LIST_FOREACH (capture, &live->captures, next)
		if (!strcmp(capture->row.policy, policy))
			return true;
	return false;
}

/* A policy made for one capture goes when that is finished, in the same transaction: until then a
 * recorder that comes back is told its filter and budget. */
void decision_drop_spent(struct decision *decision, const char *policy)
{
	struct engine *engine = decision->control->engine;
	const struct pcap_policy *found = engine_policy(engine, policy);
	char id[IDENT_SIZE];

	if (!found || !found->once || engine_run(engine, policy)->state != POLICY_OFF ||
	    is_recorded(&decision->control->live, policy))
		return;
	memcpy(id, found->id, sizeof(id));
	engine_on_policy_delete(engine, id, decision->now, &decision->actions);
	fact_add_setting(&decision->facts, "policy", id, NULL);
	fact_add_remove_run(&decision->facts, id);
	fact_add_note(&decision->facts, decision->now.wall, "policy", id, "",
		      "deleted: its one capture is over");
}

void decision_commit(struct decision *decision, decision_done done, void *owner)
{
	struct control *control = decision->control;
	bool stopping = control->stopping; /* then it is undone, and freed, at once */

	decision->done = done;
	decision->owner = owner;
	for (size_t i = 0; i < decision->actions.count; i++)
		on_action(decision, &decision->actions.items[i]);
	for (size_t i = 0, count = decision->actions.count; i < count; i++)
		if (decision->actions.items[i].kind == ACTION_RUN)
			decision_drop_spent(decision, decision->actions.items[i].run.policy);
	control_schedule(control);
	commit_post(&control->commits, decision_run, decision_on_committed, decision);
	if (!stopping)
		self_raise_signals(control, &decision->actions);
}

void decision_reply_empty(void *owner, struct decision *decision, int result)
{
	struct exchange *exchange = owner;

	(void)decision;
	if (result < 0)
		exchange_refuse_store(exchange, result);
	else
		exchange_reply_empty(exchange, 204);
}
