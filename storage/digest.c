/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's SHA-256 uses the processor's instructions, libsodium's does not: several times faster
 * over gigabytes. Everything small goes through base/hash.h. */
#include "storage/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/ipc.h"

#define MESSAGE_TYPE 1u
#define CHUNK_BYTES  (1u << 20)
#define ALIGNMENT    4096
#define WAIT_MS	     10000

static void md_free_ptr(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

/* Segments are written past the page cache, and hashed past it too: filling it costs more than the
 * hash. Where the file system refuses, it is used after all. */
static void set_direct(int fd, int flag)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, (flags & ~O_DIRECT) | flag);
}

static int hash_file(int fd, EVP_MD_CTX *md, uint64_t *ret_bytes)
{
	CLEANUP_FREE unsigned char *chunk = aligned_alloc(ALIGNMENT, CHUNK_BYTES);
	int direct = O_DIRECT;
	uint64_t offset = 0;

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, chunk, CHUNK_BYTES, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && direct) {
			direct = 0;
			set_direct(fd, direct);
			continue;
		}
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (EVP_DigestUpdate(md, chunk, (size_t)n) != 1)
			return -EIO;
		offset += (uint64_t)n;
	}
	*ret_bytes = offset;
	return 0;
}

static int digest(int fd, struct digest_reply *reply)
{
	CLEANUP(md_free_ptr) EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -EBADF;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	set_direct(fd, O_DIRECT);
	r = hash_file(fd, md, &reply->bytes);
	set_direct(fd, 0); /* the flag is shared with whoever gave us the file */
	if (r)
		return r;
	if (EVP_DigestFinal_ex(md, sum, NULL) != 1)
		return -EIO;
	hex_format(sum, SHA256_SIZE, reply->sha256);
	return 0;
}

int digest_main(int socket)
{
	CLEANUP_FREE struct ipc_message *message = xmalloc(sizeof(*message));
	struct digest_reply reply = {0};

	if (ipc_receive_wait(socket, message, WAIT_MS))
		return EXIT_FAILURE;
	if (message->type != MESSAGE_TYPE || message->size != 0)
		return EXIT_FAILURE;
	setpriority(PRIO_PROCESS, 0, 10); /* capture comes first */
	reply.error = -digest(message->fd, &reply);
	if (message->fd >= 0)
		close(message->fd);
	if (ipc_send_wait(socket, MESSAGE_TYPE, &reply, sizeof(reply), -1, WAIT_MS))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
