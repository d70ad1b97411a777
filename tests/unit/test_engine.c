/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/scenario cannot show: views, order of actions, sizes and cost. */
#include "policy/engine.h"

#include <time.h>

#include "base/alloc.h"
#include "base/json.h"
#include "policy/delivery.h"
#include "policy/index.h"
#include "tests/unit/test.h"

static const struct instant start = {{1000 * DUR_S}, {1767225600 * DUR_S}};

static struct instant after(dur_t span)
{
	return (struct instant){mono_add(start.mono, span), wall_add(start.wall, span)};
}

static void id_format(char id[IDENT_SIZE], int number)
{
	snprintf(id, IDENT_SIZE, "00000000-0000-7000-8000-%012d", number);
}

static void add_policy(struct engine *engine, int number)
{
	struct pcap_policy policy;

	pcap_policy_default(&policy);
	id_format(policy.id, number);
	free(policy.name);
	policy.name = xasprintf("policy %d", number);
	engine_load_policy(engine, &policy);
	pcap_policy_fini(&policy);
}

static void add_endpoint(struct engine *engine, int number, int policy)
{
	struct endpoint endpoint;

	endpoint_default(&endpoint);
	id_format(endpoint.id, number);
	free(endpoint.name);
	endpoint.name = xasprintf("endpoint %d", number);
	if (policy) {
		id_format(endpoint.policy, policy);
	} else {
		endpoint.kind = ENDPOINT_HTTP;
	}
	engine_load_endpoint(engine, &endpoint);
	endpoint_fini(&endpoint);
}

static void send(struct engine *engine, const char *state, int object, struct instant now,
		 struct actions *actions, struct alert_list *list)
{
	struct intake intake = {
		.source = "native", .default_level = LEVEL_WARNING, .now = now.wall};
	char body[128];
	struct error err = {0};

	snprintf(body, sizeof(body), "{%s, \"policy\": \"p\", \"object\": \"o%d\"}", state, object);
	check(!intake_parse(&intake, body, strlen(body), list, &err));
	engine_on_alert(engine, &list->alerts[0], now, actions);
}

#define FIRING	  "\"level\": \"critical\""
#define RECOVERED "\"status\": \"recovered\""

static void order_of_one_alerts_actions(void)
{
	static const enum action_kind want[] = {ACTION_ALERT,	ACTION_OPEN_ALERT, ACTION_HOLD,
						ACTION_CAPTURE, ACTION_START,	   ACTION_RUN,
						ACTION_PUSH,	ACTION_MEMORY,	   ACTION_TOLD};
	struct engine *engine = engine_new();
	struct actions actions = {0};
	struct alert_list list;
	const struct action *start_action;

	add_policy(engine, 1);
	add_endpoint(engine, 2, 0);
	add_endpoint(engine, 3, 1);
	engine_restore(engine, start, &actions);
	check_int(actions.count, 0);
	alert_list_init(&list);
	send(engine, FIRING, 1, start, &actions, &list);
	check_int(actions.count, 9);
	for (size_t i = 0; i < actions.count; i++)
		check_int(actions.items[i].kind, want[i]);
	start_action = &actions.items[4];
	check(ident_valid(start_action->capture.id));
	check_text(start_action->capture.id, actions.items[3].capture.id);
	check_text(start_action->capture.alert, list.alerts[0].id);
	check_text(actions.items[5].reason, "off -> starting (held)");
	check_text(actions.items[5].run.capture, start_action->capture.id);
	check(actions.items[6].alert == &list.alerts[0]);
	check_text(actions.items[6].push.fingerprint, list.alerts[0].fingerprint);
	check(ident_valid(actions.items[6].push.id));
	actions_fini(&actions);
	alert_list_fini(&list);
	engine_free(engine);
}

static void events_of_an_incident_are_counted(void)
{
	static const struct {
		const char *state;
		int count;
	} rows[] = {{FIRING, 1}, {FIRING, 2}, {FIRING, 3}, {RECOVERED, 3}, {FIRING, 1}};
	struct engine *engine = engine_new();

	for (int i = 0; i < 5; i++) {
		struct actions actions = {0};
		struct alert_list list;

		alert_list_init(&list);
		send(engine, rows[i].state, 1, after(i * DUR_HOUR), &actions, &list);
		check_int(engine_open_alert(engine, list.alerts[0].fingerprint)->count,
			  rows[i].count);
		alert_list_fini(&list);
		actions_fini(&actions);
	}
	engine_free(engine);
}

