/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns under a heading; the last column is not padded. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
	size_t columns;
	size_t count; /* cells, with the heading's */
	char **cells; /* owned */
};

/* `headings` has `columns` texts. */
void table_init(struct table *table, size_t columns, const char *const headings[]);
void table_fini(struct table *table);

/* The next cell of the row, row after row. */
void table_put(struct table *table, char *cell /* put */);
void table_add(struct table *table, const char *text);

void table_print(const struct table *table, FILE *file);

enum table_form {
	TABLE_VALUE,   /* as it is */
	TABLE_BYTES,   /* "1.5 GiB" */
	TABLE_SECONDS, /* "1h30m" */
};

struct table_column {
	const char *heading;
	const char *path; /* of a member of each object */
	enum table_form form;
};

/* One row for each object of the list. */
void table_print_list(const json_t *list, const struct table_column columns[], size_t count,
		      FILE *file);
