/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter implies, in the words of a segment's index: addresses and ports that a wanted
 * packet must have. Pure.
 *
 * Only what is understood without doubt counts; the rest implies nothing, and the index then says
 * less. Understood are lists of whole addresses and of ports, and BPF texts that are nothing but
 * "[proto] [src|dst] host <address>", "[proto] [src|dst] port <number>", protocols (tcp, udp, sctp,
 * icmp, icmp6, ip, ip6) and addresses after src or dst, joined by "and" or "&&". */
#pragma once

#include "capture/segment_index.h"

/* Each may be NULL or "". hosts and ports are comma-separated lists as in the API. */
void derived_terms_read(const char *filter, const char *hosts, const char *ports,
			struct segment_terms *ret);
