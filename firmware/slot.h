/* SPDX-License-Identifier: Apache-2.0 */
/* One ring as the supervisor keeps it: its descriptor, its NIC coming and going, its statistics.
 *
 * Nothing is read back from the shared memory: a recorder can write there. A slot exists from start
 * to end, whether its NIC does or not. Recorders come and go beside it. A ring that is new (the NIC
 * appeared, or was made again) is shown to the next recorder only. */
#pragma once

#include "base/child.h"
#include "base/error.h"
#include "capture/ring_socket.h"
#include "capture/shared.h"

struct slot {
	struct child_ring ring; /* kind and nic are always set, the rest while fd >= 0 */
	struct ring_geometry geometry;
	const struct ring_kept *kept;
	int fd;			       /* packet socket or memfd, -1 while there is no ring */
	int file;		       /* pcap to replay, or -1 */
	unsigned nic_index;	       /* of the NIC the ring is bound to, */
	char known_as[CHILD_NIC_SIZE]; /* and what it is called now: it may have been renamed */
	int is_fresh;		       /* opened since the last slot_hand_over */
	enum nic_state state;
	int64_t down_ns;	 /* wall clock when it ceased to be up; 0 while it is up */
	int error;		 /* of the last attempt to open, logged once */
	struct ring_nic counted; /* the NIC's counters when last looked at */
	struct shared_ring *shared;
};

struct slot_options {
	uint32_t index;
	struct ring_geometry geometry;
	const struct ring_kept *kept; /* outlives the slot */
	struct shared_ring *shared;   /* outlives the slot */
};

/* For a NIC; it need not exist yet. Blocks while a large ring is allocated. */
void slot_init_nic(struct slot *slot, const struct slot_options *options, const char *nic);
/* For a pcap file, as NIC "file<n>". Returns 0, or -EINVAL with err if it cannot be opened. */
int slot_init_file(struct slot *slot, const struct slot_options *options, const char *nic,
		   const char *path, struct error *err);
void slot_fini(struct slot *slot);

enum slot_outcome {
	SLOT_CHANGED = 1, /* there is another ring now, or none: the recorder must start again */
};

/* Looks whether the NIC appeared, went, was made again or renamed (then its ring stays, unless
 * another NIC took the configured name). Returns 0 or SLOT_CHANGED. */
int slot_check(struct slot *slot);

/* Adds what the kernel and the NIC counted to the shared memory. The NIC's own counters cost many
 * times what the kernel's cost, so there are two calls. */
void slot_count(struct slot *slot);
void slot_count_nic(struct slot *slot);

/* Sends the ring to a recorder that is about to start, if there is one. No recorder runs now: what
 * the last one left about a ring that is gone is cleared. */
void slot_hand_over(struct slot *slot, struct ipc_link *recorder);
