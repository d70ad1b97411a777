/* SPDX-License-Identifier: Apache-2.0 */
/* The option codes follow draft-ietf-opsawg-pcapng. Not here: the packet fast path (header). */
#include "capture/pcapng.h"

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SHB_HARDWARE = 2,
	SHB_OS = 3,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_SPEED = 8,
	IF_TSRESOL = 9,
	IF_FILTER = 11,
	IF_OS = 12,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_FILTERACCEPT = 6,
	ISB_OSDROP = 7,
	ISB_USRDELIV = 8,
};

static unsigned char *put16(unsigned char *p, uint16_t value)
{
	p[0] = (unsigned char)value;
	p[1] = (unsigned char)(value >> 8);
	return p + 2;
}

static unsigned char *put32(unsigned char *p, uint32_t value)
{
	pcapng_put32(p, value);
	return p + 4;
}

static unsigned char *put64(unsigned char *p, uint64_t value)
{
	p = put32(p, (uint32_t)value);
	return put32(p, (uint32_t)(value >> 32));
}

/* Timestamps have their own order: the high half first. */
static unsigned char *put_time(unsigned char *p, uint64_t ns)
{
	p = put32(p, (uint32_t)(ns >> 32));
	return put32(p, (uint32_t)ns);
}

static unsigned char *put_option(unsigned char *p, uint16_t code, const void *data, size_t len)
{
	p = put16(p, code);
	p = put16(p, (uint16_t)len);
	memcpy(p, data, len);
	memset(p + len, 0, -len & 3);
	return p + len + (-len & 3);
}

/* Length of text as it will be written: never half a UTF-8 character. */
static size_t text_len(const char *text)
{
	size_t n;

	if (!text)
		return 0;
	n = strnlen(text, PCAPNG_TEXT_MAX + 1);
	if (n <= PCAPNG_TEXT_MAX)
		return n;
	n = PCAPNG_TEXT_MAX;
	while (n > 0 && (text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static size_t text_bound(const char *text)
{
	return 4 + ((text_len(text) + 3) & ~(size_t)3);
}

static unsigned char *put_text(unsigned char *p, uint16_t code, const char *text)
{
	size_t n = text_len(text);

	return n ? put_option(p, code, text, n) : p;
}

static unsigned char *put_counter(unsigned char *p, uint16_t code, uint64_t value)
{
	if (value == PCAPNG_UNKNOWN)
		return p;
	p = put16(p, code);
	p = put16(p, 8);
	return put64(p, value);
}

static unsigned char *put_time_option(unsigned char *p, uint16_t code, uint64_t ns)
{
	if (!ns)
		return p;
	p = put16(p, code);
	p = put16(p, 8);
	return put_time(p, ns);
}

/* Ends the options, writes the block's total length at both places. Returns it. */
static size_t close_block(unsigned char *out, unsigned char *p)
{
	uint32_t total;

	p = put32(p, OPTION_END);
	total = (uint32_t)(p - out) + 4;
	put32(p, total);
	put32(out + 4, total);
	return total;
}

size_t pcapng_section_bound(const struct pcapng_section *section)
{
	size_t n = 24 + text_bound(section->hardware) + text_bound(section->os) +
		   text_bound(section->application) + 8;

	for (size_t i = 0; i < section->comment_count; i++)
		n += text_bound(section->comments[i]);
	return n;
}

size_t pcapng_section_format(unsigned char *out, const struct pcapng_section *section)
{
	unsigned char *p = put32(out, PCAPNG_SECTION) + 4;

	p = put32(p, PCAPNG_BYTE_ORDER);
	p = put16(p, 1);
	p = put16(p, 0);
	p = put64(p, UINT64_MAX); /* section length: not told */
	p = put_text(p, SHB_HARDWARE, section->hardware);
	p = put_text(p, SHB_OS, section->os);
	p = put_text(p, SHB_USERAPPL, section->application);
	for (size_t i = 0; i < section->comment_count; i++)
		p = put_text(p, OPTION_COMMENT, section->comments[i]);
	return close_block(out, p);
}

size_t pcapng_interface_bound(const struct pcapng_interface *interface)
{
	return 16 + text_bound(interface->name) + text_bound(interface->description) +
	       text_bound(interface->filter) + 4 + text_bound(interface->os) + 12 + 8 + 8;
}

/* if_filter is one octet for the kind (0 = libpcap text) and then the text. */
static unsigned char *put_filter(unsigned char *p, const char *text)
{
	char option[1 + PCAPNG_TEXT_MAX];
	size_t n = text_len(text);

	if (!n)
		return p;
	option[0] = 0;
	memcpy(option + 1, text, n);
	return put_option(p, IF_FILTER, option, n + 1);
}

size_t pcapng_interface_format(unsigned char *out, const struct pcapng_interface *interface)
{
	unsigned char *p = put32(out, PCAPNG_INTERFACE) + 4;
	const unsigned char nanoseconds = 9;

	p = put16(p, interface->link_type);
	p = put16(p, 0);
	p = put32(p, PCAPNG_SNAPLEN);
	p = put_text(p, IF_NAME, interface->name);
	p = put_text(p, IF_DESCRIPTION, interface->description);
	p = put_option(p, IF_TSRESOL, &nanoseconds, 1);
	p = put_filter(p, interface->filter);
	p = put_text(p, IF_OS, interface->os);
	if (interface->speed_bps)
		p = put_counter(p, IF_SPEED, interface->speed_bps);
	return close_block(out, p);
}

size_t pcapng_packet_options(unsigned char *out, const struct pcapng_packet *packet)
{
	unsigned char *p = put_text(out, OPTION_COMMENT, packet->comment);

	if (packet->flags) {
		p = put16(p, EPB_FLAGS);
		p = put16(p, 4);
		p = put32(p, packet->flags);
	}
	if (packet->drops)
		p = put_counter(p, EPB_DROPCOUNT, packet->drops);
	if (p > out)
		p = put32(p, OPTION_END);
	return (size_t)(p - out);
}

size_t pcapng_statistics_bound(const struct pcapng_statistics *statistics)
{
	return 20 + 7 * 12 + text_bound(statistics->comment) + 8;
}

size_t pcapng_statistics_format(unsigned char *out, const struct pcapng_statistics *statistics)
{
	unsigned char *p = put32(out, PCAPNG_STATISTICS) + 4;

	p = put32(p, 0);
	p = put_time(p, statistics->time_ns);
	p = put_text(p, OPTION_COMMENT, statistics->comment);
	p = put_time_option(p, ISB_STARTTIME, statistics->start_ns);
	p = put_time_option(p, ISB_ENDTIME, statistics->end_ns);
	p = put_counter(p, ISB_IFRECV, statistics->received);
	p = put_counter(p, ISB_IFDROP, statistics->dropped);
	p = put_counter(p, ISB_FILTERACCEPT, statistics->accepted);
	p = put_counter(p, ISB_OSDROP, statistics->os_dropped);
	p = put_counter(p, ISB_USRDELIV, statistics->delivered);
	return close_block(out, p);
}
