/* SPDX-License-Identifier: Apache-2.0 */
/* Alert policies, routes, endpoints and PCAP policies as objects of the API: who uses whom, and
 * what is refused. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/control_lab.h"
#include "tests/unit/test.h"

#define API	  "/api/v1"
#define ENDPOINTS API "/endpoints"
#define HTTP(name, more)                                                                           \
	"{\"name\": \"" name "\", \"kind\": \"http\", \"url\": \"http://h.example/\"" more "}"

static void ask(struct lab *lab, int status, const char *method, const char *path, const char *body)
{
	json_decref(lab_call(lab, status, method, path, body));
}

/* The problem's code, and a word that its text must have. */
static void refused(struct lab *lab, int status, const char *code, const char *word,
		    const char *method, const char *path, const char *body)
{
	CLEANUP_JSON json_t *problem = lab_call(lab, status, method, path, body);
	CLEANUP_FREE char *text = json_format(problem);

	check_text(lab_text(problem, "code"), code);
	if (!strstr(text, word)) {
		fprintf(stderr, "\"%s\" is not in %s\n", word, text);
		exit(1);
	}
}

static void alert(struct lab *lab, const char *level, const char *policy, const char *object)
{
	CLEANUP_FREE char *body = xasprintf("{\"level\": \"%s\", \"policy\": \"%s\", "
					    "\"object\": \"%s\"}",
					    level, policy, object);

	ask(lab, 200, "POST", API "/alerts", body);
}

/* EPC-02, EPC-05, EPC-25 */
static void endpoint_names_and_levels(struct lab *lab)
{
	static const char long_name[] =
		"{\"name\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaa\", \"kind\": \"http\", \"url\": "
		"\"http://h.example/\"}";

	ask(lab, 201, "POST", ENDPOINTS,
	    HTTP("hook",
		 ", \"signing_secret\": \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\""));
	refused(lab, 409, "name_taken", "hook", "POST", ENDPOINTS, HTTP("hook", ""));
	refused(lab, 422, "invalid_value", "/name", "POST", ENDPOINTS, HTTP("", ""));
	refused(lab, 422, "invalid_value", "/name", "POST", ENDPOINTS, long_name);
	refused(lab, 422, "invalid_value", "/levels", "POST", ENDPOINTS,
		HTTP("none", ", \"levels\": []"));
	refused(lab, 422, "unknown_field", "colour", "POST", ENDPOINTS,
		HTTP("odd", ", \"colour\": \"red\""));
}

/* PEP-01, PEP-05, A-08 */
static void pcap_endpoints(struct lab *lab)
{
	refused(lab, 422, "unknown_policy", "nobody", "POST", ENDPOINTS,
		"{\"name\": \"p\", \"kind\": \"pcap\", \"policy\": \"nobody\"}");
	refused(lab, 422, "invalid_value", "disable_levels", "POST", ENDPOINTS,
		"{\"name\": \"p\", \"kind\": \"pcap\", \"policy\": \"default\", "
		"\"disable_levels\": [\"critical\"]}");
	refused(lab, 422, "invalid_value", "enable_levels", "POST", ENDPOINTS,
		"{\"name\": \"p\", \"kind\": \"pcap\", \"policy\": \"default\", "
		"\"enable_levels\": []}");
	/* several may point to one policy */
	ask(lab, 201, "POST", ENDPOINTS,
	    "{\"name\": \"p1\", \"kind\": \"pcap\", \"policy\": \"default\", \"default\": false}");
	ask(lab, 201, "POST", ENDPOINTS,
	    "{\"name\": \"p2\", \"kind\": \"pcap\", \"policy\": \"default\", \"default\": false}");
}

/* APL-01, APL-02, APL-03, EPC-15 */
static void an_endpoint_knows_its_alert_policies(struct lab *lab)
{
	CLEANUP_JSON json_t *hook = NULL, *policy = NULL;
	const json_t *user;

	ask(lab, 201, "POST", API "/alert-policies",
	    "{\"name\": \"latency\", \"team\": \"net\", \"tags\": [\"dc1\"], \"level\": \"high\", "
	    "\"endpoints\": [\"hook\", \"p1\"]}");
	refused(lab, 409, "name_taken", "latency", "POST", API "/alert-policies",
		"{\"name\": \"latency\", \"team\": \"net\"}");
	refused(lab, 422, "unknown_endpoint", "nobody", "POST", API "/alert-policies",
		"{\"name\": \"x\", \"team\": \"net\", \"endpoints\": [\"nobody\"]}");
	hook = lab_call(lab, 200, "GET", ENDPOINTS "/hook", NULL);
	user = json_array_get(json_object_get(hook, "users"), 0);
	check_int(json_array_size(json_object_get(hook, "users")), 1);
	check_text(lab_text(user, "name"), "latency");
	check_text(lab_text(user, "object"), "alert_policy");
	policy = lab_call(lab, 200, "GET", API "/alert-policies/latency", NULL);
	check_text(lab_text(policy, "id"), lab_text(user, "id"));
	check_text(lab_text(policy, "level"), "high");
}

