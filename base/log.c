/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LOG_LINE_MAX 1200

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* The one mutable global of the project: set once at start, read by all threads. */
static struct {
	const char *name;
	enum log_level level;
} log_state = {"ringbell", LOG_LEVEL_INFO};

void log_open(const char *name, enum log_level level)
{
	log_state.name = name;
	log_state.level = level;
}

int log_level_parse(const char *text, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]))
			continue;
		*ret = (enum log_level)i;
		return 0;
	}
	return -EINVAL;
}

/* A user's text must not forge a second line or move the terminal's cursor. */
static void escape_controls(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

void log_write(enum log_level level, const char *subsystem, const char *format, ...)
{
	char line[LOG_LINE_MAX], stamp[WALL_TEXT_SIZE];
	int saved_errno = errno, n, m;
	va_list ap;

	if (level > log_state.level)
		return;
	n = snprintf(line, sizeof(line), "%s %s %s %s: ", wall_format_compact(wall_now(), stamp),
		     log_state.name, level_names[level], subsystem);
	va_start(ap, format);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, ap);
	va_end(ap);
	n += m < (int)sizeof(line) - n - 2 ? m : (int)sizeof(line) - n - 2;
	escape_controls(line, (size_t)n);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = saved_errno;
	errno = saved_errno;
}
