/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/level.h"

#include <errno.h>
#include <strings.h>

#include "base/cleanup.h"

static const char *const names[] = {
	[LEVEL_CRITICAL] = "critical", [LEVEL_ERROR] = "error",	      [LEVEL_WARNING] = "warning",
	[LEVEL_NO_DATA] = "no_data",   [LEVEL_RECOVERY] = "recovery", [LEVEL_INFO] = "info",
};

static const struct {
	const char *word;
	enum level level;
} synonyms[] = {
	{"1", LEVEL_CRITICAL},	   {"2", LEVEL_ERROR},	     {"3", LEVEL_WARNING},
	{"4", LEVEL_NO_DATA},	   {"5", LEVEL_RECOVERY},    {"6", LEVEL_INFO},
	{"致命", LEVEL_CRITICAL},  {"错误", LEVEL_ERROR},    {"警告", LEVEL_WARNING},
	{"无数据", LEVEL_NO_DATA}, {"恢复", LEVEL_RECOVERY}, {"信息", LEVEL_INFO},
};

const char *level_name(enum level level)
{
	return level >= LEVEL_CRITICAL && level <= LEVEL_INFO ? names[level] : "";
}

int level_parse(const char *text, enum level *ret)
{
	for (enum level level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++) {
		if (!strcasecmp(text, names[level])) {
			*ret = level;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(synonyms); i++) {
		if (!strcasecmp(text, synonyms[i].word)) {
			*ret = synonyms[i].level;
			return 0;
		}
	}
	return -EINVAL;
}
