/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts coming in: authenticate, parse, decide, commit, and only then answer. */
#include <event2/http.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/source_auth.h"
#include "policy/value.h"

#define TOKEN_HEADER "X-Ringbell-Token"

/* ---- answers ---- */

static json_t *alert_answer(const struct decision *decision, size_t index)
{
	const struct alert *alert = &decision->alerts.alerts[index];

	return json_pack(
		"{s:s, s:s, s:s}", "id", alert->id, "fingerprint", alert->fingerprint, "outcome",
		alert_outcome_name(decision_outcome(decision, &decision->alerts.alerts[index])));
}

static json_t *our_answer(const struct decision *decision)
{
	json_t *alerts = json_array();

	for (size_t i = 0; i < decision->alerts.count; i++)
		json_array_append_new(alerts, alert_answer(decision, i));
	return json_pack("{s:I, s:o, s:I}", "accepted", (json_int_t)decision->alerts.count,
			 "alerts", alerts, "ignored", (json_int_t)decision->alerts.ignored);
}

/* Tencent's first interface wanted its session id back (TCT-08). */
static json_t *tencent_answer(const struct decision *decision)
{
	const struct alert *alert = decision->alerts.count ? decision->alerts.alerts : NULL;
	const char *session =
		alert ? json_string_value(json_object_get(alert->annotations, "session_id")) : NULL;

	return json_pack("{s:s, s:i}", "sessionId", session ? session : "", "retCode", 0);
}

static json_t *pagerduty_answer(const struct decision *decision)
{
	const char *key = decision->alerts.count ? decision->alerts.alerts[0].object_id : "";

	return json_pack("{s:s, s:s, s:s}", "status", "success", "message", "Event processed",
			 "dedup_key", key);
}

static void answer(struct exchange *exchange, const struct decision *decision,
		   enum source_kind kind)
{
	switch (kind) {
	case SOURCE_TENCENT:
		exchange_reply(exchange, 200, tencent_answer(decision));
		break;
	case SOURCE_PAGERDUTY_EVENTS:
		exchange_reply(exchange, 202, pagerduty_answer(decision));
		break;
	default:
		exchange_reply(exchange, 200, our_answer(decision));
	}
}

/* ---- one delivery ---- */

/* A delivery that waits for its commit. */
struct delivery_reply {
	struct exchange *exchange; /* NULL: was answered already */
	enum source_kind kind;
};

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
	struct delivery_reply *reply = owner;

	count_alerts(decision, result);
	if (reply->exchange && result < 0)
		exchange_refuse_store(reply->exchange, result);
	else if (reply->exchange)
		answer(reply->exchange, decision, reply->kind);
	free(reply);
}

static void commit(struct decision *decision, struct exchange *exchange, enum source_kind kind)
{
	struct delivery_reply *reply = xcalloc(1, sizeof(*reply));

	reply->exchange = exchange;
	reply->kind = kind;
	decision_commit(decision, on_committed, reply);
}

/* PagerDuty's events carry the source's token in their body; only its hash is ever kept. */
static void mask_routing_key(char *raw, size_t len)
{
	static const char name[] = "\"routing_key\"";
	const char *end = raw + len;
	char *p = memmem(raw, len, name, sizeof(name) - 1);

	if (!p)
		return;
	p = memchr(p + sizeof(name) - 1, '"', (size_t)(end - p) - (sizeof(name) - 1));
	while (p && ++p < end && *p != '"')
		*p = '*';
}

static void keep_delivery(struct decision *decision, const char *source, const char *body,
			  size_t len)
{
	size_t kept = len < JOURNAL_RAW_MAX ? len : JOURNAL_RAW_MAX;
	char *raw;

	ident_new(decision->now.wall, decision->delivery.id);
	decision->delivery.source = xstrdup(source);
	decision->delivery.received_at = decision->now.wall;
	raw = kept ? xmemdup(body, kept) : xstrdup("");
	mask_routing_key(raw, kept);
	decision->delivery.raw = raw;
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

/* What a service sends to see whether the address works (TCT-02). */
static bool is_probe(const char *body, size_t len)
{
	while (len && strchr(" \t\r\n", body[len - 1]))
		len--;
	return !len || (len == 2 && !strncmp(body, "{}", 2));
}

/* A delivery that is no good is kept with what is wrong with it, so that an operator sees what the
 * sender really sends. A sender that must not be told is answered when that is durable. */
static void refuse(struct exchange *exchange, struct decision *decision,
		   const struct source *source, const struct error *err)
{
	enum source_kind kind = source->kind;
	bool quarantine = source_kind_get(kind).quarantine && strcmp(err->code, "too_large") != 0;
	size_t len;
	const char *body = exchange_body(exchange, &len);

	/* the text may quote what the sender keeps secret; it is kept with the delivery */
	log_info("alert", "source %s: refused: %s %s", source->name, err->code, err->field);
	intake_count_add(&decision->control->intakes, source->name, INTAKE_INVALID);
	keep_delivery(decision, source->name, body, len);
	snprintf(decision->delivery.problem, sizeof(decision->delivery.problem), "%s: %s%s%s",
		 err->code, err->field, *err->field ? " " : "", err->text);
	if (!quarantine)
		exchange_refuse_error(exchange, status_of(err), err);
	commit(decision, quarantine ? exchange : NULL, kind);
}

static void decide(struct exchange *exchange, struct decision *decision,
		   const struct source *source)
{
	struct control *control = decision->control;
	size_t len;
	const char *body = exchange_body(exchange, &len);

	if (!decision->alerts.count) { /* nothing that concerns us */
		answer(exchange, decision, source->kind);
		decision_abort(decision);
		return;
	}
	keep_delivery(decision, source->name, body, len);
	for (size_t i = 0; i < decision->alerts.count; i++) {
		engine_on_alert(control->engine, &decision->alerts.alerts[i], decision->now,
				&decision->actions);
		watch_self_on_alert(&control->watch, &decision->alerts.alerts[i]);
		log_alert(decision, i);
	}
	commit(decision, exchange, source->kind);
}

static void intake_accept(struct exchange *exchange, const struct source *source)
{
	struct decision *decision = decision_new(exchange->control);
	struct intake intake = source_intake(source, decision->now.wall);
	struct error err = {0};
	size_t len;
	const char *body = exchange_body(exchange, &len);

	if (source_kind_get(source->kind).quarantine && is_probe(body, len)) {
		answer(exchange, decision, source->kind);
		decision_abort(decision);
	} else if (intake_parse(&intake, body, len, &decision->alerts, &err) < 0) {
		refuse(exchange, decision, source, &err);
	} else {
		decide(exchange, decision, source);
	}
}

/* ---- who may ---- */

static const char *peer_address(const struct exchange *exchange)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(exchange->http);
	char *address = NULL;
	ev_uint16_t port;

	if (connection)
		evhttp_connection_get_peer(connection, &address, &port);
	return address;
}

