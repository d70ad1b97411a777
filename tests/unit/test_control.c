/* SPDX-License-Identifier: Apache-2.0 */
/* Commit, then act: what becomes visible is durable, through kills at any moment. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/control_lab.h"

/* An alert of an enabling level starts a capture; returns what the recorder was told. */
static struct rec_start begin(struct lab *lab, const char *object)
{
	size_t before = lab->start_count;
	char outcome[32];

	lab_alert(lab, "critical", object, outcome);
	check_text(outcome, "opened");
	lab_wait(lab, lab->start_count > before, 20);
	return lab->starts[before];
}

static json_t *capture_of(struct lab *lab, const struct rec_start *start)
{
	char path[128];

	snprintf(path, sizeof(path), "/api/v1/captures/%s", start->capture);
	return lab_call(lab, 200, "GET", path, NULL);
}

static bool capture_is(struct lab *lab, const struct rec_start *start, const char *state)
{
	CLEANUP_JSON json_t *capture = capture_of(lab, start);

	return !strcmp(lab_text(capture, "state"), state);
}

static void shorten_linger(struct lab *lab)
{
	CLEANUP_JSON json_t *policy =
		lab_call(lab, 200, "PATCH", "/api/v1/policies/default", "{\"linger\": \"0s\"}");

	check_text(lab_text(policy, "state"), "off");
}

/* Opened, recorded, recovered, finished. */
static void test_life(void)
{
	struct rec_start start;
	struct lab lab;
	char outcome[32];

	lab_init(&lab);
	shorten_linger(&lab);
	start = begin(&lab, "web-1");
	check_int(start.flags, 0);
	check_int(start.ring, 0);
	check_text(start.policy, "default");
	check(start.lookback_ns >= 30 * DUR_S);
	check_int(start.program.count, 0);
	check(capture_is(&lab, &start, "starting"));
	lab_report_started(&lab, &start);
	lab_wait(&lab, lab.acked == lab.report, 20);
	check(capture_is(&lab, &start, "recording"));

	lab_alert(&lab, "warning", "web-1", outcome);
	check_text(outcome, "changed");
	check_int(lab.start_count, 1);
	lab_alert(&lab, "recovery", "web-1", outcome);
	check_text(outcome, "closed");
	lab_wait(&lab, lab.stop_count == 1, 20);
	check_text(lab.stops[0].capture, start.capture);
	lab_report_sealed(&lab, &start, start.first_segment, 5000, 7);
	lab_report_finished(&lab, &start, REC_END_STOPPED, 7);
	lab_wait(&lab, capture_is(&lab, &start, "finished"), 20);
	lab_wait(&lab, lab.acked == lab.report, 20);
	lab_fini(&lab);
}

/* TCT-03: What was answered or told to the recorder survives a kill at that very moment. */
static void test_kill_after_start(void)
{
	struct rec_start start, again;
	struct lab lab;
	char outcome[32];

	lab_init(&lab);
	shorten_linger(&lab);
	start = begin(&lab, "web-1");
	lab_kill(&lab);
	lab_start(&lab);
	lab_wait(&lab, lab.start_count == 1, 20);
	again = lab.starts[0];
	check_text(again.capture, start.capture);
	check_int(again.from_wall_ns, start.from_wall_ns);
	lab_alert(&lab, "critical", "web-1", outcome);
	check_text(outcome, "repeated");
	lab_alert(&lab, "recovery", "web-1", outcome);
	check_text(outcome, "closed");
	lab_wait(&lab, lab.stop_count == 1, 20);
	lab_report_finished(&lab, &again, REC_END_STOPPED, 0);
	lab_wait(&lab, capture_is(&lab, &start, "finished"), 20);
	lab_fini(&lab);
}

/* Control dies, the recorder goes on: nothing is started again, the recovery still stops it. */
static void test_kill_while_recording(void)
{
	struct rec_start start;
	struct lab lab;
	char outcome[32];

	lab_init(&lab);
	shorten_linger(&lab);
	start = begin(&lab, "web-1");
	lab_report_started(&lab, &start);
	lab_wait(&lab, lab.acked == lab.report, 20);
	lab_report_sealed(&lab, &start, start.first_segment, 5000, 7);
	lab_kill(&lab); /* perhaps before, perhaps after it was committed */

	lab.auto_sync = false;
	lab_start(&lab);
	lab_wait(&lab, lab.sync_count == 1, 20);
	lab_report_track(&lab, &start);
	lab_send_synced(&lab);
	lab_idle(&lab, 100);
	check_int(lab.start_count, 0);
	check_int(lab.stop_count, 0);
	check(capture_is(&lab, &start, "recording"));
	lab_alert(&lab, "recovery", "web-1", outcome);
	check_text(outcome, "closed");
	lab_wait(&lab, lab.stop_count == 1, 20);
	lab_report_finished(&lab, &start, REC_END_STOPPED, 7);
	lab_wait(&lab, capture_is(&lab, &start, "finished"), 20);
	lab_fini(&lab);
}

