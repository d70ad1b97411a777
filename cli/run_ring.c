/* SPDX-License-Identifier: Apache-2.0 */
/* Packets the rings still remember, without a capture. */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/text.h"

struct output {
	const char *file; /* NULL = standard output */
	int fd;		  /* opened with the first byte: a refusal leaves no file */
	int error;
	uint64_t bytes;
};

static int on_begin(void *owner, uint64_t offset)
{
	(void)owner;
	return offset ? -1 : 0;
}

static int on_data(void *owner, const void *data, size_t len)
{
	struct output *out = owner;
	int r;

	if (out->fd < 0)
		out->fd = open(out->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	r = out->fd < 0 ? -errno : file_write_all(out->fd, data, len);
	out->error = -r;
	out->bytes += len;
	return r < 0 ? -1 : 0;
}

static enum exit_status close_output(struct output *out)
{
	char size[TEXT_BYTES_SIZE];

	if (out->file && out->fd >= 0 && close(out->fd) && !out->error)
		out->error = errno;
	if (out->error) {
		text_complain("%s: %s", out->file ? out->file : "standard output",
			      strerror(out->error));
		return EXIT_FAILED;
	}
	if (out->file)
		printf("%s: %s\n", out->file, text_format_bytes(out->bytes, size));
	return EXIT_OK;
}

static char *format_path(const struct arguments *arguments)
{
	static const enum option options[] = {OPTION_LAST, OPTION_HOST, OPTION_PORT, OPTION_NIC,
					      OPTION_FILTER};
	CLEANUP_BUF struct buf path = BUF_INIT;

	buf_append_text(&path, "ring/packets");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *value = arguments->values[options[i]];
		CLEANUP_FREE char *piece = value ? client_format_piece(value) : NULL;

		if (piece)
			buf_printf(&path, "%c%s=%s", strchr(path.data, '?') ? '&' : '?',
				   option_rows[options[i]].name, piece);
	}
	return buf_take(&path);
}

enum exit_status run_ring(struct client *client, const struct arguments *arguments)
{
	CLEANUP_FREE char *path = format_path(arguments);
	const char *file = arguments->values[OPTION_OUTPUT];
	struct output out = {.file = strcmp(file, "-") ? file : NULL, .fd = -1};
	struct client_fetch fetch = {.on_begin = on_begin, .on_data = on_data, .owner = &out};
	enum exit_status r, closed;

	if (!out.file && isatty(STDOUT_FILENO)) {
		text_complain("standard output is a terminal: redirect it, or give -w FILE");
		return EXIT_USAGE;
	}
	if (!out.file)
		out.fd = STDOUT_FILENO;
	r = client_fetch(client, path, &fetch);
	if (r && !out.bytes)
		return r;
	closed = close_output(&out);
	return r ? r : closed;
}