/* Headers of a name that is empty are none. */
static const char *named_header(const struct exchange *exchange, const char *name)
{
	return *name ? exchange_header(exchange, name) : NULL;
}

static void refuse_sender(struct exchange *exchange, const struct source *source, int why)
{
	log_info("alert", "source %s: delivery refused: %s", source ? source->name : "(unknown)",
		 source_auth_name(why));
	intake_count_add(&exchange->control->intakes, source ? source->name : NULL,
			 INTAKE_UNAUTHORIZED);
	if (why == SOURCE_AUTH_TOKEN)
		exchange_refuse(exchange, 401, "unauthorized",
				"there is no source with this name and token");
	else
		exchange_refuse(exchange, 403, "sender_refused",
				"the token is right, but the source wants more of its sender "
				"(address or signature)");
}

/* Answers 401, 403 or 429 and returns false if this sender may not deliver now. */
static bool check_sender(struct exchange *exchange, const struct source *source,
			 const char *url_token)
{
	struct source_credentials shown = {
		.url_token = url_token,
		.authorization = exchange_header(exchange, "Authorization"),
		.token_header = exchange_header(exchange, TOKEN_HEADER),
		.signature = source ? named_header(exchange, source->hmac.header) : NULL,
		.timestamp = source ? named_header(exchange, source->hmac.timestamp_header) : NULL,
		.address = peer_address(exchange),
	};
	struct instant now = instant_now();
	char seconds[24];
	dur_t wait;
	int why;

	shown.body = exchange_body(exchange, &shown.len);
	why = source_auth_check(source, &shown, now.wall);
	if (why) {
		refuse_sender(exchange, source, why);
		return false;
	}
	wait = intake_rate_take(&exchange->control->rates, source->id, source->rate, now.mono);
	if (!wait)
		return true;
	intake_count_add(&exchange->control->intakes, source->name, INTAKE_LIMITED);
	snprintf(seconds, sizeof(seconds), "%" PRId64, (wait + DUR_S - 1) / DUR_S);
	exchange_set_header(exchange, "Retry-After", seconds);
	exchange_refuse(exchange, 429, "too_many_deliveries",
			"source \"%s\" takes %u deliveries per second", source->name, source->rate);
	return false;
}

/* A name in the URL is a name, never an id. */
static const struct source *named_source(const struct exchange *exchange)
{
	const char *name = exchange_param(exchange, 0);
	const struct source *source = engine_source(exchange->control->engine, name);

	return source && !strcmp(source->name, name) ? source : NULL;
}

void api_intake(struct exchange *exchange)
{
	const struct source *source = named_source(exchange);

	if (!check_sender(exchange, source, exchange_param(exchange, 1)))
		return;
	/* a look whether the address works */
	if (exchange->method != METHOD_POST)
		exchange_reply(exchange, 200, json_pack("{s:s}", "source", source->name));
	else
		intake_accept(exchange, source);
}

/* The sender's key is in the body, and is the token. */
static const struct source *keyed_source(const struct exchange *exchange, const char *key)
{
	const struct source *found = NULL, *source;
	wall_t now = wall_now();

	for (size_t i = 0; (source = engine_source_at(exchange->control->engine, i)); i++)
		if (source->kind == SOURCE_PAGERDUTY_EVENTS && source_auth_token(source, key, now))
			found = source;
	return found;
}

void api_intake_enqueue(struct exchange *exchange)
{
	CLEANUP_JSON json_t *json = NULL;
	CLEANUP_FREE char *key = NULL;
	const struct source *source = NULL;
	size_t len;
	const char *body = exchange_body(exchange, &len);

	if (!json_parse(body, len, EXCHANGE_BODY_MAX, &json, NULL))
		key = value_read(json, "/routing_key", 256);
	if (key)
		source = keyed_source(exchange, key);
	if (check_sender(exchange, source, key ? key : ""))
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
