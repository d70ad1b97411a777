/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE	 DUR_MIN
#define DAY	 1440 /* minutes */
#define WEEK	 (7 * DAY)
#define EVERY	 0x7fu
#define THURSDAY 3 /* 1970-01-01 */

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* ---- reading ---- */

static int complain(const char *field, const char *value, const char *allowed, struct error *err)
{
	return error_set(err, "invalid_value", field, "\"%.40s\": %s expected", value, allowed);
}

/* "hh:mm" up to `max` minutes; -1 if it is none. */
static int minutes_parse(const char *text, int max)
{
	int hours, minutes, used = 0;

	if (strlen(text) != 5 || strspn(text, "0123456789:") != 5 ||
	    sscanf(text, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5)
		return -1;
	return minutes < 60 && 60 * hours + minutes <= max ? 60 * hours + minutes : -1;
}

static int read_minutes(const json_t *object, const char *prefix, const char *key, int max,
			int *ret, struct error *err)
{
	char field[96];
	const char *text;
	int r = json_read_text(object, prefix, key, 1, 16, &text, err);

	snprintf(field, sizeof(field), "%s/%s", prefix, key);
	if (r == JSON_ABSENT)
		return error_set(err, "missing_field", field, "a time of day, hh:mm, expected");
	if (r)
		return r;
	*ret = minutes_parse(text, max);
	return *ret < 0 ? complain(field, text,
				   max == DAY ? "a time of day from 00:00 to 24:00"
					      : "a time of day from 00:00 to 23:59",
				   err)
			: 0;
}

static int read_days(const json_t *object, const char *prefix, unsigned *ret, struct error *err)
{
	json_t *list, *item;
	size_t i;
	int r = json_read_array(object, prefix, "days", 7, &list, err);

	*ret = r ? EVERY : 0;
	if (r)
		return r == JSON_ABSENT ? 0 : r;
	json_array_foreach (list, i, item) {
		const char *text = json_is_string(item) ? json_string_value(item) : "";
		char field[128];
		unsigned day = 0;

		while (day < 7 && strcmp(text, day_names[day]))
			day++;
		snprintf(field, sizeof(field), "%s/days/%zu", prefix, i);
		if (day == 7)
			return complain(field, text, "mon, tue, wed, thu, fri, sat or sun", err);
		*ret |= 1u << day;
	}
	*ret = *ret ? *ret : EVERY;
	return 0;
}

static int read_window(struct schedule_window *window, const json_t *object, const char *prefix,
		       struct error *err)
{
	static const char *const allowed[] = {"days", "from", "to", NULL};
	int r;

	if (!json_is_object(object))
		return error_set(err, "invalid_value", prefix,
				 "object with days, from and to expected");
	r = json_check_keys(object, prefix, allowed, err);
	if (!r)
		r = read_days(object, prefix, &window->days, err);
	if (!r)
		r = read_minutes(object, prefix, "from", DAY - 1, &window->from, err);
	if (!r)
		r = read_minutes(object, prefix, "to", DAY, &window->to, err);
	return r;
}

static int read_offset(struct schedule *schedule, const json_t *object, const char *prefix,
		       struct error *err)
{
	char field[96];
	const char *text;
	int minutes, r = json_read_text(object, prefix, "utc_offset", 1, 16, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	minutes = *text == '+' || *text == '-' ? minutes_parse(text + 1, 14 * 60) : -1;
	snprintf(field, sizeof(field), "%s/utc_offset", prefix);
	if (minutes < 0)
		return complain(field, text, "an offset such as +08:00 or -05:30", err);
	schedule->offset = *text == '-' ? -minutes : minutes;
	return 0;
}

int schedule_read(struct schedule *schedule, const json_t *object, const char *key,
		  struct error *err)
{
	static const char *const allowed[] = {"utc_offset", "windows", NULL};
	json_t *own = json_object_get(object, key), *list, *item;
	struct schedule draft = {0};
	char prefix[48], field[80];
	size_t i;
	int r;

	if (!own || json_is_null(own)) {
		*schedule = own ? draft : *schedule;
		return 0;
	}
	snprintf(prefix, sizeof(prefix), "/%s", key);
	if (!json_is_object(own))
		return error_set(err, "invalid_value", prefix,
				 "object with utc_offset and windows, or null, expected");
	r = json_check_keys(own, prefix, allowed, err);
	if (!r)
		r = read_offset(&draft, own, prefix, err);
	if (!r)
		r = json_read_array(own, prefix, "windows", SCHEDULE_WINDOWS_MAX, &list, err);
	if (r)
		return r == JSON_ABSENT
			       ? error_set(err, "missing_field", prefix, "windows expected")
			       : r;
	json_array_foreach (list, i, item) {
		snprintf(field, sizeof(field), "%s/windows/%zu", prefix, i);
		r = read_window(&draft.windows[draft.count++], item, field, err);
		if (r)
			return r;
	}
	*schedule = draft;
	return 0;
}

/* ---- writing ---- */

static json_t *format_minutes(int minutes)
{
	return json_sprintf("%02d:%02d", minutes / 60, minutes % 60);
}

static json_t *format_window(const struct schedule_window *window)
{
	json_t *days = json_array();

	for (unsigned day = 0; day < 7; day++)
		if (window->days & 1u << day)
			json_array_append_new(days, json_string(day_names[day]));
	return json_pack("{s:o, s:o, s:o}", "days", days, "from", format_minutes(window->from),
			 "to", format_minutes(window->to));
}

json_t *schedule_format(const struct schedule *schedule)
{
	int offset = abs(schedule->offset);
	json_t *windows;

	if (!schedule->count)
		return json_null();
	windows = json_array();
	for (size_t i = 0; i < schedule->count; i++)
		json_array_append_new(windows, format_window(&schedule->windows[i]));
	return json_pack("{s:o, s:o}", "utc_offset",
			 json_sprintf("%c%02d:%02d", schedule->offset < 0 ? '-' : '+', offset / 60,
				      offset % 60),
			 "windows", windows);
}

/* ---- the timetable ---- */

/* Minutes since the Monday before the epoch, on the schedule's clock. */
static int64_t minutes_at(const struct schedule *schedule, wall_t at)
{
	return at.ns / MINUTE + schedule->offset + (int64_t)THURSDAY * DAY;
}

static bool window_is_open(const struct schedule_window *window, int64_t minutes)
{
	int minute = (int)(minutes % DAY), day = (int)(minutes / DAY % 7);
	bool today = window->days & 1u << day, yesterday = window->days & 1u << (day + 6) % 7;

	if (window->from < window->to)
		return today && minute >= window->from && minute < window->to;
	return (today && minute >= window->from) || (yesterday && minute < window->to);
}

static bool is_open(const struct schedule *schedule, int64_t minutes)
{
	for (size_t i = 0; i < schedule->count; i++)
		if (window_is_open(&schedule->windows[i], minutes))
			return true;
	return !schedule->count;
}

bool schedule_is_open(const struct schedule *schedule, wall_t at)
{
	return is_open(schedule, minutes_at(schedule, at));
}

/* Changes happen only where a window begins or ends. */
wall_t schedule_next(const struct schedule *schedule, wall_t at)
{
	int64_t now = minutes_at(schedule, at), midnight = now - now % DAY, best = 0;
	bool open = is_open(schedule, now);

	for (size_t i = 0; i < 2 * schedule->count; i++) {
		const struct schedule_window *window = &schedule->windows[i / 2];
		int64_t edge = midnight + (i % 2 ? window->to : window->from);

		for (int day = 0; day <= 8; day++, edge += DAY)
			if (edge > now && (!best || edge < best) && is_open(schedule, edge) != open)
				best = edge;
	}
	return best ? (wall_t){at.ns / MINUTE * MINUTE + (best - now) * MINUTE} : (wall_t){0};
}
