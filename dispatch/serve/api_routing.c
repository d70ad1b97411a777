/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of alerts: alert policies, routes, silences. Three kinds of objects, one way to list,
 * create, edit and delete them. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/problem.h"
#include "dispatch/serve/setting_row.h"
#include "policy/route.h"

/* One kind; void * is its struct, which begins as struct setting_head does. */
struct routing_kind {
	const char *row;  /* of the settings table, and of notes */
	const char *path; /* below /api/v1/ */
	const char *noun;
	size_t size;
	size_t endpoints; /* offset of the list of endpoints; 0 = it has none */
	const void *(*find)(const struct engine *engine, const char *id_or_name);
	const void *(*at)(const struct engine *engine, size_t index);
	void (*set_default)(void *setting);
	void *(*copy)(const void *setting);
	void (*fini)(void *setting);
	int (*read)(void *setting, const json_t *object, struct error *err);
	json_t *(*format)(const void *setting);
	void (*extend)(const struct control *control, const void *setting, json_t *view);
	char *(*format_row)(const void *setting);
	void (*put)(struct engine *engine, const void *setting);
	void (*remove)(struct engine *engine, const char *id);
};

#define HEAD_IS_FIRST(type)                                                                        \
	_Static_assert(offsetof(struct type, version) == offsetof(struct setting_head, version) && \
			       offsetof(struct type, name) ==                                      \
				       offsetof(struct setting_head, name) &&                      \
			       offsetof(struct type, updated_at) ==                                \
				       offsetof(struct setting_head, updated_at),                  \
		       #type)
HEAD_IS_FIRST(alert_policy);
HEAD_IS_FIRST(alert_route);
HEAD_IS_FIRST(silence);

/* The functions of one struct, under types a table can have. */
#define KIND_FUNCTIONS(type)                                                                       \
	static const void *type##_find(const struct engine *engine, const char *id_or_name)        \
	{                                                                                          \
		return engine_##type(engine, id_or_name);                                          \
	}                                                                                          \
	static const void *type##_at(const struct engine *engine, size_t index)                    \
	{                                                                                          \
		return engine_##type##_at(engine, index);                                          \
	}                                                                                          \
	static void type##_set_default(void *setting)                                              \
	{                                                                                          \
		type##_default(setting);                                                           \
	}                                                                                          \
	static void *type##_copy_of(const void *setting)                                           \
	{                                                                                          \
		return type##_copy(setting);                                                       \
	}                                                                                          \
	static void type##_fini_of(void *setting)                                                  \
	{                                                                                          \
		type##_fini(setting);                                                              \
	}                                                                                          \
	static int type##_read_into(void *setting, const json_t *object, struct error *err)        \
	{                                                                                          \
		return type##_read(setting, object, err);                                          \
	}                                                                                          \
	static json_t *type##_view(const void *setting)                                            \
	{                                                                                          \
		return type##_format(setting);                                                     \
	}                                                                                          \
	static char *type##_row(const void *setting)                                               \
	{                                                                                          \
		return setting_row_format_##type(setting);                                         \
	}                                                                                          \
	static void type##_put(struct engine *engine, const void *setting)                         \
	{                                                                                          \
		engine_on_##type##_put(engine, setting);                                           \
	}
KIND_FUNCTIONS(alert_policy)
KIND_FUNCTIONS(alert_route)
KIND_FUNCTIONS(silence)

#define KIND_MEMBERS(type)                                                                         \
	.size = sizeof(struct type), .find = type##_find, .at = type##_at,                         \
	.set_default = type##_set_default, .copy = type##_copy_of, .fini = type##_fini_of,         \
	.read = type##_read_into, .format = type##_view, .format_row = type##_row,                 \
	.put = type##_put, .remove = engine_on_##type##_delete

static void extend_alert_policy(const struct control *control, const void *setting, json_t *view)
{
	const struct alert_policy *policy = setting;
	size_t open = engine_count_open(control->engine, policy);

	json_object_set_new(view, "open", json_integer((json_int_t)open));
}

static void extend_silence(const struct control *control, const void *setting, json_t *view)
{
	(void)control;
	json_object_set_new(view, "active", json_boolean(silence_is_active(setting, wall_now())));
}

static const struct routing_kind alert_policies = {
	.row = "alert_policy",
	.path = "alert-policies",
	.noun = "alert policy",
	.endpoints = offsetof(struct alert_policy, endpoints),
	.extend = extend_alert_policy,
	KIND_MEMBERS(alert_policy),
};
static const struct routing_kind routes = {
	.row = "route",
	.path = "routes",
	.noun = "route",
	.endpoints = offsetof(struct alert_route, endpoints),
	KIND_MEMBERS(alert_route),
};
static const struct routing_kind silences = {
	.row = "silence",
	.path = "silences",
	.noun = "silence",
	.extend = extend_silence,
	KIND_MEMBERS(silence),
};

/* ---- looking ---- */

static const struct setting_head *head_of(const void *setting)
{
	return setting;
}

static const void *find(struct exchange *exchange, const struct routing_kind *kind)
{
	const char *name = exchange_param(exchange, 0);
	const void *setting = kind->find(exchange->control->engine, name);

	if (!setting && kind == &alert_policies)
		exchange_refuse(exchange, 404, "unknown_alert_policy",
				"there is no alert policy \"%.130s\"", name);
	else if (!setting && kind == &routes)
		exchange_refuse(exchange, 404, "unknown_route", "there is no route \"%.130s\"",
				name);
	else if (!setting)
		exchange_refuse(exchange, 404, "unknown_silence", "there is no silence \"%.130s\"",
				name);
	return setting;
}

static json_t *view_of(const struct control *control, const struct routing_kind *kind,
		       const void *setting)
{
	json_t *view = kind->format(setting);

	if (kind->extend)
		kind->extend(control, setting, view);
	return view;
}

static void list(struct exchange *exchange, const struct routing_kind *kind)
{
	struct control *control = exchange->control;
	json_t *items = json_array();
	const void *setting;

	for (size_t i = 0; (setting = kind->at(control->engine, i)); i++)
		json_array_append_new(items, view_of(control, kind, setting));
	exchange_reply(exchange, 200, json_pack("{s:o, s:n}", "items", items, "next"));
}

static void reply(struct exchange *exchange, const struct routing_kind *kind, int status,
		  const char *id)
{
	const struct engine *engine = exchange->control->engine;
	const void *setting = engine ? kind->find(engine, id) : NULL;

	if (!setting) { /* deleted by a later request that was quicker */
		exchange_reply_empty(exchange, 204);
		return;
	}
	exchange_set_version(exchange, head_of(setting)->version);
	exchange_reply(exchange, status, view_of(exchange->control, kind, setting));
}

static void get(struct exchange *exchange, const struct routing_kind *kind)
{
	const void *setting = find(exchange, kind);

	if (setting)
		reply(exchange, kind, 200, head_of(setting)->id);
}

/* ---- changing ---- */

struct routing_reply {
	struct exchange *exchange;
	const struct routing_kind *kind;
	int status;
	char id[IDENT_SIZE];
};

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct routing_reply *answer = owner;
	char location[128];

	(void)decision;
	if (result < 0) {
		exchange_refuse_store(answer->exchange, result);
	} else {
		snprintf(location, sizeof(location), "/api/v1/%s/%s", answer->kind->path,
			 answer->id);
		if (answer->status == 201)
			exchange_set_header(answer->exchange, "Location", location);
		reply(answer->exchange, answer->kind, answer->status, answer->id);
	}
	free(answer);
}

