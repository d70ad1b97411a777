/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/download.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/progress.h"
#include "cli/text.h"

#define CHUNK_BYTES (256 * 1024)

struct state {
	const struct download *download;
	uint64_t total;
	struct verify verify;
	struct progress progress;
	const char *path; /* FILE.part, NULL for standard output */
	int fd;
	int mismatch; /* a segment is not what the probe wrote */
	int write_error;
};

static int is_whole(const struct state *s)
{
	return s->verify.index == s->verify.count;
}

static int start_over(struct state *s)
{
	verify_init(&s->verify, s->download->segments, s->download->count);
	if (!s->path)
		return 0;
	if (ftruncate(s->fd, 0) || lseek(s->fd, 0, SEEK_SET) < 0) {
		s->write_error = errno;
		return -1;
	}
	return 0;
}

static int on_begin(void *owner, uint64_t offset)
{
	struct state *s = owner;

	if (offset != s->verify.offset && start_over(s))
		return -1;
	progress_start(&s->progress, s->verify.offset, s->total);
	return 0;
}

static int on_data(void *owner, const void *data, size_t len)
{
	struct state *s = owner;
	uint64_t left = s->total - s->verify.offset;
	size_t n = len < left ? len : (size_t)left;
	int r;

	s->mismatch = verify_add(&s->verify, data, n);
	if (s->mismatch)
		return -1;
	r = file_write_all(s->fd, data, n);
	if (r < 0) {
		s->write_error = -r;
		return -1;
	}
	progress_step(&s->progress, s->verify.offset);
	/* a running capture has got more segments since we asked: those we know are whole */
	return n < len ? -1 : 0;
}

/* Feeds what FILE.part holds to the verifier; starts over if it is something else. */
static int check_part(struct state *s)
{
	CLEANUP_FREE char *chunk = xmalloc(CHUNK_BYTES);
	ssize_t n;

	while ((n = read(s->fd, chunk, CHUNK_BYTES)) > 0) {
		if (!verify_add(&s->verify, chunk, (size_t)n))
			continue;
		text_complain("%s is not part of this capture, starting again", s->path);
		return start_over(s);
	}
	if (n == 0)
		return 0;
	s->write_error = errno;
	return -1;
}

static enum exit_status complain_write(const struct state *s)
{
	const char *name = s->path ? s->path : "standard output";

	if (s->path || s->write_error != EPIPE) /* a reader that has enough is no news */
		text_complain("%s: %s", name, strerror(s->write_error));
	return EXIT_FAILED;
}

static enum exit_status judge(const struct state *s, enum exit_status status)
{
	char done[TEXT_BYTES_SIZE], total[TEXT_BYTES_SIZE];

	if (s->write_error)
		return complain_write(s);
	if (s->mismatch) {
		text_complain("segment %zu differs from its SHA-256: nothing was kept",
			      s->verify.index + 1);
		if (s->path)
			unlink(s->path);
		return EXIT_FAILED;
	}
	if (is_whole(s))
		return EXIT_OK;
	text_complain("%s of %s arrived%s%s", text_format_bytes(s->verify.offset, done),
		      text_format_bytes(s->total, total),
		      s->path ? "; the same command goes on from there, with " : "",
		      s->path ? s->path : "");
	return status ? status : EXIT_FAILED;
}

static enum exit_status fetch_rest(struct client *client, struct state *s)
{
	CLEANUP_FREE char *path = xasprintf("captures/%s/download", s->download->capture);
	struct client_fetch fetch = {
		.offset = s->verify.offset, .on_begin = on_begin, .on_data = on_data, .owner = s};
	enum exit_status status;

	if (is_whole(s))
		return EXIT_OK;
	status = client_fetch(client, path, &fetch);
	progress_stop(&s->progress);
	return judge(s, status);
}

static enum exit_status complain_file(const char *path)
{
	text_complain("%s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

static enum exit_status fetch_into_part(struct client *client, struct state *s)
{
	enum exit_status status;

	if (flock(s->fd, LOCK_EX | LOCK_NB)) {
		text_complain("%s is being written by another download", s->path);
		return EXIT_CONFLICT;
	}
	if (check_part(s))
		return complain_write(s);
	status = fetch_rest(client, s);
	if (status)
		return status;
	if (fsync(s->fd) || rename(s->path, s->download->file))
		return complain_file(s->download->file);
	return EXIT_OK;
}

static enum exit_status fetch_into_file(struct client *client, struct state *s)
{
	CLEANUP_FREE char *part = xasprintf("%s.part", s->download->file);
	CLEANUP_CLOSE int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

	if (fd < 0)
		return complain_file(part);
	s->path = part;
	s->fd = fd;
	return fetch_into_part(client, s);
}

enum exit_status download_fetch(struct client *client, const struct download *download)
{
	struct state s = {.download = download, .fd = STDOUT_FILENO};

	for (size_t i = 0; i < download->count; i++)
		s.total += download->segments[i].bytes;
	verify_init(&s.verify, download->segments, download->count);
	return strcmp(download->file, "-") ? fetch_into_file(client, &s) : fetch_rest(client, &s);
}
