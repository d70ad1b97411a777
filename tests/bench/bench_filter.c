/* SPDX-License-Identifier: Apache-2.0 */
/* bench_filter: what judging a packet costs, by the classifier and by libpcap's interpreter once
 * per filter, over the same packets in the same order; how long a list of 10 000 addresses takes
 * from JSON to a classifier. Prints one JSON object; nanoseconds are medians. */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "capture/classifier.h"
#include "capture/filter.h"
#include "dispatch/serve/filter_table.h"
#include "tests/differential/random.h"

#define PACKETS	    4096
#define PACKET_SIZE 512
#define FILTERS_MAX 100
#define ROUNDS	    9
#define HOSTS	    250
#define PORTS	    200
#define LIST	    10000

static uint8_t packets[PACKETS][PACKET_SIZE];
static struct filter *programs[FILTERS_MAX];
static uint64_t found[2]; /* matches: of the classifier, of BPF */

static void put(uint8_t *at, uint32_t value, int bytes)
{
	for (int i = bytes; i; i--, value >>= 8)
		at[i - 1] = (uint8_t)value;
}

/* TCP and UDP between hosts and ports of which the filters want some. */
static void fill_packets(struct random *r)
{
	for (int i = 0; i < PACKETS; i++) {
		uint8_t *p = packets[i];
		uint32_t wanted;

		for (int b = 0; b < PACKET_SIZE; b++)
			p[b] = (uint8_t)random_next(r);
		put(p + 12, 0x0800, 2);
		p[14] = 0x45;
		put(p + 20, 0, 2);
		p[23] = random_chance(r, 50) ? 6 : 17;
		put(p + 26, 0x0a010000 + random_below(r, HOSTS), 4);
		put(p + 30, 0x0a010000 + random_below(r, HOSTS), 4);
		put(p + 34, 1000 + random_below(r, PORTS), 2);
		put(p + 36, 1000 + random_below(r, PORTS), 2);
		if (random_chance(r, 50))
			continue;
		/* an end that one of the filters wants, if it is TCP */
		wanted = random_below(r, FILTERS_MAX);
		put(p + 26, 0x0a010000 + wanted * 2, 4);
		put(p + 34, 1000 + wanted, 2);
	}
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_filter: %s\n", what);
	exit(EXIT_FAILURE);
}

static void read_match(const char *text, struct match *ret)
{
	json_t *json;
	struct error err;

	if (json_parse(text, strlen(text), 1 << 20, &json, &err) || match_read(ret, json, "", &err))
		fail(err.text);
	json_decref(json);
}

static void add_match(struct classifier *c, const char *text)
{
	struct match match = {0};
	struct match_table *table;
	struct buf bytes = BUF_INIT;

	read_match(text, &match);
	filter_table_format(&match, NULL, 0, &bytes);
	if (match_table_new(bytes.data, bytes.len, &table))
		fail("the table is refused");
	classifier_add(c, table);
	buf_fini(&bytes);
	match_fini(&match);
}

static struct filter *compile(const char *text)
{
	static struct rec_program program;
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	struct bpf_program bpf;
	struct filter *filter;

	if (pcap_compile(pcap, &bpf, text, 1, PCAP_NETMASK_UNKNOWN))
		fail(pcap_geterr(pcap));
	program.count = bpf.bf_len;
	for (u_int i = 0; i < bpf.bf_len; i++)
		program.insns[i] = (struct sock_filter){bpf.bf_insns[i].code, bpf.bf_insns[i].jt,
							bpf.bf_insns[i].jf, bpf.bf_insns[i].k};
	if (filter_new(&program, &filter))
		fail("the program is refused");
	pcap_freecode(&bpf);
	pcap_close(pcap);
	return filter;
}

/* Filter i as both take it. The BPF text is what a person would write, cheaper than the one with
 * all tags. */
static struct classifier *make_filters(int count)
{
	struct classifier *c = classifier_new(1);
	char text[256];

