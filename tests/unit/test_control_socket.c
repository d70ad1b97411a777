/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts that come by a unix socket: the test is the supervisor that keeps the socket, and the
 * sender. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "dispatch/serve/lines.h"
#include "dispatch/serve/source_socket.h"
#include "tests/unit/control_lab.h"
#include "tests/unit/test.h"

#define FLOOD 2000

static struct child_source_socket place(const struct lab *lab, const char *name, int type)
{
	struct child_source_socket told = {.type = (uint32_t)type};

	snprintf(told.path, sizeof(told.path), "%s/%s", lab->folder, name);
	return told;
}

static struct sockaddr_un address_of(const struct child_source_socket *told)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, told->path, sizeof(address.sun_path));
	return address;
}

static int make_socket(const struct child_source_socket *told)
{
	struct sockaddr_un address = address_of(told);
	int fd = socket(AF_UNIX, (int)told->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)));
	check(told->type == SOCK_DGRAM || !listen(fd, 64));
	return fd;
}

static void hand_over(struct lab *lab, const struct child_source_socket *told, int fd)
{
	check(!ipc_send_wait(lab->supervisor, CHILD_SOURCE_SOCKET, told, sizeof(*told), fd, 1000));
}

static void add_source(struct lab *lab, const char *name, const struct child_source_socket *told)
{
	CLEANUP_FREE char *body = xasprintf("{\"name\": \"%s\", \"kind\": \"suricata\", "
					    "\"file\": \"%s\"}",
					    name, told->path);

	json_decref(lab_call(lab, 201, "POST", "/api/v1/sources", body));
}

static int connect_to(const struct child_source_socket *told)
{
	struct sockaddr_un address = address_of(told);
	int fd = socket(AF_UNIX, (int)told->type | SOCK_CLOEXEC, 0);

	check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static char *record(int signature, const char *end)
{
	return xasprintf(
		"{\"timestamp\": \"2026-01-01T11:59:00.123456+0000\", \"event_type\": "
		"\"alert\", \"src_ip\": \"10.0.0.9\", \"src_port\": 51000, \"dest_ip\": "
		"\"10.0.0.5\", \"dest_port\": 80, \"proto\": \"TCP\", \"alert\": {\"gid\": "
		"1, \"signature_id\": %d, \"signature\": \"s\", \"severity\": 2}}%s",
		signature, end);
}

/* Sends all of it, while everything moves. */
static void put(struct lab *lab, int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		check(n > 0 || errno == EAGAIN);
		if (n < 0)
			lab_pump(lab, 1);
		else {
			text += n;
			len -= (size_t)n;
		}
	}
}

static void put_record(struct lab *lab, int fd, int signature, const char *end)
{
	CLEANUP_FREE char *text = record(signature, end);

	put(lab, fd, text, strlen(text));
}

/* How many different alerts the journal has of a source, and how many events. */
static size_t count_alerts(struct lab *lab, const char *source, size_t *events)
{
	CLEANUP_JSON json_t *seen = json_object();
	char next[48] = "";

	*events = 0;
	do {
		CLEANUP_FREE char *path = xasprintf("/api/v1/alerts?source=%s&limit=200%s%s",
						    source, *next ? "&before=" : "", next);
		CLEANUP_JSON json_t *page = lab_call(lab, 200, "GET", path, NULL);
		json_t *items = json_object_get(page, "items"), *item;
		size_t i;

		json_array_foreach (items, i, item)
			json_object_set_new(seen, lab_text(item, "policy.id"), json_true());
		*events += json_array_size(items);
		snprintf(next, sizeof(next), "%s", lab_text(page, "next"));
	} while (*next);
	return json_object_size(seen);
}

static bool has_alerts(struct lab *lab, const char *source, size_t wanted)
{
	size_t events;

	return count_alerts(lab, source, &events) == wanted;
}

static bool state_is(struct lab *lab, const char *source, const char *wanted)
{
	CLEANUP_FREE char *path = xasprintf("/api/v1/sources/%s", source);
	CLEANUP_JSON json_t *view = lab_call(lab, 200, "GET", path, NULL);

	return !strcmp(lab_text(view, "file_state"), wanted);
}

/* INB-08 */
static void lines_of_a_stream(struct lab *lab, const struct child_source_socket *told)
{
	static const char other_lines[] = "{\"event_type\": \"flow\"}\n"
					  "not JSON, but has \"alert\"\n";
	CLEANUP_FREE char *text = record(1, "\n");
	CLEANUP_CLOSE int fd = connect_to(told);
	int other = connect_to(told);
	size_t events;

	put(lab, fd, text, 70);
	put(lab, fd, text + 70, strlen(text) - 70);
	put(lab, fd, other_lines, strlen(other_lines));
	put_record(lab, fd, 2, "\n");
	put_record(lab, other, 3, ""); /* the end of the connection is the end of the line */
	close(other);
	lab_wait(lab, has_alerts(lab, "stream", 3), 20);
	check_int(count_alerts(lab, "stream", &events), 3);
	check_int(events, 3);
	lab_wait(lab, state_is(lab, "stream", "socket, 1 connected, 3 alerts"), 20);
}

