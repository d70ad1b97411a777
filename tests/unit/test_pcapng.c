/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcapng.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/unit/test.h"

#define TIME_NS 1763652600123456789ull

static unsigned char out[PCAPNG_PACKET_BOUND_MAX + PCAPNG_COMMENT_BOUND];
static unsigned char frame[PCAPNG_SNAPLEN + 1000];

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const unsigned char *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* The n-th option with this code behind byte `from` of the block in out, or NULL; checks all. */
static const unsigned char *option(size_t from, uint32_t code, int n, uint32_t *ret_len)
{
	uint32_t total = get32(out + 4);
	const unsigned char *p = out + from, *end = out + total - 4, *found = NULL;

	check_int(total % 4, 0);
	check_int(get32(end), total);
	while (p < end) {
		uint32_t c = get16(p), len = get16(p + 2), padded = (len + 3) & ~3u;

		if (c == 0) {
			check_int(len, 0);
			check(p + 4 == end); /* nothing behind the end of options */
			return found;
		}
		for (uint32_t i = len; i < padded; i++)
			check_int(p[4 + i], 0);
		if (c == code && n-- == 0) {
			found = p + 4;
			*ret_len = len;
		}
		p += 4 + padded;
		check(p < end);
	}
	check(p == end);
	return found;
}

static void check_option_text(size_t from, uint32_t code, int n, const char *want)
{
	uint32_t len;
	const unsigned char *p = option(from, code, n, &len);

	check(p);
	check_int(len, strlen(want));
	check(!memcmp(p, want, len));
}

static void section(void)
{
	static const char *const comments[] = {"first", "second: größer"};
	struct pcapng_section s = {"probe", "Linux", "Ringbell", comments, 2};
	size_t n = pcapng_section_format(out, &s);
	uint32_t len;

	check(n <= pcapng_section_bound(&s));
	check_int(get32(out), 0x0a0d0d0a);
	check_int(get32(out + 4), n);
	check_int(get32(out + 8), 0x1a2b3c4d);
	check_int(get16(out + 12), 1);
	check_int(get64(out + 16), -1);
	check_option_text(24, 2, 0, "probe");
	check_option_text(24, 3, 0, "Linux");
	check_option_text(24, 4, 0, "Ringbell");
	check_option_text(24, 1, 0, "first");
	check_option_text(24, 1, 1, "second: größer");
	check(!option(24, 1, 2, &len));
}

static void interface(void)
{
	struct pcapng_interface i = {1, "eth0", "desc", "udp port 53", "Linux", 10000000000ull};
	size_t n = pcapng_interface_format(out, &i);
	const unsigned char *p;
	uint32_t len;

	check(n <= pcapng_interface_bound(&i));
	check_int(get32(out), 1);
	check_int(get16(out + 8), 1);
	check_int(get32(out + 12), 262144);
	check_option_text(16, 2, 0, "eth0");
	check_option_text(16, 3, 0, "desc");
	check_option_text(16, 12, 0, "Linux");
	p = option(16, 9, 0, &len);
	check(p && len == 1 && p[0] == 9);
	p = option(16, 11, 0, &len);
	check(p && len == 12 && p[0] == 0 && !memcmp(p + 1, "udp port 53", 11));
	p = option(16, 8, 0, &len);
	check(p && len == 8 && get64(p) == 10000000000ull);
	n = pcapng_interface_format(out, &(struct pcapng_interface){.link_type = 113});
	check_int(get16(out + 8), 113);
	check(!option(16, 2, 0, &len) && option(16, 9, 0, &len));
}

/* Long texts are cut between characters. */
static void long_text(void)
{
	char text[PCAPNG_TEXT_MAX + 10];
	struct pcapng_section s = {.os = text};
	const unsigned char *p;
	uint32_t len;

	memset(text, 'a', sizeof(text));
	memcpy(text + PCAPNG_TEXT_MAX - 1, "\xc3\xa4", 2); /* ä across the limit */
	text[sizeof(text) - 1] = '\0';
	check(pcapng_section_format(out, &s) <= pcapng_section_bound(&s));
	p = option(24, 3, 0, &len);
	check(p);
	check_int(len, PCAPNG_TEXT_MAX - 1);
}

static void check_packet(const struct pcapng_packet *p, uint32_t captured, uint32_t original)
{
	size_t n = pcapng_packet_format(out, p);

	check(n <=
	      pcapng_packet_bound(p->captured_bytes) + (p->comment ? PCAPNG_COMMENT_BOUND : 0));
	check_int(get32(out), 6);
	check_int(get32(out + 4), n);
	check_int(get32(out + 8), 0);
	check_int((uint64_t)get32(out + 12) << 32 | get32(out + 16), p->time_ns);
	check_int(get32(out + 20), captured);
	check_int(get32(out + 24), original);
	for (uint32_t i = captured; i % 4; i++)
		check_int(out[28 + i], 0);
}

static void packet_of_every_length(void)
{
	uint32_t len;

	for (uint32_t n = 0; n < 200; n++) {
		struct pcapng_packet p = {TIME_NS, frame, n, n + 5, 0, 0, 0, 0, NULL};

		memset(out, 0xee, 300);
		check_packet(&p, n, n + 5);
		check(!memcmp(out + 28, frame, n));
		check(!option(28 + ((n + 3) & ~3u), 1, 0, &len));
		check_int(get32(out + 4), 32 + ((n + 3) & ~3u));
	}
}

