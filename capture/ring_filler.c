/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_filler.h"

#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"

#define FIRST_PACKET 48 /* as the kernel: the block header, 8-aligned */
#define MAC_OFFSET   82 /* tp_mac of an Ethernet frame: its IP header lands on 16-aligned 96 */

/* Where the stream of packets stood when a block was opened; one note for odd blocks, one for even,
 * so that the older one is still whole while the newer is written. */
struct note {
	uint64_t seq;
	uint64_t position;
};

static uint32_t slot_bytes(uint32_t captured_bytes)
{
	return (MAC_OFFSET + captured_bytes + 7) & ~7u;
}

static struct tpacket_block_desc *block_at(const struct ring_filler *f, uint64_t seq)
{
	return (void *)(f->memory + (seq - 1) % f->block_count * f->block_bytes);
}

static struct note *note_at(const struct ring_filler *f, uint64_t seq)
{
	struct note *notes = (void *)(f->memory + (size_t)f->block_bytes * f->block_count);

	return &notes[seq % 2];
}

static void store_time(struct tpacket_bd_ts *ts, int64_t wall_ns)
{
	__atomic_store_n(&ts->ts_sec, (uint32_t)(wall_ns / DUR_S), __ATOMIC_RELAXED);
	__atomic_store_n(&ts->ts_nsec, (uint32_t)(wall_ns % DUR_S), __ATOMIC_RELAXED);
}

