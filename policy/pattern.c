/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/pattern.h"

#include <stddef.h>

bool pattern_match(const char *pattern, const char *text)
{
	/* where to go on if the literal after the last * does not fit here: only the last matters
	 */
	const char *after_star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			after_star = ++pattern;
			resume = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (after_star) {
			pattern = after_star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
