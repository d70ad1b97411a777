/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/sink.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/file.h"

#define BUFFER_BYTES (512u << 10)
#define PACKED_BYTES (256u << 10)
#define GZIP_LEVEL   1 /* packets compress little: speed first */
#define GZIP_WINDOW  (15 + 16)
#define ZSTD_LEVEL   1

struct sink {
	int fd;
	enum sink_compression compression;
	int error; /* first failure, -errno */
	uint64_t bytes;
	EVP_MD_CTX *md; /* of what was written; capture/digest.c says why OpenSSL's */
	z_stream gzip;
	ZSTD_CStream *zstd;
	unsigned char *packed; /* NULL = plain */
	size_t used;
	unsigned char buffer[BUFFER_BYTES];
};

static int start_gzip(struct sink *sink)
{
	int r = deflateInit2(&sink->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
			     Z_DEFAULT_STRATEGY);

	return r == Z_OK ? 0 : -ENOMEM;
}

static int start_zstd(struct sink *sink)
{
	sink->zstd = ZSTD_createCStream();
	if (!sink->zstd || ZSTD_isError(ZSTD_initCStream(sink->zstd, ZSTD_LEVEL)))
		return -ENOMEM;
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_checksumFlag, 1);
	return 0;
}

int sink_new(int fd, enum sink_compression compression, struct sink **ret)
{
	struct sink *sink = xmalloc(sizeof(*sink));
	int r = 0;

	memset(sink, 0, offsetof(struct sink, buffer));
	sink->fd = fd;
	sink->compression = compression;
	sink->md = EVP_MD_CTX_new();
	if (!sink->md || EVP_DigestInit_ex(sink->md, EVP_sha256(), NULL) != 1)
		r = -ENOMEM;
	if (compression != SINK_PLAIN)
		sink->packed = xmalloc(PACKED_BYTES);
	if (!r && compression == SINK_GZIP)
		r = start_gzip(sink);
	if (!r && compression == SINK_ZSTD)
		r = start_zstd(sink);
	*ret = r ? sink_free(sink) : sink;
	return r;
}

struct sink *sink_free(struct sink *sink)
{
	if (!sink)
		return NULL;
	if (sink->compression == SINK_GZIP)
		deflateEnd(&sink->gzip);
	ZSTD_freeCStream(sink->zstd);
	EVP_MD_CTX_free(sink->md);
	close(sink->fd);
	free(sink->packed);
	free(sink);
	return NULL;
}

/* ---- to the descriptor ---- */

static int send_bytes(struct sink *sink, const void *data, size_t bytes)
{
	int r = file_write_all(sink->fd, data, bytes);

	if (r)
		return r;
	sink->bytes += bytes;
	return EVP_DigestUpdate(sink->md, data, bytes) == 1 ? 0 : -EIO;
}

static int send_gzip(struct sink *sink, int flush)
{
	int r, more;

	sink->gzip.next_in = sink->buffer;
	sink->gzip.avail_in = (uInt)sink->used;
	do {
		sink->gzip.next_out = sink->packed;
		sink->gzip.avail_out = PACKED_BYTES;
		r = deflate(&sink->gzip, flush);
		if (r == Z_STREAM_ERROR)
			return -EIO;
		more = sink->gzip.avail_out == 0;
		r = send_bytes(sink, sink->packed, PACKED_BYTES - sink->gzip.avail_out);
	} while (!r && more);
	return r;
}

static int send_zstd(struct sink *sink, ZSTD_EndDirective directive)
{
	ZSTD_inBuffer in = {sink->buffer, sink->used, 0};
	size_t left;
	int r;

	do {
		ZSTD_outBuffer out = {sink->packed, PACKED_BYTES, 0};

		left = ZSTD_compressStream2(sink->zstd, &out, &in, directive);
		if (ZSTD_isError(left))
			return -EIO;
		r = send_bytes(sink, sink->packed, out.pos);
	} while (!r && (directive == ZSTD_e_continue ? in.pos < in.size : left > 0));
	return r;
}

enum drain {
	DRAIN_MORE,
	DRAIN_FLUSH,
	DRAIN_END,
};

static void drain(struct sink *sink, enum drain how)
{
	static const int gzip[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
	static const ZSTD_EndDirective zstd[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};

	if (sink->error)
		return;
	if (sink->compression == SINK_GZIP)
		sink->error = send_gzip(sink, gzip[how]);
	else if (sink->compression == SINK_ZSTD)
		sink->error = send_zstd(sink, zstd[how]);
	else
		sink->error = send_bytes(sink, sink->buffer, sink->used);
	sink->used = 0;
}

unsigned char *sink_reserve(struct sink *sink, size_t bytes)
{
	if (BUFFER_BYTES - sink->used < bytes)
		drain(sink, DRAIN_MORE);
	return sink->error ? NULL : sink->buffer + sink->used;
}

void sink_commit(struct sink *sink, size_t bytes)
{
	sink->used += bytes;
}

int sink_flush(struct sink *sink)
{
	drain(sink, DRAIN_FLUSH);
	return sink->error;
}

int sink_finish(struct sink *sink)
{
	drain(sink, DRAIN_END);
	if (!sink->error && fdatasync(sink->fd) && errno != EINVAL) /* EINVAL: a pipe */
		sink->error = -errno;
	return sink->error;
}

void sink_hash(struct sink *sink, char hex[SHA256_HEX_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	hex[0] = '\0';
	if (EVP_DigestFinal_ex(sink->md, sum, NULL) == 1)
		hex_format(sum, SHA256_SIZE, hex);
}

uint64_t sink_bytes(const struct sink *sink)
{
	return sink->bytes;
}
