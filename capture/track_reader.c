/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/track_reader.h"

#include <string.h>

#include "capture/slice.h"

#define TRIGGER_COMMENT "first packet at or after the trigger"

/* What is written unseen gets its tag from the encoder. */
void track_reader_restore_tag(struct packet *p, uint8_t *scratch)
{
	uint32_t n = p->captured_bytes < PCAPNG_SNAPLEN ? p->captured_bytes : PCAPNG_SNAPLEN;

	if (n < 12)
		return;
	memcpy(scratch, p->data, 12);
	scratch[12] = (uint8_t)(p->vlan_tpid >> 8);
	scratch[13] = (uint8_t)p->vlan_tpid;
	scratch[14] = (uint8_t)(p->vlan_tci >> 8);
	scratch[15] = (uint8_t)p->vlan_tci;
	memcpy(scratch + 16, p->data + 12, n - 12);
	p->data = scratch;
	p->captured_bytes = n + 4;
	p->original_bytes += 4;
	p->vlan_tpid = 0;
}

static uint32_t sliced_bytes(const struct track_reader *r, const struct packet *p)
{
	uint64_t n = slice_headers(p->data, p->captured_bytes, r->link_type);

	n += r->slice_bytes;
	return n < p->captured_bytes ? (uint32_t)n : p->captured_bytes;
}

static void count_packet(struct track_reader *r, struct track_segment *s, const struct packet *p)
{
	uint32_t bytes = p->original_bytes + (p->vlan_tpid ? 4 : 0);

	r->packets++;
	r->bytes += bytes;
	s->packets++;
	s->bytes += bytes;
	if (!r->first_ns)
		r->first_ns = p->wall_ns;
	if (!s->first_ns)
		s->first_ns = p->wall_ns;
	if (p->wall_ns > r->last_ns)
		r->last_ns = p->wall_ns;
	if (p->wall_ns > s->last_ns)
		s->last_ns = p->wall_ns;
}

/* Returns 0 or TRACK_READER_BUSY. */
static int write_packet(struct track_reader *r, struct track_segment *s, const struct packet *p)
{
	struct pcapng_packet out = {.time_ns = (uint64_t)p->wall_ns,
				    .data = p->data,
				    .captured_bytes = p->captured_bytes,
				    .original_bytes = p->original_bytes,
				    .vlan_tpid = p->vlan_tpid,
				    .vlan_tci = p->vlan_tci,
				    .flags = p->direction,
				    .drops = r->drops};
	unsigned char *to;
	size_t room;

	if (r->slice == SLICE_HEADERS)
		out.captured_bytes = sliced_bytes(r, p);
	room = pcapng_packet_bound(out.captured_bytes);
	if (r->trigger_ns && p->wall_ns >= r->trigger_ns) {
		out.comment = TRIGGER_COMMENT;
		room += PCAPNG_COMMENT_BOUND;
	}
	to = stream_reserve(s->stream, room);
	if (!to)
		return TRACK_READER_BUSY;
	stream_commit(s->stream, pcapng_packet_format(to, &out));
	r->drops = 0;
	if (out.comment)
		r->trigger_ns = 0;
	count_packet(r, s, p);
	return 0;
}

/* Whether a matching packet is to be written. */
static int is_wanted(struct track_reader *r)
{
	if (r->sampling > 1 && r->matched % r->sampling)
		return 0;
	r->full |= r->max_packets && r->packets >= r->max_packets;
	return !r->full;
}

/* Returns 0 (written or not for us) or TRACK_READER_BUSY. */
static int read_packet(struct track_reader *r, struct track_segment *s, struct packet *p)
{
	int result = 0, matches;

	if (p->wall_ns > r->until_ns) {
		r->past_until = 1;
		return 0;
	}
	if (p->wall_ns < r->not_before_ns)
		return 0;
	if (r->slot != CLASSIFIER_NONE && r->alone && !verdicts_match(r->verdicts, r->slot, p)) {
		s->received++;
		return 0;
	}
	if (p->vlan_tpid && (r->filter || r->slice == SLICE_HEADERS))
		track_reader_restore_tag(p, r->scratch);
	matches = !r->filter ||
		  filter_run(r->filter, p->data, p->captured_bytes, p->original_bytes);
	if (matches && is_wanted(r))
		result = write_packet(r, s, p);
	r->matched += matches && !result;
	s->received += !result;
	return result;
}

static int step_all(struct track_reader *r, struct ring_block_walk *walk,
		    struct track_segment *segment)
{
	struct ring_block_walk before = *walk;
	struct packet packet;

	while (!ring_block_next(walk, &packet)) {
		if (read_packet(r, segment, &packet)) {
			*walk = before;
			return TRACK_READER_BUSY;
		}
		before = *walk;
	}
	return 0;
}

/* From hit to hit. */
static int step_hits(struct track_reader *r, struct ring_block_walk *walk,
		     struct track_segment *segment)
{
	struct packet packet;

	for (;;) {
		struct ring_block_walk before;

		segment->received += verdicts_next(r->verdicts, r->slot, walk);
		before = *walk;
		if (ring_block_next(walk, &packet))
			return 0;
		if (read_packet(r, segment, &packet)) {
			*walk = before;
			return TRACK_READER_BUSY;
		}
	}
}

int track_reader_step(struct track_reader *r, struct ring_block_walk *walk,
		      struct track_segment *segment)
{
	if (r->slot == CLASSIFIER_NONE)
		return step_all(r, walk, segment);
	r->alone = verdicts_prepare(r->verdicts, r->seq, walk, r->not_before_ns, r->until_ns);
	return r->alone ? step_all(r, walk, segment) : step_hits(r, walk, segment);
}