/* Opens block f->seq if its owner let go of it; otherwise the ring stays frozen. */
static void open_block(struct ring_filler *f, int64_t wall_ns)
{
	struct tpacket_block_desc *d = block_at(f, f->seq);
	struct tpacket_hdr_v1 *h = &d->hdr.bh1;

	if (__atomic_load_n(&h->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)
		return;
	*note_at(f, f->seq) = (struct note){f->seq, f->position};
	__atomic_store_n(&h->num_pkts, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&h->seq_num, f->seq, __ATOMIC_SEQ_CST);
	d->version = 1;
	d->offset_to_priv = FIRST_PACKET;
	h->offset_to_first_pkt = FIRST_PACKET;
	h->blk_len = FIRST_PACKET;
	store_time(&h->ts_first_pkt, wall_ns);
	f->open = 1;
	f->used = FIRST_PACKET;
	f->packets = 0;
	f->last = 0;
}

static void close_block(struct ring_filler *f, int64_t wall_ns)
{
	struct tpacket_block_desc *d = block_at(f, f->seq);
	struct tpacket3_hdr *last = (void *)((uint8_t *)d + f->last);

	if (f->last) {
		last->tp_next_offset = 0;
		wall_ns = last->tp_sec * DUR_S + last->tp_nsec;
	}
	d->hdr.bh1.blk_len = f->used;
	store_time(&d->hdr.bh1.ts_last_pkt, wall_ns);
	__atomic_store_n(&d->hdr.bh1.block_status, TP_STATUS_USER, __ATOMIC_RELEASE);
	f->open = 0;
	f->seq++;
}

/* Closes the open block and opens the next one; counts a freeze where that is held. */
static void dispatch(struct ring_filler *f, int64_t wall_ns)
{
	close_block(f, wall_ns);
	open_block(f, wall_ns);
	f->freezes += !f->open;
}

/* The half-filled block of a predecessor: every packet counted in num_pkts is whole. */
static void adopt_open_block(struct ring_filler *f)
{
	const struct tpacket_block_desc *d = block_at(f, f->seq);

	f->open = 1;
	f->used = FIRST_PACKET;
	f->packets = d->hdr.bh1.num_pkts;
	f->last = 0;
	for (uint32_t i = 0; i < f->packets; i++) {
		const struct tpacket3_hdr *t = (const void *)((const uint8_t *)d + f->used);

		f->last = f->used;
		f->used += slot_bytes(t->tp_snaplen);
	}
}

void ring_filler_init(struct ring_filler *f, void *memory, uint32_t block_bytes,
		      uint32_t block_count, int64_t wall_ns)
{
	uint64_t newest = 0;

	*f = (struct ring_filler){
		.memory = memory, .block_bytes = block_bytes, .block_count = block_count};
	for (uint64_t i = 1; i <= block_count; i++) {
		uint64_t seq = __atomic_load_n(&block_at(f, i)->hdr.bh1.seq_num, __ATOMIC_RELAXED);

		if (seq > newest && (seq - i) % block_count == 0)
			newest = seq;
	}
	f->seq = newest;
	if (newest && note_at(f, newest)->seq == newest)
		f->position = note_at(f, newest)->position + block_at(f, newest)->hdr.bh1.num_pkts;
	if (newest && !(block_at(f, newest)->hdr.bh1.block_status & TP_STATUS_USER)) {
		adopt_open_block(f);
		dispatch(f, wall_ns);
		return;
	}
	f->seq++;
	open_block(f, wall_ns);
}

static uint32_t cut_to_block(const struct ring_filler *f, uint32_t captured_bytes)
{
	uint32_t most = f->block_bytes - FIRST_PACKET - MAC_OFFSET - 8;

	return captured_bytes < most ? captured_bytes : most;
}

static void put_packet(struct ring_filler *f, const struct packet *p, uint32_t captured)
{
	struct tpacket_block_desc *d = block_at(f, f->seq);
	struct tpacket3_hdr *t = (void *)((uint8_t *)d + f->used);
	struct sockaddr_ll from = {.sll_family = AF_PACKET};

	*t = (struct tpacket3_hdr){.tp_next_offset = slot_bytes(captured),
				   .tp_sec = (uint32_t)(p->wall_ns / DUR_S),
				   .tp_nsec = (uint32_t)(p->wall_ns % DUR_S),
				   .tp_snaplen = captured,
				   .tp_len = p->original_bytes,
				   .tp_status = TP_STATUS_USER,
				   .tp_mac = MAC_OFFSET,
				   .tp_net = MAC_OFFSET + 14};
	if (p->vlan_tpid) {
		t->tp_status |= TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
		t->hv1.tp_vlan_tci = p->vlan_tci;
		t->hv1.tp_vlan_tpid = p->vlan_tpid;
	}
	from.sll_pkttype = p->direction == PACKET_OUTBOUND ? PACKET_OUTGOING : PACKET_HOST;
	memcpy((uint8_t *)t + TPACKET_ALIGN(sizeof(*t)), &from, sizeof(from));
	memcpy((uint8_t *)t + MAC_OFFSET, p->data, captured);
	f->last = f->used;
	f->used += slot_bytes(captured);
	/* last, so that a successor finds only whole packets */
	__atomic_store_n(&d->hdr.bh1.num_pkts, ++f->packets, __ATOMIC_RELEASE);
}

int ring_filler_frozen(struct ring_filler *f, uint32_t captured_bytes)
{
	uint32_t need = slot_bytes(cut_to_block(f, captured_bytes));
	uint64_t seq = f->seq;

	if (f->open && f->used + need <= f->block_bytes)
		return 0;
	if (f->open)
		seq++;
	return __atomic_load_n(&block_at(f, seq)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
	       TP_STATUS_USER;
}

int ring_filler_add(struct ring_filler *f, const struct packet *packet)
{
	uint32_t captured = cut_to_block(f, packet->captured_bytes);

	bug_on(slot_bytes(captured) + FIRST_PACKET > f->block_bytes);
	if (f->open && f->used + slot_bytes(captured) > f->block_bytes)
		dispatch(f, packet->wall_ns);
	else if (!f->open)
		open_block(f, packet->wall_ns);
	f->position++;
	if (!f->open) {
		f->drops++;
		return RING_FILLER_DROPPED;
	}
	put_packet(f, packet, captured);
	return 0;
}

void ring_filler_retire(struct ring_filler *f, int64_t wall_ns)
{
	if (f->open && f->packets)
		dispatch(f, wall_ns);
}
