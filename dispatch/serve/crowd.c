/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/crowd.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/error.h"

#define BUCKETS	  1024u
#define KEY_BYTES 8 /* of an IPv6 address: its network */

struct crowd_address {
	LIST_ENTRY(crowd_address) next;
	sa_family_t family;
	unsigned char key[KEY_BYTES];
	uint32_t count; /* 0: gone, and kept until what it took is paid for */
	struct throttle throttle;
};

struct crowd {
	struct crowd_limits limits;
	uint32_t count; /* without the local ones */
	uint32_t busy[CROWD_KINDS];
	LIST_HEAD(, crowd_address) buckets[BUCKETS];
};

const char *crowd_kind_name(enum crowd_kind kind)
{
	static const char *const names[] = {"intake", "management"};

	return names[kind];
}

struct crowd *crowd_new(const struct crowd_limits *limits)
{
	struct crowd *crowd = xcalloc(1, sizeof(*crowd));

	bug_on(limits->reserve >= limits->max);
	crowd->limits = *limits;
	return crowd;
}

struct crowd *crowd_free(struct crowd *crowd)
{
	for (size_t i = 0; crowd && i < BUCKETS; i++)
		while (!LIST_EMPTY(&crowd->buckets[i])) {
			struct crowd_address *address = LIST_FIRST(&crowd->buckets[i]);

			LIST_REMOVE(address, next);
			free(address);
		}
	free(crowd);
	return NULL;
}

/* IPv4 in IPv6 is IPv4: [::] takes both. */
static void make_key(const struct sockaddr *address, struct crowd_address *ret)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	memset(ret, 0, sizeof(*ret));
	ret->family = address->sa_family;
	if (address->sa_family == AF_INET) {
		memcpy(ret->key, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		ret->family = AF_INET;
		memcpy(ret->key, v6->sin6_addr.s6_addr + 12, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(ret->key, v6->sin6_addr.s6_addr, KEY_BYTES);
	}
}

/* Addresses are counted, not secrets: who makes a bucket long is bounded by `max`. */
static size_t bucket_of(const struct crowd_address *key)
{
	uint64_t number;

	memcpy(&number, key->key, sizeof(number));
	return (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) % BUCKETS;
}

static struct crowd_address *find(const struct crowd *crowd, const struct crowd_address *key)
{
	struct crowd_address *address;

	LIST_FOREACH (address, &crowd->buckets[bucket_of(key)], next)
		if (address->family == key->family && !memcmp(address->key, key->key, KEY_BYTES))
			return address;
	return NULL;
}

static void forget(struct crowd_address *address)
{
	LIST_REMOVE(address, next);
	free(address);
}

static void forget_paid(struct crowd *crowd, size_t bucket, mono_t now)
{
	struct crowd_address *address = LIST_FIRST(&crowd->buckets[bucket]), *next;

	for (; address; address = next) {
		next = LIST_NEXT(address, next);
		if (!address->count && address->throttle.free_at.ns <= now.ns)
			forget(address);
	}
}

int crowd_enter(struct crowd *crowd, const struct sockaddr *address, mono_t now,
		struct crowd_address **ret)
{
	struct crowd_address key, *found;
	int local = address->sa_family == AF_UNIX;

	make_key(address, &key);
	forget_paid(crowd, bucket_of(&key), now);
	found = find(crowd, &key);
	if (found && found->count >= (local ? CROWD_LOCAL_MAX : crowd->limits.per_address))
		return CROWD_ADDRESS;
	if (!local && crowd->count >= crowd->limits.max)
		return CROWD_FULL;
	if (!found) {
		found = xmalloc(sizeof(*found));
		*found = key;
		LIST_INSERT_HEAD(&crowd->buckets[bucket_of(&key)], found, next);
	}
	found->count++;
	crowd->count += !local;
	*ret = found;
	return 0;
}

void crowd_leave(struct crowd *crowd, struct crowd_address *address, mono_t now)
{
	crowd->count -= address->family != AF_UNIX;
	if (!--address->count && address->throttle.free_at.ns <= now.ns)
		forget(address);
}

struct throttle *crowd_throttle(struct crowd_address *address)
{
	return &address->throttle;
}

int crowd_begin(struct crowd *crowd, enum crowd_kind kind)
{
	if (crowd->busy[kind] >= crowd->limits.max - crowd->limits.reserve)
		return CROWD_BUSY;
	crowd->busy[kind]++;
	return 0;
}

void crowd_end(struct crowd *crowd, enum crowd_kind kind)
{
	crowd->busy[kind]--;
}

uint32_t crowd_count(const struct crowd *crowd)
{
	return crowd->count;
}

uint32_t crowd_busy(const struct crowd *crowd, enum crowd_kind kind)
{
	return crowd->busy[kind];
}
