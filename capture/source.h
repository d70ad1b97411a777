/* SPDX-License-Identifier: Apache-2.0 */
/* Where a ring's blocks come from: the kernel (AF_PACKET), or a pcap file replayed as a NIC.
 *
 * A source owns the mapping of the ring and whatever fills it, and has a descriptor that becomes
 * readable when a block was retired. Sequence: open → (the ring adopts the memory) → start → clear
 * after each wake-up → close. Everything behind it is the same code for both. */
#pragma once

#include <stddef.h>

#include "base/child.h"
#include "capture/recorder.h"
#include "capture/shared.h"

struct source_options {
	const struct child_ring *ring;
	int descriptor;		    /* put: packet socket or memfd; closed once it is mapped */
	int file;		    /* put: the pcap to replay, -1 for packet sockets */
	struct shared_ring *shared; /* a replay counts into it as the kernel would */
	const struct recorder_config *config;
};

struct source;

struct source_ops {
	const char *name;
	int (*open)(const struct source_options *options, struct source **ret);
	int (*start)(struct source *source);
	void (*clear)(struct source *source);
	void (*close)(struct source *source);
};

/* First member of every source. */
struct source {
	const struct source_ops *ops;
	void *memory; /* block_count blocks */
	size_t bytes; /* of the mapping */
	int wake_fd;  /* readable = look for retired blocks; quiet after source_clear */
};

extern const struct source_ops source_afpacket;
extern const struct source_ops source_pcap;

/* Returns 0 or -errno; descriptors are closed in any case. */
int source_open(const struct source_options *options, struct source **ret);
int source_start(struct source *source);
void source_clear(struct source *source);
/* Accepts NULL, returns NULL. */
struct source *source_close(struct source *source);

/* For implementations: maps descriptor and keeps the mapping out of core files. */
int source_map(struct source *source, int descriptor, size_t bytes);
void source_unmap(struct source *source);
