/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/text.h"

#define EXPIRES_SOON (30 * 24 * DUR_HOUR)
#define CLOCKS_APART (2 * DUR_S)
#define GIB	     (UINT64_C(1) << 30)

static const char *const level_names[] = {"ok", "warn", "fail"};

void doctor_init(struct doctor *doctor)
{
	*doctor = (struct doctor){.checks = json_array()};
}

void doctor_fini(struct doctor *doctor)
{
	json_decref(doctor->checks);
}

void doctor_add(struct doctor *doctor, const char *check, const char *object,
		enum doctor_level level, const char *advice, const char *format, ...)
{
	char finding[400];
	va_list args;

	va_start(args, format);
	vsnprintf(finding, sizeof(finding), format, args);
	va_end(args);
	json_array_append_new(doctor->checks,
			      json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", check, "object",
					object, "level", level_names[level], "finding", finding,
					"advice", level ? advice : ""));
	if (level > doctor->worst)
		doctor->worst = level;
}

/* ---- members of the status ---- */

static int64_t number_at(const json_t *object, const char *path)
{
	return json_integer_value(text_find_member(object, path));
}

static const char *text_at(const json_t *object, const char *path)
{
	const char *text = json_string_value(text_find_member(object, path));

	return text ? text : "";
}

/* ---- checks ---- */

/* Captures are asked for by times that people read off other clocks. */
static void check_offset(struct doctor *doctor, const json_t *status)
{
	wall_t theirs;
	dur_t apart;

	if (wall_parse(text_at(status, "now"), &theirs))
		return;
	apart = wall_sub(wall_now(), theirs);
	doctor_add(doctor, "clock offset", "",
		   apart > CLOCKS_APART || apart < -CLOCKS_APART ? DOCTOR_WARN : DOCTOR_OK,
		   "set the clocks: times in alerts, requests and captures are compared",
		   "the probe's clock is %s this machine's, by %.1f s",
		   apart > 0 ? "behind" : "ahead of", (double)(apart < 0 ? -apart : apart) / 1e9);
}

static void check_version(struct doctor *doctor, const json_t *status)
{
	const char *version = text_at(status, "version");

	doctor_add(doctor, "version", "",
		   strcmp(version, RINGBELL_VERSION) ? DOCTOR_WARN : DOCTOR_OK,
		   "install the same version of ringbell and ringbelld; restart ringbelld after an "
		   "upgrade",
		   "the probe is %s, this tool %s", version, RINGBELL_VERSION);
}

static void check_ready(struct doctor *doctor, const json_t *status)
{
	const char *why = text_at(status, "not_ready");

	doctor_add(doctor, "ready", "", *why ? DOCTOR_FAIL : DOCTOR_OK,
		   "wait a moment and ask again; if it stays, the log of ringbelld says why", "%s",
		   *why ? why : "store, recorder and filters are ready");
}

static void check_processes(struct doctor *doctor, const json_t *status)
{
	const json_t *process;
	size_t i;

	json_array_foreach (json_object_get(status, "processes"), i, process) {
		int64_t pid = number_at(process, "pid");
		int64_t restarts = number_at(process, "restarts");

		doctor_add(doctor, "process", text_at(process, "role"),
			   !pid	      ? DOCTOR_FAIL
			   : restarts ? DOCTOR_WARN
				      : DOCTOR_OK,
			   "look in the log of ringbelld for how it ended; a line \"sandbox: ... "
			   "forbidden system call\" should be reported",
			   "pid %" PRId64 "%s, started again %" PRId64 " times", pid,
			   pid ? "" : " (does not run)", restarts);
	}
}

/* A problem the probe found itself; "" = none. */
static const char *find_problem(const json_t *status, const char *kind, const char *name)
{
	const json_t *problem;
	size_t i;

	json_array_foreach (json_object_get(status, "problems"), i, problem)
		if (!strcmp(text_at(problem, "object"), kind) &&
		    !strcmp(text_at(problem, "name"), name))
			return text_at(problem, "problem");
	return "";
}

static void check_link(struct doctor *doctor, const json_t *ring)
{
	const char *state = text_at(ring, "state");

	doctor_add(doctor, "nic", text_at(ring, "nic"),
		   !strcmp(state, "up")	      ? DOCTOR_OK
		   : !strcmp(state, "absent") ? DOCTOR_FAIL
					      : DOCTOR_WARN,
		   "check the name (ip link), the cable and the switch; \"ip link set NIC up\"",
		   "is %s", state);
}

