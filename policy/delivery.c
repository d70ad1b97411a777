/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

struct delivery {
	char key[SHA256_HEX_SIZE]; /* hash, so that a sender's long ids cost no more than short ones
				    */
};

void delivery_log_init(struct delivery_log *log)
{
	table_init(&log->known, offsetof(struct delivery, key));
	log->ring = xcalloc(DELIVERIES_MAX, sizeof(log->ring[0]));
	log->next = 0;
}

void delivery_log_fini(struct delivery_log *log)
{
	for (size_t i = 0; i < DELIVERIES_MAX; i++)
		free(log->ring[i]);
	free(log->ring);
	log->ring = NULL;
	table_fini(&log->known);
}

static void key_format(const char *source, const char *delivery_id, char ret[SHA256_HEX_SIZE])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, source, strlen(source) + 1);
	sha256_add(&hash, delivery_id, strlen(delivery_id));
	sha256_format(&hash, ret);
}

bool delivery_log_has(const struct delivery_log *log, const char *source, const char *delivery_id)
{
	char key[SHA256_HEX_SIZE];

	if (!*delivery_id)
		return false;
	key_format(source, delivery_id, key);
	return table_find(&log->known, key);
}

int delivery_log_add(struct delivery_log *log, const char *source, const char *delivery_id)
{
	struct delivery **slot = &log->ring[log->next];
	struct delivery *delivery;
	char key[SHA256_HEX_SIZE];

	if (!*delivery_id)
		return 0;
	key_format(source, delivery_id, key);
	if (table_find(&log->known, key))
		return DELIVERY_KNOWN;
	if (*slot)
		free(table_take(&log->known, (*slot)->key));
	delivery = xmalloc(sizeof(*delivery));
	memcpy(delivery->key, key, sizeof(key));
	*slot = delivery;
	table_add(&log->known, delivery);
	log->next = (log->next + 1) % DELIVERIES_MAX;
	return 0;
}
