/* SPDX-License-Identifier: Apache-2.0 */
/* Event levels: the six of REQUIREMENTS ALR-01, their spellings, and sets of them. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The numbers are DeepFlow's codes and are stored. */
enum level {
	LEVEL_CRITICAL = 1,
	LEVEL_ERROR = 2,
	LEVEL_WARNING = 3,
	LEVEL_NO_DATA = 4,
	LEVEL_RECOVERY = 5,
	LEVEL_INFO = 6,
};

typedef unsigned level_set; /* bit `level` set = level is in */

#define LEVEL_BIT(level) (1u << (level))
#define LEVELS_ENABLE_DEFAULT                                                                      \
	(LEVEL_BIT(LEVEL_CRITICAL) | LEVEL_BIT(LEVEL_ERROR) | LEVEL_BIT(LEVEL_WARNING))
#define LEVELS_DISABLE_DEFAULT LEVEL_BIT(LEVEL_RECOVERY)
#define LEVELS_PUSH_DEFAULT                                                                        \
	(LEVELS_ENABLE_DEFAULT | LEVEL_BIT(LEVEL_NO_DATA) | LEVEL_BIT(LEVEL_RECOVERY))

/* "critical", …; "" for 0 = no level. */
const char *level_name(enum level level);
#define LEVEL_WORDS "critical, error, warning, no_data, recovery, info, or 1 to 6"

/* Our words in any case, the Chinese words and the digits 1–6 (ALR-02, ALR-03). 0 or -EINVAL. */
int level_parse(const char *text, enum level *ret);
/* Also what others call them (fatal, major, P1, OK, 严重 …), but no digits: those mean something
 * else to each sender. 0 or -EINVAL. */
int level_guess(const char *word, enum level *ret);

static inline bool level_in(level_set set, enum level level)
{
	return set & LEVEL_BIT(level);
}
