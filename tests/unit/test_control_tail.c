/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is followed: rotated more often than it is looked at, and killed within a line that
 * is too long. Control looks only while the lab is pumped, so that what happens between two looks
 * is what the test does between two pumps. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "dispatch/serve/lines.h"
#include "tests/unit/control_lab.h"
#include "tests/unit/test.h"

static void append(const char *path, const char *text, size_t len)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	check(fd >= 0);
	check_int(write(fd, text, len), len);
}

static void append_record(const char *path, int signature)
{
	CLEANUP_FREE char *text = xasprintf(
		"{\"timestamp\": \"2026-01-01T11:59:00.123456+0000\", \"event_type\": \"alert\", "
		"\"src_ip\": \"10.0.0.9\", \"src_port\": 51000, \"dest_ip\": \"10.0.0.5\", "
		"\"dest_port\": 80, \"proto\": \"TCP\", \"alert\": {\"gid\": 1, \"signature_id\": "
		"%d, \"signature\": \"s\", \"severity\": 2}}\n",
		signature);

	append(path, text, strlen(text));
}

/* It was written to so many seconds ago: the clock of files is coarser than what the test does. */
static void rotate(const char *path, const char *end, int age)
{
	CLEANUP_FREE char *name = xasprintf("%s%s", path, end);
	struct timespec then = {wall_now().ns / DUR_S - age, 0}, times[2] = {then, then};

	check(!utimensat(AT_FDCWD, path, times, 0));
	check(!rename(path, name));
}

/* Is there exactly one event for this signature, and are there `count` in all? */
static bool has(struct lab *lab, int signature, size_t count)
{
	CLEANUP_FREE char *path =
		xasprintf("/api/v1/alerts?source=eve&policy=1%%3A%d&limit=200", signature);
	CLEANUP_JSON json_t *one = lab_call(lab, 200, "GET", path, NULL);
	CLEANUP_JSON json_t *all =
		lab_call(lab, 200, "GET", "/api/v1/alerts?source=eve&limit=200", NULL);
	size_t n = json_array_size(json_object_get(one, "items"));

	check(n <= 1);
	return n == 1 && json_array_size(json_object_get(all, "items")) == count;
}

static bool is_at(struct lab *lab, long long offset)
{
	CLEANUP_JSON json_t *view = lab_call(lab, 200, "GET", "/api/v1/sources/eve", NULL);
	CLEANUP_FREE char *wanted = xasprintf("position %lld", offset);

	return !strcmp(lab_text(view, "file_state"), wanted);
}

/* INB-08: the one in the middle had the name for no look at all */
static void rotated_twice_between_two_looks(struct lab *lab, const char *path)
{
	append_record(path, 1);
	lab_wait(lab, has(lab, 1, 1), 20);
	append_record(path, 2);
	rotate(path, ".2", 20);
	append_record(path, 3);
	rotate(path, ".1", 16);
	append_record(path, 4);
	lab_wait(lab, has(lab, 4, 4), 30);
	check(has(lab, 2, 4) && has(lab, 3, 4));
}

static void rotated_twice_while_control_is_dead(struct lab *lab, const char *path)
{
	lab_kill(lab);
	append_record(path, 5);
	rotate(path, ".4", 12);
	append_record(path, 6);
	rotate(path, ".3", 8);
	append_record(path, 7);
	lab_start(lab);
	lab_wait(lab, has(lab, 7, 7), 30);
	check(has(lab, 5, 7) && has(lab, 6, 7));
}

/* The tail of a line that is too long is no line, also for who begins in it. */
static void killed_within_a_line_that_is_too_long(struct lab *lab, const char *path)
{
	size_t len = 5 * LINES_BYTES_MAX; /* more than is read without writing the position */
	CLEANUP_FREE char *text = xmalloc(len);

	rotate(path, ".5", 4);
	memset(text, 'x', len);
	append(path, text, len);
	lab_wait(lab, is_at(lab, (long long)len), 30);
	lab_kill(lab);
	append_record(path, 8); /* its end only */
	append_record(path, 9);
	lab_start(lab);
	lab_wait(lab, has(lab, 9, 8), 30);
}

int main(void)
{
	struct lab lab;
	CLEANUP_FREE char *path = NULL, *body = NULL;

	lab_init(&lab);
	path = xasprintf("%s/eve.json", lab.folder);
	body = xasprintf("{\"name\": \"eve\", \"kind\": \"suricata\", \"file\": \"%s\"}", path);
	append(path, "\n", 1);
	json_decref(lab_call(&lab, 201, "POST", "/api/v1/sources", body));
	lab_wait(&lab, is_at(&lab, 1), 20);
	rotated_twice_between_two_looks(&lab, path);
	rotated_twice_while_control_is_dead(&lab, path);
	killed_within_a_line_that_is_too_long(&lab, path);
	lab_fini(&lab);
	return 0;
}
