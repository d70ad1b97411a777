/* SPDX-License-Identifier: Apache-2.0 */
/* Unicode's tables, sorted by code point. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ustr_range {
	uint32_t first, last;
};

/* Every stride-th character of the range has its other case `delta` further on. */
struct ustr_case {
	uint32_t first, last;
	uint8_t stride;
	int32_t delta;
};

/* A character whose other case is several. */
struct ustr_special {
	uint32_t code;
	const char *text;
};

extern const struct ustr_case ustr_upper[], ustr_lower[];
/* title: whose case at the beginning of a word is neither itself nor upper case */
extern const struct ustr_special ustr_upper_special[], ustr_lower_special[], ustr_title_special[];
extern const struct ustr_range ustr_unprintable[];
extern const size_t ustr_upper_count, ustr_lower_count;
extern const size_t ustr_upper_special_count, ustr_lower_special_count, ustr_title_special_count;
extern const size_t ustr_unprintable_count;
