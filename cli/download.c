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
	uint64_t total; /* bytes of all segments */
	struct verify verify;
	struct progress progress;
	const char *path; /* FILE.part, NULL for standard output */
	int fd;
	size_t index; /* the segment that is being fetched */
	int mismatch; /* it is not what the probe wrote */
	int write_error;
};

static int is_whole(const struct state *s)
{
	return s->verify.index == s->verify.count;
}

static void start_over(struct state *s)
{
	verify_init(&s->verify, s->download->segments, s->download->count);
	verify_add(&s->verify, NULL, 0); /* empty segments at the front are over at once */
}

/* Cuts FILE.part to what the verifier has seen. */
static int cut_part(struct state *s)
{
	off_t size = (off_t)s->verify.offset;

	if (!s->path)
		return 0;
	if (ftruncate(s->fd, size) || lseek(s->fd, size, SEEK_SET) < 0) {
		s->write_error = errno;
		return -1;
	}
	return 0;
}

/* The server may send a whole segment although we asked for its rest. */
static int on_begin(void *owner, uint64_t offset)
{
	struct state *s = owner;

	if (offset == s->verify.within)
		return 0;
	verify_start_segment(&s->verify);
	return cut_part(s);
}

static int on_data(void *owner, const void *data, size_t len)
{
	struct state *s = owner;
	int r;

	/* never beyond the segment that was asked for */
	s->mismatch = s->verify.index != s->index ||
		      len > s->verify.segments[s->index].bytes - s->verify.within ||
		      verify_add(&s->verify, data, len) != 0;
	if (s->mismatch)
		return -1;
	r = file_write_all(s->fd, data, len);
	if (r < 0) {
		s->write_error = -r;
		return -1;
	}
	progress_step(&s->progress, s->verify.offset);
	return 0;
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
		start_over(s);
		return cut_part(s);
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

/* What came before the wrong segment stays. */
static enum exit_status complain_mismatch(struct state *s)
{
	text_complain("segment %s differs from its SHA-256: it was not kept",
		      s->download->segments[s->index].name);
	verify_start_segment(&s->verify);
	if (cut_part(s))
		return complain_write(s);
	if (s->path && !s->verify.offset)
		unlink(s->path);
	return EXIT_FAILED;
}

static enum exit_status judge(struct state *s, enum exit_status status)
{
	char done[TEXT_BYTES_SIZE], total[TEXT_BYTES_SIZE];

	if (s->write_error)
		return complain_write(s);
	if (s->mismatch)
		return complain_mismatch(s);
	if (is_whole(s))
		return EXIT_OK;
	text_complain("%s of %s arrived%s%s", text_format_bytes(s->verify.offset, done),
		      text_format_bytes(s->total, total),
		      s->path ? "; the same command goes on from there, with " : "",
		      s->path ? s->path : "");
	return status ? status : EXIT_FAILED;
}

static enum exit_status fetch_segment(struct client *client, struct state *s)
{
	const struct verify_segment *segment = &s->download->segments[s->verify.index];
	CLEANUP_FREE char *name = client_format_piece(segment->name);
	CLEANUP_FREE char *path =
		xasprintf("captures/%s/segments/%s/download", s->download->capture, name);
	CLEANUP_FREE char *etag = xasprintf("\"%s\"", segment->sha256);
	struct client_fetch fetch = {.offset = s->verify.within,
				     .etag = etag,
				     .on_begin = on_begin,
				     .on_data = on_data,
				     .owner = s};

	s->index = s->verify.index;
	return client_fetch(client, path, &fetch);
}

/* Segment by segment: of a running capture, the whole file has open segments in between. */
static enum exit_status fetch_rest(struct client *client, struct state *s)
{
	enum exit_status status = EXIT_OK;
	size_t before;

	progress_start(&s->progress, s->verify.offset, s->total);
	do {
		before = s->verify.index;
		if (!is_whole(s))
			status = fetch_segment(client, s);
	} while (!status && !s->mismatch && s->verify.index > before && !is_whole(s));
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
	start_over(&s);
	return strcmp(download->file, "-") ? fetch_into_file(client, &s) : fetch_rest(client, &s);
}