static void views(void)
{
	struct engine *engine = engine_new();
	struct actions actions = {0};
	struct source source;
	char id[IDENT_SIZE];

	check(!engine_policy(engine, "policy 1") && !engine_policy_at(engine, 0));
	check(!engine_hold_at(engine, "x", 0) && !engine_open_alert(engine, "x"));
	check(!engine_run(engine, "x") && !engine_endpoint(engine, "x"));
	for (int i = 3; i > 0; i--)
		add_policy(engine, i);
	id_format(id, 2);
	check_text(engine_policy(engine, id)->name, "policy 2");
	check_text(engine_policy(engine, "policy 3")->name, "policy 3");
	check_text(engine_policy_at(engine, 0)->name, "policy 1"); /* by id */
	check(!engine_policy_at(engine, 3));
	check_int(engine_run(engine, "policy 1")->state, POLICY_OFF);
	add_endpoint(engine, 7, 1);
	check(engine_endpoint(engine, "endpoint 7") == engine_endpoint_at(engine, 0));
	source_default(&source);
	id_format(source.id, 9);
	source.name[0] = '\0';
	engine_on_source_put(engine, &source, start, &actions);
	check(engine_source(engine, source.id) == engine_source_at(engine, 0));
	engine_on_source_delete(engine, source.id, start, &actions);
	check(!engine_source_at(engine, 0));
	source_fini(&source);
	/* nobody is meant: nothing happens */
	engine_on_policy_delete(engine, "x", start, &actions);
	engine_on_endpoint_delete(engine, "x", start, &actions);
	engine_on_source_delete(engine, "x", start, &actions);
	engine_on_switch(engine, "x", OPERATOR_ON, 0, 0, "", start, &actions);
	engine_on_capture_failed(engine, "", "r", start, &actions);
	engine_on_capture_stop(engine, "", start, &actions);
	check_int(actions.count, 0);
	check(!engine_free(engine) && !engine_free(NULL));
}

static void names(void)
{
	enum hold_kind kind;

	for (enum alert_outcome i = OUTCOME_OPENED; i <= OUTCOME_TEST; i++)
		check(*alert_outcome_name(i));
	for (enum hold_kind i = HOLD_ALERT; i <= HOLD_ALWAYS; i++)
		check(!hold_kind_parse(hold_kind_name(i), &kind) && kind == i);
	check(hold_kind_parse("none", &kind) < 0);
}

/* A standing capture begins with its policy, is held by "always", and never ends by itself. */
static void hold_always(void)
{
	struct engine *engine = engine_new();
	struct actions actions = {0};
	struct pcap_policy *policy;
	mono_t next;

	add_policy(engine, 1);
	policy = pcap_policy_copy(engine_policy(engine, "policy 1"));
	policy->always = true;
	engine_on_policy_put(engine, policy, start, &actions);
	check_int(engine_run(engine, "policy 1")->state, POLICY_STARTING);
	check_int(engine_hold_at(engine, policy->id, 0)->kind, HOLD_ALWAYS);
	check(!engine_next_time(engine, &next));
	actions_fini(&actions);
	engine_on_time(engine, after(1000 * DUR_HOUR), &actions);
	check_int(engine_run(engine, "policy 1")->state, POLICY_STARTING);
	policy->always = false;
	engine_on_policy_put(engine, policy, after(1000 * DUR_HOUR), &actions);
	check_int(engine_run(engine, "policy 1")->state, POLICY_OFF);
	actions_fini(&actions);
	pcap_policy_fini(policy);
	free(policy);
	engine_free(engine);
}