/* Endpoints may be named by their names: the setting keeps ids, so that they can be renamed. */
static bool resolve_endpoints(struct exchange *exchange, json_t *object)
{
	const json_t *names = json_object_get(object, "endpoints");
	json_t *ids = json_array(), *item;
	struct error err;
	char field[32];
	size_t i;

	json_array_foreach (names, i, item) {
		const char *name = json_string_value(item);
		const struct endpoint *endpoint =
			name ? engine_endpoint(exchange->control->engine, name) : NULL;

		if (!endpoint) {
			snprintf(field, sizeof(field), "/endpoints/%zu", i);
			error_set(&err, "unknown_endpoint", field,
				  "\"%.100s\": the id or name of an existing endpoint expected",
				  name ? name : "");
			json_decref(ids);
			exchange_refuse_error(exchange, 422, &err);
			return false;
		}
		json_array_append_new(ids, json_string(endpoint->id));
	}
	if (json_is_array(names))
		json_object_set_new(object, "endpoints", ids);
	else
		json_decref(ids);
	return true;
}

static bool name_is_free(struct exchange *exchange, const struct routing_kind *kind,
			 const void *draft)
{
	const struct setting_head *head = head_of(draft);
	const void *other = kind->find(exchange->control->engine, head->name);

	if (!other || !strcmp(head_of(other)->id, head->id))
		return true;
	exchange_refuse(exchange, 409, "name_taken", "/name: there is a %s named \"%s\" already",
			kind->noun, head->name);
	return false;
}

