/* SPDX-License-Identifier: Apache-2.0 */
/* Sources: senders of alerts, each with its own URL token, which is shown once. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/auth.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/setting_row.h"

#define KEEP_MAX (30 * 24 * DUR_HOUR) /* of an old token */

static const struct source *source_find(struct exchange *exchange)
{
	const char *name = exchange_param(exchange, 0);
	const struct source *source = engine_source(exchange->control->engine, name);

	if (!source)
		exchange_refuse(exchange, 404, "unknown_source", "there is no source \"%.100s\"",
				name);
	return source;
}

void api_sources_list(struct exchange *exchange)
{
	const struct source *source;
	json_t *items = json_array();

	for (size_t i = 0; (source = engine_source_at(exchange->control->engine, i)); i++)
		json_array_append_new(items, source_format(source));
	exchange_reply(exchange, 200, json_pack("{s:o, s:n}", "items", items, "next"));
}

void api_source_get(struct exchange *exchange)
{
	const struct source *source = source_find(exchange);
	json_t *view;
	const char *state;
	char text[300];

	if (!source)
		return;
	view = source_format(source);
	state = topic_sources_state(&exchange->control->topics, source, text);
	if (!state)
		state = source_sockets_state(&exchange->control->source_sockets, source, text);
	if (!state)
		state = tails_state(&exchange->control->tails, source, text);
	json_object_set_new(view, "file_state", json_string(state));
	exchange_set_version(exchange, source->version);
	exchange_reply(exchange, 200, view);
}

/* ---- create and edit ---- */

struct source_reply {
	struct exchange *exchange;
	int status;
	char id[IDENT_SIZE];
	char token[AUTH_TOKEN_SIZE]; /* "" = not shown */
};

static void add_token(const struct control *control, const struct source *source, const char *token,
		      json_t *view)
{
	char url[512];

	snprintf(url, sizeof(url), "%s/in/%s/%s", control->base_url, source->name, token);
	json_object_set_new(view, "token", json_string(token));
	json_object_set_new(view, "url", json_string(url));
}

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct source_reply *reply = owner;
	struct exchange *exchange = reply->exchange;
	const struct control *control = exchange->control;
	const struct source *source = control->engine ? engine_source(control->engine, reply->id)
						      : NULL;
	char location[96];
	json_t *view;

	(void)decision;
	if (result < 0) {
		exchange_refuse_store(exchange, result);
	} else if (!source) {
		exchange_reply_empty(exchange, 204);
	} else {
		view = source_format(source);
		if (reply->token[0])
			add_token(control, source, reply->token, view);
		snprintf(location, sizeof(location), "/api/v1/sources/%s", source->id);
		if (reply->status == 201)
			exchange_set_header(exchange, "Location", location);
		exchange_set_version(exchange, source->version);
		exchange_reply(exchange, reply->status, view);
	}
	free(reply);
}

static void source_commit(struct exchange *exchange, struct source *source, int status,
			  const char *token)
{
	struct control *control = exchange->control;
	struct decision *decision = decision_new(control);
	struct source_reply *reply = xcalloc(1, sizeof(*reply));

	reply->exchange = exchange;
	reply->status = status;
	memcpy(reply->id, source->id, sizeof(reply->id));
	snprintf(reply->token, sizeof(reply->token), "%s", token);
	source->updated_at = decision->now.wall;
	if (status == 201)
		source->created_at = decision->now.wall;
	fact_add_setting(&decision->facts, "source", source->id, setting_row_format_source(source));
	fact_add_note(&decision->facts, decision->now.wall, "source", source->id, "",
		      "%s, version %" PRId64 "%s", status == 201 ? "created" : "edited",
		      source->version, *token ? ", new token" : "");
	engine_on_source_put(control->engine, source, decision->now, &decision->actions);
	decision_commit(decision, on_committed, reply);
}

