/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes from acceptance to their end: leased, tried again, given back, switched off. */
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "policy/level.h"
#include "policy/settings.h"
#include "tests/unit/control_lab.h"

static void add_endpoint(struct lab *lab)
{
	json_decref(lab_call(lab, 201, "POST", "/api/v1/endpoints",
			     "{\"name\": \"ops\", \"kind\": \"http\", "
			     "\"url\": \"http://127.0.0.1:9/hook\", "
			     "\"headers\": [{\"name\": \"X-Team\", \"value\": \"noc\"}]}"));
}

static int64_t outbox(struct lab *lab, const char *what)
{
	CLEANUP_JSON json_t *status = lab_call(lab, 200, "GET", "/api/v1/status", NULL);
	char path[32];

	snprintf(path, sizeof(path), "outbox.%s", what);
	return lab_number(status, path);
}

static void check_invariant(struct lab *lab)
{
	CLEANUP_JSON json_t *status = lab_call(lab, 200, "GET", "/api/v1/status", NULL);

	check_int(lab_number(status, "outbox.accepted"),
		  lab_number(status, "outbox.delivered") + lab_number(status, "outbox.suppressed") +
			  lab_number(status, "outbox.pending") + lab_number(status, "outbox.dead"));
}

static void check_body(const struct lab *lab)
{
	const struct courier_push *push = &lab->pushes[0];
	CLEANUP_JSON json_t *body = json_loads(courier_push_get(push, COURIER_BODY), 0, NULL);

	check(body);
	check_text(lab_text(body, "event"), "alert.opened");
	check_text(lab_text(body, "endpoint.name"), "ops");
	check_text(lab_text(json_array_get(json_object_get(body, "captures"), 0), "id"),
		   lab->starts[0].capture);
	check_text(courier_push_get(push, COURIER_METHOD), "POST");
	check_text(courier_push_get(push, COURIER_URL), "http://127.0.0.1:9/hook");
	check(strstr(courier_push_get(push, COURIER_HEADERS), "X-Team: noc\n"));
}

static void test_retry(struct lab *lab)
{
	char outcome[32];

	lab_alert(lab, "critical", "web-1", outcome);
	lab_wait(lab, lab->push_count == 1 && lab->start_count == 1, 20);
	check_body(lab);
	check_int(lab->pushes[0].attempt, 1);
	lab_verdict(lab, &lab->pushes[0], VERDICT_RETRY, 100);
	lab_wait(lab, lab->push_count == 2, 20);
	check_text(lab->pushes[1].push, lab->pushes[0].push);
	check_int(lab->pushes[1].attempt, 2);
	lab_verdict(lab, &lab->pushes[1], VERDICT_DELIVERED, 0);
	lab_wait(lab, outbox(lab, "delivered") == 1, 20);
	check_invariant(lab);
}

/* The courier dies, then control: the push is made again each time, by the same id. */
static void test_given_back(struct lab *lab)
{
	char outcome[32], id[IDENT_SIZE];

	lab->push_count = 0;
	lab_alert(lab, "critical", "web-2", outcome);
	lab_wait(lab, lab->push_count == 1, 20);
	memcpy(id, lab->pushes[0].push, sizeof(id));
	lab->push_count = 0;
	lab_new_courier(lab);
	lab_wait(lab, lab->push_count == 1, 20);
	check_text(lab->pushes[0].push, id);
	lab_kill(lab);
	lab_start(lab);
	lab_wait(lab, lab->push_count == 1, 20);
	check_text(lab->pushes[0].push, id);
	check_int(lab->pushes[0].attempt, 1); /* its endpoint has failed nothing yet */
	lab_verdict(lab, &lab->pushes[0], VERDICT_PERMANENT, 0);
	lab_wait(lab, outbox(lab, "dead") == 1, 20);
	check_invariant(lab);
}

static bool is_off(struct lab *lab)
{
	CLEANUP_JSON json_t *endpoint = lab_call(lab, 200, "GET", "/api/v1/endpoints/ops", NULL);

	return json_is_false(json_object_get(endpoint, "enabled"));
}

