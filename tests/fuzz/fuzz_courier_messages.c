/* SPDX-License-Identifier: Apache-2.0 */
/* What a control process that somebody owns may send to the courier, in a whole one without a
 * network: pushes of each kind with any texts and numbers, and frames that are none.
 *
 * It goes on or drops that link, never ends, and each result is about a push that was asked for and
 * fits what control checks. */
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "dispatch/push/courier.h"
#include "policy/settings.h"
#include "tests/fuzz/fuzz.h"

#define FRAMES_MAX 8
#define WAIT_MS	   2000
#define TIMEOUT_MS 200 /* of a push, so that its result is seen */

static int supervisor = -1, control = -1;
static unsigned asked, answered;
static char prefix[20]; /* of this input's pushes */

static void *run(void *arg)
{
	static const struct courier_config config = {.connect_timeout_ms = TIMEOUT_MS};

	courier_main(*(const int *)arg, &config);
	fuzz_check(!"the courier has ended");
	return NULL;
}

/* In a network of its own that has none, or it would call whom the input names. */
static bool begin(void)
{
	static enum { UNKNOWN, THERE, IMPOSSIBLE } state;
	static int ends[2];
	pthread_t thread;

	if (state == UNKNOWN && unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		fprintf(stderr, "skipped: no right to make a network namespace\n");
		state = IMPOSSIBLE;
	}
	if (state != UNKNOWN)
		return state == THERE;
	state = THERE;
	log_open("fuzz", LOG_LEVEL_ERROR);
	fuzz_check(!ipc_pair(ends));
	fuzz_check(!pthread_create(&thread, NULL, run, &ends[1]));
	supervisor = ends[0];
	return true;
}

static void new_control(void)
{
	struct child_peer role = {.role = ROLE_CONTROL};
	static unsigned number;
	int ends[2];

	if (control >= 0)
		close(control);
	fuzz_check(!ipc_pair(ends));
	fuzz_check(!ipc_send_wait(supervisor, CHILD_PEER, &role, sizeof(role), ends[1], WAIT_MS));
	close(ends[1]);
	control = ends[0];
	asked = answered = 0;
	snprintf(prefix, sizeof(prefix), "%08x", number++);
}

/* ---- results ---- */

static void check_result(const struct courier_result *result)
{
	fuzz_check(memchr(result->push, 0, sizeof(result->push)));
	fuzz_check(!strncmp(result->push, prefix, strlen(prefix)));
	fuzz_check(result->verdict <= VERDICT_DISABLE && result->step <= COURIER_STEP_REQUEST);
	fuzz_check(result->retry_after_ms >= 0 && result->retry_after_ms <= 3600 * 1000);
	fuzz_check(memchr(result->text, 0, sizeof(result->text)) && fuzz_is_utf8(result->text));
	fuzz_check(memchr(result->reference, 0, sizeof(result->reference)));
	for (const char *c = result->text; *c; c++)
		fuzz_check((unsigned char)*c >= ' ' && *c != 0x7f);
	answered++;
}

/* False once it has dropped the link. */
static bool drain(void)
{
	static struct ipc_message message;
	int r;

	while (!(r = ipc_receive(control, &message))) {
		fuzz_check(message.fd < 0);
		if (message.type == COURIER_RESULT) {
			fuzz_check(ipc_is(&message, struct courier_result));
			check_result((const void *)message.body);
		} else {
			fuzz_check(message.type == COURIER_HEALTH &&
				   ipc_is(&message, struct courier_health));
		}
	}
	return r == IPC_EMPTY;
}

static void wait_done(void)
{
	struct pollfd readable = {.fd = control, .events = POLLIN};
	mono_t end = mono_add(mono_now(), WAIT_MS * DUR_MS);
	int unread = 1;

	while (drain() && (unread || answered < asked) && mono_sub(end, mono_now()) > 0) {
		fuzz_check(!ioctl(control, SIOCOUTQ, &unread));
		if (unread || answered < asked)
			poll(&readable, 1, 1);
	}
}

/* ---- frames ---- */

static struct courier_push push;

/* The part up to the next form feed, cut to size. */
static void take_part(struct fuzz_input *input, enum courier_text which)
{
	static char text[8192];
	const uint8_t *end = memchr(input->data, '\f', input->size);
	size_t len = end ? (size_t)(end - input->data) : input->size;
	size_t kept =
		strnlen((const char *)input->data, len < sizeof(text) ? len : sizeof(text) - 1);

	memcpy(text, input->data, kept);
	text[kept] = '\0';
	courier_push_set(&push, which, text);
	input->data += len + !!end;
	input->size -= len + !!end;
}

/* How many texts, which one each, and what it is; the same for numbers. */
static void send_push(struct fuzz_input *input)
{
	char id[IDENT_SIZE];

	snprintf(id, sizeof(id), "%s-0000-7000-8000-%012x", prefix, asked);
	courier_push_init(&push, id);
	push.kind = (uint32_t)fuzz_take(input, 1);
	push.attempt = (uint32_t)fuzz_take(input, 1);
	push.level = (uint32_t)fuzz_take(input, 1);
	push.event = (uint32_t)fuzz_take(input, 1);
	push.at = (int64_t)fuzz_take(input, 8);
	push.timeout_ms = 1 + (uint32_t)fuzz_take(input, 1) % TIMEOUT_MS;
	for (unsigned n = fuzz_take(input, 1) % 8; n; n--) {
		unsigned which = fuzz_take(input, 1) % COURIER_NUMBER_COUNT;

		push.numbers[which] = (uint32_t)fuzz_take(input, 4);
	}
	for (unsigned n = fuzz_take(input, 1) % 32; n && input->size; n--)
		take_part(input, fuzz_take(input, 1) % COURIER_TEXT_COUNT);
	if (!ipc_send_wait(control, COURIER_PUSH, &push, courier_push_size(&push), -1, WAIT_MS))
		asked++;
}

/* The last push once more, or bytes. */
static void send_other(struct fuzz_input *input, unsigned what)
{
	static struct courier_push raw;
	size_t size = fuzz_take(input, 2) % (sizeof(raw) + 8), known;

	if (what == 1 && asked) {
		ipc_send_wait(control, COURIER_PUSH, &push, courier_push_size(&push), -1, WAIT_MS);
		return;
	}
	known = size < input->size ? size : input->size;
	memset(&raw, 0, sizeof(raw));
	memcpy(&raw, input->data, known < sizeof(raw) ? known : sizeof(raw));
	input->data += known;
	input->size -= known;
	ipc_send_wait(control, what, &raw, size < sizeof(raw) ? size : sizeof(raw), -1, WAIT_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};

	if (!begin())
		return 0;
	new_control();
	for (int i = 0; i < FRAMES_MAX && input.size && drain(); i++) {
		unsigned what = (unsigned)fuzz_take(&input, 1);

		if (what >= 8)
			send_push(&input);
		else
			send_other(&input, what);
	}
	wait_done();
	return 0;
}
