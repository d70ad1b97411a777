/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML subset: plain trees only, each mistake with its place. */
#include "base/cleanup.h"
#include "firmware/document.h"
#include "tests/unit/test.h"

static int parse(const char *text, struct document_node **ret, struct buf *errors)
{
	buf_clear(errors);
	return document_parse(text, strlen(text), "f", ret, errors);
}

static void check_refused(const char *text, const char *want)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct document_node *root;

	parse(text, &root, &errors);
	document_free(root);
	if (!errors.data || strncmp(errors.data, want, strlen(want)))
		check_text(errors.data, want);
}

static void tree_with_places(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct document_node *root, *b, *item;

	check_int(parse("a: 1\nb:\n  - x\n  - 'y'\n", &root, &errors), 0);
	check_int(root->kind, DOCUMENT_MAP);
	check_text(TAILQ_FIRST(&root->children)->key, "a");
	check_text(TAILQ_FIRST(&root->children)->text, "1");
	check_int(TAILQ_FIRST(&root->children)->plain, 1);
	b = TAILQ_NEXT(TAILQ_FIRST(&root->children), next);
	check_int(b->kind, DOCUMENT_LIST);
	check_int(b->line, 2);
	check_int(b->column, 1);
	item = TAILQ_NEXT(TAILQ_FIRST(&b->children), next);
	check_text(item->text, "y");
	check_int(item->plain, 0);
	check_int(item->line, 4);
	check_int(item->column, 5);
	document_free(root);
}

static void not_plain(void)
{
	check_refused("a: &x 1\n", "f:1:4: anchors (&name) are not allowed here\n");
	check_refused("a: &x {b: 1}\n", "f:1:4: anchors (&name) are not allowed here\n");
	check_refused("a: *x\n", "f:1:4: aliases (*name) are not allowed here\n");
	check_refused("a: !!int 1\n", "f:1:4: tags (!name) are not allowed here\n");
	check_refused("a: !x [1]\n", "f:1:4: tags (!name) are not allowed here\n");
	check_refused("a: 1\nb: 2\na: 3\n", "f:3:1: key \"a\" is there twice\n");
	check_refused("[a]: 1\n", "f:1:1: a key must be a single word\n");
	check_refused("a: \"x\\0y\"\n", "f:1:4: a text must not contain U+0000\n");
	check_refused("a: 1\n---\nb: 1\n", "f:2:1: only one document is allowed\n");
}

static void broken(void)
{
	check_refused("a: [1\n", "f:2:1: not YAML: ");
	check_refused("a: 1\n\tb: 2\n", "f:2:1: not YAML: ");
	check_refused("a: \"x\n", "f:2:1: not YAML: ");
	check_refused("a: \xff\n", "f:1:1: not YAML: ");
	check_refused("}{", "f:1:1: not YAML: ");
}

static void several_mistakes_are_all_told(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct document_node *root;

	check(parse("a: &x 1\nb: *x\nc: 1\nc: 2\n", &root, &errors) < 0);
	check_text(errors.data, "f:1:4: anchors (&name) are not allowed here\n"
				"f:2:4: aliases (*name) are not allowed here\n"
				"f:4:1: key \"c\" is there twice\n");
	check_text(TAILQ_FIRST(&root->children)->text, "1");
	document_free(root);
}

static void bounded(void)
{
	CLEANUP_BUF struct buf deep = BUF_INIT, wide = BUF_INIT;

	for (int i = 0; i < 9; i++)
		buf_append_text(&deep, "[");
	check_refused(deep.data, "f:1:9: at most 8 levels and 2000 values are allowed\n");
	for (int i = 0; i < 3000; i++)
		buf_append_text(&wide, "- 1\n");
	check_refused(wide.data, "f:2000:3: at most 8 levels and 2000 values are allowed\n");
}

int main(void)
{
	tree_with_places();
	not_plain();
	broken();
	several_mistakes_are_all_told();
	bounded();
	return 0;
}
