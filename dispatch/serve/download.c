/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/download.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/problem.h"
#include "dispatch/serve/range.h"

static void download_send(void *owner);

struct download *download_new(struct exchange *exchange)
{
	struct download *download = xcalloc(1, sizeof(*download));

	download->exchange = exchange;
	download->captures_fd = exchange->control->captures_fd;
	download->fd = -1;
	return download;
}

void download_abort(struct download *download)
{
	if (download->fd >= 0)
		close(download->fd);
	if (download->reading.capture[0])
		reading_stop(&download->reading);
	free(download->pieces);
	free(download);
}

void download_add(struct download *download, const char *folder, const char *name, uint64_t size)
{
	struct download_piece *piece;

	download->pieces = xreallocarray(download->pieces, download->count + 1, sizeof(*piece));
	piece = &download->pieces[download->count++];
	snprintf(piece->folder, sizeof(piece->folder), "%s", folder);
	snprintf(piece->name, sizeof(piece->name), "%s", name);
	piece->size = size;
}

uint64_t download_size(const struct download *download)
{
	uint64_t size = 0;

	for (size_t i = 0; i < download->count; i++)
		size += download->pieces[i].size;
	return size;
}

/* ---- sending ---- */

static int open_name(const struct download *download, const char *folder, const char *name)
{
	char path[2 * SEGMENT_NAME_SIZE + 4];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = openat(download->captures_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A segment that was open when the download was planned may have been sealed meanwhile. */
static int piece_open(const struct download *download, const struct download_piece *piece)
{
	int fd = open_name(download, piece->folder, piece->name);

	if (fd == -ENOENT && piece->name[0] == '.')
		fd = open_name(download, piece->folder, piece->name + 1);
	return fd;
}

/* Moves to the piece that has the next byte; it is open then. 0 or -errno. */
static int advance(struct download *download)
{
	while (download->offset == download->pieces[download->index].size) {
		if (download->fd >= 0)
			close(take_fd(&download->fd));
		download->index++;
		download->offset = 0;
	}
	if (download->fd >= 0)
		return 0;
	download->fd = piece_open(download, &download->pieces[download->index]);
	return download->fd < 0 ? download->fd : 0;
}

/* Reads the next window into buffer. 0 or -errno; a file that is shorter than promised is -EIO. */
static int read_window(struct download *download, struct evbuffer *buffer)
{
	const struct download_piece *piece;
	struct evbuffer_iovec space;
	uint64_t size;
	ssize_t n;
	int r = advance(download);

	if (r < 0)
		return r;
	piece = &download->pieces[download->index];
	size = piece->size - download->offset;
	if (size > download->left)
		size = download->left;
	if (size > DOWNLOAD_WINDOW_BYTES)
		size = DOWNLOAD_WINDOW_BYTES;
	bug_on(evbuffer_reserve_space(buffer, (ev_ssize_t)size, &space, 1) != 1);
	n = pread(download->fd, space.iov_base, size, (off_t)download->offset);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	space.iov_len = (size_t)n;
	evbuffer_commit_space(buffer, &space, 1);
	download->offset += (uint64_t)n;
	download->left -= (uint64_t)n;
	posix_fadvise(download->fd, (off_t)download->offset, 2 * DOWNLOAD_WINDOW_BYTES,
		      POSIX_FADV_WILLNEED);
	return 0;
}

static void on_gone(void *owner)
{
	download_abort(owner);
}

static void download_send(void *owner)
{
	struct download *download = owner;
	struct exchange *exchange = download->exchange;
	struct evbuffer *window;
	int r;

	if (!download->left) {
		download_abort(download);
		exchange_stream_end(exchange);
		return;
	}
	window = evbuffer_new();
	bug_on(!window);
	r = read_window(download, window);
	if (r < 0) {
		log_warning("http", "download of %s cut short: %s", download->file_name,
			    strerrordesc_np(-r));
		download_abort(download);
		exchange_stream_abort(exchange);
	} else {
		exchange_stream_send(exchange, window, download_send);
	}
	evbuffer_free(window);
}

/* ---- the head ---- */

static void set_etag(const struct download *download)
{
	char text[SHA256_HEX_SIZE + 2];

	if (!download->etag[0])
		return;
	snprintf(text, sizeof(text), "\"%s\"", download->etag);
	exchange_set_header(download->exchange, "ETag", text);
}

static void set_headers(struct download *download)
{
	struct exchange *exchange = download->exchange;
	char text[256];

	exchange_set_header(exchange, "Content-Type", download->type);
	snprintf(text, sizeof(text), "attachment; filename=\"%s\"", download->file_name);
	exchange_set_header(exchange, "Content-Disposition", text);
	exchange_set_header(exchange, "Accept-Ranges", download->ranges ? "bytes" : "none");
	set_etag(download);
}

/* Is the entity tag in a header's list? Weak tags never match strongly. */
static bool etag_listed(const struct download *download, const char *header)
{
	char etag[SHA256_HEX_SIZE + 2];

	if (!header || !download->etag[0])
		return false;
	snprintf(etag, sizeof(etag), "\"%s\"", download->etag);
	return strstr(header, etag) && !strstr(header, "W/");
}

static int find_range(const struct download *download, uint64_t size, struct range *ret)
{
	const struct exchange *exchange = download->exchange;
	const char *condition = exchange_header(exchange, "If-Range");

	/* Range has a meaning for GET alone (RFC 9110 section 14.2) */
	if (exchange->method != METHOD_GET || !download->ranges ||
	    (condition && !etag_listed(download, condition)))
		return RANGE_WHOLE;
	return range_parse(exchange_header(exchange, "Range"), size, ret);
}

static void seek(struct download *download, uint64_t from)
{
	while (download->index < download->count && from >= download->pieces[download->index].size)
		from -= download->pieces[download->index++].size;
	download->offset = from;
}

static void reply_head(struct download *download, int status, uint64_t size)
{
	struct exchange *exchange = download->exchange;
	char length[24];

	snprintf(length, sizeof(length), "%" PRIu64, size);
	exchange_set_header(exchange, "Content-Length", length);
	download_abort(download);
	exchange_reply_empty(exchange, status);
}

static void refuse_range(struct download *download, uint64_t size)
{
	struct exchange *exchange = download->exchange;
	char text[48];

	snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	exchange_set_header(exchange, "Content-Range", text);
	download_abort(download);
	exchange_refuse(exchange, 416, "range_not_satisfiable",
			"the range begins behind the end of %" PRIu64 " bytes", size);
}

static void reply_body(struct download *download, int status, const struct range *range)
{
	struct exchange *exchange = download->exchange;

	download->left = range->to - range->from;
	if (exchange->method == METHOD_HEAD) {
		reply_head(download, status, download->left);
		return;
	}
	seek(download, range->from);
	/* a capture's folder has its name */
	reading_start(&exchange->control->readings, &download->reading, download->pieces[0].folder);
	exchange_stream_start(exchange, status, download->left, on_gone, download);
	exchange_stream_hash(exchange, download->etag);
	download_send(download);
}

void download_start(struct download *download)
{
	struct exchange *exchange = download->exchange;
	uint64_t size = download_size(download);
	struct range range = {0, size};
	char text[80];
	int r;

	if (!exchange->http) {
		download_abort(download);
		exchange_reply_empty(exchange, 200); /* goes nowhere */
		return;
	}
	if (etag_listed(download, exchange_header(exchange, "If-None-Match"))) {
		set_etag(download); /* of the file itself a 304 tells nothing else (RFC 9110) */
		download_abort(download);
		exchange_reply_empty(exchange, 304);
		return;
	}
	r = find_range(download, size, &range);
	if (r == RANGE_UNSATISFIABLE) {
		refuse_range(download, size);
		return;
	}
	set_headers(download);
	if (r == 0) {
		snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.from,
			 range.to - 1, size);
		exchange_set_header(exchange, "Content-Range", text);
	}
	reply_body(download, r == 0 ? 206 : 200, &range);
}
