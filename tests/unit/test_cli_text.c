/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "tests/unit/test.h"

static void check_clean(const char *text, const char *want)
{
	CLEANUP_FREE char *clean = text_format_clean(text);

	check_text(clean, want);
}

static void test_clean(void)
{
	check_clean("plain", "plain");
	check_clean("\x1b[2J\x1b]0;title\a", "[2J]0;title");
	check_clean("two\nlines\tand\rmore", "two lines andmore");
	check_clean("c1 \xc2\x9b"
		    "31m",
		    "c1 31m");
	check_clean("\xff\xfe"
		    "bad",
		    "bad");
	check_clean("cut \xe8\xad", "cut ");
	check_clean("turn \xe2\x80\xae"
		    "gnp.exe",
		    "turn gnp.exe");
	check_clean("\xe8\xad\xa6 \xc3\xbc", "\xe8\xad\xa6 \xc3\xbc");
}

static void test_width(void)
{
	check_int(text_width("abc"), 3);
	check_int(text_width("\xe8\xad\xa6\xe5\x91\x8a"), 4); /* two wide characters */
	check_int(text_width("\xc3\xbc"), 1);
	check_int(text_width(""), 0);
}

static void test_bytes(void)
{
	char text[TEXT_BYTES_SIZE];

	check_text(text_format_bytes(0, text), "0 B");
	check_text(text_format_bytes(1023, text), "1023 B");
	check_text(text_format_bytes(1024, text), "1.0 KiB");
	check_text(text_format_bytes(1048575, text), "1.0 MiB");
	check_text(text_format_bytes(1610612736, text), "1.5 GiB");
	check_text(text_format_bytes(UINT64_MAX, text), "16.0 EiB");
}

static void check_member(const json_t *object, const char *path, const char *want)
{
	CLEANUP_FREE char *text = text_format_member(object, path);

	check_text(text, want);
}

static void test_member(void)
{
	CLEANUP_JSON json_t *o =
		json_pack("{s:s, s:i, s:b, s:n, s:s, s:[s,s], s:[], s:s, s:{s:s}}", "text",
			  "a\x1b"
			  "b",
			  "number", 7, "yes", 1, "null", "empty", "", "list", "x", "y", "none",
			  "at", "2026-01-31T12:00:00.123456789Z", "in", "side", "deep");

	check(o);
	check_member(o, "text", "ab");
	check_member(o, "number", "7");
	check_member(o, "yes", "yes");
	check_member(o, "null", "-");
	check_member(o, "empty", "-");
	check_member(o, "absent", "-");
	check_member(o, "absent.too", "-");
	check_member(o, "list", "x,y");
	check_member(o, "none", "-");
	check_member(o, "at", "2026-01-31T12:00:00Z");
	check_member(o, "in.side", "deep");
	check_member(NULL, "in.side", "-");
}

static void test_table(void)
{
	static const char *const headings[] = {"NAME", "N"};
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct table table;

	table_init(&table, 2, headings);
	table_add(&table, "\xe8\xad\xa6\xe5\x91\x8a\xe5\x99\xa8");
	table_add(&table, "1");
	table_add(&table, "\x1bx");
	table_add(&table, "22");
	table_print(&table, file);
	table_fini(&table);
	fclose(file);
	check_text(text, "NAME    N\n\xe8\xad\xa6\xe5\x91\x8a\xe5\x99\xa8  1\nx       22\n");
}

int main(void)
{
	check(setlocale(LC_CTYPE, "C.UTF-8"));
	test_clean();
	test_width();
	test_bytes();
	test_member();
	test_table();
	return 0;
}
