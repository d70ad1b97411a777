/* SPDX-License-Identifier: Apache-2.0 */
/* ringbell-demo-pcap FILE [seconds]: writes the traffic of a small office as a pcap file, for the
 * demo and for tests: names looked up, pages fetched over HTTP and TLS, a call, pings, now and then
 * a segment lost and sent again. The same bytes every time; all checksums are right.
 *
 * Each second's conversations are laid out in time, then everything that is due is written in
 * order; what reaches into the next second waits. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define PCAP_MAGIC_NS	0xa1b23c4du
#define SNAPLEN		262144u
#define LINK_ETHERNET	1u
#define SECONDS_DEFAULT 60
#define SECONDS_MAX	86400
#define EPOCH_S		1795000000ll /* any fixed moment */
#define FRAME_MAX	1514
#define MSS		1448
#define TCP_HEADER	32 /* with time stamps */
#define SYN_HEADER	36 /* and with the largest segment size */
#define HTTP_PER_S	5
#define TLS_PER_S	3
#define DNS_PER_S	6
#define RTP_EVERY	(20 * DUR_MS)

enum tcp_flags {
	FIN = 1,
	SYN = 2,
	PSH = 8,
	ACK = 16,
};

struct host {
	unsigned char mac[6];
	uint32_t ip;
};

static const struct host gateway = {{2, 0x1b, 0x21, 0, 0, 1}, 0xc0a80a01};
static const struct host phone = {{2, 0x1b, 0x21, 0, 0, 0x77}, 0xc0a80a4d};

struct frame {
	int64_t time_ns;
	uint64_t number; /* keeps the order of equal times */
	uint32_t len;
	unsigned char *data;
};

struct demo {
	FILE *out;
	uint64_t random;
	uint64_t made;
	struct frame *frames;
	size_t count;
	size_t capacity;
};

/* One TCP connection between a desk and a server beyond the gateway. */
struct tcp {
	struct demo *demo;
	struct host client;
	struct host server;
	uint16_t client_port;
	uint16_t server_port;
	uint32_t client_seq;
	uint32_t server_seq;
	int64_t now_ns;
	dur_t half_trip;
};

static uint32_t next_random(struct demo *demo, uint32_t below)
{
	demo->random ^= demo->random << 13;
	demo->random ^= demo->random >> 7;
	demo->random ^= demo->random << 17;
	return (uint32_t)((demo->random >> 32) % below);
}

static struct host desk(uint32_t n)
{
	return (struct host){{2, 0x1b, 0x21, 0, 1, (unsigned char)n}, 0xc0a80a0a + n};
}

