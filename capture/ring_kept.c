/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "capture/compiler.h"

enum {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
};

/* The kernel takes a VLAN tag off before a filter sees the packet, and what libpcap makes of this
 * word without a live socket looks for it in the packet. */
static int asks_for_vlan(const char *filter)
{
	const char *at = filter;

	while ((at = strstr(at, "vlan"))) {
		int begins = at == filter ||
			     !strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", at[-1]);

		if (begins && !strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", at[4]))
			return 1;
		at += 4;
	}
	return 0;
}

/* What a program returns is how many bytes are kept. */
static void cut(struct rec_program *program, uint32_t slice_bytes)
{
	if (!program->count)
		program->insns[program->count++] =
			(struct sock_filter){.code = BPF_RET | BPF_K, .k = slice_bytes};
	for (uint32_t i = 0; i < program->count; i++)
		if (program->insns[i].code == (BPF_RET | BPF_K) && program->insns[i].k)
			program->insns[i].k = slice_bytes;
}

static int compile(const struct ring_kept *kept, uint32_t link_type, struct rec_program *ret,
		   struct error *err)
{
	CLEANUP_FREE struct compile_request *request = xcalloc(1, sizeof(*request));
	CLEANUP_FREE struct compile_reply *reply = xcalloc(1, sizeof(*reply));

	request->link_type = link_type;
	snprintf(request->text, sizeof(request->text), "%s", kept->filter);
	if (*kept->filter && compiler_compile(request, reply))
		return error_set(err, "bad_filter", "/rings/filter", "\"%s\": %s, at byte %u",
				 kept->filter, reply->message, reply->position);
	*ret = reply->program;
	if (kept->slice_bytes)
		cut(ret, kept->slice_bytes);
	return 0;
}

int ring_kept_init(struct ring_kept *kept, uint32_t slice_bytes, const char *filter,
		   struct error *err)
{
	memset(kept, 0, sizeof(*kept));
	kept->slice_bytes = slice_bytes;
	if (strlen(filter) >= sizeof(kept->filter))
		return error_set(err, "bad_filter", "/rings/filter",
				 "at most %zu bytes are allowed", sizeof(kept->filter) - 1);
	snprintf(kept->filter, sizeof(kept->filter), "%s", filter);
	if (asks_for_vlan(filter))
		return error_set(err, "bad_filter", "/rings/filter",
				 "\"%s\": the kernel takes VLAN tags off before it looks at a "
				 "packet: leave \"vlan\" to the policies' filters",
				 filter);
	kept->has_raw = !compile(kept, LINK_RAW, &kept->raw, NULL);
	return compile(kept, LINK_ETHERNET, &kept->ethernet, err);
}

const struct rec_program *ring_kept_get(const struct ring_kept *kept, uint32_t link_type)
{
	if (link_type == LINK_ETHERNET)
		return &kept->ethernet;
	return kept->has_raw ? &kept->raw : NULL;
}

void ring_kept_describe(const struct shared_ring *ring, char ret[RING_KEPT_TEXT_SIZE])
{
	char slice[48] = "", filter[RING_FILTER_SIZE + 24] = "";

	*ret = '\0';
	if (ring->slice_bytes)
		snprintf(slice, sizeof(slice), "the first %u bytes of ", ring->slice_bytes);
	if (*ring->filter)
		snprintf(filter, sizeof(filter), " that match \"%s\"", ring->filter);
	if (*slice || *filter)
		snprintf(ret, RING_KEPT_TEXT_SIZE, "of this NIC only %spackets%s are recorded",
			 slice, filter);
}