static void a_line_without_end(struct lab *lab, const struct child_source_socket *told)
{
	CLEANUP_CLOSE int fd = connect_to(told);
	CLEANUP_FREE char *text = xmalloc(3 * LINES_BYTES_MAX);

	memset(text, 'x', 3 * LINES_BYTES_MAX);
	put(lab, fd, text, 3 * LINES_BYTES_MAX);
	put(lab, fd, "\n", 1);
	put_record(lab, fd, 4, "\n");
	lab_wait(lab, has_alerts(lab, "stream", 4), 20);
}

/* More than fits any buffer on the way: the sender waits, nothing is lost, nothing comes twice. */
static void a_flood_waits(struct lab *lab, const struct child_source_socket *told)
{
	CLEANUP_CLOSE int fd = connect_to(told);
	size_t events;

	for (int i = 0; i < FLOOD; i++)
		put_record(lab, fd, 100 + i, "\n");
	lab_wait(lab, has_alerts(lab, "stream", 4 + FLOOD), 60);
	count_alerts(lab, "stream", &events);
	check_int(events, 4 + FLOOD);
}

/* More connections than are read at once: the others have their turn when these go. */
static void many_senders(struct lab *lab, const struct child_source_socket *told)
{
	int fds[SOURCE_SENDERS + 5];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = connect_to(told);
		put_record(lab, fds[i], 5000 + (int)i, "\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	lab_wait(lab, has_alerts(lab, "stream", 4 + FLOOD + ARRAY_SIZE(fds)), 20);
}

/* The supervisor keeps the socket: what is written while control is dead is not lost, nor what it
 * had looked at. */
static void datagrams_survive(struct lab *lab, const struct child_source_socket *told, int socket)
{
	CLEANUP_CLOSE int fd = connect_to(told);

	check(!send(fd, "", 0, 0)); /* an empty one is none, and is in nobody's way */
	put_record(lab, fd, 1, "\n");
	put_record(lab, fd, 2, "");
	lab_wait(lab, has_alerts(lab, "datagrams", 2), 20);
	for (int i = 0; i < 20; i++)
		put_record(lab, fd, 10 + i, "\n");
	lab_kill(lab);
	put_record(lab, fd, 3, "\n");
	lab_start(lab);
	hand_over(lab, told, socket);
	lab_wait(lab, has_alerts(lab, "datagrams", 23), 20);
	check(!send(fd, "", 0, 0));
	put_record(lab, fd, 4, "\n");
	lab_wait(lab, has_alerts(lab, "datagrams", 24), 20);
}

/* Empty ones among alerts take none of them along, and nothing comes twice. */
static void empty_datagrams(struct lab *lab, const struct child_source_socket *told)
{
	CLEANUP_CLOSE int fd = connect_to(told);
	CLEANUP_FREE char *text = xcalloc(1, 2 * LINES_BYTES_MAX);
	int room = 8 * LINES_BYTES_MAX;
	size_t before, events;

	count_alerts(lab, "datagrams", &before);
	check(!setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	      !setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	for (int i = 0; i < 10; i++) {
		check(!send(fd, "", 0, 0));
		put_record(lab, fd, 200 + i, "\n");
		check(!send(fd, "", 0, 0));
		(void)send(fd, text, 2 * LINES_BYTES_MAX,
			   MSG_DONTWAIT); /* too long, if there is room */
		lab_idle(lab, 5 * (i % 2));
	}
	lab_wait(lab, has_alerts(lab, "datagrams", 34), 20);
	count_alerts(lab, "datagrams", &events);
	check_int(events, before + 10);
}

/* Nobody reads it before a source names it, and one source alone does. */
static void who_reads(struct lab *lab)
{
	struct child_source_socket told = place(lab, "late.sock", SOCK_STREAM);
	CLEANUP_CLOSE int socket = make_socket(&told);
	CLEANUP_CLOSE int fd = connect_to(&told);

	hand_over(lab, &told, socket);
	put_record(lab, fd, 1, "\n");
	lab_idle(lab, 50);
	add_source(lab, "late", &told);
	add_source(lab, "later", &told);
	lab_wait(lab, has_alerts(lab, "late", 1), 20);
	check(state_is(lab, "later", "socket, read by source \"late\""));
	json_decref(lab_call(lab, 204, "DELETE", "/api/v1/sources/late", NULL));
	put_record(lab, fd, 2, "\n");
	lab_wait(lab, has_alerts(lab, "later", 1), 20);
}

int main(void)
{
	struct lab lab;
	struct child_source_socket stream, datagrams;
	CLEANUP_CLOSE int a = -1, b = -1;

	lab_init(&lab);
	stream = place(&lab, "eve.sock", SOCK_STREAM);
	datagrams = place(&lab, "dgram.sock", SOCK_DGRAM);
	a = make_socket(&stream);
	b = make_socket(&datagrams);
	hand_over(&lab, &stream, a);
	hand_over(&lab, &datagrams, b);
	add_source(&lab, "stream", &stream);
	add_source(&lab, "datagrams", &datagrams);
	lines_of_a_stream(&lab, &stream);
	a_line_without_end(&lab, &stream);
	a_flood_waits(&lab, &stream);
	many_senders(&lab, &stream);
	datagrams_survive(&lab, &datagrams, b);
	empty_datagrams(&lab, &datagrams);
	who_reads(&lab);
	lab_fini(&lab);
	return 0;
}
