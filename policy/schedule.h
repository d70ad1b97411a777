/* SPDX-License-Identifier: Apache-2.0 */
/* A weekly timetable: windows in which something holds. Pure.
 *
 * It is about the wall clock by nature. Its zone is a fixed offset from UTC: what a place does with
 * its clocks twice a year is not followed. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

#define SCHEDULE_WINDOWS_MAX 16

struct schedule_window {
	unsigned days; /* bit 0 = Monday … bit 6 = Sunday; the day on which it begins */
	int from, to; /* minutes of the day, 0–1439 and 0–1440; to <= from ends on the next day */
};

/* Zeroed = no windows: always open. */
struct schedule {
	struct schedule_window windows[SCHEDULE_WINDOWS_MAX];
	size_t count;
	int offset; /* minutes east of UTC */
};

/* {"utc_offset": "+08:00", "windows": [{"days": ["mon", …], "from": "22:00", "to": "06:00"}]}, or
 * null for none. No days = every day. Absent key: unchanged. 0 or -EINVAL with err. */
int schedule_read(struct schedule *schedule, const json_t *object, const char *key,
		  struct error *err);
/* The same, or null: a new reference. */
json_t *schedule_format(const struct schedule *schedule);

bool schedule_is_open(const struct schedule *schedule, wall_t at);
/* When that changes next; 0 = never. */
wall_t schedule_next(const struct schedule *schedule, wall_t at);
