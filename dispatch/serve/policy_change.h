/* SPDX-License-Identifier: Apache-2.0 */
/* A PCAP policy on its way into the store: its filter is compiled for each link type it may meet,
 * then it is committed, if nobody was quicker. On the loop. */
#pragma once

#include "dispatch/serve/exchange.h"
#include "policy/settings.h"

struct decision;

struct policy_change {
	struct exchange *exchange;
	struct pcap_policy policy; /* owned; version and id are set */
	bool creating;
	/* what else belongs to the same transaction; NULL = nothing */
	void (*decide)(struct policy_change *change, struct decision *decision);
	/* it is durable: answers the exchange */
	void (*reply)(struct policy_change *change);
	/* of a capture on demand (api_demand.c) */
	dur_t last, next;
	char why[160];
	char capture[IDENT_SIZE];
	/* internal */
	size_t link_type_count;
	size_t compiled;
	uint32_t link_types[4];
};

/* Takes the change (heap) and its exchange; a refusal is answered here. */
void policy_change_start(struct policy_change *change);
/* One that is not started. */
void policy_change_free(struct policy_change *change);
