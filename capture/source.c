/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/source.h"

#include <errno.h>
#include <sys/mman.h>

int source_open(const struct source_options *options, struct source **ret)
{
	const struct source_ops *ops = options->ring->kind == RING_FILE ? &source_pcap
									: &source_afpacket;

	return ops->open(options, ret);
}

int source_start(struct source *source)
{
	return source->ops->start(source);
}

void source_clear(struct source *source)
{
	source->ops->clear(source);
}

struct source *source_close(struct source *source)
{
	if (source)
		source->ops->close(source);
	return NULL;
}

int source_map(struct source *source, int descriptor, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);

	if (memory == MAP_FAILED)
		return -errno;
	source->memory = memory;
	source->bytes = bytes;
	/* other people's packets; a kernel that cannot leave them out is no reason to stop */
	(void)madvise(memory, bytes, MADV_DONTDUMP);
	return 0;
}

void source_unmap(struct source *source)
{
	if (source->memory)
		munmap(source->memory, source->bytes);
	source->memory = NULL;
}