	for (int i = 0; i < count; i++) {
		snprintf(text, sizeof(text),
			 "{\"addresses\": [\"10.1.0.%d\"], \"protocol\": \"tcp\", \"ports\": %d}",
			 i * 2, 1000 + i);
		add_match(c, text);
		snprintf(text, sizeof(text),
			 "(src host 10.1.0.%d and tcp src port %d) or "
			 "(dst host 10.1.0.%d and tcp dst port %d)",
			 i * 2, 1000 + i, i * 2, 1000 + i);
		programs[i] = compile(text);
	}
	classifier_version(c);
	return c;
}

static void free_filters(struct classifier *c, int count)
{
	for (int i = 0; i < count; i++)
		programs[i] = filter_free(programs[i]);
	classifier_free(c);
}

static uint64_t run_classifier(struct classifier *c)
{
	uint32_t words = classifier_words(c);
	uint64_t n = 0;

	for (int i = 0; i < PACKETS; i++) {
		struct packet p = {.data = packets[i],
				   .captured_bytes = PACKET_SIZE,
				   .original_bytes = PACKET_SIZE};
		const uint64_t *set = classifier_run(c, &p);

		for (uint32_t w = 0; w < words; w++)
			n += (uint64_t)__builtin_popcountll(set[w]);
	}
	return n;
}

static uint64_t run_programs(int count)
{
	uint64_t n = 0;

	for (int i = 0; i < PACKETS; i++)
		for (int f = 0; f < count; f++)
			n += (uint64_t)filter_run(programs[f], packets[i], PACKET_SIZE,
						  PACKET_SIZE);
	return n;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Interleaved, so that both see the same machine. */
static void measure(int count, double ret[2])
{
	struct classifier *c = make_filters(count);
	double times[2][ROUNDS];
	int repeat = 2000 / (count + 10);

	for (int round = 0; round < ROUNDS; round++) {
		mono_t start = mono_now(), middle;

		for (int i = 0; i < repeat; i++)
			found[0] = run_classifier(c);
		middle = mono_now();
		for (int i = 0; i < repeat; i++)
			found[1] = run_programs(count);
		times[0][round] = (double)mono_sub(middle, start) / repeat / PACKETS;
		times[1][round] = (double)mono_sub(mono_now(), middle) / repeat / PACKETS;
	}
	if (found[0] != found[1] || !found[0])
		fail("classifier and BPF do not agree");
	for (int i = 0; i < 2; i++) {
		qsort(times[i], ROUNDS, sizeof(double), compare);
		ret[i] = times[i][ROUNDS / 2];
	}
	free_filters(c, count);
}

/* Milliseconds from the JSON text to a classifier that can run. */
static double measure_list(struct random *r)
{
	struct buf text = BUF_INIT;
	double times[ROUNDS];

	buf_printf(&text, "{\"addresses\": \"");
	for (int i = 0; i < LIST; i++)
		buf_printf(&text, "%u.%u.%u.%u ", 1 + random_below(r, 220), random_below(r, 256),
			   random_below(r, 256), random_below(r, 256));
	buf_printf(&text, "\"}");
	for (int round = 0; round < ROUNDS; round++) {
		struct classifier *c = classifier_new(1);
		mono_t start = mono_now();

		add_match(c, text.data);
		classifier_version(c);
		times[round] = (double)mono_sub(mono_now(), start) / 1e6;
		classifier_free(c);
	}
	buf_fini(&text);
	qsort(times, ROUNDS, sizeof(double), compare);
	return times[ROUNDS / 2];
}

int main(void)
{
	static const int counts[] = {1, 10, 100};
	struct random random = {.state = 20261125};

	fill_packets(&random);
	printf("{");
	for (int i = 0; i < 3; i++) {
		double ns[2];

		measure(counts[i], ns);
		printf("\"%d\": {\"classifier_ns\": %.2f, \"bpf_ns\": %.2f}, ", counts[i], ns[0],
		       ns[1]);
	}
	printf("\"list_ms\": %.2f}\n", measure_list(&random));
	return EXIT_SUCCESS;
}
