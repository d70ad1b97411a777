/* SPDX-License-Identifier: Apache-2.0 */
/* A structured filter as BPF text: what the preview shows, and what the classifier is tested
 * against. Pure. */
#pragma once

#include "base/buf.h"
#include "policy/match.h"

enum match_bpf_outcome {
	MATCH_BPF_NEVER = 1,	/* no packet of this link type can match */
	MATCH_BPF_TOO_LONG = 2, /* more than max bytes: the classifier can, BPF cannot */
};

/* Appends pcap-filter text for LINKTYPE_ETHERNET (1) or LINKTYPE_RAW (101) to out; nothing where
 * everything matches. libpcap refuses a contradictory filter ("expression rejects all packets"):
 * that is a match that never happens. Returns 0 or an outcome, with out unchanged. */
int match_bpf_format(const struct match *match, uint32_t link_type, size_t max, struct buf *out);
