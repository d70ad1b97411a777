/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/level.h"

#include <errno.h>
#include <string.h>
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

/* What monitoring systems call them. Digits mean something else to each, so none are here. */
static const char *const usual[][20] = {
	[LEVEL_CRITICAL] = {"crit", "fatal", "emergency", "emerg", "disaster", "page", "p1", "严重",
			    "紧急"},
	[LEVEL_ERROR] = {"err", "major", "high", "average", "p2", "重要"},
	[LEVEL_WARNING] = {"warn", "minor", "medium", "moderate", "notice", "p3", "次要", "提醒"},
	[LEVEL_NO_DATA] = {"nodata", "no data", "insufficient_data"},
	[LEVEL_RECOVERY] = {"resolved", "recovered", "ok", "normal", "cleared", "已恢复"},
	[LEVEL_INFO] = {"information", "informational", "none", "debug", "low", "not classified",
			"p4", "p5", "p6", "p7", "p8", "p9", "提示"},
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

int level_guess(const char *word, enum level *ret)
{
	bool digits = strspn(word, "0123456789") == strlen(word);

	if (!digits && !level_parse(word, ret))
		return 0;
	for (enum level level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++) {
		for (const char *const *known = usual[level]; *known; known++) {
			if (!strcasecmp(word, *known)) {
				*ret = level;
				return 0;
			}
		}
	}
	return -EINVAL;
}
