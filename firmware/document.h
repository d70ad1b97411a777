/* SPDX-License-Identifier: Apache-2.0 */
/* A strict, small YAML document as a tree that knows where each value stands.
 *
 * Only plain trees: no anchors, aliases, tags, duplicate keys, second documents. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/buf.h"

#define DOCUMENT_DEPTH_MAX 8
#define DOCUMENT_NODES_MAX 2000

enum document_kind {
	DOCUMENT_SCALAR,
	DOCUMENT_MAP,
	DOCUMENT_LIST,
};

struct document_node {
	TAILQ_ENTRY(document_node) next;
	enum document_kind kind;
	char *key;  /* in a map; else NULL */
	int line;   /* of the key in a map, else of the value; from 1 */
	int column; /* from 1 */
	char *text; /* scalar; NUL-free */
	bool plain; /* scalar without quotes: may be a number or a boolean */
	TAILQ_HEAD(document_nodes, document_node) children;
};

/* Parses text into a tree; *ret is NULL for an empty document. `file` is what mistakes begin with:
 * each is one line in `errors`. Returns 0, or -EINVAL if there was any (*ret may still be set: what
 * could be read, so that more mistakes can be found). */
int document_parse(const char *text, size_t len, const char *file, struct document_node **ret,
		   struct buf *errors);
struct document_node *document_free(struct document_node *node);