/* Facts of a policy that is gone do not come back to life. */
static void orphaned_facts_are_ignored(void)
{
	struct engine *engine = engine_new();
	struct hold hold = {.policy = "gone", .key = "k"};
	struct policy_run run = {.policy = "gone", .state = POLICY_ON};
	struct actions actions = {0};

	engine_load_hold(engine, &hold);
	engine_load_run(engine, &run);
	engine_restore(engine, start, &actions);
	check_int(actions.count, 0);
	engine_free(engine);
}

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* 1000 policies, 10 000 open alerts on one of them: still fast, and all of it ends. */
static void many_alerts_stay_fast(void)
{
	enum { ALERTS = 10000 };
	struct engine *engine = engine_new();
	struct actions actions = {0};
	double began = cpu_seconds();
	const struct policy_run *run;
	mono_t next;

	for (int i = 1; i <= 1000; i++)
		add_policy(engine, i);
	add_endpoint(engine, 2000, 500);
	for (int i = 0; i < 2 * ALERTS; i++) {
		struct alert_list list;

		alert_list_init(&list);
		send(engine, FIRING, i % ALERTS, after(i * DUR_MS), &actions, &list);
		check(engine_next_time(engine, &next));
		alert_list_fini(&list);
		actions_fini(&actions);
	}
	run = engine_run(engine, "policy 500");
	check_int(run->state, POLICY_STARTING);
	check(engine_hold_at(engine, run->policy, ALERTS - 1));
	check(!engine_hold_at(engine, run->policy, ALERTS));
	/* half recover, half expire */
	for (int i = 0; i < ALERTS / 2; i++) {
		struct alert_list list;

		alert_list_init(&list);
		send(engine, RECOVERED, i, after(DUR_HOUR), &actions, &list);
		alert_list_fini(&list);
		actions_fini(&actions);
	}
	check(engine_hold_at(engine, run->policy, ALERTS / 2 - 1));
	engine_on_time(engine, after(25 * DUR_HOUR), &actions);
	check(!engine_hold_at(engine, run->policy, 0));
	check_int(run->state, POLICY_OFF);
	check(!engine_next_time(engine, &next));
	actions_fini(&actions);
	engine_free(engine);
	/* generous: sanitizers and slow machines; quadratic cost would take minutes */
	check(cpu_seconds() - began < 20);
}

/* Alerts that nobody ever closes do not fill the memory. */
static void forgotten_alerts_make_room(void)
{
	struct engine *engine = engine_new();
	struct open_alert open_alert = {.open = true, .level = LEVEL_ERROR};
	struct actions actions = {0};
	struct alert_list list;
	size_t closed = 0;

	for (int i = 0; i < 50000; i++) {
		snprintf(open_alert.fingerprint, sizeof(open_alert.fingerprint), "%064d", i);
		open_alert.open = i >= 1000;
		engine_load_open_alert(engine, &open_alert);
	}
	alert_list_init(&list);
	send(engine, FIRING, 1, start, &actions, &list);
	for (size_t i = 0; i < actions.count; i++)
		closed += actions.items[i].kind == ACTION_OPEN_ALERT &&
			  !actions.items[i].open_alert.open;
	check_int(closed, 4000); /* a tenth, the thousand closed ones first and silently */
	check(!engine_open_alert(
		engine, "0000000000000000000000000000000000000000000000000000000000000999"));
	check(engine_open_alert(engine, list.alerts[0].fingerprint)->open);
	actions_fini(&actions);
	alert_list_fini(&list);
	engine_free(engine);
}

static void deliveries_are_remembered_in_bounds(void)
{
	struct delivery_log log;
	char id[32];

	delivery_log_init(&log);
	for (int i = 0; i < DELIVERIES_MAX + 10; i++) {
		snprintf(id, sizeof(id), "%d", i);
		check_int(delivery_log_add(&log, "s", id), 0);
	}
	check_int(delivery_log_add(&log, "s", id), DELIVERY_KNOWN);
	check_int(delivery_log_add(&log, "s", "10"), DELIVERY_KNOWN);
	check_int(delivery_log_add(&log, "t", "10"), 0);
	check_int(delivery_log_add(&log, "s", "9"), 0); /* long ago */
	check_int(log.known.count, DELIVERIES_MAX);
	check_int(delivery_log_add(&log, "s", ""), 0);
	check_int(delivery_log_add(&log, "s", ""), 0); /* no id */
	delivery_log_fini(&log);
}

struct item {
	int value;
	char key[8];
};

static void index_finds_and_takes(void)
{
	struct item items[200];
	struct index index;

	index_init(&index, offsetof(struct item, key));
	check(!index_find(&index, "x") && !index_take(&index, "x"));
	for (int i = 0; i < 200; i++) {
		int n = (i * 77) % 200; /* all of them, out of order */

		snprintf(items[n].key, sizeof(items[n].key), "%d", n);
		index_add(&index, &items[n]);
	}
	for (int i = 0; i < 200; i++)
		check(index_find(&index, items[i].key) == &items[i]);
	for (int i = 0; i < 200; i += 2)
		check(index_take(&index, items[i].key) == &items[i]);
	for (int i = 0; i < 200; i++)
		check(index_find(&index, items[i].key) == (i % 2 ? &items[i] : NULL));
	check_int(index.count, 100);
	index_fini(&index);
}

int main(void)
{
	order_of_one_alerts_actions();
	events_of_an_incident_are_counted();
	views();
	names();
	hold_always();
	orphaned_facts_are_ignored();
	many_alerts_stay_fast();
	forgotten_alerts_make_room();
	deliveries_are_remembered_in_bounds();
	index_finds_and_takes();
	return 0;
}
