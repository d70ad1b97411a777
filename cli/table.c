/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "cli/text.h"

#define GAP 2 /* blanks between columns */

void table_init(struct table *table, size_t columns, const char *const headings[])
{
	bug_on(columns == 0 || columns > TABLE_COLUMNS_MAX);
	*table = (struct table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		table_add(table, headings[i]);
}

void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){0};
}

void table_put(struct table *table, char *cell)
{
	table->cells = xreallocarray(table->cells, table->count + 1, sizeof(*table->cells));
	table->cells[table->count++] = cell;
}

void table_add(struct table *table, const char *text)
{
	table_put(table, text_format_clean(text));
}

void table_add_member(struct table *table, const json_t *object, const char *path)
{
	table_put(table, text_format_member(object, path));
}

void table_add_bytes(struct table *table, const json_t *object, const char *path)
{
	CLEANUP_FREE char *number = text_format_member(object, path);
	char text[TEXT_BYTES_SIZE];

	if (number[0] >= '0' && number[0] <= '9')
		text_format_bytes(strtoull(number, NULL, 10), text);
	else
		snprintf(text, sizeof(text), "-");
	table_add(table, text);
}

static void measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
	memset(widths, 0, TABLE_COLUMNS_MAX * sizeof(*widths));
	for (size_t i = 0; i < table->count; i++) {
		size_t width = text_width(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
}

void table_print(const struct table *table, FILE *file)
{
	size_t widths[TABLE_COLUMNS_MAX];

	measure(table, widths);
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		const char *cell = table->cells[i];

		if (column + 1 == table->columns)
			fprintf(file, "%s\n", cell);
		else
			fprintf(file, "%s%*s", cell, (int)(widths[column] - text_width(cell) + GAP),
				"");
	}
}