/* APL-04, ALR-14 */
static void an_alert_policy_knows_its_alerts(struct lab *lab)
{
	CLEANUP_JSON json_t *policy = NULL, *list = NULL;

	alert(lab, "error", "latency", "web-1");
	alert(lab, "error", "latency", "web-2");
	alert(lab, "error", "other", "web-3");
	policy = lab_call(lab, 200, "GET", API "/alert-policies/latency", NULL);
	check_int(lab_number(policy, "open"), 2);
	list = lab_call(lab, 200, "GET", API "/alerts?policy=latency&level=error", NULL);
	check_int(json_array_size(json_object_get(list, "items")), 2);
	json_decref(list);
	list = lab_call(lab, 200, "GET",
			API "/alerts?object=web-3&since=2020-01-01T00:00:00Z&level=2", NULL);
	check_int(json_array_size(json_object_get(list, "items")), 1);
	refused(lab, 400, "invalid_value", "since", "GET", API "/alerts?since=yesterday", NULL);
	refused(lab, 400, "invalid_value", "level", "GET", API "/alerts?level=bad", NULL);
	refused(lab, 400, "invalid_value", "policy", "GET", API "/alerts?policy=%FF", NULL);
}

static bool first_delivery_is(struct lab *lab, const char *path, const char *state)
{
	CLEANUP_JSON json_t *event = lab_call(lab, 200, "GET", path, NULL);
	const json_t *delivery = json_array_get(json_object_get(event, "deliveries"), 0);

	return !strcmp(lab_text(delivery, "state"), state);
}

/* ALR-12, ALR-16: beside the alert stand what was sent, and what became of each push. */
static void an_alert_knows_its_deliveries(struct lab *lab)
{
	CLEANUP_JSON json_t *list = lab_call(lab, 200, "GET", API "/alerts?object=web-1", NULL);
	const char *id = lab_text(json_array_get(json_object_get(list, "items"), 0), "id");
	CLEANUP_FREE char *path = xasprintf(API "/alerts/%s", id);
	CLEANUP_JSON json_t *event = NULL;
	const json_t *delivery;

	lab_wait(lab, lab->push_count > 0, 20);
	lab_verdict(lab, &lab->pushes[0], VERDICT_DELIVERED, 0);
	lab_wait(lab, first_delivery_is(lab, path, "delivered"), 20);
	event = lab_call(lab, 200, "GET", path, NULL);
	delivery = json_array_get(json_object_get(event, "deliveries"), 0);
	check_int(lab_number(delivery, "attempts"), 1);
	check_text(lab_text(delivery, "reason"), "");
	check(strstr(lab_text(event, "raw"), "web-1"));
}

/* EPC-16, EPC-17: an edit keeps a secret that is left blank. EPC-22: a copy has it too. */
static void secrets_stay(struct lab *lab)
{
	CLEANUP_JSON json_t *copy = NULL, *edited = NULL;

	edited = lab_call(lab, 200, "PATCH", ENDPOINTS "/hook",
			  "{\"signing_secret\": \"\", \"cycle\": \"10m\"}");
	check_text(lab_text(edited, "signing_secret"), "***");
	check_text(lab_text(edited, "cycle"), "10m");
	copy = lab_call(lab, 201, "POST", ENDPOINTS "/hook/clone", "{}");
	check_text(lab_text(copy, "name"), "hook copy");
	check_text(lab_text(copy, "signing_secret"), "***");
}

/* APL-05, EPC-18, A-32: what is in use stays, unless it is taken out by force. */
static void what_is_in_use_is_not_deleted(struct lab *lab)
{
	CLEANUP_JSON json_t *policy = NULL;

	refused(lab, 409, "alert_policy_enabled", "latency", "DELETE",
		API "/alert-policies/latency", NULL);
	refused(lab, 409, "endpoint_in_use", "latency", "DELETE", ENDPOINTS "/hook", NULL);
	ask(lab, 204, "DELETE", ENDPOINTS "/hook?force=true", NULL);
	policy = lab_call(lab, 200, "GET", API "/alert-policies/latency", NULL);
	check_int(json_array_size(json_object_get(policy, "endpoints")), 1);
	ask(lab, 200, "PATCH", API "/alert-policies/latency", "{\"enabled\": false}");
	ask(lab, 204, "DELETE", API "/alert-policies/latency", NULL);
}

/* POL-01, POL-17, POL-21 */
static void pcap_policies(struct lab *lab)
{
	CLEANUP_JSON json_t *endpoint = NULL;

	refused(lab, 409, "name_taken", "default", "POST", API "/policies",
		"{\"name\": \"default\"}");
	refused(lab, 422, "invalid_value", "/name", "POST", API "/policies", "{\"name\": \"\"}");
	refused(lab, 409, "policy_in_use", "p1", "DELETE", API "/policies/default", NULL);
	ask(lab, 204, "DELETE", API "/policies/default?force=true", NULL);
	endpoint = lab_call(lab, 200, "GET", ENDPOINTS "/p1", NULL);
	check(json_is_false(json_object_get(endpoint, "enabled")));
	for (int i = 0; i < 1000; i++) {
		CLEANUP_FREE char *body = xasprintf("{\"name\": \"many-%d\"}", i);

		ask(lab, 201, "POST", API "/policies", body);
	}
	refused(lab, 409, "too_many_policies", "1000", "POST", API "/policies",
		"{\"name\": \"one-more\"}");
}

int main(void)
{
	struct lab lab;

	lab_init(&lab);
	endpoint_names_and_levels(&lab);
	pcap_endpoints(&lab);
	an_endpoint_knows_its_alert_policies(&lab);
	an_alert_policy_knows_its_alerts(&lab);
	an_alert_knows_its_deliveries(&lab);
	secrets_stay(&lab);
	what_is_in_use_is_not_deleted(&lab);
	pcap_policies(&lab);
	lab_fini(&lab);
	return 0;
}
