/* SPDX-License-Identifier: Apache-2.0 */
/* What only one kind of endpoint has: a table of fields per kind, and the reader, writer and
 * checker that work by it. Pure.
 *
 * endpoint->settings is an object with every field of the kind's table, secrets included; a value
 * that is not set is "", 0, false or []. */
#pragma once

#include "policy/settings_internal.h"

enum kind_field_type {
	KIND_TEXT,  /* one line of min..max bytes */
	KIND_LINES, /* PEM and the like: line ends are allowed */
	KIND_WORD,  /* one of .words */
	KIND_INT,   /* min..max */
	KIND_BOOL,
	KIND_DUR,     /* min..max ns, kept as text */
	KIND_HEADERS, /* [{name, value}, …] */
};

enum kind_field_flag {
	KIND_SECRET = 1 << 0,	/* write-only: shown as "***"; "***" and "" keep it, null clears */
	KIND_REQUIRED = 1 << 1, /* not "" */
};

struct kind_field {
	const char *key;
	enum kind_field_type type;
	unsigned flags; /* enum kind_field_flag */
	int64_t min, max;
	const char *preset;			/* of a text or word; NULL = "" */
	int64_t number;				/* preset of the others */
	const char *const *words;		/* NULL-terminated */
	const char *(*check)(const char *text); /* what is expected instead, or NULL */
};

/* The rows of a kind's table; key NULL ends it. */
const struct kind_field *kind_fields(enum endpoint_kind kind);
/* Rules over several fields. */
int kind_check(const struct endpoint *endpoint, struct error *err);

/* All fields at their presets: a new reference. */
json_t *kind_default(enum endpoint_kind kind);
/* Reads the kind's fields of `object` over endpoint->settings, which is replaced. */
int kind_read(struct endpoint *endpoint, const json_t *object, struct error *err);
/* Sets them in `object`: secrets as they are, or masked. */
enum kind_secrets {
	KIND_MASKED,
	KIND_SHOWN,
};
void kind_format(const struct endpoint *endpoint, enum kind_secrets secrets, json_t *object);

/* ---- headers: [{name, value}] ---- */

int kind_read_headers(const json_t *list, const json_t *present, json_t **ret, struct error *err);
json_t *kind_mask_headers(const json_t *headers);