static void test_disabled(struct lab *lab)
{
	CLEANUP_JSON json_t *endpoint = NULL, *again = NULL;
	char outcome[32];

	lab->push_count = 0;
	lab_alert(lab, "critical", "web-3", outcome);
	lab_wait(lab, lab->push_count == 1, 20);
	lab_verdict(lab, &lab->pushes[0], VERDICT_DISABLE, 0);
	lab_wait(lab, is_off(lab), 20);
	endpoint = lab_call(lab, 200, "GET", "/api/v1/endpoints/ops", NULL);
	check(strstr(lab_text(endpoint, "problem"), "remote_gone"));
	/* what is shown may not be durable yet; what is answered after it is */
	json_decref(lab_call(lab, 200, "POST", "/api/v1/alerts",
			     "{\"status\": \"test\", \"policy\": \"p\", \"object\": \"o\"}"));
	lab_kill(lab);
	lab_start(lab);
	again = lab_call(lab, 200, "GET", "/api/v1/endpoints/ops", NULL);
	check(json_is_false(json_object_get(again, "enabled")));
	check(strstr(lab_text(again, "problem"), "remote_gone"));
	lab_alert(lab, "critical", "web-4", outcome);
	lab_idle(lab, 100);
	check_int(lab->push_count, 0);
	check_invariant(lab);
}

/* The one about web-5 to that endpoint; there are others: that an endpoint fails is told, too. */
static const struct courier_push *find_push(const struct lab *lab, const char *name,
					    const char *event)
{
	for (size_t i = 0; i < lab->push_count; i++) {
		const struct courier_push *push = &lab->pushes[i];
		const char *body = courier_push_get(push, COURIER_BODY);

		if (strstr(courier_push_get(push, COURIER_URL), name) && strstr(body, "web-5") &&
		    strstr(body, event))
			return push;
	}
	return NULL;
}

/* The verdict of what is given up, its fallback's row and that the fallback is to hear of the end
 * are one transaction: control is killed as soon as the fallback's push is seen. */
static void test_fallback_hears_of_the_end(struct lab *lab)
{
	const struct courier_push *push;
	char outcome[32];

	json_decref(
		lab_call(lab, 201, "POST", "/api/v1/endpoints",
			 "{\"name\": \"second\", \"kind\": \"http\", \"levels\": "
			 "[\"warning\", \"recovery\"], \"url\": \"http://127.0.0.1:9/second\"}"));
	json_decref(lab_call(lab, 201, "POST", "/api/v1/endpoints",
			     "{\"name\": \"first\", \"kind\": \"http\", \"fallback\": \"second\", "
			     "\"url\": \"http://127.0.0.1:9/first\"}"));
	lab->push_count = 0;
	lab_alert(lab, "critical", "web-5", outcome);
	lab_wait(lab, (push = find_push(lab, "/first", "alert.opened")), 20);
	check(!find_push(lab, "/second", ""));
	lab_verdict(lab, push, VERDICT_PERMANENT, 0);
	lab_wait(lab, find_push(lab, "/second", ""), 20); /* leased, so it is durable */
	lab_kill(lab);
	lab_start(lab);
	lab_wait(lab, (push = find_push(lab, "/second", "")), 20);
	lab_verdict(lab, push, VERDICT_DELIVERED, 0);
	lab->push_count = 0;
	lab_alert(lab, "recovery", "web-5", outcome);
	lab_wait(lab, find_push(lab, "/second", "recover"), 20);
	check_invariant(lab);
}

/* ---- what a chat's rate has no room for ---- */

static void add_chat(struct lab *lab, const char *name, const char *more)
{
	char body[512];

	snprintf(body, sizeof(body),
		 "{\"name\": \"%s\", \"kind\": \"slack\", \"url\": \"http://127.0.0.1:9/%s\", "
		 "\"levels\": [\"error\"], \"title\": \"<{{ object }}>\"%s}",
		 name, name, more);
	json_decref(lab_call(lab, 201, "POST", "/api/v1/endpoints", body));
}

static void remove_endpoint(struct lab *lab, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/api/v1/endpoints/%s", name);
	json_decref(lab_call(lab, 204, "DELETE", path, NULL));
}

/* Alerts on objects first-0, … while there is no courier; then one comes. */
static void send_burst(struct lab *lab, const char *prefix, int count)
{
	char object[32], outcome[32];

	close(lab->courier);
	lab->courier = -1;
	for (int i = 0; i < count; i++) {
		snprintf(object, sizeof(object), "%s-%d", prefix, i);
		lab_alert(lab, "error", object, outcome);
	}
	lab->push_count = 0;
	lab_new_courier(lab);
}

static const struct courier_push *find_digest(const struct lab *lab)
{
	for (size_t i = 0; i < lab->push_count; i++)
		if (lab->pushes[i].event == COURIER_DIGEST)
			return &lab->pushes[i];
	return NULL;
}

