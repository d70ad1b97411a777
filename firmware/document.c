/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/cleanup.h"

struct reading {
	yaml_parser_t parser;
	const char *file;
	struct buf *errors;
	unsigned nodes;
	int status; /* 0, or -EINVAL after a mistake */
};

/* The parser cannot go on. */
enum outcome {
	READ_ENDED = 1,	  /* the enclosing list or map is over */
	READ_SKIPPED = 2, /* a mistake stands there; the next value may be read */
};

__attribute__((format(printf, 3, 4))) static void complain(struct reading *r, yaml_mark_t at,
							   const char *format, ...)
{
	va_list ap;
	char text[300];

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_printf(r->errors, "%s:%zu:%zu: %s\n", r->file, at.line + 1, at.column + 1, text);
	r->status = -EINVAL;
}

static void event_done(yaml_event_t *event)
{
	yaml_event_delete(event);
}

#define CLEANUP_EVENT CLEANUP(event_done)

static int next_event(struct reading *r, yaml_event_t *event)
{
	yaml_parser_t *p = &r->parser;

	memset(event, 0, sizeof(*event));
	if (yaml_parser_parse(p, event))
		return 0;
	complain(r, p->problem_mark, "not YAML: %s%s%s", p->problem ? p->problem : "unreadable",
		 p->context ? " " : "", p->context ? p->context : "");
	return -EINVAL;
}

static struct document_node *node_new(struct reading *r, enum document_kind kind,
				      const yaml_event_t *event)
{
	struct document_node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->line = (int)event->start_mark.line + 1;
	node->column = (int)event->start_mark.column + 1;
	TAILQ_INIT(&node->children);
	r->nodes++;
	return node;
}

struct document_node *document_free(struct document_node *node)
{
	struct document_node *child;

	if (!node)
		return NULL;
	while ((child = TAILQ_FIRST(&node->children))) {
		TAILQ_REMOVE(&node->children, child, next);
		document_free(child);
	}
	free(node->key);
	free(node->text);
	free(node);
	return NULL;
}

DEFINE_CLEANUP(struct document_node *, document_free)

static void check_plain_tree(struct reading *r, const yaml_event_t *event, const void *anchor,
			     const void *tag)
{
	if (anchor)
		complain(r, event->start_mark, "anchors (&name) are not allowed here");
	if (tag)
		complain(r, event->start_mark, "tags (!name) are not allowed here");
}

static int read_scalar(struct reading *r, const yaml_event_t *event, struct document_node **ret)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	check_plain_tree(r, event, event->data.scalar.anchor, event->data.scalar.tag);
	if (memchr(value, '\0', len)) {
		complain(r, event->start_mark, "a text must not contain U+0000");
		return READ_SKIPPED;
	}
	*ret = node_new(r, DOCUMENT_SCALAR, event);
	(*ret)->text = xstrdup(value);
	(*ret)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

static int read_value(struct reading *r, unsigned depth, struct document_node **ret);

static int read_list(struct reading *r, unsigned depth, struct document_node *list)
{
	for (;;) {
		struct document_node *child = NULL;
		int q = read_value(r, depth + 1, &child);

		if (child)
			TAILQ_INSERT_TAIL(&list->children, child, next);
		if (q < 0)
			return q;
		if (q == READ_ENDED)
			return 0;
	}
}

static bool has_key(const struct document_node *map, const char *key)
{
	const struct document_node *child;

	TAILQ_FOREACH (child, &map->children, next)
		if (!strcmp(child->key, key))
			return true;
	return false;
}

/* Adds key's value to map, or drops it if the key is not a plain word or there already. */
static void add_pair(struct reading *r, struct document_node *map, struct document_node *key,
		     struct document_node *value)
{
	yaml_mark_t at = {.line = (size_t)key->line - 1, .column = (size_t)key->column - 1};

