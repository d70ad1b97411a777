/* SPDX-License-Identifier: Apache-2.0 */
/* What packets a client wants and how: the query parameters of a derived download, read and
 * checked. */
#pragma once

#include "capture/compiler.h"
#include "capture/extract.h"
#include "dispatch/serve/exchange.h"

#define DERIVED_CAPTURES_MAX 64

struct derived_order {
	struct extract_job job;	       /* without sources and comment */
	char filter[COMPILE_TEXT_MAX]; /* BPF text, "" = everything */
	char nics[256];		       /* comma-separated, "" = all */
	/* which captures: by id, or all that fit */
	char captures[DERIVED_CAPTURES_MAX][IDENT_SIZE];
	size_t capture_count;
	char policy[IDENT_SIZE];
	char alert[IDENT_SIZE];
};

#define DERIVED_PARAMETERS                                                                         \
	"from", "to", "filter", "host", "port", "nic", "format", "compression", "slice"

/* Reads the parameters: from, to (RFC 3339; to is not before from, equal ones mean that second),
 * filter (BPF text), host and port (comma-separated, each a further condition), nic, format
 * (pcapng, pcap), compression (none, gzip, zstd), slice (whole, headers, headers+N), and capture,
 * policy, alert. Returns false after having answered 400. */
bool derived_order_read(struct exchange *exchange, struct derived_order *ret);
