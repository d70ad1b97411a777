/* SPDX-License-Identifier: Apache-2.0 */
/* Structured and narrowed filters from the API and the alert to what the recorder is told. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "capture/match_table.h"
#include "tests/unit/control_lab.h"
#include "tests/unit/test.h"

static void alert(struct lab *lab, const char *object, const char *hints)
{
	CLEANUP_FREE char *path = xasprintf("/in/native/%s", lab->native);
	CLEANUP_FREE char *body = xasprintf("{\"level\": \"critical\", \"policy\": \"latency\", "
					    "\"object\": \"%s\"%s%s}",
					    object, hints ? ", \"hints\": " : "",
					    hints ? hints : "");

	json_decref(lab_call(lab, 200, "POST", path, body));
}

/* What a table of so many clauses and ranges takes. */
static int64_t table_bytes(size_t clauses, size_t ranges)
{
	return (int64_t)(sizeof(struct match_table_head) + clauses * sizeof(struct match_clause) +
			 ranges * sizeof(struct interval));
}

static bool timeline_has(struct lab *lab, const char *capture, const char *text)
{
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s", capture);
	CLEANUP_JSON json_t *json = lab_call(lab, 200, "GET", path, NULL);
	CLEANUP_FREE char *all = json_format(json);

	return strstr(all, text) != NULL;
}

static void set_policy(struct lab *lab, const char *text)
{
	json_decref(lab_call(lab, 200, "PATCH", "/api/v1/policies/default", text));
}

/* PEP-20 */
static void structured_filter_reaches_the_recorder(struct lab *lab)
{
	CLEANUP_JSON json_t *policy = NULL;

	set_policy(lab, "{\"linger\": \"0s\", \"match\": {\"addresses\": [\"10.0.0.0/8\"], "
			"\"protocol\": \"tcp\"}, \"narrow\": [\"addresses\"]}");
	policy = lab_call(lab, 200, "GET", "/api/v1/policies/default", NULL);
	check(json_is_object(json_object_get(policy, "match")));
	alert(lab, "a", "{\"addresses\": [\"10.0.0.5\"]}");
	lab_wait(lab, lab->start_count == 1, 20);
	/* the policy's own: a network, tcp for both versions; the alert's: an address */
	check_int(lab->starts[0].match_bytes, table_bytes(2, 4));
	check(strstr(lab->starts[0].filter_text, "10.0.0.5") != NULL);
	lab_report_started(lab, &lab->starts[0]);
	lab_wait(lab, lab->acked == lab->report, 20);
	check(timeline_has(lab, lab->starts[0].capture, "narrowed to what the alert is about"));
}

static void a_second_alert_adds_what_it_is_about(struct lab *lab)
{
	alert(lab, "b", "{\"addresses\": [\"10.0.0.6\"]}");
	lab_wait(lab, lab->edit_count == 1, 20);
	check_int(lab->edits[0].match_bytes, table_bytes(3, 5));
}

/* Killed and started again, control asks for the same packets, whatever was released meanwhile. */
static void what_narrows_survives_a_restart(struct lab *lab)
{
	CLEANUP_FREE char *text = xstrdup(lab->edits[0].filter_text);

	lab_kill(lab);
	lab_start(lab);
	lab_wait(lab, lab->start_count == 1, 20);
	check_int(lab->starts[0].match_bytes, table_bytes(3, 5));
	check_text(lab->starts[0].filter_text, text);
	lab_report_started(lab, &lab->starts[0]);
	lab_wait(lab, lab->acked == lab->report, 20);
}

/* PEP-20: Nothing to narrow to: the policy's own filter, never more. */
static void an_alert_about_nothing_widens_to_the_own_filter(struct lab *lab)
{
	alert(lab, "c", NULL);
	lab_wait(lab, lab->edit_count == 1, 20);
	check_int(lab->edits[0].match_bytes, table_bytes(1, 3));
	check(timeline_has(lab, lab->starts[0].capture, "names nothing to narrow"));
}

static void stop(struct lab *lab, size_t i)
{
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s/stop", lab->starts[i].capture);
	size_t before = lab->stop_count;

	json_decref(lab_call(lab, 200, "POST", path, NULL));
	lab_wait(lab, lab->stop_count > before, 20);
	lab_report_finished(lab, &lab->starts[i], REC_END_STOPPED, 0);
	lab_wait(lab, lab->acked == lab->report, 20);
}

static void outside_of_the_filter_nothing_is_kept_if_so_asked(struct lab *lab)
{
	stop(lab, 0);
	set_policy(lab, "{\"narrow_otherwise\": \"nothing\", \"narrow\": [\"protocols\"]}");
	alert(lab, "d", "{\"addresses\": [\"192.0.2.1\"], \"protocols\": [\"udp\"]}");
	lab_wait(lab, lab->start_count == 2, 20);
	check_int(lab->starts[1].match_bytes, table_bytes(2, 6));
	check(timeline_has(lab, lab->starts[1].capture, "lies outside of the policy's filter"));
}

static void an_operator_gets_the_own_filter(struct lab *lab)
{
	size_t before = lab->edit_count;

	json_decref(lab_call(lab, 200, "POST", "/api/v1/policies/default/enable",
			     "{\"note\": \"test\"}"));
	lab_wait(lab, lab->edit_count > before, 20);
	check_int(lab->edits[before].match_bytes, table_bytes(1, 3));
}