/* The recorder dies: its successor is told to resume, behind every segment there is. */
static void test_new_recorder(void)
{
	struct rec_start start, again;
	struct lab lab;

	lab_init(&lab);
	start = begin(&lab, "web-1");
	lab_report_started(&lab, &start);
	lab_report_sealed(&lab, &start, start.first_segment, 5000, 7);
	lab_wait(&lab, lab.acked == lab.report, 20);
	lab.start_count = 0;
	lab.report = 0;
	lab_new_recorder(&lab);
	lab_wait(&lab, lab.start_count == 1, 20);
	again = lab.starts[0];
	check_text(again.capture, start.capture);
	check_int(again.flags, REC_RESUME);
	check_int(again.first_segment, start.first_segment + 1);
	lab_fini(&lab);
}

static int64_t lost_in_kernel(struct lab *lab, const struct rec_start *start)
{
	CLEANUP_JSON json_t *capture = capture_of(lab, start);
	json_t *loss = json_object_get(json_object_get(capture, "coverage"), "loss");

	return json_integer_value(json_object_get(loss, "kernel"));
}

/* A successor tells of a sealed segment what its file says, which is not what was lost and why. */
static void test_sealed_again(void)
{
	struct rec_start start;
	struct lab lab;

	lab_init(&lab);
	start = begin(&lab, "web-1");
	lab_report_started(&lab, &start);
	lab_report_sealed(&lab, &start, start.first_segment, 5000, 7);
	lab_tell_sealed(&lab, &start, start.first_segment, 5000, 7, 11);
	lab_wait(&lab, lost_in_kernel(&lab, &start) == 11, 20);
	lab_tell_sealed(&lab, &start, start.first_segment, 5000, 7, 0);
	lab_wait(&lab, lab.acked == lab.report, 20);
	check_int(lost_in_kernel(&lab, &start), 11);
	lab_fini(&lab);
}

/* A track nobody wants is stopped. */
static void test_stray_track(void)
{
	struct rec_start stray = {.capture = "01900000-0000-7000-8000-000000000000"};
	struct lab lab;

	lab_init(&lab);
	lab.auto_sync = false;
	lab_new_recorder(&lab);
	lab_wait(&lab, lab.sync_count == 2, 20);
	lab_report_track(&lab, &stray);
	lab_send_synced(&lab);
	lab_wait(&lab, lab.stop_count == 1, 20);
	check_text(lab.stops[0].capture, stray.capture);
	lab_fini(&lab);
}

static void limit_files(const struct lab *lab, rlim_t bytes)
{
	struct rlimit limit = {bytes, RLIM_INFINITY};

	check(!prlimit(lab->control, RLIMIT_FSIZE, &limit, NULL));
}

/* INB-03: A store that cannot be written: the sender is refused, nothing happens, and then all is
 * well. */
static void test_store_full(void)
{
	struct lab_answer answer;
	struct rec_start start;
	struct lab lab;
	char path[64];

	lab_init(&lab);
	snprintf(path, sizeof(path), "/in/native/%s", lab.native);
	limit_files(&lab, 1);
	lab_ask(&lab, "POST", path,
		"{\"level\": \"critical\", \"policy\": \"p\", \"object\": \"o\"}", &answer);
	check(answer.status == 503 || answer.status == 507);
	check(!strncmp(lab_text(answer.json, "code"), "storage_", 8));
	lab_answer_fini(&answer);
	lab_idle(&lab, 100);
	check_int(lab.start_count, 0);
	limit_files(&lab, RLIM_INFINITY);
	lab_wait(&lab,
		 (lab_ask(&lab, "GET", "/readyz", NULL, &answer), lab_answer_fini(&answer),
		  answer.status == 200),
		 3);
	start = begin(&lab, "web-1"); /* "opened": the refused one left nothing behind */
	check(capture_is(&lab, &start, "starting"));
	lab_fini(&lab);
}