/* Two alert policies must not stand for the same alerts. */
static bool key_is_free(struct exchange *exchange, const struct routing_kind *kind,
			const void *draft)
{
	const struct engine *engine = exchange->control->engine;
	const struct alert_policy *other;

	if (kind != &alert_policies)
		return true;
	for (size_t i = 0; (other = engine_alert_policy_at(engine, i)); i++) {
		if (!strcmp(other->id, head_of(draft)->id) ||
		    strcmp(alert_policy_key(other), alert_policy_key(draft)))
			continue;
		exchange_refuse(exchange, 409, "sender_id_taken",
				"/sender_id: alert policy \"%s\" stands for the same alerts",
				other->name);
		return false;
	}
	return true;
}

static void commit(struct exchange *exchange, const struct routing_kind *kind, void *draft,
		   int status)
{
	struct control *control = exchange->control;
	struct decision *decision = decision_new(control);
	struct routing_reply *answer = xcalloc(1, sizeof(*answer));
	struct setting_head *head = draft;

	answer->exchange = exchange;
	answer->kind = kind;
	answer->status = status;
	memcpy(answer->id, head->id, sizeof(answer->id));
	head->updated_at = decision->now.wall;
	if (status == 201)
		head->created_at = decision->now.wall;
	fact_add_setting(&decision->facts, kind->row, head->id, kind->format_row(draft));
	fact_add_note(&decision->facts, decision->now.wall, kind->row, head->id, "",
		      "%s, version %" PRId64, status == 201 ? "created" : "edited", head->version);
	kind->put(control->engine, draft);
	decision_commit(decision, on_committed, answer);
}

/* Reads the body into draft, whose id and version are set, and commits it; draft is put. */
static void change(struct exchange *exchange, const struct routing_kind *kind, void *draft,
		   int status)
{
	CLEANUP_JSON json_t *object = NULL;
	struct error err = {0};

	if (exchange_read_object(exchange, &object) &&
	    (!kind->endpoints || resolve_endpoints(exchange, object))) {
		if (kind->read(draft, object, &err) < 0)
			exchange_refuse_error(exchange, 422, &err);
		else if (name_is_free(exchange, kind, draft) && key_is_free(exchange, kind, draft))
			commit(exchange, kind, draft, status);
	}
	kind->fini(draft);
	free(draft);
}

static void *new_draft(const struct routing_kind *kind, const struct setting_head *present)
{
	struct setting_head *draft = xcalloc(1, kind->size);

	kind->set_default(draft);
	if (present) {
		memcpy(draft->id, present->id, sizeof(draft->id));
		draft->created_at = present->created_at;
	} else {
		ident_new(wall_now(), draft->id);
	}
	draft->version = present ? present->version + 1 : 1;
	return draft;
}

static void post(struct exchange *exchange, const struct routing_kind *kind)
{
	change(exchange, kind, new_draft(kind, NULL), 201);
}

static void put(struct exchange *exchange, const struct routing_kind *kind)
{
	const void *present = find(exchange, kind);

	if (present && exchange_check_version(exchange, head_of(present)->version))
		change(exchange, kind, new_draft(kind, present), 200);
}

static void patch(struct exchange *exchange, const struct routing_kind *kind)
{
	const void *present = find(exchange, kind);
	struct setting_head *draft;

	if (!present || !exchange_check_version(exchange, head_of(present)->version))
		return;
	draft = kind->copy(present);
	draft->version++;
	change(exchange, kind, draft, 200);
}

/* ---- deleting ---- */

