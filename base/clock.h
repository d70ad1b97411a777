/* SPDX-License-Identifier: Apache-2.0 */
/* Time in three types that cannot be mixed up: monotonic points, wall-clock points, durations.
 *
 * Timeouts, holds and backoff use mono_t; stamps that people read use wall_t. Pure code takes a
 * `struct instant` and never reads a clock. All values are nanoseconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t dur_t; /* nanoseconds between two points */

typedef struct {
	int64_t ns; /* CLOCK_MONOTONIC */
} mono_t;

typedef struct {
	int64_t ns; /* since the Unix epoch, UTC; 0 = not known */
} wall_t;

/* One moment, seen on both clocks: never a wall clock later than the monotonic one. */
struct instant {
	mono_t mono;
	wall_t wall;
};

#define DUR_US	 ((dur_t)1000)
#define DUR_MS	 ((dur_t)1000000)
#define DUR_S	 ((dur_t)1000000000)
#define DUR_MIN	 (60 * DUR_S)
#define DUR_HOUR (60 * DUR_MIN)

#define WALL_TEXT_SIZE 40 /* room for wall_format */
#define DUR_TEXT_SIZE  32 /* room for dur_format */

mono_t mono_now(void);
wall_t wall_now(void);
struct instant instant_now(void);

static inline mono_t mono_add(mono_t t, dur_t d)
{
	return (mono_t){t.ns + d};
}

static inline dur_t mono_sub(mono_t a, mono_t b)
{
	return a.ns - b.ns;
}

static inline wall_t wall_add(wall_t t, dur_t d)
{
	return (wall_t){t.ns + d};
}

static inline dur_t wall_sub(wall_t a, wall_t b)
{
	return a.ns - b.ns;
}

static inline bool wall_known(wall_t t)
{
	return t.ns != 0;
}

/* What the kernel says of the wall clock (adjtimex, changes nothing). */
struct clock_state {
	bool synchronised; /* to a source of time */
	dur_t error_max;   /* the kernel's bound on its error */
};
void clock_state_get(struct clock_state *ret);

/* The wall-clock time of monotonic point t, and back, as seen from `now`. */
wall_t instant_wall_at(struct instant now, mono_t t);
mono_t instant_mono_at(struct instant now, wall_t t);

/* RFC 3339, UTC, nanoseconds: "2026-11-20T15:30:00.000000000Z"; "" if not known. Returns text. */
const char *wall_format(wall_t t, char text[WALL_TEXT_SIZE]);

/* Compact UTC stamp for file names: "20261120T153000.123Z". Returns text. */
const char *wall_format_compact(wall_t t, char text[WALL_TEXT_SIZE]);

/* Reads RFC 3339 with zone, up to nanoseconds. Year 0001 (Go's zero time) gives 0 = not known.
 * Returns 0 or -EINVAL; *ret is untouched on failure. */
int wall_parse(const char *text, wall_t *ret);

/* Reads "30s", "5m", "1h30m", "250ms", "0"; a bare number is refused (except 0).
 * Returns 0 or -EINVAL. */
int dur_parse(const char *text, dur_t *ret);

/* "1h30m", "90s" → "1m30s", "250ms". Returns text. */
const char *dur_format(dur_t d, char text[DUR_TEXT_SIZE]);
