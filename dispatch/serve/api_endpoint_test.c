/* SPDX-License-Identifier: Apache-2.0 */
/* The Test button: one push through the courier, past outbox, cycle and levels, of an endpoint as
 * it is saved or as a form has it; and Clone. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/push_message.h"
#include "dispatch/serve/setting_row.h"

#define MESSAGE_MAX	1000
#define TEST_TIMEOUT_MS 20000

/* ---- test ---- */

static json_t *result_format(const struct courier_result *result)
{
	bool delivered = result->verdict == VERDICT_DELIVERED;

	return json_pack("{s:b, s:s, s:s, s:I, s:s, s:I}", "delivered", delivered, "verdict",
			 courier_verdict_name((enum courier_verdict)result->verdict), "step",
			 courier_step_name((enum courier_step)result->step), "status",
			 (json_int_t)result->status, "text", result->text, "elapsed_ms",
			 (json_int_t)result->elapsed_ms);
}

static void on_tested(void *owner, const struct courier_result *result)
{
	struct exchange *exchange = owner;

	if (result)
		exchange_reply(exchange, 200, result_format(result));
	else
		exchange_refuse(exchange, 503, "busy",
				"the courier was restarted during the test: try again");
}

/* Kind pcap is not pushed to: what its test shows is that the policy is there. */
static void test_pcap(struct exchange *exchange, const struct endpoint *endpoint)
{
	const struct pcap_policy *policy =
		engine_policy(exchange->control->engine, endpoint->policy);
	struct courier_result result = {.verdict = policy ? VERDICT_DELIVERED : VERDICT_PERMANENT,
					.step = policy ? COURIER_STEP_NONE : COURIER_STEP_REQUEST};

	if (policy)
		snprintf(result.text, sizeof(result.text),
			 "policy \"%s\" would be switched; a test switches nothing", policy->name);
	else
		snprintf(result.text, sizeof(result.text), "there is no policy \"%s\"",
			 endpoint->policy);
	exchange_reply(exchange, 200, result_format(&result));
}

static void test_push(struct exchange *exchange, const struct endpoint *endpoint,
		      const char *message)
{
	struct control *control = exchange->control;
	CLEANUP_FREE char *request =
		push_message_format_test(endpoint, message, control->probe, wall_now());
	CLEANUP_FREE struct courier_push *push = xmalloc(sizeof(*push));
	char id[IDENT_SIZE];

	ident_new(wall_now(), id);
	if (push_message_parse(request, endpoint, id, push) < 0) {
		exchange_refuse(exchange, 422, "invalid_value",
				"the endpoint's settings do not fit into one push");
		return;
	}
	push->attempt = 1;
	if (!push->timeout_ms || push->timeout_ms > TEST_TIMEOUT_MS)
		push->timeout_ms = TEST_TIMEOUT_MS;
	if (courier_link_test(&control->courier, endpoint->id, push, on_tested, exchange))
		exchange_refuse(exchange, 503, "busy",
				"the courier is not there, or busy with other tests: try again");
}

static void test(struct exchange *exchange, const struct endpoint *endpoint, const char *message)
{
	if (endpoint->kind == ENDPOINT_PCAP)
		test_pcap(exchange, endpoint);
	else
		test_push(exchange, endpoint, message);
}

static bool read_message(struct exchange *exchange, const json_t *object, const char **ret)
{
	struct error err;

	if (json_read_text(object, "", "message", 1, MESSAGE_MAX, ret, &err) >= 0)
		return true;
	exchange_refuse_error(exchange, 422, &err);
	return false;
}

static const struct endpoint *find(struct exchange *exchange, const char *name)
{
	const struct endpoint *endpoint = engine_endpoint(exchange->control->engine, name);

	if (!endpoint)
		exchange_refuse(exchange, 404, "unknown_endpoint",
				"there is no endpoint \"%.100s\"", name);
	return endpoint;
}