static void wrong_filters_are_refused(struct lab *lab)
{
	CLEANUP_JSON json_t *problem =
		lab_call(lab, 422, "PATCH", "/api/v1/policies/default",
			 "{\"match\": {\"addresses\": [\"1.2.3.4 or host 0.0.0.0/0\"]}}");

	check_text(lab_text(problem, "code"), "invalid_value");
	json_decref(lab_call(lab, 422, "PATCH", "/api/v1/policies/default",
			     "{\"narrow\": [\"hosts\"]}"));
	json_decref(lab_call(lab, 422, "PATCH", "/api/v1/policies/default",
			     "{\"narrow_otherwise\": \"all\"}"));
}

/* POL-19 */
static void a_filter_is_shown_before_it_is_saved(struct lab *lab)
{
	CLEANUP_JSON json_t *shown = lab_call(lab, 200, "POST", "/api/v1/filters/check",
					      "{\"filter\": \"udp\", \"match\": {\"addresses\": "
					      "[\"02:00:00:00:00:01\"]}}");
	CLEANUP_JSON json_t *raw = lab_call(lab, 200, "POST", "/api/v1/filters/check",
					    "{\"link_type\": 101, \"match\": {\"addresses\": "
					    "[\"02:00:00:00:00:01\"]}}");

	check_text(lab_text(shown, "match_bpf"),
		   "(ether src 02:00:00:00:00:01 or ether dst 02:00:00:00:00:01)");
	check(lab_number(shown, "instructions") > 1 && lab_number(shown, "match_instructions") > 1);
	check_text(lab_text(shown, "note"), "");
	check(json_is_null(json_object_get(raw, "match_bpf")));
	check_text(lab_text(raw, "note"), "no packet of this link type can match");
	json_decref(lab_call(lab, 422, "POST", "/api/v1/filters/check",
			     "{\"match\": {\"addresses\": []}}"));
}

static const json_t *program_at(const json_t *effect, size_t i)
{
	const json_t *item = json_array_get(json_object_get(effect, "switches"), 0);

	check_text(lab_text(item, "action"), "hold");
	return json_array_get(json_object_get(item, "programs"), i);
}

/* POL-19, INB-12: a pasted sample shows the alert it becomes and the BPF that leads to. */
static void a_sample_shows_the_filters_it_leads_to(struct lab *lab)
{
	static const char ask[] =
		"{\"source\": {\"name\": \"try\", \"kind\": \"generic\", \"default_level\": "
		"\"error\", \"mapping\": {\"fields\": {\"policy_id\": \"/rule\", \"object_id\": "
		"\"/host\"}, \"hints\": {\"address\": \"/src\"}}}, \"payload\": {\"rule\": \"r\", "
		"\"host\": \"h\", \"src\": \"%s\"}}";
	CLEANUP_FREE char *good = xasprintf(ask, "10.0.0.7");
	CLEANUP_FREE char *evil = xasprintf(ask, "1.2.3.4 or host 0.0.0.0/0");
	CLEANUP_JSON json_t *shown = NULL, *refused = NULL;
	const json_t *effect;

	set_policy(lab, "{\"filter\": \"tcp\", \"match\": {\"addresses\": [\"10.0.0.0/8\"]}, "
			"\"narrow\": [\"addresses\"], \"narrow_otherwise\": \"own\"}");
	shown = lab_call(lab, 200, "POST", "/api/v1/source-previews", good);
	effect = json_array_get(json_object_get(shown, "effects"), 0);
	check_text(lab_text(effect, "outcome"), "opened");
	check_text(lab_text(program_at(effect, 0), "bpf"), "tcp");
	check(lab_number(program_at(effect, 0), "instructions") > 1);
	check_text(lab_text(program_at(effect, 1), "of"), "match");
	check(lab_number(program_at(effect, 1), "instructions") > 1);
	check_text(lab_text(program_at(effect, 2), "of"), "alert");
	check(strstr(lab_text(program_at(effect, 2), "bpf"), "10.0.0.7"));
	check(lab_number(program_at(effect, 2), "instructions") > 1);
	/* what is no address narrows nothing, and never becomes part of a filter */
	refused = lab_call(lab, 200, "POST", "/api/v1/source-previews", evil);
	effect = json_array_get(json_object_get(refused, "effects"), 0);
	check(json_is_null(json_object_get(program_at(effect, 2), "bpf")));
	check(strstr(lab_text(program_at(effect, 2), "note"), "names nothing"));
}

int main(void)
{
	struct lab lab;

	lab_init(&lab);
	structured_filter_reaches_the_recorder(&lab);
	a_second_alert_adds_what_it_is_about(&lab);
	what_narrows_survives_a_restart(&lab);
	an_alert_about_nothing_widens_to_the_own_filter(&lab);
	outside_of_the_filter_nothing_is_kept_if_so_asked(&lab);
	an_operator_gets_the_own_filter(&lab);
	wrong_filters_are_refused(&lab);
	a_filter_is_shown_before_it_is_saved(&lab);
	a_sample_shows_the_filters_it_leads_to(&lab);
	lab_fini(&lab);
	return 0;
}
