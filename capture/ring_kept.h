/* SPDX-License-Identifier: Apache-2.0 */
/* What rings keep of the traffic: a socket filter in the kernel (socket(7)) cuts packets and leaves
 * some out before they take room in the ring, which reaches back the further. What it leaves out
 * nobody ever sees, whatever a PCAP policy asks for: status and files say so. */
#pragma once

#include "base/error.h"
#include "capture/recorder.h"
#include "capture/shared.h"

struct ring_kept {
	uint32_t slice_bytes; /* of each packet; 0 = all */
	char filter[RING_FILTER_SIZE];
	/* for rings of Ethernet frames and of IP packets; count 0 = everything, whole */
	struct rec_program ethernet, raw;
	int has_raw; /* 0 = the filter makes no sense without link headers */
};

/* Compiles (libpcap, in this process). filter: "" = all packets. Returns 0, or -EINVAL with err,
 * whose field is "/rings/filter". */
int ring_kept_init(struct ring_kept *kept, uint32_t slice_bytes, const char *filter,
		   struct error *err);
/* The program for a LINKTYPE, or NULL: there is none that could do it. */
const struct rec_program *ring_kept_get(const struct ring_kept *kept, uint32_t link_type);

#define RING_KEPT_TEXT_SIZE (RING_FILTER_SIZE + 80)
/* What a person should know of a ring's packets; "" = they are all there and whole. */
void ring_kept_describe(const struct shared_ring *ring, char ret[RING_KEPT_TEXT_SIZE]);