/* Three a minute: one message of eight, two of one. */
static void test_overflow_is_one_message(struct lab *lab)
{
	const struct courier_push *digest;
	int64_t delivered = outbox(lab, "delivered");

	add_chat(lab, "chat", ", \"rate\": 3");
	send_burst(lab, "burst", 10);
	lab_wait(lab, lab->push_count == 3, 20);
	digest = find_digest(lab);
	check(digest);
	check_text(courier_push_get(digest, COURIER_TITLE), "8 alerts: 8 error");
	check_text(courier_push_get(digest, COURIER_BODY),
		   "- <burst-0>\n- <burst-3>\n- <burst-4>\n- <burst-5>\n- <burst-6>\n"
		   "- <burst-7>\n- <burst-8>\n- <burst-9>\n");
	check_text(courier_push_get(digest, COURIER_LINK), "");
	check_int(digest->level, LEVEL_ERROR);
	check_invariant(lab);
	lab_verdict(lab, digest, VERDICT_DELIVERED, 0);
	lab_wait(lab, outbox(lab, "delivered") == delivered + 8, 20);
	check_int(outbox(lab, "pending"), 2);
	check_invariant(lab);
	remove_endpoint(lab, "chat");
}

/* What was under way when control was killed is told again, whole; what is refused, one by one. */
static void test_a_digest_that_ends_otherwise(struct lab *lab)
{
	int64_t delivered = outbox(lab, "delivered");

	add_chat(lab, "chat2", ", \"rate\": 6, \"concurrency\": 1");
	send_burst(lab, "other", 9);
	lab_wait(lab, find_digest(lab), 20);
	check_text(courier_push_get(find_digest(lab), COURIER_TITLE), "9 alerts: 9 error");
	lab_kill(lab);
	lab_start(lab);
	lab_wait(lab, find_digest(lab), 20);
	check_text(courier_push_get(find_digest(lab), COURIER_TITLE), "9 alerts: 9 error");
	lab_verdict(lab, find_digest(lab), VERDICT_PERMANENT, 0);
	lab->push_count = 0;
	for (int i = 0; i < 5; i++) {
		lab_wait(lab, lab->push_count == 1, 20);
		check(!find_digest(lab));
		check_int(lab->pushes[0].attempt, 2);
		lab->push_count = 0;
		lab_verdict(lab, &lab->pushes[0], VERDICT_DELIVERED, 0);
	}
	lab_wait(lab, outbox(lab, "delivered") == delivered + 5, 20);
	check_int(outbox(lab, "pending"), 4);
	check_invariant(lab);
	remove_endpoint(lab, "chat2");
}

/* They may not share a message. */
static void test_no_digest_where_alerts_name_recipients(struct lab *lab)
{
	add_chat(lab, "chat3", ", \"rate\": 2, \"allow_override\": true");
	send_burst(lab, "alone", 5);
	lab_wait(lab, lab->push_count == 2, 20);
	check(!find_digest(lab));
	remove_endpoint(lab, "chat3");
}

static void add(struct lab *lab, const char *body)
{
	json_decref(lab_call(lab, 201, "POST", "/api/v1/endpoints", body));
}

/* The push to that endpoint, by its name in its settings. */
static const struct courier_push *find_to(const struct lab *lab, enum endpoint_kind kind,
					  const char *from)
{
	for (size_t i = 0; i < lab->push_count; i++)
		if (lab->pushes[i].kind == (uint32_t)kind &&
		    !strcmp(courier_push_get(&lab->pushes[i], COURIER_FROM), from))
			return &lab->pushes[i];
	return NULL;
}

/* EPC-23: an alert names another recipient, for each of the five kinds that have a default one.
 * What is no address is not used, nor what an endpoint does not allow. */