static void packet_options(void)
{
	struct pcapng_packet p = {TIME_NS, frame, 61, 61, 0, 0, PCAPNG_INBOUND, 77, "trigger"};
	const unsigned char *q;
	uint32_t len;

	check_packet(&p, 61, 61);
	check_option_text(28 + 64, 1, 0, "trigger");
	q = option(28 + 64, 2, 0, &len);
	check(q && len == 4 && get32(q) == 1);
	q = option(28 + 64, 4, 0, &len);
	check(q && len == 8 && get64(q) == 77);
	p.comment = "";
	p.flags = 0;
	p.drops = 0;
	check_packet(&p, 61, 61);
	check_int(get32(out + 4), 32 + 64);
}

static void stripped_tag_is_put_back(void)
{
	struct pcapng_packet p = {TIME_NS, frame, 60, 100, 0x8100, 0xa123, 0, 0, NULL};

	check_packet(&p, 64, 104);
	check(!memcmp(out + 28, frame, 12));
	check(!memcmp(out + 40, "\x81\x00\xa1\x23", 4));
	check(!memcmp(out + 44, frame + 12, 48));
	p.captured_bytes = 12;
	check_packet(&p, 16, 104);
	p.captured_bytes = 11; /* no room to put it */
	check_packet(&p, 11, 100);
}

static void giant_packet_is_cut(void)
{
	struct pcapng_packet p = {
		TIME_NS, frame, PCAPNG_SNAPLEN + 1000, PCAPNG_SNAPLEN + 1000, 0, 0, 0, 0, NULL};

	check_packet(&p, PCAPNG_SNAPLEN, PCAPNG_SNAPLEN + 1000);
	p.vlan_tpid = 0x88a8;
	check_packet(&p, PCAPNG_SNAPLEN, PCAPNG_SNAPLEN + 1004);
	check(!memcmp(out + 44, frame + 12, PCAPNG_SNAPLEN - 16));
	check(pcapng_packet_bound(UINT32_MAX) <= PCAPNG_PACKET_BOUND_MAX);
}

static void statistics(void)
{
	struct pcapng_statistics s = {TIME_NS, TIME_NS - 5,    TIME_NS - 1, 100,      7,
				      90,      PCAPNG_UNKNOWN, 88,	    "the end"};
	size_t n = pcapng_statistics_format(out, &s);
	const unsigned char *p;
	uint32_t len;

	check(n <= pcapng_statistics_bound(&s));
	check_int(get32(out), 5);
	check_int((uint64_t)get32(out + 12) << 32 | get32(out + 16), TIME_NS);
	p = option(20, 2, 0, &len);
	check(p && ((uint64_t)get32(p) << 32 | get32(p + 4)) == TIME_NS - 5);
	p = option(20, 4, 0, &len);
	check(p && len == 8 && get64(p) == 100);
	p = option(20, 5, 0, &len);
	check(p && get64(p) == 7);
	p = option(20, 8, 0, &len);
	check(p && get64(p) == 88);
	check(!option(20, 7, 0, &len));
	check_option_text(20, 1, 0, "the end");
}

static void write_sample(FILE *f)
{
	static const char *const comments[] = {"policy web", "window 10 s"};
	struct pcapng_packet p = {TIME_NS, frame, 60, 60, 0x8100, 5, PCAPNG_OUTBOUND, 3, "alert"};
	struct pcapng_statistics s = {TIME_NS, TIME_NS, TIME_NS, 2, 3, 2, 3, 2, "end"};

	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0", 14);
	fwrite(out, 1,
	       pcapng_section_format(out, &(struct pcapng_section){"hw", "os", "rb", comments, 2}),
	       f);
	fwrite(out, 1,
	       pcapng_interface_format(
		       out, &(struct pcapng_interface){1, "eth0", "d", "udp", "os", 1000}),
	       f);
	fwrite(out, 1, pcapng_packet_format(out, &p), f);
	p = (struct pcapng_packet){TIME_NS + 1, frame, 60, 60, 0, 0, 0, 0, NULL};
	fwrite(out, 1, pcapng_packet_format(out, &p), f);
	fwrite(out, 1, pcapng_statistics_format(out, &s), f);
}

/* What the program says, all of it; it must end with status 0. */
static char *run(const char *const argv[])
{
	char *text = xcalloc(1, 65536);
	size_t n = 0;
	ssize_t got;
	int ends[2], status;
	pid_t pid;

	check(!pipe(ends));
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + n, 65535 - n)) > 0)
		n += (size_t)got;
	close(ends[0]);
	check(waitpid(pid, &status, 0) == pid);
	if (status)
		fprintf(stderr, "%s: %s\n", argv[0], text);
	check_int(status, 0);
	return text;
}

/* Other people's readers, where they are installed, find everything and complain about nothing. */
static void readers_agree(void)
{
	char path[] = "/tmp/test_pcapng.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	char *text;

	check(f);
	write_sample(f);
	fclose(f);
	if (!access("/usr/bin/capinfos", X_OK)) {
		text = run((const char *[]){"/usr/bin/capinfos", path, NULL});
		check(strstr(text, "Number of packets:   2"));
		check(strstr(text, "Time precision = nanoseconds (9)"));
		check(strstr(text, "policy web") && strstr(text, "window 10 s"));
		check(strstr(text, "Number of stat entries = 1"));
		check(!strstr(text, "damaged") && !strstr(text, "cut short"));
		free(text);
	}
	if (!access("/usr/bin/tcpdump", X_OK)) {
		text = run((const char *[]){"/usr/bin/tcpdump", "-e", "-tt",
					    "--time-stamp-precision=nano", "-nr", path, NULL});
		check(strstr(text, "vlan 5") && strstr(text, "1763652600.123456789"));
		free(text);
	}
	unlink(path);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (unsigned char)(i * 7 + i / 256 + 1);
	section();
	interface();
	long_text();
	packet_of_every_length();
	packet_options();
	stripped_tag_is_put_back();
	giant_packet_is_cut();
	statistics();
	readers_agree();
	return 0;
}