/* Failure is visible, the capture is kept, and tried again. */
static void test_disk_full(void)
{
	CLEANUP_JSON json_t *policy = NULL;
	struct rec_start start;
	struct lab lab;

	lab_init(&lab);
	start = begin(&lab, "web-1");
	lab_report_started(&lab, &start);
	lab_report_finished(&lab, &start, REC_END_DISK_FULL, 0);
	lab_wait(&lab, lab.acked == lab.report, 20);
	policy = lab_call(&lab, 200, "GET", "/api/v1/policies/default", NULL);
	check_text(lab_text(policy, "state"), "abnormal");
	check(strstr(lab_text(policy, "reason"), "disk_full"));
	check(!capture_is(&lab, &start, "finished"));
	lab_fini(&lab);
}

/* POL-03 */
static void test_absent_nic(void)
{
	CLEANUP_JSON json_t *policy = NULL, *again = NULL;
	struct lab lab;

	lab_init(&lab);
	policy = lab_call(&lab, 201, "POST", "/api/v1/policies",
			  "{\"name\": \"far\", \"nics\": [\"nosuch0\"]}");
	json_decref(lab_call(&lab, 200, "POST", "/api/v1/policies/far/enable", NULL));
	lab_idle(&lab, 50);
	again = lab_call(&lab, 200, "GET", "/api/v1/policies/far", NULL);
	check_text(lab_text(again, "state"), "abnormal");
	check(strstr(lab_text(again, "reason"), "interface_absent"));
	check(strstr(lab_text(again, "reason"), "nosuch0"));
	check_int(lab.start_count, 0);
	lab_fini(&lab);
}

static void test_policy_deleted_while_capturing(void)
{
	CLEANUP_JSON json_t *refused = NULL, *capture = NULL;
	struct rec_start start;
	struct lab lab;

	lab_init(&lab);
	start = begin(&lab, "web-1");
	lab_report_started(&lab, &start);
	lab_wait(&lab, lab.acked == lab.report, 20);
	refused = lab_call(&lab, 409, "DELETE", "/api/v1/policies/default", NULL);
	check_text(lab_text(refused, "code"), "policy_in_use");
	check_int(json_array_size(json_object_get(refused, "users")), 2);
	json_decref(lab_call(&lab, 204, "DELETE", "/api/v1/policies/default?force=true", NULL));
	lab_wait(&lab, lab.stop_count == 1, 20);
	lab_report_finished(&lab, &start, REC_END_STOPPED, 0);
	lab_wait(&lab, capture_is(&lab, &start, "finished"), 20);
	capture = capture_of(&lab, &start);
	check(strstr(lab_text(capture, "stop_reason"), "policy_deleted"));
	json_decref(lab_call(&lab, 404, "GET", "/api/v1/policies/default", NULL));
	lab_fini(&lab);
}

/* POL-20: A running capture takes a new filter over. */
static void test_edit_while_capturing(void)
{
	struct rec_start start;
	struct lab lab;

	lab_init(&lab);
	start = begin(&lab, "web-1");
	lab_report_started(&lab, &start);
	lab_wait(&lab, lab.acked == lab.report, 20);
	json_decref(lab_call(&lab, 200, "PATCH", "/api/v1/policies/default",
			     "{\"filter\": \"udp port 53\"}"));
	lab_wait(&lab, lab.edit_count == 1, 20);
	check_text(lab.edits[0].capture, start.capture);
	check_text(lab.edits[0].filter_text, "udp port 53");
	check(lab.edits[0].program.count > 0);
	lab_fini(&lab);
}

static const struct {
	const char *name;
	void (*call)(void);
} tests[] = {
	{"life", test_life},
	{"kill_after_start", test_kill_after_start},
	{"kill_while_recording", test_kill_while_recording},
	{"new_recorder", test_new_recorder},
	{"sealed_again", test_sealed_again},
	{"stray_track", test_stray_track},
	{"store_full", test_store_full},
	{"disk_full", test_disk_full},
	{"absent_nic", test_absent_nic},
	{"policy_deleted", test_policy_deleted_while_capturing},
	{"edit", test_edit_while_capturing},
};

/* All, or the one named. */
int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (argc < 2 || !strcmp(argv[1], tests[i].name))
			tests[i].call();
	return 0;
}
