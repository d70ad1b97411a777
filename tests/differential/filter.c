/* SPDX-License-Identifier: Apache-2.0 */
/* filter [pairs [seed]]: generated structured filters × generated packets, the classifier (several
 * filters at once) against libpcap's program of the BPF text of each filter. */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "capture/classifier.h"
#include "capture/fields.h"
#include "dispatch/serve/filter_table.h"
#include "policy/match_bpf.h"
#include "tests/differential/filter_random.h"
#include "tests/differential/packet_random.h"

#define FILTERS	  90 /* in one classifier: more than one word of bits */
#define PACKETS	  120
#define TEXT_MAX  (1 << 20)
#define NEVER	  "expression rejects all packets"
#define DLT_OF(l) ((l) == 101 ? DLT_RAW : (int)(l))

struct filter_pair {
	struct match match;
	char *text;
	struct bpf_program program;
	int never; /* libpcap found it contradictory */
	uint32_t slot;
};

struct totals {
	uint64_t pairs;
	uint64_t matches;
	uint64_t skipped;
};

static void fail(const struct filter_pair *f, const struct packet_random *p, int got)
{
	json_t *json = match_format(&f->match);
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	fprintf(stderr, "classifier says %d, BPF says %d\nfilter %s\ntext %s\npacket", got, !got,
		text, f->text);
	for (uint32_t i = 0; i < p->size; i++)
		fprintf(stderr, " %02x", p->bytes[i]);
	fprintf(stderr, "\n(link type %u, %u bytes)\n", p->link_type, p->size);
	exit(EXIT_FAILURE);
}

static void compile(struct filter_pair *f, uint32_t link_type)
{
	pcap_t *pcap = pcap_open_dead(DLT_OF(link_type), 262144);
	struct buf text = BUF_INIT;
	int r = match_bpf_format(&f->match, link_type, TEXT_MAX, &text);

	f->never = r == MATCH_BPF_NEVER;
	f->text = buf_take(&text);
	if (r == MATCH_BPF_TOO_LONG) {
		fprintf(stderr, "text is too long\n");
		exit(EXIT_FAILURE);
	}
	if (!f->never && pcap_compile(pcap, &f->program, f->text, 1, PCAP_NETMASK_UNKNOWN)) {
		if (strcmp(pcap_geterr(pcap), NEVER)) {
			fprintf(stderr, "%s\ntext %s\n", pcap_geterr(pcap), f->text);
			exit(EXIT_FAILURE);
		}
		f->never = 1;
	}
	pcap_close(pcap);
}

/* What the API reads is what it shows, and reads again. */
static void check_json(const struct match *match)
{
	json_t *json = match_format(match);
	struct match again = {0};
	struct error err;

	if (match_read(&again, json, "", &err)) {
		fprintf(stderr, "%s: %s\n%s\n", err.field, err.text, json_dumps(json, 0));
		exit(EXIT_FAILURE);
	}
	if (!match_equal(match, &again)) {
		fprintf(stderr, "JSON and back is another filter: %s\n", json_dumps(json, 0));
		exit(EXIT_FAILURE);
	}
	match_fini(&again);
	json_decref(json);
}

static void add(struct classifier *c, struct filter_pair *f)
{
	struct match_table *table;
	struct buf bytes = BUF_INIT;

	filter_table_format(&f->match, NULL, 0, &bytes);
	if (match_table_new(bytes.data, bytes.len, &table)) {
		fprintf(stderr, "the table is refused\n");
		exit(EXIT_FAILURE);
	}
	f->slot = classifier_add(c, table);
	buf_fini(&bytes);
}

static int bpf_says(const struct filter_pair *f, const struct packet_random *p)
{
	if (f->never)
		return 0;
	return bpf_filter(f->program.bf_insns, p->plain, p->plain_size, p->plain_size) != 0;
}

/* In garbage there may be extension headers by chance. */
static int is_comparable(const struct packet_random *p, const struct packet *packet)
{
	struct fields fields;

	fields_read(packet, p->link_type, &fields);
	return p->is_comparable &&
	       (fields.version != 6 || fields.protocols < 2 || p->plain_size != p->size ||
		(p->plain_size == p->size && fields.protocol[0] == 44 && fields.protocols == 2 &&
		 !(fields.present & FIELD_SOURCE_PORT)));
}

static void compare(struct classifier *c, struct filter_pair *filters,
		    const struct packet_random *p, struct totals *totals)
{
	struct packet packet = {.data = p->stripped,
				.captured_bytes = p->stripped_size,
				.original_bytes = p->stripped_size,
				.vlan_tpid = p->tpid,
				.vlan_tci = p->tci};
	const uint64_t *set = classifier_run(c, &packet);

	if (!is_comparable(p, &packet)) {
		totals->skipped += FILTERS;
		return;
	}
	for (int i = 0; i < FILTERS; i++) {
		int got = classifier_has(set, filters[i].slot);

		if (got != bpf_says(&filters[i], p))
			fail(&filters[i], p, got);
		totals->matches += (uint64_t)got;
		totals->pairs++;
	}
}

static void run_round(struct random *random, struct totals *totals, uint64_t wanted)
{
	static struct filter_pair filters[FILTERS];
	uint32_t link_type = random_chance(random, 15) ? 101 : 1;
	struct classifier *c = classifier_new(link_type);
	struct packet_random packet;

	memset(filters, 0, sizeof(filters));
	for (int i = 0; i < FILTERS; i++) {
		filter_random(random, &filters[i].match);
		check_json(&filters[i].match);
		compile(&filters[i], link_type);
		add(c, &filters[i]);
	}
	classifier_version(c);
	for (int i = 0; i < PACKETS && totals->pairs < wanted; i++) {
		packet_random(random, link_type, &packet);
		compare(c, filters, &packet, totals);
	}
	for (int i = 0; i < FILTERS; i++) {
		if (!filters[i].never)
			pcap_freecode(&filters[i].program);
		free(filters[i].text);
		match_fini(&filters[i].match);
	}
	classifier_free(c);
}

int main(int argc, char **argv)
{
	uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct random random = {.state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1};
	struct totals totals = {0};

	random.state = random.state * 0x9e3779b97f4a7c15u | 1;
	while (totals.pairs < wanted)
		run_round(&random, &totals, wanted);
	printf("%llu pairs, %llu matches, %llu with a packet cut inside its IP header not "
	       "compared\n",
	       (unsigned long long)totals.pairs, (unsigned long long)totals.matches,
	       (unsigned long long)totals.skipped);
	/* a generator that never matches would prove nothing */
	return totals.matches > totals.pairs / 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
