/* SPDX-License-Identifier: Apache-2.0 */
/* A segment's file name, as recovery finds it in a folder. */
#include <errno.h>

#include "base/cleanup.h"
#include "storage/segment.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const struct segment_name *a, const struct segment_name *b)
{
	fuzz_check(a->time.ns == b->time.ns && a->number == b->number);
	fuzz_check(!strcmp(a->policy, b->policy) && !strcmp(a->nic, b->nic));
}

/* Written in the plain way it is read as what was written. */
static void check_again(struct segment_name *name)
{
	char text[SEGMENT_NAME_SIZE], second[SEGMENT_NAME_SIZE];
	struct segment_name plain, again;
	bool hidden;

	segment_name_format(name, text);
	fuzz_check(!strchr(text, '/') && text[0] != '.');
	fuzz_check(!segment_name_parse(text, &plain, &hidden) && !hidden);
	fuzz_check(plain.time.ns == name->time.ns && plain.number == name->number);
	segment_name_format(&plain, second);
	fuzz_check(!strcmp(text, second));
	fuzz_check(!segment_name_parse(second, &again, &hidden));
	check_same(&plain, &again);
}

static void check_safe(const char *text)
{
	char safe[48], again[48];

	segment_safe(text, safe);
	fuzz_check(strlen(safe) >= 1);
	fuzz_check(strspn(safe, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(safe));
	fuzz_check(!strcmp(segment_safe(safe, again), safe));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	CLEANUP_FREE char *text = fuzz_take_text(&input);
	struct segment_name name;
	bool hidden;
	int r = segment_name_parse(text, &name, &hidden);

	fuzz_check(r == 0 || r == -EINVAL);
	if (!r) {
		fuzz_check(hidden == (text[0] == '.'));
		fuzz_check(*name.policy && *name.nic);
		check_again(&name);
	}
	check_safe(text);
	return 0;
}