static void check_drops(struct doctor *doctor, const json_t *ring)
{
	int64_t kernel = number_at(ring, "drops.kernel"), nic = number_at(ring, "drops.nic");
	int64_t history = number_at(ring, "drops.cursor");

	doctor_add(
		doctor, "drops", text_at(ring, "nic"),
		kernel || nic || history ? DOCTOR_WARN : DOCTOR_OK,
		"kernel: give the ring more memory (rings.memory_bytes); nic: raise its own ring "
		"(ethtool -G); history: captures write slower than packets come, see disk",
		"%" PRId64 " by the kernel, %" PRId64 " by the NIC, %" PRId64
		" overwritten before a capture had read them",
		kernel, nic, history);
}

static void check_history(struct doctor *doctor, const json_t *ring)
{
	CLEANUP_FREE char *reach = text_format_member(ring, "reach_seconds");
	const char *mode = text_at(ring, "history");
	int held = !strcmp(mode, "hold");

	doctor_add(doctor, "history", text_at(ring, "nic"), held ? DOCTOR_WARN : DOCTOR_OK,
		   "the self-test failed on this kernel: it works, but costs more CPU; report the "
		   "kernel's version",
		   "mode %s, reaches back %s s", mode, reach);
}

static void check_rings(struct doctor *doctor, const json_t *status)
{
	const json_t *ring;
	size_t i;

	json_array_foreach (json_object_get(status, "rings"), i, ring) {
		const char *problem = find_problem(status, "ring", text_at(ring, "nic"));

		check_link(doctor, ring);
		check_drops(doctor, ring);
		check_history(doctor, ring);
		doctor_add(doctor, "ring", text_at(ring, "nic"), *problem ? DOCTOR_FAIL : DOCTOR_OK,
			   "if nothing is recorded, restart the recorder (kill it, the supervisor "
			   "starts the next); if history is too short, raise rings.memory_bytes",
			   "%s", *problem ? problem : "gets what the NIC counts");
	}
}

static void check_space(struct doctor *doctor, const json_t *status)
{
	const char *problem = text_at(status, "storage.problem");
	uint64_t room = (uint64_t)number_at(status, "storage.free_bytes");
	uint64_t least = (uint64_t)number_at(status, "storage.min_free_bytes");
	char free_text[TEXT_BYTES_SIZE], least_text[TEXT_BYTES_SIZE];

	doctor_add(doctor, "space", "",
		   *problem || room <= least	    ? DOCTOR_FAIL
		   : room < 2 * least || room < GIB ? DOCTOR_WARN
						    : DOCTOR_OK,
		   "remove captures that are no longer needed, or give the captures folder another "
		   "file system; below the floor captures end with disk_full",
		   "%s%s%s free, captures end at %s", problem, *problem ? "; " : "",
		   text_format_bytes(room, free_text), text_format_bytes(least, least_text));
}

/* Which limit removes captures, and is there room for what it lets live? */
static void check_limits(struct doctor *doctor, const json_t *status)
{
	uint64_t room = (uint64_t)number_at(status, "storage.free_bytes");
	uint64_t total = (uint64_t)number_at(status, "storage.total_bytes");
	uint64_t keep = (uint64_t)number_at(status, "storage.keep_free_bytes");
	uint64_t most = (uint64_t)number_at(status, "storage.max_bytes");
	char keep_text[TEXT_BYTES_SIZE], most_text[TEXT_BYTES_SIZE], total_text[TEXT_BYTES_SIZE];
	bool never = keep < total && most > total - keep;

	if (!total)
		return;
	doctor_add(
		doctor, "retention", "",
		keep >= total		? DOCTOR_FAIL
		: never || room <= keep ? DOCTOR_WARN
					: DOCTOR_OK,
		keep >= total
			? "lower storage.keep_free_bytes: no capture can be kept"
			: (never ? "lower storage.max_bytes: the file system is full before it is "
				   "reached"
				 : "the oldest captures are removed now to make room: pin what "
				   "must stay, or give the captures folder more space"),
		"%s of %s are kept free, captures may take %s", text_format_bytes(keep, keep_text),
		text_format_bytes(total, total_text),
		most ? text_format_bytes(most, most_text) : "the rest");
}

