/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/heartbeat.h"

#include "tests/unit/test.h"

#define LATE (1300 * DUR_MS)

static mono_t at(double s)
{
	return (mono_t){(int64_t)(1000e9 + s * 1e9)};
}

static void healthy(void)
{
	struct heartbeat h = {0};

	for (int s = 0; s < 100; s++)
		check_int(heartbeat_step(&h, at(s), 1000u * (unsigned)s, 900u * (unsigned)s, LATE),
			  0);
	/* both quiet */
	for (int s = 100; s < 200; s++)
		check_int(heartbeat_step(&h, at(s), 99000, 89100, LATE), 0);
	check(!h.stalled);
}

/* Told within 5 s of the first packet the ring does not get, whenever that is between two looks. */
static void stalled_within_five_seconds(void)
{
	for (int tenth = 0; tenth < 10; tenth++) {
		double begin = 10 + tenth / 10.0;
		struct heartbeat h = {0};
		int r = 0, s;

		for (s = 0; !r && s < 100; s++) {
			/* the NIC's counter is read every two seconds */
			double read = s / 2 * 2 - 0.01;
			unsigned nic = read > begin ? (unsigned)((read - begin) * 10000) : 0;

			r = heartbeat_step(&h, at(s), 5000 + nic, 5000, LATE);
		}
		check_int(r, HEARTBEAT_STALLED);
		check(s - 1 - begin <= 5);
		check(s - 1 - begin >= 2);
		check_int(heartbeat_step(&h, at(s), 900000, 5000, LATE), 0); /* told once */
		check_int(heartbeat_step(&h, at(s + 1), 900000, 5001, LATE), HEARTBEAT_BACK);
		check(!h.stalled);
	}
}

static void few_packets_prove_nothing(void)
{
	struct heartbeat h = {0};

	for (int s = 0; s < 60; s++)
		check_int(
			heartbeat_step(&h, at(s), s ? 100 + HEARTBEAT_PACKETS - 1 : 100, 50, LATE),
			0);
}

static void link_down(void)
{
	struct heartbeat h = {0};

	for (int s = 0; s < 10; s++)
		heartbeat_step(&h, at(s), 1000u * (unsigned)s, 7, LATE);
	check(h.stalled);
	check_int(heartbeat_reset(&h), HEARTBEAT_BACK);
	check_int(heartbeat_reset(&h), 0);
	/* a new ring counts from 0 */
	check_int(heartbeat_step(&h, at(20), 0, 0, LATE), 0);
	check(!h.stalled);
}

int main(void)
{
	healthy();
	stalled_within_five_seconds();
	few_packets_prove_nothing();
	link_down();
	return 0;
}
