/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line per event to standard error, "<time> <process> <level> <subsystem>: <text>".
 *
 * Edges log, each failure once; base/, storage/ and pure code never do. Text starts with the
 * object's id, is lower case, has no full stop, quotes user strings; control bytes are escaped
 * here. Any thread may log; a line is one write(2). errno is preserved. */
#pragma once

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Names this process in every line; `name` must outlive it. Call once, before threads start. */
void log_open(const char *name, enum log_level level);

/* Text to level; returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret);

__attribute__((format(printf, 3, 4))) void log_write(enum log_level level, const char *subsystem,
						     const char *format, ...);

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
