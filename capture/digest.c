/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's SHA-256 uses the processor's instructions, libsodium's does not: several times faster
 * over gigabytes. Everything small goes through base/hash.h. */
#include "capture/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/ipc.h"
#include "capture/segment_index.h"
#include "capture/segment_reader.h"

#define MESSAGE_TYPE 1u
#define CHUNK_BYTES  (1u << 20)
#define ALIGNMENT    4096
#define WAIT_MS	     10000

/* Segments are written past the page cache, and hashed past it too: filling it costs more than the
 * hash. Where the file system refuses, it is used after all. */
static void set_direct(int fd, int flag)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, (flags & ~O_DIRECT) | flag);
}

/* A block that is not whole yet waits before the place where the next chunk goes. */
struct reading {
	EVP_MD_CTX *md;
	struct segment_indexer *indexer; /* NULL: no index is wanted */
	unsigned char *memory, *chunk;
	size_t carried;
	uint64_t bytes;
};

static void reading_fini(struct reading *r)
{
	EVP_MD_CTX_free(r->md);
	segment_indexer_free(r->indexer);
	free(r->memory);
}

static int reading_init(struct reading *r, int with_index)
{
	r->md = EVP_MD_CTX_new();
	r->memory = aligned_alloc(ALIGNMENT, SEGMENT_READER_WINDOW_BYTES + CHUNK_BYTES);
	if (!r->md || !r->memory || EVP_DigestInit_ex(r->md, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	r->chunk = r->memory + SEGMENT_READER_WINDOW_BYTES;
	r->indexer = with_index ? segment_indexer_new() : NULL;
	return 0;
}

static void index_chunk(struct reading *r, size_t bytes)
{
	unsigned char *begin = r->chunk - r->carried;
	size_t total = r->carried + bytes, taken = segment_indexer_add(r->indexer, begin, total);

	r->carried = total - taken; /* less than a block */
	memmove(r->chunk - r->carried, begin + taken, r->carried);
}

static int take_chunk(struct reading *r, size_t bytes)
{
	if (EVP_DigestUpdate(r->md, r->chunk, bytes) != 1)
		return -EIO;
	if (r->indexer)
		index_chunk(r, bytes);
	r->bytes += bytes;
	return 0;
}

static int read_file(int fd, struct reading *reading)
{
	int direct = O_DIRECT, r = 0;

	while (!r) {
		ssize_t n = pread(fd, reading->chunk, CHUNK_BYTES, (off_t)reading->bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && direct) {
			direct = 0;
			set_direct(fd, direct);
			continue;
		}
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = take_chunk(reading, (size_t)n);
	}
	return r;
}

/* A segment without an index is read as a whole: no reason to fail. */
static void write_index(struct reading *reading, int fd, struct digest_reply *reply)
{
	CLEANUP_FREE unsigned char *index = NULL;
	size_t bytes;

	index = segment_indexer_finish(reading->indexer, reply->bytes, reply->sha256, &bytes);
	if (!index)
		bytes = 0;
	if (file_write_all(fd, index, bytes))
		return;
	reply->index_bytes = bytes;
	sha256_text(index ? index : (const unsigned char *)"", bytes, reply->index_sha256);
}

/* index: where it goes, or -1. */
static int digest(int fd, int index, struct digest_reply *reply)
{
	CLEANUP(reading_fini) struct reading reading = {0};
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -EBADF;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = reading_init(&reading, index >= 0);
	if (r)
		return r;
	set_direct(fd, O_DIRECT);
	r = read_file(fd, &reading);
	set_direct(fd, 0); /* the flag is shared with whoever gave us the file */
	if (r)
		return r;
	if (EVP_DigestFinal_ex(reading.md, sum, NULL) != 1)
		return -EIO;
	reply->bytes = reading.bytes;
	hex_format(sum, SHA256_SIZE, reply->sha256);
	if (index >= 0)
		write_index(&reading, index, reply);
	return 0;
}

/* Returns 0 with the file for the index, or -1 where none is wanted; or -errno. */
static int get_index_file(int socket, struct ipc_message *message, int *ret)
{
	*ret = -1;
	if (!message->size)
		return 0;
	if (!ipc_is(message, struct digest_request))
		return -EBADMSG;
	if (ipc_receive_wait(socket, message, WAIT_MS) || message->type != MESSAGE_TYPE ||
	    message->size)
		return -EBADMSG;
	*ret = take_fd(&message->fd);
	return 0;
}

int digest_main(int socket)
{
	CLEANUP_FREE struct ipc_message *message = xmalloc(sizeof(*message));
	CLEANUP_CLOSE int fd = -1, index = -1;
	struct digest_reply reply = {0};

	if (ipc_receive_wait(socket, message, WAIT_MS))
		return EXIT_FAILURE;
	fd = take_fd(&message->fd);
	if (message->type != MESSAGE_TYPE || get_index_file(socket, message, &index))
		return EXIT_FAILURE;
	setpriority(PRIO_PROCESS, 0, 10); /* capture comes first */
	reply.error = -digest(fd, index, &reply);
	if (ipc_send_wait(socket, MESSAGE_TYPE, &reply, sizeof(reply), -1, WAIT_MS))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