void api_endpoint_test(struct exchange *exchange)
{
	static const char *const allowed[] = {"message", NULL};
	const struct endpoint *endpoint = find(exchange, exchange_param(exchange, 0));
	CLEANUP_JSON json_t *object = NULL;
	const char *message = NULL;
	struct error err;

	if (!endpoint || !exchange_read_object(exchange, &object))
		return;
	if (json_check_keys(object, "", allowed, &err) < 0)
		exchange_refuse_error(exchange, 422, &err);
	else if (read_message(exchange, object, &message))
		test(exchange, endpoint, message);
}

/* The form of an endpoint that is being edited has "***" for its secrets: "base" says whose. */
static void test_form(struct exchange *exchange, json_t *form, const struct endpoint *base,
		      const char *message)
{
	CLEANUP_FREE struct endpoint *draft = base ? endpoint_copy(base)
						   : xcalloc(1, sizeof(*draft));
	struct error err = {0};

	if (!base)
		endpoint_default(draft);
	if (endpoint_read(draft, form, &err) < 0)
		exchange_refuse_error(exchange, 422, &err);
	else
		test(exchange, draft, message);
	endpoint_fini(draft);
}

void api_endpoint_tests_post(struct exchange *exchange)
{
	static const char *const allowed[] = {"endpoint", "base", "message", NULL};
	const char *message = NULL, *name = NULL;
	const struct endpoint *base = NULL;
	CLEANUP_JSON json_t *object = NULL;
	json_t *form = NULL;
	struct error err = {0};

	if (!exchange_read_object(exchange, &object))
		return;
	if (json_check_keys(object, "", allowed, &err) < 0 ||
	    json_read_object(object, "", "endpoint", &form, &err) < 0 ||
	    json_read_text(object, "", "base", 1, SETTING_NAME_MAX, &name, &err) < 0 || !form) {
		if (!form && !err.code[0])
			error_set(&err, "missing_field", "/endpoint",
				  "an endpoint's settings expected");
		exchange_refuse_error(exchange, 422, &err);
		return;
	}
	base = name ? find(exchange, name) : NULL;
	if ((!name || base) && read_message(exchange, object, &message))
		test_form(exchange, form, base, message);
}

/* ---- clone ---- */

/* "<name> copy", "<name> copy 2", …: the first that is free. */
static void name_copy(const struct engine *engine, const char *name, char ret[SETTING_NAME_MAX + 1])
{
	size_t len = strlen(name);
	char suffix[16] = " copy";

	for (unsigned i = 2; i < 1000; i++) {
		size_t room = SETTING_NAME_MAX - strlen(suffix);
		size_t kept = len < room ? len : room;

		while (kept && kept < len && ((unsigned char)name[kept] & 0xc0) == 0x80)
			kept--;
		snprintf(ret, SETTING_NAME_MAX + 1, "%.*s%s", (int)kept, name, suffix);
		if (!engine_endpoint(engine, ret))
			return;
		snprintf(suffix, sizeof(suffix), " copy %u", i);
	}
}

void api_endpoint_clone(struct exchange *exchange)
{
	const struct endpoint *present = find(exchange, exchange_param(exchange, 0));
	CLEANUP_FREE struct endpoint *copy = NULL;
	CLEANUP_JSON json_t *object = NULL;
	char name[SETTING_NAME_MAX + 1];
	struct error err = {0};

	if (!present || !exchange_read_object(exchange, &object))
		return;
	copy = endpoint_copy(present);
	ident_new(wall_now(), copy->id);
	copy->version = 1;
	name_copy(exchange->control->engine, present->name, name);
	free(copy->name);
	copy->name = xstrdup(name);
	if (endpoint_read(copy, object, &err) < 0)
		exchange_refuse_error(exchange, 422, &err);
	else
		api_endpoint_create(exchange, copy);
	endpoint_fini(copy);
}
