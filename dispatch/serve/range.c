/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

/* Reads digits at *text; a number that does not fit becomes the largest. */
static bool read_number(const char **text, uint64_t *ret)
{
	const char *start = *text;
	uint64_t n = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		unsigned digit = (unsigned)(**text - '0');

		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	*ret = n;
	return *text > start;
}

static int range_suffix(uint64_t count, uint64_t size, struct range *ret)
{
	if (!count || !size)
		return RANGE_UNSATISFIABLE;
	ret->from = count < size ? size - count : 0;
	ret->to = size;
	return 0;
}

int range_parse(const char *header, uint64_t size, struct range *ret)
{
	uint64_t from, last = UINT64_MAX;
	bool has_from, has_last;

	if (!header || strncasecmp(header, "bytes=", 6))
		return RANGE_WHOLE;
	header += 6;
	has_from = read_number(&header, &from);
	if (*header++ != '-')
		return RANGE_WHOLE;
	has_last = read_number(&header, &last);
	if (*header || (!has_from && !has_last))
		return RANGE_WHOLE;
	if (!has_from)
		return range_suffix(last, size, ret);
	if (!has_last)
		last = UINT64_MAX;
	if (last < from)
		return RANGE_WHOLE;
	if (from >= size)
		return RANGE_UNSATISFIABLE;
	ret->from = from;
	ret->to = last >= size ? size : last + 1;
	return 0;
}
