/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile table of a structured filter and a hostile packet: link type, size of the table, table,
 * packet. */
#include "base/cleanup.h"
#include "capture/classifier.h"
#include "capture/fields.h"
#include "tests/fuzz/fuzz.h"

#define ANY_SIZE (sizeof(struct match_table_head) + sizeof(struct match_clause))

/* The filter without any condition. */
static struct match_table *any(void)
{
	_Alignas(16) uint8_t bytes[ANY_SIZE] = {0};
	struct match_table_head *head = (void *)bytes;
	struct match_table *table;

	head->magic = MATCH_TABLE_MAGIC;
	head->clauses = 1;
	fuzz_check(!match_table_new(bytes, sizeof(bytes), &table));
	return table;
}

static void check_fields(const struct packet *packet, uint32_t link_type)
{
	struct fields f;

	fields_read(packet, link_type, &f);
	fuzz_check(f.tags <= FIELDS_TAGS_MAX && f.labels <= FIELDS_LABELS_MAX &&
		   f.protocols <= FIELDS_PROTOCOLS_MAX);
	fuzz_check(!(f.present & FIELD_TARGET_PORT) || f.present & FIELD_SOURCE_PORT);
	fuzz_check(!(f.present & FIELD_VNI) || f.target_port == 4789);
	fuzz_check(f.version || !f.protocols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t link_types[] = {1, 101, 113};
	struct fuzz_input input = {data, size};
	uint32_t link_type = link_types[fuzz_take(&input, 1) % 3], slot = CLASSIFIER_NONE, first;
	size_t bytes = fuzz_take(&input, 2);
	CLEANUP_FREE uint8_t *exact = NULL;
	struct match_table *table = NULL;
	struct classifier *c = classifier_new(link_type);
	struct packet packet = {0};
	const uint64_t *set;

	bytes = bytes < input.size ? bytes : input.size;
	first = classifier_add(c, any());
	if (!match_table_new(input.data, bytes, &table))
		slot = classifier_add(c, table);
	/* just as large as it is, so that a sanitizer sees one byte too many */
	exact = malloc(input.size - bytes + 1);
	memcpy(exact, input.data + bytes, input.size - bytes);
	packet.data = exact;
	packet.captured_bytes = packet.original_bytes = (uint32_t)(input.size - bytes);
	for (int tagged = 0; tagged < 2; tagged++) {
		packet.vlan_tpid = tagged ? 0x8100 : 0;
		packet.vlan_tci = 7;
		check_fields(&packet, link_type);
		classifier_version(c);
		set = classifier_run(c, &packet);
		fuzz_check(classifier_has(set, first));
	}
	classifier_remove(c, slot);
	classifier_version(c);
	fuzz_check(classifier_has(classifier_run(c, &packet), first));
	classifier_free(c);
	return 0;
}
