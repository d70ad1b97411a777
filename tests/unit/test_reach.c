/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/reach.h"

#include "tests/unit/test.h"

static mono_t at(dur_t after)
{
	return (mono_t){1000 * DUR_S + after};
}

static void longest_counts(void)
{
	struct reach r = {0};

	check(!reach_find_short(&r, 0, at(0)));
	reach_note(&r, "alertmanager", 30 * DUR_S, at(0));
	reach_note(&r, "alertmanager", 90 * DUR_S, at(DUR_S));
	reach_note(&r, "alertmanager", 10 * DUR_S, at(2 * DUR_S));
	reach_note(&r, "native", DUR_S, at(2 * DUR_S));
	check(!reach_find_short(&r, 90 * DUR_S, at(3 * DUR_S)));
	check_text(reach_find_short(&r, 89 * DUR_S, at(3 * DUR_S))->name, "alertmanager");
	check_int(reach_find_short(&r, 0, at(3 * DUR_S))->delay, 90 * DUR_S);
}

static void nonsense_is_not_noted(void)
{
	struct reach r = {0};

	reach_note(&r, "a", -DUR_S, at(0)); /* a clock that is ahead of ours */
	reach_note(&r, "a", 48 * DUR_HOUR, at(0));
	check(!reach_find_short(&r, 0, at(0)));
}

static void old_ones_are_forgotten(void)
{
	struct reach r = {0};

	reach_note(&r, "a", 90 * DUR_S, at(0));
	check(reach_find_short(&r, 0, at(REACH_MEMORY)));
	check(!reach_find_short(&r, 0, at(REACH_MEMORY + 1)));
	reach_note(&r, "a", 5 * DUR_S, at(REACH_MEMORY + 2));
	check_int(reach_find_short(&r, 0, at(REACH_MEMORY + 3))->delay, 5 * DUR_S);
}

static void more_sources_than_places(void)
{
	struct reach r = {0};
	char name[16];

	for (int i = 0; i < 3 * REACH_SOURCES; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		reach_note(&r, name, (i + 1) * DUR_S, at(i * DUR_S));
	}
	check_text(reach_find_short(&r, 0, at(200 * DUR_S))->name, "s95");
}

int main(void)
{
	longest_counts();
	nonsense_is_not_noted();
	old_ones_are_forgotten();
	more_sources_than_places();
	return 0;
}