static void test_an_alert_names_its_recipients(struct lab *lab)
{
	const char *overridden = ", \"allow_override\": true}";
	static const struct {
		enum endpoint_kind kind;
		enum courier_text text;
		const char *settings, *wanted;
	} rows[] = {
		{ENDPOINT_SLACK, COURIER_TO,
		 "{\"name\": \"s\", \"kind\": \"slack\", \"url\": \"https://a.example/x\", "
		 "\"channel\": \"#all\"",
		 "#night"},
		{ENDPOINT_EMAIL, COURIER_TO,
		 "{\"name\": \"m\", \"kind\": \"email\", \"host\": \"m.example\", \"from\": "
		 "\"a@m.example\", \"to\": \"all@m.example\"",
		 "night@m.example"},
		{ENDPOINT_PAGERDUTY, COURIER_SECRET,
		 "{\"name\": \"p\", \"kind\": \"pagerduty\", \"routing_key\": "
		 "\"0123456789abcdef0123456789abcdef\"",
		 "fedcba9876543210fedcba9876543210"},
		{ENDPOINT_WECOM_APP, COURIER_TO,
		 "{\"name\": \"w\", \"kind\": \"wecom_app\", \"corp_id\": \"c\", \"agent_id\": 1, "
		 "\"secret\": \"x\", \"recipient\": \"1\"",
		 "2"},
		{ENDPOINT_HTTP, COURIER_URL,
		 "{\"name\": \"h\", \"kind\": \"http\", \"url\": \"https://a.example/all\"",
		 "https://b.example/night"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP_FREE char *body = xasprintf("%s%s", rows[i].settings, overridden);

		add(lab, body);
	}
	add(lab, "{\"name\": \"strict\", \"kind\": \"email\", \"host\": \"m.example\", "
		 "\"from\": \"strict@m.example\", \"to\": \"all@m.example\"}");
	json_decref(lab_call(
		lab, 200, "POST", "/api/v1/alerts",
		"{\"level\": \"error\", \"policy\": \"p\", \"object\": \"o\", \"annotations\": {"
		"\"ringbell_to_slack\": \"#night\", \"ringbell_to_email\": \"night@m.example\", "
		"\"ringbell_to_pagerduty\": \"fedcba9876543210fedcba9876543210\", "
		"\"ringbell_to_wecom_app\": \"2\", "
		"\"ringbell_to_http\": \"https://b.example/night\"}}"));
	lab_wait(lab, lab->push_count == ARRAY_SIZE(rows) + 1, 20);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct courier_push *push = find_to(
			lab, rows[i].kind, rows[i].kind == ENDPOINT_EMAIL ? "a@m.example" : "");

		check(push);
		check_text(courier_push_get(push, rows[i].text), rows[i].wanted);
	}
	check_text(courier_push_get(find_to(lab, ENDPOINT_EMAIL, "strict@m.example"), COURIER_TO),
		   "all@m.example");
	lab->push_count = 0;
	json_decref(lab_call(lab, 200, "POST", "/api/v1/alerts",
			     "{\"level\": \"error\", \"policy\": \"p\", \"object\": \"o2\", "
			     "\"annotations\": {\"ringbell_to_email\": \"nobody\", "
			     "\"ringbell_to_http\": \"file:///etc/passwd\"}}"));
	lab_wait(lab, lab->push_count == ARRAY_SIZE(rows) + 1, 20);
	check_text(courier_push_get(find_to(lab, ENDPOINT_EMAIL, "a@m.example"), COURIER_TO),
		   "all@m.example");
	check_text(courier_push_get(find_to(lab, ENDPOINT_HTTP, ""), COURIER_URL),
		   "https://a.example/all");
}

/* what a pcap endpoint has to say stands in the timeline of the capture, once, in one line.
 */
static void test_content_of_a_pcap_endpoint_is_a_note(struct lab *lab)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP_JSON json_t *list = NULL, *capture = NULL;
	json_t *timeline, *note;
	char outcome[32];
	size_t i, count = 0;

	json_decref(lab_call(lab, 201, "POST", "/api/v1/policies", "{\"name\": \"mine\"}"));
	json_decref(lab_call(lab, 422, "POST", "/api/v1/endpoints",
			     "{\"name\": \"note\", \"kind\": \"pcap\", \"policy\": \"mine\", "
			     "\"content\": \"{{ object\"}"));
	add(lab, "{\"name\": \"note\", \"kind\": \"pcap\", \"policy\": \"mine\", "
		 "\"content\": \"ticket for\\n{{ object }}, {{ level }}\"}");
	lab_alert(lab, "critical", "web-1", outcome);
	lab_alert(lab, "critical", "web-1", outcome);
	list = lab_call(lab, 200, "GET", "/api/v1/captures?policy=mine", NULL);
	path = xasprintf("/api/v1/captures/%s",
			 lab_text(json_array_get(json_object_get(list, "items"), 0), "id"));
	capture = lab_call(lab, 200, "GET", path, NULL);
	timeline = json_object_get(capture, "timeline");
	json_array_foreach (timeline, i, note)
		count += !strcmp(lab_text(note, "text"), "ticket for web-1, critical");
	check_int(count, 1);
}

int main(void)
{
	struct lab lab;

	lab_init(&lab);
	add_endpoint(&lab);
	test_retry(&lab);
	test_given_back(&lab);
	test_disabled(&lab);
	test_fallback_hears_of_the_end(&lab);
	lab_fini(&lab);
	lab_init(&lab);
	test_overflow_is_one_message(&lab);
	test_a_digest_that_ends_otherwise(&lab);
	test_no_digest_where_alerts_name_recipients(&lab);
	lab_fini(&lab);
	lab_init(&lab);
	test_an_alert_names_its_recipients(&lab);
	lab_fini(&lab);
	lab_init(&lab);
	test_content_of_a_pcap_endpoint_is_a_note(&lab);
	lab_fini(&lab);
	return 0;
}
