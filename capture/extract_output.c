/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/extract_output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/pcapng.h"

#define PCAP_MAGIC_NS	  0xa1b23c4du
#define PCAP_HEAD_BYTES	  24
#define PCAP_RECORD_BYTES 16
#define EPB_INTERFACE	  8 /* offset of the interface's number in a packet block */
#define SECOND		  1000000000

static int write_pcap_head(struct extract_output *out)
{
	unsigned char *p = sink_reserve(out->sink, PCAP_HEAD_BYTES);

	if (!p)
		return -EPIPE;
	memset(p, 0, PCAP_HEAD_BYTES);
	pcapng_put32(p, PCAP_MAGIC_NS);
	pcapng_put32(p + 4, 2 | 4 << 16); /* version 2.4 */
	pcapng_put32(p + 16, PCAPNG_SNAPLEN);
	pcapng_put32(p + 20, out->link_type);
	sink_commit(out->sink, PCAP_HEAD_BYTES);
	return 0;
}

static int write_section(struct extract_output *out)
{
	const char *comments[] = {out->job->comment};
	struct pcapng_section section = {.application = "Ringbell " RINGBELL_VERSION,
					 .comments = comments,
					 .comment_count = 1};
	unsigned char *p = sink_reserve(out->sink, pcapng_section_bound(&section));

	if (!p)
		return -EPIPE;
	sink_commit(out->sink, pcapng_section_format(p, &section));
	return 0;
}

static int write_interface(struct extract_output *out, struct extract_interface *interface)
{
	struct pcapng_interface description = {.link_type = (uint16_t)out->link_type,
					       .name = interface->nic,
					       .description = interface->description,
					       .filter = out->job->filter_text};
	unsigned char *p = sink_reserve(out->sink, pcapng_interface_bound(&description));

	if (!p)
		return -EPIPE;
	sink_commit(out->sink, pcapng_interface_format(p, &description));
	interface->number = ++out->interfaces;
	return 0;
}

/* What comes before the first packet of all, or of its interface. */
static int write_head(struct extract_output *out, struct extract_interface *interface)
{
	int r = 0;

	if (out->job->format == EXTRACT_PCAP) {
		interface->number = 1;
		return out->packets ? 0 : write_pcap_head(out);
	}
	if (!out->interfaces)
		r = write_section(out);
	return r ? r : write_interface(out, interface);
}

static int write_record(struct extract_output *out, const struct segment_packet *packet,
			uint32_t captured)
{
	unsigned char *p = sink_reserve(out->sink, PCAP_RECORD_BYTES + captured);

	if (!p)
		return -EPIPE;
	pcapng_put32(p, (uint32_t)(packet->time_ns / SECOND));
	pcapng_put32(p + 4, (uint32_t)(packet->time_ns % SECOND));
	pcapng_put32(p + 8, captured);
	pcapng_put32(p + 12, packet->original_bytes);
	memcpy(p + PCAP_RECORD_BYTES, packet->data, captured);
	sink_commit(out->sink, PCAP_RECORD_BYTES + captured);
	return 0;
}

/* As the recorder wrote it, but for the interface's number. */
static int copy_block(struct extract_output *out, const struct segment_packet *packet,
		      uint32_t interface)
{
	unsigned char *p = sink_reserve(out->sink, packet->block_bytes);

	if (!p)
		return -EPIPE;
	memcpy(p, packet->block, packet->block_bytes);
	pcapng_put32(p + EPB_INTERFACE, interface);
	sink_commit(out->sink, packet->block_bytes);
	return 0;
}

static int encode_block(struct extract_output *out, const struct segment_packet *packet,
			uint32_t captured, uint64_t drops, uint32_t interface)
{
	char comment[PCAPNG_TEXT_MAX + 1];
	struct pcapng_packet block = {.time_ns = (uint64_t)packet->time_ns,
				      .data = packet->data,
				      .captured_bytes = captured,
				      .original_bytes = packet->original_bytes,
				      .flags = packet->flags,
				      .drops = drops};
	unsigned char *p =
		sink_reserve(out->sink, pcapng_packet_bound(captured) + PCAPNG_COMMENT_BOUND);
	size_t bytes;

	if (!p)
		return -EPIPE;
	if (packet->comment) {
		snprintf(comment, sizeof(comment), "%.*s", (int)packet->comment_bytes,
			 packet->comment);
		block.comment = comment;
	}
	bytes = pcapng_packet_format(p, &block);
	pcapng_put32(p + EPB_INTERFACE, interface);
	sink_commit(out->sink, bytes);
	return 0;
}

static int write_packet(struct extract_output *out, const struct extract_interface *interface,
			const struct segment_packet *packet, uint32_t captured)
{
	uint64_t drops = interface->drops + packet->drops;

	if (out->job->format == EXTRACT_PCAP)
		return write_record(out, packet, captured);
	if (captured == packet->captured_bytes && drops == packet->drops &&
	    packet->block_bytes <= SINK_ROOM_MAX)
		return copy_block(out, packet, interface->number - 1);
	return encode_block(out, packet, captured, drops, interface->number - 1);
}

int extract_output_packet(struct extract_output *out, struct extract_interface *interface,
			  const struct segment_packet *packet, uint32_t captured)
{
	int r = interface->number ? 0 : write_head(out, interface);

	if (!r)
		r = write_packet(out, interface, packet, captured);
	if (r)
		return r;
	if (!interface->packets++)
		interface->first_ns = packet->time_ns;
	interface->last_ns = packet->time_ns;
	interface->drops = 0;
	out->packets++;
	return 0;
}

int extract_output_statistics(struct extract_output *out, const struct extract_interface *interface,
			      const char *comment)
{
	struct pcapng_statistics statistics = {.time_ns = (uint64_t)interface->last_ns,
					       .start_ns = (uint64_t)interface->first_ns,
					       .end_ns = (uint64_t)interface->last_ns,
					       .received = PCAPNG_UNKNOWN,
					       .dropped = interface->dropped,
					       .accepted = PCAPNG_UNKNOWN,
					       .os_dropped = PCAPNG_UNKNOWN,
					       .delivered = interface->packets,
					       .comment = comment};
	unsigned char *p;
	size_t bytes;

	if (out->job->format != EXTRACT_PCAPNG || !interface->number)
		return 0;
	p = sink_reserve(out->sink, pcapng_statistics_bound(&statistics));
	if (!p)
		return -EPIPE;
	bytes = pcapng_statistics_format(p, &statistics);
	pcapng_put32(p + EPB_INTERFACE, interface->number - 1);
	sink_commit(out->sink, bytes);
	return 0;
}
