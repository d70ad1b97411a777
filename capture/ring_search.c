/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_search.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "capture/filter.h"
#include "capture/pcapng.h"
#include "capture/report.h"
#include "capture/ring_kept.h"
#include "capture/track_reader.h"

#define FLUSH_BYTES (512u << 10)
#define ROOM_MIN    (1u << 20) /* for what is encoded before it is written; grows for large blocks */

struct ring_search {
	struct rec_search order;
	struct filter *filter;
	struct ring *ring;
	const char *nic;
	const struct shared_ring *shared;
	uint8_t *scratch;
	struct mailbox *reports;
	int file; /* -1 = none: it waits */
	uint64_t seq, end;
	uint64_t before, end_before; /* ring_packets_before of both */
	uint64_t drops;		     /* since the last packet found */
	struct rec_search_part part;
	unsigned char *room; /* encoded, not yet in the file */
	size_t used, size;
	int over;
};

/* ---- what is handed over ---- */

static void flush(struct ring_search *s)
{
	size_t done = 0;

	while (done < s->used && !s->part.error) {
		ssize_t n = pwrite(s->file, s->room + done, s->used - done,
				   (off_t)(s->part.bytes + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			s->part.error = n < 0 ? errno : EIO;
		else
			done += (size_t)n;
	}
	s->part.bytes += done;
	s->used = 0;
}

static void hand_over(struct ring_search *s)
{
	flush(s);
	s->over = s->part.error || s->seq == s->end;
	s->part.over = (uint32_t)s->over;
	s->part.untold = s->drops;
	report_put(s->reports, REC_SEARCH_PART, &s->part, sizeof(s->part));
	if (s->file >= 0)
		close(take_fd(&s->file));
	s->part.bytes = s->part.packets = 0;
}

/* ---- one block ---- */

static unsigned char *reserve(struct ring_search *s, size_t bytes)
{
	if (s->size - s->used < bytes) {
		s->size = 2 * s->size + bytes;
		s->room = xreallocarray(s->room, s->size, 1);
	}
	return s->room + s->used;
}

static void begin_file(struct ring_search *s)
{
	struct pcapng_section section = {.application = "Ringbell " RINGBELL_VERSION};
	char kept[RING_KEPT_TEXT_SIZE];
	struct pcapng_interface interface = {
		.link_type = (uint16_t)s->shared->link_type, .name = s->nic, .description = kept};
	unsigned char *out;
	size_t n;

	ring_kept_describe(s->shared, kept);
	out = reserve(s, pcapng_section_bound(&section) + pcapng_interface_bound(&interface));
	n = pcapng_section_format(out, &section);
	s->used += n + pcapng_interface_format(out + n, &interface);
}

static void add_packet(struct ring_search *s, const struct packet *p)
{
	struct pcapng_packet out = {.time_ns = (uint64_t)p->wall_ns,
				    .data = p->data,
				    .captured_bytes = p->captured_bytes,
				    .original_bytes = p->original_bytes,
				    .vlan_tpid = p->vlan_tpid,
				    .vlan_tci = p->vlan_tci,
				    .flags = p->direction,
				    .drops = s->drops};

	if (!s->part.bytes && !s->used)
		begin_file(s);
	s->used += pcapng_packet_format(reserve(s, pcapng_packet_bound(p->captured_bytes)), &out);
	s->drops = 0;
	s->part.packets++;
}

static void look_at(struct ring_search *s, struct packet *p)
{
	if (p->wall_ns < s->order.from_wall_ns || p->wall_ns > s->order.until_wall_ns)
		return;
	if (s->filter && p->vlan_tpid)
		track_reader_restore_tag(p, s->scratch);
	if (!s->filter || filter_run(s->filter, p->data, p->captured_bytes, p->original_bytes))
		add_packet(s, p);
}

static void lose(struct ring_search *s, uint64_t packets)
{
	s->part.lost += packets;
	s->drops += packets;
}

/* Nothing of a torn block is kept: what was read may have been another's. */
static void read_block(struct ring_search *s, const struct ring_info *info)
{
	size_t used = s->used;
	uint64_t packets = s->part.packets, drops = s->drops;
	struct ring_block_walk walk;
	struct packet packet;

	if (ring_take(s->ring, s->seq, &walk)) {
		lose(s, info->packets);
		return;
	}
	while (!ring_block_next(&walk, &packet))
		look_at(s, &packet);
	if (ring_put(s->ring, s->seq)) {
		s->used = used;
		s->part.packets = packets;
		s->drops = drops;
		lose(s, info->packets);
		return;
	}
	s->part.seen += info->packets;
}

/* Blocks that were overwritten while it waited. */
static void catch_up(struct ring_search *s)
{
	uint64_t reach = ring_reach(s->ring);

	if (s->seq >= reach || s->seq == s->end)
		return;
	s->seq = reach < s->end ? reach : s->end;
	lose(s, (reach < s->end ? ring_packets_before(s->ring, reach) : s->end_before) - s->before);
}

static int has_wanted(const struct ring_search *s, const struct ring_info *info)
{
	return info && info->packets && info->last_ns >= s->order.from_wall_ns &&
	       info->first_ns <= s->order.until_wall_ns;
}

/* ---- the search ---- */

int ring_search_step(struct ring_search *s, uint32_t blocks)
{
	if (s->over)
		return RING_SEARCH_OVER;
	if (s->file < 0)
		return 0;
	catch_up(s);
	for (; blocks && s->seq < s->end && s->part.bytes < REC_SEARCH_FILE_BYTES; blocks--) {
		const struct ring_info *info = ring_get_info(s->ring, s->seq);

		if (has_wanted(s, info))
			read_block(s, info);
		s->seq++;
		if (s->used >= FLUSH_BYTES)
			flush(s);
	}
	/* while it can be told: what comes is told as a difference */
	s->before = ring_packets_before(s->ring, s->seq);
	if (s->seq == s->end || s->part.bytes >= REC_SEARCH_FILE_BYTES || s->part.error)
		hand_over(s);
	return s->over ? RING_SEARCH_OVER : s->file >= 0 ? RING_SEARCH_MORE : 0;
}

struct ring_search *ring_search_new(const struct ring_search_options *o, struct instant now)
{
	struct ring_search *s = xcalloc(1, sizeof(*s));
	struct ring_query query = {
		.from_wall_ns = o->order->from_wall_ns,
		.from = mono_add(now.mono, o->order->from_wall_ns - now.wall.ns)};

	s->order = *o->order;
	s->filter = o->filter;
	s->ring = o->ring;
	s->nic = o->nic;
	s->shared = o->shared;
	s->scratch = o->scratch;
	s->reports = o->reports;
	s->file = o->file;
	s->part.id = o->order->id;
	s->part.ring = o->order->ring;
	s->size = ROOM_MIN;
	s->room = xmalloc(s->size);
	s->seq = ring_find(s->ring, &query);
	s->end = ring_head(s->ring);
	s->before = ring_packets_before(s->ring, s->seq);
	s->end_before = ring_packets_before(s->ring, s->end);
	return s;
}

struct ring_search *ring_search_free(struct ring_search *s)
{
	if (!s)
		return NULL;
	if (s->file >= 0)
		close(s->file);
	filter_free(s->filter);
	free(s->room);
	free(s);
	return NULL;
}

uint64_t ring_search_id(const struct ring_search *s)
{
	return s->order.id;
}

void ring_search_give(struct ring_search *s, int file)
{
	if (s->file >= 0)
		close(file);
	else
		s->file = file;
}
