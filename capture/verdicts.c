/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/verdicts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define BLOCKS 32 /* remembered; a track reads at most 16 in a turn */

struct hit {
	uint32_t index; /* of the packet in its block */
	uint32_t offset;
};

struct verdict {
	uint64_t seq; /* 0 = none */
	uint64_t version;
	uint32_t packets;
	uint32_t count; /* packets that some filter matches */
	uint32_t room;
	int64_t first_ns; /* oldest and newest packet */
	int64_t last_ns;
	struct hit *hits;
	uint64_t *bits; /* a set for each hit */
	uint64_t *any;	/* all of them together */
};

struct verdicts {
	struct classifier *classifier;
	uint32_t words;
	const struct verdict *present; /* of the block being read */
	struct verdict blocks[BLOCKS];
};

struct verdicts *verdicts_new(uint32_t link_type)
{
	struct verdicts *v = xcalloc(1, sizeof(*v));

	v->classifier = classifier_new(link_type);
	return v;
}

struct verdicts *verdicts_free(struct verdicts *v)
{
	if (!v)
		return NULL;
	for (size_t i = 0; i < BLOCKS; i++) {
		free(v->blocks[i].hits);
		free(v->blocks[i].bits);
		free(v->blocks[i].any);
	}
	classifier_free(v->classifier);
	free(v);
	return NULL;
}

uint32_t verdicts_add(struct verdicts *v, struct match_table *table)
{
	return table ? classifier_add(v->classifier, table) : CLASSIFIER_NONE;
}

void verdicts_remove(struct verdicts *v, uint32_t slot)
{
	classifier_remove(v->classifier, slot);
}

int verdicts_match(struct verdicts *v, uint32_t slot, const struct packet *packet)
{
	return classifier_has(classifier_run(v->classifier, packet), slot);
}

/* ---- judging a block ---- */

static void grow(struct verdict *b, uint32_t words)
{
	b->room = b->room ? 2 * b->room : 64;
	b->hits = xreallocarray(b->hits, b->room, sizeof(b->hits[0]));
	b->bits = xreallocarray(b->bits, (size_t)b->room * words, sizeof(b->bits[0]));
}

static void add_hit(struct verdict *b, uint32_t words, struct hit hit, const uint64_t *set)
{
	uint64_t some = 0;

	for (uint32_t w = 0; w < words; w++)
		some |= set[w];
	if (!some)
		return;
	if (b->count == b->room)
		grow(b, words);
	b->hits[b->count] = hit;
	for (uint32_t w = 0; w < words; w++) {
		b->bits[(size_t)b->count * words + w] = set[w];
		b->any[w] |= set[w];
	}
	b->count++;
}

static void judge(struct verdicts *v, struct verdict *b, const struct ring_block_walk *at)
{
	struct ring_block_walk walk;
	struct packet packet;
	struct hit hit;

	ring_block_walk_init(&walk, at->block, at->block_bytes);
	b->packets = walk.left;
	b->count = 0;
	b->first_ns = INT64_MAX;
	b->last_ns = INT64_MIN;
	memset(b->any, 0, v->words * sizeof(b->any[0]));
	for (;;) {
		hit = (struct hit){b->packets - walk.left, walk.offset};
		if (ring_block_next(&walk, &packet))
			break;
		b->first_ns = packet.wall_ns < b->first_ns ? packet.wall_ns : b->first_ns;
		b->last_ns = packet.wall_ns > b->last_ns ? packet.wall_ns : b->last_ns;
		add_hit(b, v->words, hit, classifier_run(v->classifier, &packet));
	}
}

/* Sets may have another size now. */
static void resize(struct verdicts *v, uint32_t words)
{
	if (words == v->words)
		return;
	v->words = words;
	for (size_t i = 0; i < BLOCKS; i++) {
		struct verdict *b = &v->blocks[i];

		b->room = b->count = 0;
		b->seq = 0;
		b->any = xreallocarray(b->any, words, sizeof(b->any[0]));
	}
}

int verdicts_prepare(struct verdicts *v, uint64_t seq, const struct ring_block_walk *walk,
		     int64_t from_ns, int64_t until_ns)
{
	uint64_t version = classifier_version(v->classifier);
	struct verdict *b = &v->blocks[seq % BLOCKS];

	if (classifier_count(v->classifier) < 2)
		return VERDICTS_ALONE;
	resize(v, classifier_words(v->classifier));
	if (b->seq != seq || b->version != version) {
		judge(v, b, walk);
		b->seq = seq;
		b->version = version;
	}
	v->present = b;
	return b->first_ns < from_ns || b->last_ns > until_ns ? VERDICTS_ALONE : 0;
}

/* The first hit at or behind packet `index`. */
static uint32_t find_hit(const struct verdict *b, uint32_t index)
{
	uint32_t low = 0, high = b->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (b->hits[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t verdicts_next(struct verdicts *v, uint32_t slot, struct ring_block_walk *walk)
{
	const struct verdict *b = v->present;
	uint32_t index = b->packets - walk->left, passed;

	if (classifier_has(b->any, slot)) {
		for (uint32_t i = find_hit(b, index); i < b->count; i++) {
			if (!classifier_has(b->bits + (size_t)i * v->words, slot))
				continue;
			walk->offset = b->hits[i].offset;
			walk->left = b->packets - b->hits[i].index;
			return b->hits[i].index - index;
		}
	}
	passed = walk->left;
	walk->left = 0;
	return passed;
}