static void put16(unsigned char *p, uint32_t value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

static void put32(unsigned char *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

static uint32_t add_words(uint32_t sum, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return len % 2 ? sum + (uint32_t)(p[len - 1] << 8) : sum;
}

static uint32_t checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* --- frames --- */

/* A frame of len bytes (at least 60 on Ethernet) at time_ns; its bytes are zero. */
static unsigned char *add_frame(struct demo *demo, int64_t time_ns, uint32_t len)
{
	struct frame *f;

	if (demo->count == demo->capacity) {
		demo->capacity = demo->capacity ? 2 * demo->capacity : 1024;
		demo->frames = xreallocarray(demo->frames, demo->capacity, sizeof(*demo->frames));
	}
	f = &demo->frames[demo->count++];
	f->time_ns = time_ns;
	f->number = demo->made++;
	f->len = len < 60 ? 60 : len;
	f->data = xcalloc(1, f->len);
	return f->data;
}

static void fill_ethernet(unsigned char *p, const struct host *from, const unsigned char to[6],
			  uint32_t type)
{
	memcpy(p, to, 6);
	memcpy(p + 6, from->mac, 6);
	put16(p + 12, type);
}

/* A frame with Ethernet and IPv4 headers; returns where the transport header goes. Hosts outside
 * are reached through the gateway's address. */
static unsigned char *add_ip(struct demo *demo, int64_t time_ns, const struct host *from,
			     const struct host *to, uint32_t protocol, uint32_t bytes)
{
	unsigned char *p = add_frame(demo, time_ns, 34 + bytes), *ip = p + 14;

	fill_ethernet(p, from, to->mac, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 20 + bytes);
	put16(ip + 4, (uint32_t)demo->made & 0xffff);
	put16(ip + 6, 0x4000);
	ip[8] = from->mac[5] == 1 ? 57 : 64;
	ip[9] = (unsigned char)protocol;
	put32(ip + 12, from->ip);
	put32(ip + 16, to->ip);
	put16(ip + 10, checksum(add_words(0, ip, 20)));
	return ip + 20;
}

/* The checksum over the pseudo header and `bytes` of transport header and data. */
static uint32_t transport_checksum(const unsigned char *transport, uint32_t protocol,
				   uint32_t bytes)
{
	uint32_t sum = add_words(protocol + bytes, transport - 8, 8);

	return checksum(add_words(sum, transport, bytes));
}

static void add_udp(struct demo *demo, int64_t time_ns, const struct host *from, uint16_t from_port,
		    const struct host *to, uint16_t to_port, const void *data, uint32_t len)
{
	unsigned char *udp = add_ip(demo, time_ns, from, to, 17, 8 + len);
	uint32_t sum;

	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, 8 + len);
	memcpy(udp + 8, data, len);
	sum = transport_checksum(udp, 17, 8 + len);
	put16(udp + 6, sum ? sum : 0xffff);
}

/* --- TCP --- */

static void add_tcp(struct tcp *t, int from_client, uint32_t flags, uint32_t seq, const void *data,
		    uint32_t len)
{
	const struct host *from = from_client ? &t->client : &t->server;
	const struct host *to = from_client ? &t->server : &t->client;
	uint32_t header = flags & SYN ? SYN_HEADER : TCP_HEADER;
	unsigned char *tcp = add_ip(t->demo, t->now_ns, from, to, 6, header + len);

	put16(tcp, from_client ? t->client_port : t->server_port);
	put16(tcp + 2, from_client ? t->server_port : t->client_port);
	put32(tcp + 4, seq);
	if (flags & ACK)
		put32(tcp + 8, from_client ? t->server_seq : t->client_seq);
	tcp[12] = (unsigned char)(header / 4 << 4);
	tcp[13] = (unsigned char)flags;
	put16(tcp + 14, 64240);
	memcpy(tcp + 20, "\x01\x01\x08\x0a", 4);
	put32(tcp + 24, (uint32_t)(t->now_ns / DUR_MS));
	put32(tcp + 28, flags & ACK ? (uint32_t)((t->now_ns - t->half_trip) / DUR_MS) : 0);
	if (flags & SYN)
		memcpy(tcp + TCP_HEADER, "\x02\x04\x05\xb4", 4);
	if (len)
		memcpy(tcp + header, data, len);
	put16(tcp + 16, transport_checksum(tcp, 6, header + len));
}

static void tcp_send(struct tcp *t, int from_client, uint32_t flags, const void *data, uint32_t len)
{
	uint32_t *seq = from_client ? &t->client_seq : &t->server_seq;

	add_tcp(t, from_client, flags, *seq, data, len);
	*seq += len + (flags & (SYN | FIN) ? 1 : 0);
}

static struct tcp tcp_open(struct demo *demo, int64_t start_ns, uint32_t server_ip, uint16_t port)
{
	struct tcp t = {
		.demo = demo,
		.client = desk(next_random(demo, 12)),
		.server = gateway,
		.client_port = (uint16_t)(32768 + next_random(demo, 28000)),
		.server_port = port,
		.client_seq = next_random(demo, UINT32_MAX),
		.server_seq = next_random(demo, UINT32_MAX),
		.now_ns = start_ns,
		.half_trip = 4 * DUR_MS + (dur_t)next_random(demo, 9000000),
	};

	t.server.ip = server_ip;
	tcp_send(&t, 1, SYN, NULL, 0);
	t.now_ns += 2 * t.half_trip;
	tcp_send(&t, 0, SYN | ACK, NULL, 0);
	t.now_ns += 60 * DUR_US;
	tcp_send(&t, 1, ACK, NULL, 0);
	return t;
}

static void tcp_close(struct tcp *t)
{
	t->now_ns += 2 * DUR_MS;
	tcp_send(t, 1, FIN | ACK, NULL, 0);
	t->now_ns += 2 * t->half_trip;
	tcp_send(t, 0, FIN | ACK, NULL, 0);
	t->now_ns += 50 * DUR_US;
	tcp_send(t, 1, ACK, NULL, 0);
}

/* The server's answer in full segments, acknowledged every second one. With `lose`, the second
 * segment is missing here at first: the client repeats its acknowledgement until it is sent again.
 */
static void tcp_answer(struct tcp *t, const unsigned char *data, uint32_t len, int lose)
{
	uint32_t first = t->server_seq, acknowledged = 0, lost = 0;

	for (uint32_t at = 0, n = 0; at < len; at += MSS, n++) {
		uint32_t part = len - at < MSS ? len - at : MSS;

		t->now_ns += 30 * DUR_US + (dur_t)next_random(t->demo, 90000);
		if (lose && n == 1 && len > 3 * MSS) {
			lost = t->server_seq;
			t->server_seq += part;
			continue;
		}
		tcp_send(t, 0, at + part == len ? PSH | ACK : ACK, data + at, part);
		if (lost || n % 2) {
			uint32_t seen = t->server_seq;

			t->now_ns += 20 * DUR_US;
			t->server_seq = lost ? lost : seen;
			tcp_send(t, 1, ACK, NULL, 0);
			t->server_seq = seen;
			acknowledged = seen;
		}
	}
	if (lost) {
		t->now_ns += 2 * t->half_trip;
		add_tcp(t, 0, ACK, lost, data + (lost - first), MSS);
	}
	t->now_ns += 40 * DUR_US;
	if (lost || acknowledged != t->server_seq)
		tcp_send(t, 1, ACK, NULL, 0);
}

/* --- conversations --- */

static void add_http(struct demo *demo, int64_t start_ns, uint64_t n)
{
	static unsigned char body[8 * MSS];
	struct tcp t = tcp_open(demo, start_ns, 0xc6336414, 80);
	uint32_t len = 400 + next_random(demo, sizeof(body) - 400);
	char request[200];
	int head;

	snprintf(request, sizeof(request),
		 "GET /orders/%" PRIu64 " HTTP/1.1\r\nHost: shop.example\r\n"
		 "User-Agent: demo\r\nAccept: */*\r\n\r\n",
		 n);
	tcp_send(&t, 1, PSH | ACK, request, (uint32_t)strlen(request));
	t.now_ns += 2 * t.half_trip + (dur_t)next_random(demo, 20000000);
	head = snprintf((char *)body, sizeof(body),
			"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %5u\r\n\r\n",
			n % 41 == 40 ? "503 Service Unavailable" : "200 OK", 0u);
	/* the same length once more, now that it is known */
	snprintf((char *)body, sizeof(body),
		 "HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %5u\r\n\r\n",
		 n % 41 == 40 ? "503 Service Unavailable" : "200 OK", len - (uint32_t)head);
	for (uint32_t i = (uint32_t)head; i < len; i++)
		body[i] = (unsigned char)"<p>order line</p>\n"[i % 18];
	tcp_answer(&t, body, len, n % 9 == 4);
	tcp_close(&t);
}

/* A ClientHello with a server name, as far as readers look into it. Returns its length. */
static uint32_t format_hello(struct demo *demo, unsigned char *p, const char *name)
{
	uint32_t name_len = (uint32_t)strlen(name), extensions = 9 + name_len;
	uint32_t hello = 2 + 32 + 1 + 2 + 4 + 2 + 2 + extensions;
	unsigned char *q = p + 43;

	memset(p, 0, 9 + hello);
	p[0] = 22;
	put16(p + 1, 0x0301);
	put16(p + 3, 4 + hello);
	p[5] = 1;
	put16(p + 7, hello);
	put16(p + 9, 0x0303);
	for (int i = 0; i < 32; i++)
		p[11 + i] = (unsigned char)next_random(demo, 256);
	*q++ = 0;    /* no session */
	put16(q, 4); /* two cipher suites */
	put16(q + 2, 0x1301);
	put16(q + 4, 0xc02f);
	q[6] = 1; /* no compression */
	put16(q + 8, extensions);
	put16(q + 10, 0); /* server_name */
	put16(q + 12, name_len + 5);
	put16(q + 14, name_len + 3);
	put16(q + 17, name_len);
	memcpy(q + 19, name, name_len);
	return 9 + hello;
}

/* Application data as it looks encrypted. */
static void fill_record(struct demo *demo, unsigned char *p, uint32_t type, uint32_t len)
{
	p[0] = (unsigned char)type;
	put16(p + 1, 0x0303);
	put16(p + 3, len - 5);
	for (uint32_t i = 5; i < len; i++)
		p[i] = (unsigned char)next_random(demo, 256);
}

/* A ServerHello of the modern kind, and encrypted records behind it. */
static uint32_t format_server_flight(struct demo *demo, unsigned char *p)
{
	uint32_t hello = 2 + 32 + 1 + 2 + 1 + 2 + 6;

	fill_record(demo, p, 22, 9 + hello);
	p[5] = 2;
	p[6] = 0;
	put16(p + 7, hello);
	put16(p + 9, 0x0303);
	p[43] = 0;
	put16(p + 44, 0x1301);
	p[46] = 0;
	put16(p + 47, 6);
	put16(p + 49, 43); /* supported_versions */
	put16(p + 51, 2);
	put16(p + 53, 0x0304);
	fill_record(demo, p + 9 + hello, 23, 2600);
	return 9 + hello + 2600;
}

static void add_tls(struct demo *demo, int64_t start_ns, uint64_t n)
{
	static const char *const names[] = {"mail.example", "bank.example", "api.shop.example"};
	struct tcp t = tcp_open(demo, start_ns, 0xcb007100 + (uint32_t)(n % 3) + 10, 443);
	unsigned char data[4096];
	uint32_t len = format_hello(demo, data, names[n % 3]);

	tcp_send(&t, 1, PSH | ACK, data, len);
	t.now_ns += 2 * t.half_trip;
	len = format_server_flight(demo, data);
	tcp_answer(&t, data, len, 0);
	for (int i = 0; i < 2; i++) {
		t.now_ns += DUR_MS;
		fill_record(demo, data, 23, 300 + next_random(demo, 400));
		tcp_send(&t, 1, PSH | ACK, data, 5 + (uint32_t)(data[3] << 8 | data[4]));
		t.now_ns += 2 * t.half_trip;
		fill_record(demo, data, 23, 900 + next_random(demo, 2000));
		tcp_answer(&t, data, 5 + (uint32_t)(data[3] << 8 | data[4]), 0);
	}
	tcp_close(&t);
}

static void add_dns(struct demo *demo, int64_t time_ns, uint64_t n)
{
	static const char question[] = "\4shop\7example\0\0\1\0\1"; /* A, IN */
	static const char answer[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x33\x64\x14";
	struct host client = desk(next_random(demo, 12));
	uint16_t port = (uint16_t)(40000 + next_random(demo, 20000));
	unsigned char message[12 + sizeof(question) - 1 + sizeof(answer) - 1] = {0};
	uint32_t asked = 12 + sizeof(question) - 1;
	int unknown = n % 23 == 22;

	put16(message, next_random(demo, 65536));
	put16(message + 2, 0x0100);
	put16(message + 4, 1);
	memcpy(message + 12, question, sizeof(question) - 1);
	add_udp(demo, time_ns, &client, port, &gateway, 53, message, asked);
	put16(message + 2, unknown ? 0x8183 : 0x8180);
	put16(message + 6, unknown ? 0 : 1);
	memcpy(message + asked, answer, sizeof(answer) - 1);
	add_udp(demo, time_ns + 3 * DUR_MS + (dur_t)next_random(demo, 8000000), &gateway, 53,
		&client, port, message, unknown ? asked : (uint32_t)sizeof(message));
}

static void add_ping(struct demo *demo, int64_t time_ns, uint64_t n)
{
	struct host client = desk(3), server = gateway;
	const struct host *ends[] = {&client, &server};

	server.ip = 0xc6336414;
	for (int reply = 0; reply < 2; reply++) {
		unsigned char *icmp = add_ip(demo, time_ns + reply * 11 * DUR_MS, ends[reply],
					     ends[!reply], 1, 64);

		icmp[0] = reply ? 0 : 8;
		put16(icmp + 4, 0x4d2);
		put16(icmp + 6, (uint32_t)n & 0xffff);
		for (int i = 8; i < 64; i++)
			icmp[i] = (unsigned char)i;
		put16(icmp + 2, checksum(add_words(0, icmp, 64)));
	}
}

static void add_arp(struct demo *demo, int64_t time_ns, const struct host *asker)
{
	static const unsigned char everyone[6] = {255, 255, 255, 255, 255, 255};

	for (uint32_t reply = 0; reply < 2; reply++) {
		const struct host *from = reply ? &gateway : asker, *to = reply ? asker : &gateway;
		unsigned char *p = add_frame(demo, time_ns + (int64_t)reply * 300 * DUR_US, 42);

		fill_ethernet(p, from, reply ? to->mac : everyone, 0x0806);
		memcpy(p + 14, "\0\1\x08\0\6\4", 6);
		put16(p + 20, 1 + reply);
		memcpy(p + 22, from->mac, 6);
		put32(p + 28, from->ip);
		if (reply)
			memcpy(p + 32, to->mac, 6);
		put32(p + 38, to->ip);
	}
}

/* One direction of a call: 20 ms of sound per packet. */
static void add_rtp(struct demo *demo, int64_t second_ns, uint64_t first, int outward)
{
	struct host far = gateway;
	unsigned char packet[12 + 160];

	far.ip = 0xcb007142;
	for (uint32_t i = 0; i < DUR_S / RTP_EVERY; i++) {
		uint32_t number = (uint32_t)first * (uint32_t)(DUR_S / RTP_EVERY) + i;
		int64_t at = second_ns + i * RTP_EVERY + (dur_t)next_random(demo, 1500000) +
			     (outward ? 0 : 7 * DUR_MS);

		packet[0] = 0x80;
		packet[1] = 0; /* PCMU */
		put16(packet + 2, number & 0xffff);
		put32(packet + 4, number * 160);
		put32(packet + 8, outward ? 0x1234abcd : 0x5678ef01);
		for (int k = 0; k < 160; k++)
			packet[12 + k] = (unsigned char)(0xff - (k * (int)(number % 7 + 1)) % 96);
		if (outward)
			add_udp(demo, at, &phone, 16384, &far, 20502, packet, sizeof(packet));
		else
			add_udp(demo, at, &far, 20502, &phone, 16384, packet, sizeof(packet));
	}
}

static void add_second(struct demo *demo, uint64_t n)
{
	int64_t start = (EPOCH_S + (int64_t)n) * DUR_S;
	struct host asker = desk((uint32_t)(n % 12));

	for (uint64_t i = 0; i < HTTP_PER_S; i++)
		add_http(demo, start + (dur_t)next_random(demo, 999000000), n * HTTP_PER_S + i);
	for (uint64_t i = 0; i < TLS_PER_S; i++)
		add_tls(demo, start + (dur_t)next_random(demo, 999000000), n * TLS_PER_S + i);
	for (uint64_t i = 0; i < DNS_PER_S; i++)
		add_dns(demo, start + (dur_t)next_random(demo, 990000000), n * DNS_PER_S + i);
	if (n % 3 == 0)
		add_arp(demo, start + 100 * DUR_MS, &asker);
	add_ping(demo, start + 250 * DUR_MS, n);
	add_rtp(demo, start, n, 1);
	add_rtp(demo, start, n, 0);
}

/* --- the file --- */

static int compare(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int write_frame(FILE *out, const struct frame *f)
{
	uint32_t header[] = {(uint32_t)(f->time_ns / DUR_S), (uint32_t)(f->time_ns % DUR_S), f->len,
			     f->len};

	return fwrite(header, sizeof(header), 1, out) != 1 || fwrite(f->data, f->len, 1, out) != 1;
}

/* Writes all frames before end_ns, in order; keeps the rest. */
static int write_until(struct demo *demo, int64_t end_ns)
{
	size_t n = 0;
	int r = 0;

	qsort(demo->frames, demo->count, sizeof(*demo->frames), compare);
	for (; !r && n < demo->count && demo->frames[n].time_ns < end_ns; n++) {
		if (write_frame(demo->out, &demo->frames[n]))
			r = -EIO;
		free(demo->frames[n].data);
	}
	demo->count -= n;
	memmove(demo->frames, demo->frames + n, demo->count * sizeof(*demo->frames));
	return r;
}

static int write_demo(struct demo *demo, uint64_t seconds)
{
	const uint32_t header[] = {PCAP_MAGIC_NS, 2u | 4u << 16, 0, 0, SNAPLEN, LINK_ETHERNET};
	int r = fwrite(header, sizeof(header), 1, demo->out) == 1 ? 0 : -EIO;

	for (uint64_t n = 0; !r && n < seconds; n++) {
		add_second(demo, n);
		r = write_until(demo, (EPOCH_S + (int64_t)n + 1) * DUR_S);
	}
	/* conversations that the end cuts off are cut off, as in any capture */
	for (size_t i = 0; i < demo->count; i++)
		free(demo->frames[i].data);
	free(demo->frames);
	if (!r && fflush(demo->out))
		r = -EIO;
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP_FCLOSE FILE *out = NULL;
	struct demo demo = {.random = 0x9e3779b97f4a7c15ull};
	uint64_t seconds = SECONDS_DEFAULT;
	char *end = NULL;

	if (argc == 3)
		seconds = strtoull(argv[2], &end, 10);
	if (argc < 2 || argc > 3 || (end && *end) || seconds < 1 || seconds > SECONDS_MAX) {
		fprintf(stderr, "usage: ringbell-demo-pcap FILE [seconds, 1 to %d]\n", SECONDS_MAX);
		return 2;
	}
	out = fopen(argv[1], "we");
	if (!out) {
		fprintf(stderr, "ringbell-demo-pcap: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	demo.out = out;
	if (write_demo(&demo, seconds)) {
		fprintf(stderr, "ringbell-demo-pcap: %s: cannot be written: %s\n", argv[1],
			strerror(errno));
		return 1;
	}
	return 0;
}
