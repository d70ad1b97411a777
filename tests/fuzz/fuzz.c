/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

uint64_t fuzz_take(struct fuzz_input *input, size_t bytes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < bytes && input->size; i++) {
		n |= (uint64_t)*input->data++ << (8 * i);
		input->size--;
	}
	return n;
}

char *fuzz_take_text(struct fuzz_input *input)
{
	size_t len = strnlen((const char *)input->data, input->size);
	char *text = xmalloc(len + 1);

	memcpy(text, input->data, len);
	text[len] = '\0';
	input->data += input->size;
	input->size = 0;
	return text;
}

/* The character at p and its length (0 = none begins here). */
static size_t character_at(const unsigned char *p, uint32_t *ret)
{
	size_t len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;

	if (len < 2) {
		*ret = *p;
		return len;
	}
	*ret = *p & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*ret = *ret << 6 | (p[i] & 0x3fu);
	}
	return len;
}

bool fuzz_is_utf8(const char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		uint32_t c;
		size_t len = character_at(p, &c);

		if (!len || c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		p += len;
	}
	return true;
}

void fuzz_check_error(const struct error *err)
{
	fuzz_check(err->code[0] && err->text[0]);
	fuzz_check(fuzz_is_utf8(err->code));
	fuzz_check(fuzz_is_utf8(err->field));
	fuzz_check(fuzz_is_utf8(err->text));
}

static char folder_path[64];
static int folder_fd = -1;

static void folder_remove(void)
{
	DIR *dir = opendir(folder_path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(folder_fd, entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(folder_path);
}

int fuzz_folder(void)
{
	if (folder_fd >= 0)
		return folder_fd;
	snprintf(folder_path, sizeof(folder_path), "%s/ringbell-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	fuzz_check(mkdtemp(folder_path));
	folder_fd = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_check(folder_fd >= 0);
	atexit(folder_remove);
	return folder_fd;
}

void fuzz_folder_save(const char *name, const void *data, size_t size)
{
	CLEANUP_CLOSE int fd =
		openat(fuzz_folder(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_check(fd >= 0);
	fuzz_check(!file_write_all(fd, data, size));
}
