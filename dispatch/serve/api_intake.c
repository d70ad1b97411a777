/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts coming in: authenticate, parse, decide, commit, and only then answer. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/auth.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"

static json_t *alert_answer(const struct decision *decision, size_t index)
{
	const struct alert *alert = &decision->alerts.alerts[index];

	return json_pack(
		"{s:s, s:s, s:s}", "id", alert->id, "fingerprint", alert->fingerprint, "outcome",
		alert_outcome_name(decision_outcome(decision, &decision->alerts.alerts[index])));
}

/* Repeats, orphans and stale ones too were accepted: they are in the journal. */
static void count_alerts(const struct decision *decision, int result)
{
	for (size_t i = 0; i < decision->alerts.count; i++) {
		enum intake_result what = INTAKE_ACCEPTED;

		if (result < 0)
			what = INTAKE_FAILED;
		else if (decision_outcome(decision, &decision->alerts.alerts[i]) ==
			 OUTCOME_DUPLICATE)
			what = INTAKE_DUPLICATE;
		intake_count_add(&decision->control->intakes, decision->alerts.alerts[i].source,
				 what);
	}
}

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct exchange *exchange = owner;
	json_t *alerts;

	count_alerts(decision, result);
	if (result < 0) {
		exchange_refuse_store(exchange, result);
		return;
	}
	alerts = json_array();
	for (size_t i = 0; i < decision->alerts.count; i++)
		json_array_append_new(alerts, alert_answer(decision, i));
	exchange_reply(exchange, 200,
		       json_pack("{s:I, s:o}", "accepted", (json_int_t)decision->alerts.count,
				 "alerts", alerts));
}

static void keep_delivery(struct decision *decision, const char *source, const char *body,
			  size_t len)
{
	size_t kept = len < JOURNAL_RAW_MAX ? len : JOURNAL_RAW_MAX;

	ident_new(decision->now.wall, decision->delivery.id);
	decision->delivery.source = xstrdup(source);
	decision->delivery.received_at = decision->now.wall;
	decision->delivery.raw = kept ? xmemdup(body, kept) : xstrdup("");
	decision->delivery.raw_size = kept;
}

static void log_alert(const struct decision *decision, size_t index)
{
	const struct alert *alert = &decision->alerts.alerts[index];

	log_info("alert", "%s: source %s, level %s, %s, fingerprint %.12s: %s", alert->id,
		 alert->source, level_name(alert->level), alert_status_name(alert->status),
		 alert->fingerprint,
		 alert_outcome_name(decision_outcome(decision, &decision->alerts.alerts[index])));
}

/* The source's parser refuses with 400 (no JSON at all) or 422 (JSON that is no alert). */
static int status_of(const struct error *err)
{
	if (!strcmp(err->code, "too_large"))
		return 413;
	return !strcmp(err->code, "invalid_json") || !strcmp(err->code, "too_deep") ? 400 : 422;
}

static void intake_accept(struct exchange *exchange, const struct source *source)
{
	struct control *control = exchange->control;
	struct decision *decision = decision_new(control);
	struct intake intake = source_intake(source, decision->now.wall);
	struct error err = {0};
	size_t len;
	const char *body = exchange_body(exchange, &len);

	if (intake_parse(&intake, body, len, &decision->alerts, &err) < 0) {
		log_info("alert", "source %s: refused: %s %s", source->name, err.field, err.text);
		intake_count_add(&control->intakes, source->name, INTAKE_INVALID);
		decision_abort(decision);
		exchange_refuse_error(exchange, status_of(&err), &err);
		return;
	}
	keep_delivery(decision, source->name, body, len);
	for (size_t i = 0; i < decision->alerts.count; i++) {
		engine_on_alert(control->engine, &decision->alerts.alerts[i], decision->now,
				&decision->actions);
		watch_self_on_alert(&control->watch, &decision->alerts.alerts[i]);
		log_alert(decision, i);
	}
	decision_commit(decision, on_committed, exchange);
}

/* Unknown source and wrong token cost the same and look the same. */
void api_intake(struct exchange *exchange)
{
	const char *name = exchange_param(exchange, 0);
	const struct source *source = engine_source(exchange->control->engine, name);
	const char *hash = source ? source->token_sha256 : "";

	if (!auth_matches(exchange_param(exchange, 1), hash) || strcmp(source->name, name)) {
		intake_count_add(&exchange->control->intakes, source ? source->name : NULL,
				 INTAKE_UNAUTHORIZED);
		exchange_refuse(exchange, 401, "unauthorized",
				"there is no source with this name and token");
		return;
	}
	intake_accept(exchange, source);
}

void api_alerts_post(struct exchange *exchange)
{
	const struct source *source = engine_source(exchange->control->engine, "native");

	if (!source || source->kind != SOURCE_NATIVE) {
		exchange_refuse(
			exchange, 409, "no_native_source",
			"alerts posted here belong to the source \"native\" of kind native, "
			"which was deleted");
		return;
	}
	intake_accept(exchange, source);
}
