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
/* The member at path of object, or one that is a number of bytes. */
void table_add_member(struct table *table, const json_t *object, const char *path);
void table_add_bytes(struct table *table, const json_t *object, const char *path);

void table_print(const struct table *table, FILE *file);
