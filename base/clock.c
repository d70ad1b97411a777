/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#define LOOKS_MAX  8
#define APART_MOST (20 * DUR_US)

static int64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * DUR_S + ts.tv_nsec;
}

mono_t mono_now(void)
{
	return (mono_t){clock_read(CLOCK_MONOTONIC)};
}

wall_t wall_now(void)
{
	return (wall_t){clock_read(CLOCK_REALTIME)};
}

/* A thread that is kept from running between the two looks would see two moments. */
struct instant instant_now(void)
{
	struct instant best = {0};
	dur_t least = INT64_MAX;

	for (int i = 0; i < LOOKS_MAX && least > APART_MOST; i++) {
		mono_t before = mono_now();
		wall_t wall = wall_now();
		mono_t after = mono_now();
		dur_t apart = mono_sub(after, before);

		if (apart >= least)
			continue;
		least = apart;
		best = (struct instant){after, wall};
	}
	return best;
}

void clock_state_get(struct clock_state *ret)
{
	struct timex state = {0};
	int r = adjtimex(&state);

	ret->synchronised = r >= 0 && r != TIME_ERROR && !(state.status & STA_UNSYNC);
	ret->error_max = state.maxerror * DUR_US;
}

wall_t instant_wall_at(struct instant now, mono_t t)
{
	return wall_add(now.wall, mono_sub(t, now.mono));
}

mono_t instant_mono_at(struct instant now, wall_t t)
{
	return mono_add(now.mono, wall_sub(t, now.wall));
}

static struct tm wall_split(wall_t t, int *ret_ns)
{
	time_t s = (time_t)(t.ns / DUR_S);
	int ns = (int)(t.ns % DUR_S);
	struct tm tm;

	if (ns < 0) {
		ns += (int)DUR_S;
		s--;
	}
	gmtime_r(&s, &tm);
	*ret_ns = ns;
	return tm;
}

const char *wall_format(wall_t t, char text[WALL_TEXT_SIZE])
{
	struct tm tm;
	int ns;

	text[0] = '\0';
	if (!wall_known(t))
		return text;
	tm = wall_split(t, &ns);
	snprintf(text, WALL_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ns);
	return text;
}

const char *wall_format_compact(wall_t t, char text[WALL_TEXT_SIZE])
{
	struct tm tm;
	int ns;

	tm = wall_split(t, &ns);
	snprintf(text, WALL_TEXT_SIZE, "%04d%02d%02dT%02d%02d%02d.%03dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ns / (int)DUR_MS);
	return text;
}

/* Reads exactly n digits. */
static int read_digits(const char **p, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -EINVAL;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return 0;
}

static int read_char(const char **p, const char *allowed)
{
	if (!**p || !strchr(allowed, **p))
		return -EINVAL;
	(*p)++;
	return 0;
}

static int read_fraction(const char **p, int64_t *ret_ns)
{
	int64_t unit = DUR_S;

	*ret_ns = 0;
	if (**p != '.')
		return 0;
	(*p)++;
	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	for (; isdigit((unsigned char)**p); (*p)++) {
		unit /= 10;
		*ret_ns += unit * (**p - '0');
	}
	return 0;
}

/* Reads "Z" or "+08:00" into seconds east of UTC. */
static int read_zone(const char **p, int *ret_s)
{
	int sign, h, m;

	*ret_s = 0;
	if (!read_char(p, "Zz"))
		return 0;
	sign = **p == '-' ? -1 : 1;
	if (read_char(p, "+-") || read_digits(p, 2, &h) || read_char(p, ":") ||
	    read_digits(p, 2, &m) || h > 23 || m > 59)
		return -EINVAL;
	*ret_s = sign * (h * 3600 + m * 60);
	return 0;
}

static bool tm_in_range(const struct tm *tm)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= days[tm->tm_mon - 1] && tm->tm_hour <= 23 && tm->tm_min <= 59 &&
	       tm->tm_sec <= 60;
}

int wall_parse(const char *text, wall_t *ret)
{
	const char *p = text;
	struct tm tm = {0};
	int64_t ns;
	int zone_s;

	if (read_digits(&p, 4, &tm.tm_year) || read_char(&p, "-") ||
	    read_digits(&p, 2, &tm.tm_mon) || read_char(&p, "-") ||
	    read_digits(&p, 2, &tm.tm_mday) || read_char(&p, "Tt ") ||
	    read_digits(&p, 2, &tm.tm_hour) || read_char(&p, ":") ||
	    read_digits(&p, 2, &tm.tm_min) || read_char(&p, ":") ||
	    read_digits(&p, 2, &tm.tm_sec) || read_fraction(&p, &ns) || read_zone(&p, &zone_s) ||
	    *p || !tm_in_range(&tm))
		return -EINVAL;
	if (tm.tm_year <= 1) {
		*ret = (wall_t){0};
		return 0;
	}
	if (tm.tm_year < 1970 || tm.tm_year > 2200)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	ns += (timegm(&tm) - zone_s) * DUR_S;
	if (ns < 0)
		return -EINVAL;
	*ret = (wall_t){ns};
	return 0;
}

static const struct {
	const char *name;
	dur_t ns;
} dur_units[] = {{"ms", DUR_MS}, {"us", DUR_US},  {"ns", 1},	       {"s", DUR_S},
		 {"m", DUR_MIN}, {"h", DUR_HOUR}, {"d", 24 * DUR_HOUR}};

/* Reads one "<number><unit>" part. */
static int dur_parse_part(const char **p, dur_t *ret)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	for (; isdigit((unsigned char)**p); (*p)++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **p - '0', &n))
			return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(dur_units) / sizeof(dur_units[0]); i++) {
		size_t len = strlen(dur_units[i].name);

		if (strncmp(*p, dur_units[i].name, len) || isalpha((unsigned char)(*p)[len]))
			continue;
		*p += len;
		return __builtin_mul_overflow(n, dur_units[i].ns, ret) ? -EINVAL : 0;
	}
	return -EINVAL;
}

int dur_parse(const char *text, dur_t *ret)
{
	const char *p = text;
	dur_t sum = 0, part;

	if (!strcmp(text, "0")) {
		*ret = 0;
		return 0;
	}
	do {
		if (dur_parse_part(&p, &part) || __builtin_add_overflow(sum, part, &sum))
			return -EINVAL;
	} while (*p);
	*ret = sum;
	return 0;
}

const char *dur_format(dur_t d, char text[DUR_TEXT_SIZE])
{
	int64_t s = d / DUR_S;
	int n = 0;

	if (d < 0 || d % DUR_S || s == 0) {
		if (d % DUR_US)
			snprintf(text, DUR_TEXT_SIZE, "%" PRId64 "ns", d);
		else if (d % DUR_MS)
			snprintf(text, DUR_TEXT_SIZE, "%" PRId64 "us", d / DUR_US);
		else
			snprintf(text, DUR_TEXT_SIZE, d ? "%" PRId64 "ms" : "0s", d / DUR_MS);
		return text;
	}
	text[0] = '\0';
	if (s >= 3600)
		n += snprintf(text + n, DUR_TEXT_SIZE - (size_t)n, "%" PRId64 "h", s / 3600);
	if (s % 3600 >= 60)
		n += snprintf(text + n, DUR_TEXT_SIZE - (size_t)n, "%" PRId64 "m", s % 3600 / 60);
	if (s % 60)
		snprintf(text + n, DUR_TEXT_SIZE - (size_t)n, "%" PRId64 "s", s % 60);
	return text;
}
