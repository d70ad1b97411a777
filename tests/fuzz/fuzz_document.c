/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file as a tree, strictly. */
#include <errno.h>

#include "firmware/document.h"
#include "tests/fuzz/fuzz.h"

static unsigned check_node(const struct document_node *node, unsigned depth)
{
	const struct document_node *child, *other;
	unsigned count = 1;

	fuzz_check(depth <= DOCUMENT_DEPTH_MAX);
	fuzz_check(node->line >= 1 && node->column >= 1);
	fuzz_check((node->kind == DOCUMENT_SCALAR) == (node->text != NULL));
	fuzz_check(node->kind != DOCUMENT_SCALAR || TAILQ_EMPTY(&node->children));
	TAILQ_FOREACH (child, &node->children, next) {
		fuzz_check((node->kind == DOCUMENT_MAP) == (child->key != NULL));
		for (other = TAILQ_NEXT(child, next); other && child->key;
		     other = TAILQ_NEXT(other, next))
			fuzz_check(strcmp(child->key, other->key));
		count += check_node(child, depth + 1);
	}
	return count;
}

/* Each mistake is one line that says where. */
static void check_errors(const char *text)
{
	while (text && *text) {
		const char *end = strchr(text, '\n');

		fuzz_check(end && !strncmp(text, "file:", 5));
		text = end + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct document_node *root;
	int r = document_parse((const char *)data, size, "file", &root, &errors);

	fuzz_check(r == 0 || r == -EINVAL);
	fuzz_check((r != 0) == (errors.len != 0));
	check_errors(errors.data);
	if (root)
		fuzz_check(check_node(root, 0) <= DOCUMENT_NODES_MAX);
	document_free(root);
	return 0;
}