static void delete (struct exchange *exchange, const struct routing_kind *kind)
{
	struct control *control = exchange->control;
	const void *setting = find(exchange, kind);
	struct decision *decision;
	char id[IDENT_SIZE];

	if (!setting || !exchange_check_version(exchange, head_of(setting)->version))
		return;
	if (kind == &alert_policies && ((const struct alert_policy *)setting)->enabled) {
		exchange_refuse(exchange, 409, "alert_policy_enabled",
				"alert policy \"%s\" is enabled: switch it off first",
				head_of(setting)->name);
		return;
	}
	memcpy(id, head_of(setting)->id, sizeof(id));
	decision = decision_new(control);
	fact_add_setting(&decision->facts, kind->row, id, NULL);
	fact_add_note(&decision->facts, decision->now.wall, kind->row, id, "", "deleted");
	kind->remove(control->engine, id);
	decision_commit(decision, decision_reply_empty, exchange);
}

/* ---- the endpoints in use ---- */

static char *const *endpoints_of(const struct routing_kind *kind, const void *setting)
{
	return (char *const *)((const char *)setting + kind->endpoints);
}

static bool names_endpoint(const struct routing_kind *kind, const void *setting, const char *id)
{
	for (char *const *item = endpoints_of(kind, setting); *item; item++)
		if (!strcmp(*item, id))
			return true;
	return false;
}

static const struct routing_kind *const with_endpoints[] = {&alert_policies, &routes};

json_t *api_routing_users(const struct control *control, const char *endpoint)
{
	json_t *users = json_array();
	const void *setting;

	for (size_t k = 0; k < ARRAY_SIZE(with_endpoints); k++)
		for (size_t i = 0; (setting = with_endpoints[k]->at(control->engine, i)); i++)
			if (names_endpoint(with_endpoints[k], setting, endpoint))
				json_array_append_new(users, json_pack("{s:s, s:s, s:s}", "object",
								       with_endpoints[k]->row, "id",
								       head_of(setting)->id, "name",
								       head_of(setting)->name));
	return users;
}

static void detach_from(struct decision *decision, const struct routing_kind *kind,
			const void *setting, const char *endpoint)
{
	struct setting_head *draft = kind->copy(setting);
	char **list = (char **)((char *)draft + kind->endpoints), **keep = list;

	for (; *list; list++) {
		if (strcmp(*list, endpoint))
			*keep++ = *list;
		else
			free(*list);
	}
	*keep = NULL;
	draft->version++;
	draft->updated_at = decision->now.wall;
	fact_add_setting(&decision->facts, kind->row, draft->id, kind->format_row(draft));
	kind->put(decision->control->engine, draft);
	kind->fini(draft);
	free(draft);
}

void api_routing_detach(struct decision *decision, const char *endpoint)
{
	const struct engine *engine = decision->control->engine;
	const void *setting;

	for (size_t k = 0; k < ARRAY_SIZE(with_endpoints); k++)
		for (size_t i = 0; (setting = with_endpoints[k]->at(engine, i)); i++)
			if (names_endpoint(with_endpoints[k], setting, endpoint))
				detach_from(decision, with_endpoints[k], setting, endpoint);
}

/* ---- handlers ---- */

#define HANDLERS(plural, singular, kind)                                                           \
	void api_##plural##_list(struct exchange *exchange)                                        \
	{                                                                                          \
		list(exchange, kind);                                                              \
	}                                                                                          \
	void api_##plural##_post(struct exchange *exchange)                                        \
	{                                                                                          \
		post(exchange, kind);                                                              \
	}                                                                                          \
	void api_##singular##_get(struct exchange *exchange)                                       \
	{                                                                                          \
		get(exchange, kind);                                                               \
	}                                                                                          \
	void api_##singular##_put(struct exchange *exchange)                                       \
	{                                                                                          \
		put(exchange, kind);                                                               \
	}                                                                                          \
	void api_##singular##_patch(struct exchange *exchange)                                     \
	{                                                                                          \
		patch(exchange, kind);                                                             \
	}                                                                                          \
	void api_##singular##_delete(struct exchange *exchange)                                    \
	{                                                                                          \
		delete (exchange, kind);                                                           \
	}
HANDLERS(alert_policies, alert_policy, &alert_policies)
HANDLERS(routes, route, &routes)
HANDLERS(silences, silence, &silences)
