/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/unit/test.h"

static const struct sockaddr *address(const char *text)
{
	static struct sockaddr_storage storage;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

	memset(&storage, 0, sizeof(storage));
	if (!*text)
		storage.ss_family = AF_UNIX;
	else if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		storage.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		storage.ss_family = AF_INET6;
	return (const struct sockaddr *)&storage;
}

static struct crowd *new_crowd(uint32_t max, uint32_t per_address, uint32_t reserve)
{
	return crowd_new(&(struct crowd_limits){max, per_address, reserve});
}

static mono_t at(dur_t ns)
{
	return (mono_t){ns};
}

static int enter(struct crowd *crowd, const char *text)
{
	struct crowd_address *ignored;

	return crowd_enter(crowd, address(text), at(0), &ignored);
}

static void per_address(void)
{
	struct crowd *crowd = new_crowd(100, 2, 10);
	struct crowd_address *first;

	check_int(crowd_enter(crowd, address("192.0.2.1"), at(0), &first), 0);
	check_int(enter(crowd, "192.0.2.1"), 0);
	check_int(enter(crowd, "192.0.2.1"), CROWD_ADDRESS);
	check_int(enter(crowd, "192.0.2.2"), 0);
	check_int(crowd_count(crowd), 3);
	crowd_leave(crowd, first, at(0));
	check_int(enter(crowd, "192.0.2.1"), 0);
	/* the same host, seen through [::] */
	check_int(enter(crowd, "::ffff:192.0.2.1"), CROWD_ADDRESS);
	/* a host has its whole /64 */
	check_int(enter(crowd, "2001:db8::1"), 0);
	check_int(enter(crowd, "2001:db8::2"), 0);
	check_int(enter(crowd, "2001:db8::3"), CROWD_ADDRESS);
	check_int(enter(crowd, "2001:db8:0:1::1"), 0);
	crowd_free(crowd);
}

static void all_places(void)
{
	struct crowd *crowd = new_crowd(2, 2, 1);
	struct crowd_address *gone;

	check_int(enter(crowd, "192.0.2.1"), 0);
	check_int(crowd_enter(crowd, address("192.0.2.2"), at(0), &gone), 0);
	check_int(enter(crowd, "192.0.2.3"), CROWD_FULL);
	/* the local tool always gets in, up to its own limit */
	for (int i = 0; i < CROWD_LOCAL_MAX; i++)
		check_int(enter(crowd, ""), 0);
	check_int(enter(crowd, ""), CROWD_ADDRESS);
	check_int(crowd_count(crowd), 2);
	crowd_leave(crowd, gone, at(0));
	check_int(enter(crowd, "192.0.2.3"), 0);
	crowd_free(crowd);
}

/* Neither kind can take the other's last places. */
static void reserve(void)
{
	struct crowd *crowd = new_crowd(16, 16, 2);

	for (enum crowd_kind kind = 0; kind < CROWD_KINDS; kind++) {
		for (int i = 0; i < 14; i++)
			check_int(crowd_begin(crowd, kind), 0);
		check_int(crowd_begin(crowd, kind), CROWD_BUSY);
		check_int(crowd_busy(crowd, kind), 14);
	}
	crowd_end(crowd, CROWD_INTAKE);
	check_int(crowd_begin(crowd, CROWD_INTAKE), 0);
	check_int(crowd_begin(crowd, CROWD_MANAGEMENT), CROWD_BUSY);
	crowd_free(crowd);
}

/* Many addresses: each is found again, and all memory is given back (ASan). */
static void many(void)
{
	static struct crowd_address *entered[5000];
	struct crowd *crowd = new_crowd(5000, 1, 1);
	char text[INET_ADDRSTRLEN];

	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.%d", i % 7, i / 256, i % 256);
		check_int(crowd_enter(crowd, address(text), at(0), &entered[i]), 0);
		check_int(enter(crowd, text), CROWD_ADDRESS);
	}
	for (int i = 0; i < 5000; i += 2)
		crowd_leave(crowd, entered[i], at(0));
	check_int(crowd_count(crowd), 2500);
	crowd_free(crowd);
}

/* A connection for each piece is no way around a limit. */
static void debt_outlives_connections(void)
{
	struct crowd *crowd = new_crowd(100, 2, 10);
	struct crowd_address *entered;

	for (int i = 0; i < 3; i++) {
		check_int(crowd_enter(crowd, address("192.0.2.1"), at(0), &entered), 0);
		check_int(throttle_take(crowd_throttle(entered), 1000, 1000, at(0)), i * DUR_S);
		crowd_leave(crowd, entered, at(0));
	}
	check_int(crowd_count(crowd), 0);
	check_int(crowd_enter(crowd, address("192.0.2.1"), at(9 * DUR_S), &entered), 0);
	check_int(throttle_take(crowd_throttle(entered), 1000, 1000, at(9 * DUR_S)), 0);
	crowd_free(crowd);
}

int main(void)
{
	debt_outlives_connections();
	per_address();
	all_places();
	reserve();
	many();
	return 0;
}
