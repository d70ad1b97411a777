/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/token.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#define FILE_BYTES_MAX 65536

/* A token goes into a header as it is. */
static bool is_token(const char *text)
{
	size_t len = strlen(text);

	for (const char *p = text; *p; p++)
		if (!isgraph((unsigned char)*p))
			return false;
	return len > 0 && len < TOKEN_SIZE;
}

static int put_token(const char *text, const char *path, char token[TOKEN_SIZE], struct error *err)
{
	if (!is_token(text))
		return error_set(err, "invalid_token", path,
				 "%s does not hold a token: 1 to %d printable characters", path,
				 TOKEN_SIZE - 1);
	memcpy(token, text, strlen(text) + 1);
	return 0;
}

static int read_text(const char *path, struct buf *out, struct error *err)
{
	int r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, out);

	if (r < 0)
		return error_set(err, "unreadable_token", path,
				 "no token: %s cannot be read: %s (--token-file, --state)", path,
				 strerror(-r));
	return 0;
}

static int load_line(const char *path, char token[TOKEN_SIZE], struct error *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	int r = read_text(path, &text, err);

	if (r < 0)
		return r;
	while (text.len && isspace((unsigned char)text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	return put_token(text.len ? text.data : "", path, token, err);
}

static int load_state(const char *state, char token[TOKEN_SIZE], struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/tokens.json", state);
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *tokens = NULL;
	const char *admin;
	int r = read_text(path, &text, err);

	if (r < 0)
		return r;
	if (json_parse(text.data, text.len, FILE_BYTES_MAX, &tokens, NULL) < 0)
		return error_set(err, "invalid_token", path, "%s is not JSON", path);
	admin = json_string_value(json_object_get(tokens, "admin"));
	return put_token(admin ? admin : "", path, token, err);
}

int token_load(const char *token_file, const char *state, char token[TOKEN_SIZE], struct error *err)
{
	return token_file ? load_line(token_file, token, err) : load_state(state, token, err);
}
