/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of the engine alone, without parser, socket or disk: 1 000 PCAP policies with an
 * endpoint each, and so many open alerts. Prints JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "policy/engine.h"

enum { POLICIES = 1000, HTTP = POLICIES + 1, MOST = 10000 };
#define SECONDS 0.5 /* of processor time, each measurement */

static struct alert_list alerts;

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct instant at(int64_t turn)
{
	dur_t span = turn * DUR_MS;

	return (struct instant){{1000 * DUR_S + span}, {1767225600 * DUR_S + span}};
}

static void set(char **field, const char *format, int number)
{
	free(*field);
	*field = xasprintf(format, number);
}

static void add_policy(struct engine *engine, int number)
{
	struct pcap_policy policy;
	struct endpoint endpoint;

	pcap_policy_default(&policy);
	snprintf(policy.id, sizeof(policy.id), "p-%d", number);
	set(&policy.name, "policy %d", number);
	engine_load_policy(engine, &policy);
	endpoint_default(&endpoint);
	snprintf(endpoint.id, sizeof(endpoint.id), "e-%d", number);
	set(&endpoint.name, "endpoint %d", number);
	snprintf(endpoint.policy, sizeof(endpoint.policy), "p-%d", number);
	endpoint.alert_policies[0] = xasprintf("rule %d", number);
	engine_load_endpoint(engine, &endpoint);
	endpoint_fini(&endpoint);
	pcap_policy_fini(&policy);
}

static void add_http(struct engine *engine)
{
	struct endpoint endpoint;

	endpoint_default(&endpoint);
	snprintf(endpoint.id, sizeof(endpoint.id), "e-%d", HTTP);
	set(&endpoint.name, "endpoint %d", HTTP);
	endpoint.kind = ENDPOINT_HTTP;
	engine_load_endpoint(engine, &endpoint);
	endpoint_fini(&endpoint);
}

static void add_alert(int number)
{
	struct alert *alert = alert_list_add(&alerts);

	set(&alert->source, "am", 0);
	set(&alert->policy_id, "rule %d", number % POLICIES);
	set(&alert->policy_name, "rule %d", number % POLICIES);
	set(&alert->object_id, "host %d", number);
	set(&alert->object_name, "host %d", number);
	alert->status = ALERT_FIRING;
	alert->level = LEVEL_ERROR;
	alert_fingerprint("am", alert->policy_id, alert->object_id, "", alert->fingerprint);
}

static void decide(struct engine *engine, int number, int64_t turn, enum alert_status status)
{
	struct alert *alert = &alerts.alerts[number];
	struct instant now = at(turn);
	struct actions actions = {0};

	alert->status = status;
	alert->level = status == ALERT_FIRING ? LEVEL_ERROR : LEVEL_RECOVERY;
	alert->received_at = now.wall;
	alert->event_at = wall_add(now.wall, -DUR_MS); /* the sender's own stamp, never twice */
	engine_on_alert(engine, alert, now, &actions);
	actions_fini(&actions);
}

static struct engine *make(int open)
{
	struct engine *engine = engine_new();

	for (int i = 0; i < POLICIES; i++)
		add_policy(engine, i);
	add_http(engine);
	for (int i = 0; i < open; i++)
		decide(engine, i, 10 * i, ALERT_FIRING);
	return engine;
}

/* Repeats of open alerts, each in turn: nanoseconds for one. */
static double repeats(int open)
{
	struct engine *engine = make(open);
	double began = cpu_seconds(), spent;
	int64_t n = 0;

	do
		for (int i = 0; i < 1000; i++, n++)
			decide(engine, (int)(n % open), 1000000 + n, ALERT_FIRING);
	while ((spent = cpu_seconds() - began) < SECONDS);
	engine_free(engine);
	return spent / (double)n * 1e9;
}

/* One alert more opens and closes, again and again: nanoseconds for each of the two. */
static double changes(int open)
{
	struct engine *engine = make(open - 1);
	double began = cpu_seconds(), spent;
	int64_t n = 0;

	do
		for (int i = 0; i < 500; i++, n += 2) {
			decide(engine, open - 1, 1000000 + n, ALERT_FIRING);
			decide(engine, open - 1, 1000001 + n, ALERT_RECOVERED);
		}
	while ((spent = cpu_seconds() - began) < SECONDS);
	engine_free(engine);
	return spent / (double)n * 1e9;
}

int main(void)
{
	static const int counts[] = {10, 100, 1000, MOST};

	alert_list_init(&alerts);
	for (int i = 0; i < MOST; i++)
		add_alert(i);
	printf("{");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		printf("%s\"%d\": {\"repeat_ns\": %.1f, \"change_ns\": %.1f}", i ? ", " : "",
		       counts[i], repeats(counts[i]), changes(counts[i]));
	printf("}\n");
	alert_list_fini(&alerts);
	return 0;
}
