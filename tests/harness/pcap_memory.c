/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_memory: what a flight recorder costs that is built on libpcap's loop: each packet is copied
 * into a ring of memory. A peer to measure beside.
 *
 * usage: pcap_memory interface buffer_mib memory_mib
 * Until SIGINT; then prints how many packets it took and how many of them its memory still holds.
 */
#include <pcap/pcap.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SNAPLEN 262144

struct memory {
	uint8_t *data;
	size_t size;
	size_t at;
	uint64_t packets;
	uint64_t held;
};

static pcap_t *handle;

static void on_signal(int number)
{
	(void)number;
	pcap_breakloop(handle);
}

static void on_packet(u_char *owner, const struct pcap_pkthdr *h, const u_char *data)
{
	struct memory *m = (void *)owner;
	size_t need = sizeof(*h) + ((h->caplen + 7) & ~7u);

	if (m->at + need > m->size) {
		m->at = 0;
		m->held = 0;
	}
	memcpy(m->data + m->at, h, sizeof(*h));
	memcpy(m->data + m->at + sizeof(*h), data, h->caplen);
	m->at += need;
	m->packets++;
	m->held++;
}

static int fail(const char *what)
{
	fprintf(stderr, "pcap_memory: %s\n", what);
	return 1;
}

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct memory m = {0};
	int r;

	if (argc != 4)
		return fail("usage: pcap_memory interface buffer_mib memory_mib");
	m.size = strtoull(argv[3], NULL, 10) << 20;
	m.data = mmap(NULL, m.size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m.data == MAP_FAILED)
		return fail("no memory");
	handle = pcap_create(argv[1], error);
	if (!handle)
		return fail(error);
	pcap_set_snaplen(handle, SNAPLEN);
	pcap_set_promisc(handle, 1);
	pcap_set_timeout(handle, 1000);
	pcap_set_buffer_size(handle, (int)(strtoul(argv[2], NULL, 10) << 20));
	if (pcap_activate(handle) < 0)
		return fail(pcap_geterr(handle));
	signal(SIGINT, on_signal);
	do {
		r = pcap_dispatch(handle, -1, on_packet, (u_char *)&m);
	} while (r >= 0);
	printf("packets=%llu held=%llu\n", (unsigned long long)m.packets,
	       (unsigned long long)m.held);
	pcap_close(handle);
	return r != PCAP_ERROR_BREAK;
}