static void source_change(struct exchange *exchange, struct source *source, int status,
			  const char *token)
{
	CLEANUP_JSON json_t *object = NULL;
	const struct source *other;
	struct error err = {0};

	if (!exchange_read_object(exchange, &object))
		return;
	if (source_read(source, object, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
		return;
	}
	other = engine_source(exchange->control->engine, source->name);
	if (other && strcmp(other->id, source->id))
		exchange_refuse(exchange, 409, "name_taken",
				"/name: there is a source named \"%s\" already", source->name);
	else
		source_commit(exchange, source, status, token);
}

static void new_token(struct source *source, char token[AUTH_TOKEN_SIZE])
{
	secret_new(token, AUTH_TOKEN_LEN);
	sha256_text(token, strlen(token), source->token_sha256);
}

void api_sources_post(struct exchange *exchange)
{
	struct source source;
	char token[AUTH_TOKEN_SIZE];

	source_default(&source);
	ident_new(wall_now(), source.id);
	source.version = 1;
	new_token(&source, token);
	source_change(exchange, &source, 201, token);
	source_fini(&source);
}

void api_source_put(struct exchange *exchange)
{
	const struct source *present = source_find(exchange);
	struct source source;

	if (!present || !exchange_check_version(exchange, present->version))
		return;
	source_default(&source);
	memcpy(source.id, present->id, sizeof(source.id));
	memcpy(source.token_sha256, present->token_sha256, sizeof(source.token_sha256));
	memcpy(source.old_token_sha256, present->old_token_sha256, sizeof(source.token_sha256));
	source.old_token_until = present->old_token_until;
	/* what "***" stands for; source_read drops them if no signature is demanded any more */
	for (size_t i = 0; present->hmac.secrets[i]; i++)
		source.hmac.secrets[i] = xstrdup(present->hmac.secrets[i]);
	source.kafka = present->kafka;
	source_kafka_offer(&source.kafka);
	source.version = present->version + 1;
	source.created_at = present->created_at;
	source_change(exchange, &source, 200, "");
	source_fini(&source);
}

void api_source_patch(struct exchange *exchange)
{
	const struct source *present = source_find(exchange);
	CLEANUP_FREE struct source *source = NULL;

	if (!present || !exchange_check_version(exchange, present->version))
		return;
	source = source_copy(present);
	source->version++;
	source_change(exchange, source, 200, "");
	source_fini(source);
}

/* How long the old token is to be good still. Returns false after having answered. */
static bool read_keep(struct exchange *exchange, dur_t *ret)
{
	static const char *const keys[] = {"keep_old", NULL};
	CLEANUP_JSON json_t *object = NULL;
	struct error err = {0};

	*ret = 0;
	if (!exchange_read_object(exchange, &object))
		return false;
	if (!json_check_keys(object, "", keys, &err) &&
	    json_read_dur(object, "", "keep_old", 0, KEEP_MAX, ret, &err) >= 0)
		return true;
	exchange_refuse_error(exchange, 422, &err);
	return false;
}

void api_source_token(struct exchange *exchange)
{
	const struct source *present = source_find(exchange);
	CLEANUP_FREE struct source *source = NULL;
	char token[AUTH_TOKEN_SIZE];
	dur_t keep;

	if (!present || !read_keep(exchange, &keep))
		return;
	source = source_copy(present);
	memcpy(source->old_token_sha256, present->token_sha256, sizeof(source->token_sha256));
	source->old_token_until = keep ? wall_add(wall_now(), keep) : (wall_t){0};
	source->version++;
	new_token(source, token);
	source_commit(exchange, source, 200, token);
	source_fini(source);
}

/* ---- delete ---- */

void api_source_delete(struct exchange *exchange)
{
	struct control *control = exchange->control;
	const struct source *source = source_find(exchange);
	struct decision *decision;
	char id[IDENT_SIZE];

	if (!source || !exchange_check_version(exchange, source->version))
		return;
	memcpy(id, source->id, sizeof(id));
	decision = decision_new(control);
	fact_add_setting(&decision->facts, "source", id, NULL);
	fact_add_setting(&decision->facts, "position", id, NULL);
	fact_add_setting(&decision->facts, "kafka_position", id, NULL);
	fact_add_note(&decision->facts, decision->now.wall, "source", id, "", "deleted");
	engine_on_source_delete(control->engine, id, decision->now, &decision->actions);
	decision_commit(decision, decision_reply_empty, exchange);
}
