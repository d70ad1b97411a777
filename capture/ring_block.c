/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_block.h"

#include <linux/if_packet.h>

#include "base/clock.h"

/* A ring header is shared memory with a fixed layout: struct tpacket_block_desc. */
static const struct tpacket_block_desc *desc(const void *block)
{
	return block;
}

enum ring_block_status ring_block_status(const void *block)
{
	uint32_t status = __atomic_load_n(&desc(block)->hdr.bh1.block_status, __ATOMIC_ACQUIRE);

	return status & TP_STATUS_USER ? RING_BLOCK_USER : RING_BLOCK_KERNEL;
}

void ring_block_release(void *block)
{
	struct tpacket_block_desc *d = block;

	__atomic_store_n(&d->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

void ring_block_claim(void *block)
{
	struct tpacket_block_desc *d = block;

	/* an exchange, not a store: the loads that follow must not overtake it */
	__atomic_exchange_n(&d->hdr.bh1.block_status, TP_STATUS_USER, __ATOMIC_SEQ_CST);
}

/* Atomic: the kernel may be storing there. */
void ring_block_touch(void *block)
{
	struct tpacket_block_desc *d = block;

	__atomic_fetch_or(&d->hdr.bh1.block_status, 0, __ATOMIC_RELAXED);
}

uint64_t ring_block_seq(const void *block)
{
	return __atomic_load_n(&desc(block)->hdr.bh1.seq_num, __ATOMIC_SEQ_CST);
}

static int64_t wall_of(const struct tpacket_bd_ts *ts)
{
	uint32_t sec = __atomic_load_n(&ts->ts_sec, __ATOMIC_RELAXED);
	uint32_t nsec = __atomic_load_n(&ts->ts_nsec, __ATOMIC_RELAXED);

	return sec * DUR_S + nsec;
}

int64_t ring_block_open_ns(const void *block)
{
	return wall_of(&desc(block)->hdr.bh1.ts_first_pkt);
}

static const struct tpacket3_hdr *packet_at(const void *block, uint32_t offset,
					    uint32_t block_bytes)
{
	if (offset > block_bytes || block_bytes - offset < TPACKET3_HDRLEN || offset % 8)
		return NULL;
	return (const void *)((const uint8_t *)block + offset);
}

/* The header's ts_first_pkt is the moment the block was opened, not the first packet's. */
void ring_block_load(const void *block, uint32_t block_bytes, struct ring_block_facts *ret)
{
	const struct tpacket_hdr_v1 *h = &desc(block)->hdr.bh1;
	const struct tpacket3_hdr *first = packet_at(block, h->offset_to_first_pkt, block_bytes);

	*ret = (struct ring_block_facts){.packets = first ? h->num_pkts : 0,
					 .bytes = h->blk_len,
					 .open_ns = wall_of(&h->ts_first_pkt),
					 .last_ns = wall_of(&h->ts_last_pkt)};
	ret->first_ns = ret->packets ? first->tp_sec * DUR_S + first->tp_nsec : ret->open_ns;
}

void ring_block_spoil(void *block)
{
	struct tpacket_block_desc *d = block;

	__atomic_store_n(&d->hdr.bh1.seq_num, 0, __ATOMIC_SEQ_CST);
}

void ring_block_walk_init(struct ring_block_walk *walk, const void *block, uint32_t block_bytes)
{
	*walk = (struct ring_block_walk){.block = block,
					 .block_bytes = block_bytes,
					 .offset = desc(block)->hdr.bh1.offset_to_first_pkt,
					 .left = desc(block)->hdr.bh1.num_pkts};
}

static uint32_t direction_of(const struct tpacket3_hdr *t)
{
	const struct sockaddr_ll *from =
		(const void *)((const uint8_t *)t + TPACKET_ALIGN(sizeof(*t)));

	return from->sll_pkttype == PACKET_OUTGOING ? PACKET_OUTBOUND : PACKET_INBOUND;
}

static void load_tag(const struct tpacket3_hdr *t, struct packet *ret)
{
	ret->vlan_tpid = 0;
	ret->vlan_tci = 0;
	if (!(t->tp_status & TP_STATUS_VLAN_VALID))
		return;
	ret->vlan_tci = (uint16_t)t->hv1.tp_vlan_tci;
	ret->vlan_tpid = 0x8100;
	if (t->tp_status & TP_STATUS_VLAN_TPID_VALID && t->hv1.tp_vlan_tpid)
		ret->vlan_tpid = t->hv1.tp_vlan_tpid;
}

int ring_block_next(struct ring_block_walk *walk, struct packet *ret)
{
	const struct tpacket3_hdr *t = packet_at(walk->block, walk->offset, walk->block_bytes);
	uint32_t room, step;

	if (!walk->left || !t)
		return RING_BLOCK_END;
	room = walk->block_bytes - walk->offset;
	if (t->tp_mac > room || t->tp_snaplen > room - t->tp_mac)
		return RING_BLOCK_END;
	/* headers are a chain: fetch the next one while this packet is worked on */
	__builtin_prefetch((const uint8_t *)t + t->tp_next_offset);
	__builtin_prefetch((const uint8_t *)t + t->tp_next_offset + 64);
	ret->data = (const uint8_t *)t + t->tp_mac;
	ret->captured_bytes = t->tp_snaplen;
	ret->original_bytes = t->tp_len;
	ret->wall_ns = t->tp_sec * DUR_S + t->tp_nsec;
	ret->direction = direction_of(t);
	load_tag(t, ret);
	walk->left--;
	/* the kernel's last packet has 0 here; a packet never follows itself */
	step = t->tp_next_offset;
	walk->offset = step < TPACKET3_HDRLEN || step > room ? walk->block_bytes
							     : walk->offset + step;
	return 0;
}
