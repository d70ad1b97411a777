/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
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

/* A span in seconds, to a tenth where that matters. */
static char *format_seconds(double seconds)
{
	char text[DUR_TEXT_SIZE];

	if (seconds < 10)
		return xasprintf("%.1fs", seconds);
	return xstrdup(dur_format((dur_t)seconds * DUR_S, text));
}

static char *format_cell(const json_t *object, const struct table_column *column)
{
	const json_t *member = text_find_member(object, column->path);
	char text[TEXT_BYTES_SIZE];

	if (column->form == TABLE_SECONDS && json_is_number(member))
		return format_seconds(json_number_value(member));
	if (column->form == TABLE_BYTES && json_is_integer(member))
		return xstrdup(text_format_bytes((uint64_t)json_integer_value(member), text));
	return text_format_member(object, column->path);
}

void table_print_list(const json_t *list, const struct table_column columns[], size_t count,
		      FILE *file)
{
	const char *headings[TABLE_COLUMNS_MAX];
	struct table table;
	const json_t *object;
	size_t i;

	bug_on(count > TABLE_COLUMNS_MAX);
	for (i = 0; i < count; i++)
		headings[i] = columns[i].heading;
	table_init(&table, count, headings);
	json_array_foreach (list, i, object)
		for (size_t j = 0; j < count; j++)
			table_put(&table, format_cell(object, &columns[j]));
	table_print(&table, file);
	table_fini(&table);
}
