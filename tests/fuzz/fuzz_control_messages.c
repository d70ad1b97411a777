/* SPDX-License-Identifier: Apache-2.0 */
/* What a recorder or a courier that somebody owns may send to control: in a whole control process
 * with a capture that runs, a push that is leased and, if the input says so, a search in the ring.
 *
 * Control goes on or drops that link, never ends, and afterwards serves what it was told as valid
 * JSON, with the outbox's balance kept. */
#include <linux/sockios.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/control_lab.h"

#define FRAMES_MAX 24
#define WAIT_MS	   3000

enum frame_flag {
	FRAME_SIZE = 7,	      /* all of them 0: not the kind's own size */
	FRAME_KNOWN = 1 << 3, /* about the capture, the push or the search that are there */
	FRAME_FILE = 1 << 4,  /* carries a descriptor */
};

static struct lab lab;

/* The log is formatted, so that a text without end is found, and thrown away. */
void __wrap_log_write(enum log_level level, const char *subsystem, const char *format, ...);
__attribute__((format(printf, 3, 4))) void
__wrap_log_write(enum log_level level, const char *subsystem, const char *format, ...)
{
	char line[1200];
	va_list ap;

	(void)level;
	(void)subsystem;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
}

/* ---- what is there before the first byte ---- */

#define wait_until(cond)                                                                           \
	do {                                                                                       \
		mono_t end_ = mono_add(mono_now(), WAIT_MS * DUR_MS);                              \
		while (!(cond) && mono_sub(end_, mono_now()) > 0)                                  \
			lab_pump(&lab, 1);                                                         \
	} while (0)

static int ask(const char *method, const char *path, const char *body)
{
	struct lab_answer answer;
	int status;

	lab_ask(&lab, method, path, body, &answer);
	status = answer.status;
	lab_answer_fini(&answer);
	return status;
}

static void end_lab(void)
{
	if (!lab.closed)
		lab_fini(&lab);
}

static void begin(void)
{
	if (lab.folder[0])
		return;
	lab_init_thread(&lab);
	atexit(end_lab);
	fuzz_check(ask("PATCH", "/api/v1/policies/default", "{\"linger\": \"0s\"}") == 200);
}

static void ensure_capture(void)
{
	wait_until(lab.sync_count);
	lab_pump(&lab, 5);
	if (lab.start_count)
		return;
	fuzz_check(ask("POST", "/api/v1/policies/default/disable", "{\"note\": \"fuzz\"}") < 500);
	fuzz_check(ask("POST", "/api/v1/policies/default/enable", "{\"note\": \"fuzz\"}") < 500);
	wait_until(lab.start_count);
}

/* A new endpoint each time: the one before may be switched off, or given a rest. */
static void ensure_push(void)
{
	static unsigned number;
	CLEANUP_FREE char *path = xasprintf("/in/native/%s", lab.native);
	char body[160];

	ask("DELETE", "/api/v1/endpoints/ops", NULL);
	lab.push_count = 0;
	fuzz_check(ask("POST", "/api/v1/endpoints",
		       "{\"name\": \"ops\", \"kind\": \"http\", "
		       "\"url\": \"http://127.0.0.1:9/hook\"}") == 201);
	snprintf(body, sizeof(body),
		 "{\"level\": \"critical\", \"policy\": \"fuzz\", \"object\": \"%u\"}", number++);
	fuzz_check(ask("POST", path, body) == 200);
	wait_until(lab.push_count);
}