	if (key->kind != DOCUMENT_SCALAR) {
		complain(r, at, "a key must be a single word");
	} else if (has_key(map, key->text)) {
		complain(r, at, "key \"%.80s\" is there twice", key->text);
	} else {
		value->key = take_ptr(key->text);
		value->line = key->line;
		value->column = key->column;
		TAILQ_INSERT_TAIL(&map->children, value, next);
		return;
	}
	document_free(value);
}

static int read_map(struct reading *r, unsigned depth, struct document_node *map)
{
	for (;;) {
		CLEANUP(document_free_ptr) struct document_node *key = NULL;
		CLEANUP(document_free_ptr) struct document_node *value = NULL;
		int q = read_value(r, depth + 1, &key);

		if (q < 0)
			return q;
		if (q == READ_ENDED)
			return 0;
		q = read_value(r, depth + 1, &value);
		if (key && value)
			add_pair(r, map, key, take_ptr(value));
		if (q < 0)
			return q;
	}
}

static int read_collection(struct reading *r, unsigned depth, const yaml_event_t *event,
			   struct document_node **ret)
{
	if (event->type == YAML_MAPPING_START_EVENT) {
		check_plain_tree(r, event, event->data.mapping_start.anchor,
				 event->data.mapping_start.tag);
		*ret = node_new(r, DOCUMENT_MAP, event);
		return read_map(r, depth, *ret);
	}
	check_plain_tree(r, event, event->data.sequence_start.anchor,
			 event->data.sequence_start.tag);
	*ret = node_new(r, DOCUMENT_LIST, event);
	return read_list(r, depth, *ret);
}

static int check_bounds(struct reading *r, unsigned depth, const yaml_event_t *event)
{
	bool deeper = event->type == YAML_MAPPING_START_EVENT ||
		      event->type == YAML_SEQUENCE_START_EVENT;

	if (depth + deeper <= DOCUMENT_DEPTH_MAX && r->nodes < DOCUMENT_NODES_MAX)
		return 0;
	complain(r, event->start_mark, "at most %d levels and %d values are allowed",
		 DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX);
	return -EINVAL;
}

/* Reads one value with all that is in it. Returns 0, a positive enum outcome, or -EINVAL: stop. */
static int read_value(struct reading *r, unsigned depth, struct document_node **ret)
{
	CLEANUP_EVENT yaml_event_t event;
	int q = next_event(r, &event);

	if (!q)
		q = check_bounds(r, depth, &event);
	if (q < 0)
		return q;
	switch (event.type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(r, &event, ret);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return read_collection(r, depth, &event, ret);
	case YAML_ALIAS_EVENT:
		complain(r, event.start_mark, "aliases (*name) are not allowed here");
		return READ_SKIPPED;
	default:
		return READ_ENDED;
	}
}

/* Passes over stream and document start. Returns 0, or READ_ENDED if there is no document. */
static int open_document(struct reading *r)
{
	yaml_event_type_t type = YAML_NO_EVENT;

	while (type != YAML_DOCUMENT_START_EVENT) {
		CLEANUP_EVENT yaml_event_t event;
		int q = next_event(r, &event);

		if (q < 0)
			return q;
		type = event.type;
		if (type == YAML_STREAM_END_EVENT)
			return READ_ENDED;
	}
	return 0;
}

static void close_document(struct reading *r)
{
	for (;;) {
		CLEANUP_EVENT yaml_event_t event;

		if (next_event(r, &event) < 0 || event.type == YAML_STREAM_END_EVENT)
			return;
		if (event.type == YAML_DOCUMENT_START_EVENT) {
			complain(r, event.start_mark, "only one document is allowed");
			return;
		}
	}
}

int document_parse(const char *text, size_t len, const char *file, struct document_node **ret,
		   struct buf *errors)
{
	struct reading r = {.file = file, .errors = errors};
	int q;

	*ret = NULL;
	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text ? text : ""), len);
	q = open_document(&r);
	if (!q)
		q = read_value(&r, 0, ret);
	if (!q)
		close_document(&r);
	yaml_parser_delete(&r.parser);
	return r.status;
}
