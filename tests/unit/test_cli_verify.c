/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"
#include "tests/unit/test.h"

static struct verify_segment segments[4];

static void set_segment(size_t i, const char *text)
{
	segments[i].bytes = strlen(text);
	sha256_text(text, strlen(text), segments[i].sha256);
}

/* The same bytes in pieces of every size give the same answer. */
static void test_pieces(void)
{
	static const char stream[] = "firstthird";

	for (size_t piece = 1; piece <= 10; piece++) {
		struct verify v;

		verify_init(&v, segments, 4);
		for (size_t at = 0; at < 10; at += piece)
			check(!verify_add(&v, stream + at, at + piece > 10 ? 10 - at : piece));
		check(!verify_add(&v, NULL, 0));
		check_int(v.index, 4);
		check_int(v.offset, 10);
	}
}

static void test_wrong(void)
{
	struct verify v;

	verify_init(&v, segments, 4);
	check_int(verify_add(&v, "firsttHird", 10), VERIFY_MISMATCH);
	verify_init(&v, segments, 4);
	check_int(verify_add(&v, "firstthird!", 11), VERIFY_SURPLUS);
	check_int(v.index, 4);
	verify_init(&v, segments, 4);
	check_int(verify_add(&v, "firstth", 7), 0);
	check_int(v.index, 2);
	check_int(v.within, 2);
	verify_init(&v, segments, 0);
	check_int(verify_add(&v, "x", 1), VERIFY_SURPLUS);
}

int main(void)
{
	set_segment(0, "first");
	set_segment(1, "");
	set_segment(2, "third");
	set_segment(3, "");
	test_pieces();
	test_wrong();
	return 0;
}