static int open_search(void)
{
	CLEANUP_FREE char *request =
		xasprintf("GET /api/v1/ring/packets?last=60s HTTP/1.1\r\nHost: lab\r\n"
			  "Authorization: Bearer %s\r\n\r\n",
			  lab.admin);
	int fd = lab_connect(&lab);

	fuzz_check(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
	wait_until(lab.search_count);
	return fd;
}

/* ---- frames ---- */

struct kind {
	uint32_t type;
	size_t size;
	int *link;
};

static const struct kind kinds[] = {
	{REC_TRACK, sizeof(struct rec_track), &lab.recorder},
	{REC_SYNCED, sizeof(struct rec_report_head), &lab.recorder},
	{REC_STARTED, sizeof(struct rec_started), &lab.recorder},
	{REC_SEGMENT, sizeof(struct rec_segment), &lab.recorder},
	{REC_GAP, sizeof(struct rec_gap), &lab.recorder},
	{REC_FINISHED, sizeof(struct rec_finished), &lab.recorder},
	{REC_SEARCH_PART, sizeof(struct rec_search_part), &lab.recorder},
	{REC_START, sizeof(struct rec_start), &lab.recorder}, /* control's own words */
	{COURIER_RESULT, sizeof(struct courier_result), &lab.courier},
	{COURIER_HEALTH, sizeof(struct courier_health), &lab.courier},
	{COURIER_PUSH, 64, &lab.courier},
};

static void put_known(const struct kind *kind, uint8_t *body)
{
	const struct rec_start *start = &lab.starts[0];
	struct rec_report_head *head = (void *)body;

	if (kind->link == &lab.courier) {
		memcpy(body, lab.pushes[0].push, IDENT_SIZE);
	} else if (kind->type == REC_SEARCH_PART) {
		memcpy(body, &lab.search.id, sizeof(lab.search.id));
	} else {
		head->report = ++lab.report;
		head->ring = start->ring;
		memcpy(head->capture, start->capture, sizeof(head->capture));
	}
}

static void play_frame(struct fuzz_input *input)
{
	static _Alignas(16) uint8_t body[IPC_SIZE_MAX];
	const struct kind *kind = &kinds[fuzz_take(input, 1) % ARRAY_SIZE(kinds)];
	unsigned flags = (unsigned)fuzz_take(input, 1);
	size_t size = flags & FRAME_SIZE ? kind->size : fuzz_take(input, 2) % IPC_SIZE_MAX;
	size_t known = fuzz_take(input, 2);

	if (known > size)
		known = size;
	if (known > input->size)
		known = input->size;
	memset(body, 0, sizeof(body));
	memcpy(body, input->data, known);
	input->data += known;
	input->size -= known;
	if (flags & FRAME_KNOWN)
		put_known(kind, body);
	if (*kind->link >= 0)
		ipc_send_wait(*kind->link, kind->type, body, (uint32_t)size,
			      flags & FRAME_FILE ? lab.memory : -1, WAIT_MS);
	lab_pump(&lab, 0);
}

static bool is_read(int link)
{
	int unread = 0;

	return link < 0 || ioctl(link, SIOCOUTQ, &unread) || !unread;
}

/* ---- what holds ---- */

static void check_outbox(void)
{
	CLEANUP_JSON json_t *status = lab_call(&lab, 200, "GET", "/api/v1/status", NULL);

	fuzz_check(
		lab_number(status, "outbox.accepted") ==
		lab_number(status, "outbox.delivered") + lab_number(status, "outbox.suppressed") +
			lab_number(status, "outbox.pending") + lab_number(status, "outbox.dead"));
}

static void check_serves(void)
{
	CLEANUP_FREE char *path = xasprintf("/api/v1/captures/%s", lab.starts[0].capture);
	CLEANUP_JSON json_t *pushes = lab_call(&lab, 200, "GET", "/api/v1/pushes?limit=5", NULL);

	fuzz_check(json_is_object(pushes));
	if (lab.starts[0].capture[0]) {
		CLEANUP_JSON json_t *capture = lab_call(&lab, 200, "GET", path, NULL);

		fuzz_check(json_is_object(capture));
	}
	check_outbox();
	fuzz_check(ask("GET", "/metrics", NULL) == 200);
	fuzz_check(!lab.closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	int search = -1;

	begin();
	lab.start_count = lab.stop_count = lab.edit_count = lab.sync_count = lab.search_count = 0;
	lab_new_recorder(&lab);
	lab_new_courier(&lab);
	ensure_capture();
	ensure_push();
	if (fuzz_take(&input, 1) & 1)
		search = open_search();
	for (int i = 0; i < FRAMES_MAX && input.size; i++)
		play_frame(&input);
	wait_until(is_read(lab.recorder) && is_read(lab.courier));
	if (search >= 0)
		close(search);
	check_serves();
	return 0;
}
