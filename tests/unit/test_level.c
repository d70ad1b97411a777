/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/level.h"

#include "tests/unit/test.h"

/* ALR-01, ALR-02, ALR-03 */
static void words_and_numbers_of_all_six(void)
{
	static const struct {
		const char *word, *number, *chinese;
		enum level level;
	} rows[] = {
		{"critical", "1", "致命", LEVEL_CRITICAL},
		{"error", "2", "错误", LEVEL_ERROR},
		{"warning", "3", "警告", LEVEL_WARNING},
		{"no_data", "4", "无数据", LEVEL_NO_DATA},
		{"recovery", "5", "恢复", LEVEL_RECOVERY},
		{"info", "6", "信息", LEVEL_INFO},
	};

	for (size_t i = 0; i < 6; i++) {
		enum level a = 0, b = 0, c = 0;

		check(!level_parse(rows[i].word, &a) && a == rows[i].level);
		check(!level_parse(rows[i].number, &b) && b == rows[i].level);
		check(!level_parse(rows[i].chinese, &c) && c == rows[i].level);
		check_text(level_name(rows[i].level), rows[i].word);
	}
}

/* ALR-01 */
static void other_words_are_refused(void)
{
	static const char *const words[] = {"",		 "catastrophic", "0",	   "7",	       "10",
					    " critical", "criticals",	 "warn",   "致",       "1 ",
					    "-1",	 "1.0",		 "nodata", "recovered"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		enum level level = LEVEL_INFO;

		check(level_parse(words[i], &level) < 0);
		check(level == LEVEL_INFO); /* untouched */
	}
}

static void case_does_not_matter(void)
{
	enum level level;

	check(!level_parse("CRITICAL", &level) && level == LEVEL_CRITICAL);
	check(!level_parse("No_Data", &level) && level == LEVEL_NO_DATA);
}

/* EPC-04, A-28 */
static void default_sets(void)
{
	check(LEVELS_ENABLE_DEFAULT == 0x0e);
	check(LEVELS_DISABLE_DEFAULT == 0x20);
	check(LEVELS_PUSH_DEFAULT == 0x3e); /* all but info (EPC-04) */
	check(level_in(LEVELS_PUSH_DEFAULT, LEVEL_NO_DATA));
	check(!level_in(LEVELS_PUSH_DEFAULT, LEVEL_INFO));
}

int main(void)
{
	words_and_numbers_of_all_six();
	other_words_are_refused();
	case_does_not_matter();
	default_sets();
	check_text(level_name(0), "");
	return 0;
}