static void check_outbox(struct doctor *doctor, const json_t *status)
{
	int64_t pending = number_at(status, "outbox.pending");
	int64_t dead = number_at(status, "outbox.dead");

	doctor_add(doctor, "pushes", "", pending > 100 || dead ? DOCTOR_WARN : DOCTOR_OK,
		   "\"ringbell alert list\" and an alert's deliveries say which endpoint does not "
		   "answer, and how",
		   "%" PRId64 " wait, %" PRId64 " were given up", pending, dead);
}

static void check_problems(struct doctor *doctor, const json_t *status)
{
	const json_t *problem;
	size_t i, count = 0;

	json_array_foreach (json_object_get(status, "problems"), i, problem) {
		const char *kind = text_at(problem, "object");

		if (!strcmp(kind, "ring"))
			continue;
		count++;
		doctor_add(doctor, kind, text_at(problem, "name"), DOCTOR_FAIL,
			   "mend its settings or the peer, then enable it again", "%s",
			   text_at(problem, "problem"));
	}
	if (!count)
		doctor_add(doctor, "settings", "", DOCTOR_OK, "",
			   "no policy and no endpoint has a problem");
}

static void check_tls(struct doctor *doctor, const json_t *status)
{
	const char *until = text_at(status, "listener.tls.not_after");
	const char *address = text_at(status, "listener.address");
	wall_t end;
	dur_t left;

	if (wall_parse(until, &end) || !*until) {
		int local = !strncmp(address, "127.", 4) || !strncmp(address, "[::1]", 5);

		doctor_add(doctor, "tls", "", local ? DOCTOR_OK : DOCTOR_WARN,
			   "set tls: {mode: on} unless a proxy in front does it",
			   "%s is not encrypted", address);
		return;
	}
	left = wall_sub(end, wall_now());
	doctor_add(doctor, "tls", "",
		   left < 0		 ? DOCTOR_FAIL
		   : left < EXPIRES_SOON ? DOCTOR_WARN
					 : DOCTOR_OK,
		   "put a new certificate and key in place and reload ringbelld (SIGHUP)",
		   "certificate \"%s\", until %s", text_at(status, "listener.tls.subject"), until);
}

void doctor_check_status(struct doctor *doctor, const json_t *status)
{
	check_version(doctor, status);
	check_offset(doctor, status);
	check_ready(doctor, status);
	check_processes(doctor, status);
	check_rings(doctor, status);
	check_space(doctor, status);
	check_limits(doctor, status);
	check_outbox(doctor, status);
	check_problems(doctor, status);
	check_tls(doctor, status);
}

/* ---- lists ---- */

static void check_endpoint(struct doctor *doctor, const json_t *endpoint)
{
	const json_t *last = text_find_member(endpoint, "last_result");
	bool failed = json_is_false(json_object_get(last, "delivered"));
	bool open = !strcmp(text_at(endpoint, "circuit"), "open");
	const char *name = text_at(endpoint, "name");

	if (!json_is_true(json_object_get(endpoint, "enabled")))
		return; /* if it was not a person, there is a problem of it */
	doctor_add(
		doctor, "endpoint", name,
		open	 ? DOCTOR_FAIL
		: failed ? DOCTOR_WARN
			 : DOCTOR_OK,
		"\"ringbell endpoint test NAME\" shows what the remote answers, and at which step "
		"it fails",
		"%s%s%s%s%s", open ? "given a rest after failures in a row" : "",
		open && failed ? "; " : "",
		failed ? text_at(last, "step") : (open ? "" : "no failure"), failed ? ": " : "",
		failed ? text_at(last, "text") : "");
}

void doctor_check_endpoints(struct doctor *doctor, const json_t *list)
{
	const json_t *endpoint;
	size_t i;

	json_array_foreach (json_object_get(list, "items"), i, endpoint)
		check_endpoint(doctor, endpoint);
}

void doctor_check_alerts(struct doctor *doctor, const json_t *list)
{
	const json_t *alert;
	size_t i, count = 0;

	json_array_foreach (json_object_get(list, "items"), i, alert) {
		count++;
		doctor_add(
			doctor, "internal alert", text_at(alert, "title"),
			strcmp(text_at(alert, "level"), "info") ? DOCTOR_FAIL : DOCTOR_WARN,
			"it closes by itself when its cause is gone; \"ringbell alert list\" has "
			"it, docs/operations.md says what each means",
			"open since %s: %s", text_at(alert, "received_at"), text_at(alert, "text"));
	}
	if (!count)
		doctor_add(doctor, "internal alert", "", DOCTOR_OK, "", "none is open");
}
