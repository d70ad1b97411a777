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
			/* the NIC's counter is read every second */
			double read = s - 0.5;
			unsigned nic = read > begin ? (unsigned)((read - begin) * 10000) : 0;

			r = heartbeat_step(&h, at(s), 5000 + nic, 5000 + (s < begin ? s : 10),
					   LATE);
		}
		check_int(r, HEARTBEAT_STALLED);
		check(s - 1 - begin <= 6);
		check(s - 1 - begin >= 2);
		check_int(heartbeat_step(&h, at(s), 900000, 5010, LATE), 0); /* told once */
		check_int(heartbeat_step(&h, at(s + 1), 900000, 5011, LATE), HEARTBEAT_BACK);
		check(!h.stalled);
	}
}

/* Both stop with the last packet; the NIC's counter is read up to a second later. */
static void traffic_that_ends(void)
{
	for (int tenth = 0; tenth < 20; tenth++) {
		double end = 10 + tenth / 10.0;
		struct heartbeat h = {0};

		for (int s = 0; s < 60; s++) {
			double read = s - 0.99, seen = s - 0.01;
			unsigned nic = read < 0 ? 0 : (unsigned)((read < end ? read : end) * 10000);
			unsigned ring = seen < 0 ? 0
						 : (unsigned)((seen < end ? seen : end) * 10000);

			check_int(heartbeat_step(&h, at(s), nic, ring, LATE), 0);
		}
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
	traffic_that_ends();
	few_packets_prove_nothing();
	link_down();
	return 0;
}
