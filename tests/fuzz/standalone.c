/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a target once over every file of the folders and files it is given: the kept corpus as a
 * test, with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (4u << 20)

static unsigned runs;

static void run_file(int folder, const char *name)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	uint8_t *exact;
	int r = file_read(folder, name, INPUT_MAX, &text);

	if (r) {
		fprintf(stderr, "%s: %s\n", name, strerror(-r));
		exit(1);
	}
	/* an allocation of just this size, so that a sanitizer sees one byte too many */
	exact = xmalloc(text.len ? text.len : 1);
	if (text.len)
		memcpy(exact, text.data, text.len);
	fprintf(stderr, "%s\n", name);
	LLVMFuzzerTestOneInput(exact, text.len);
	free(exact);
	runs++;
}

static void run_folder(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			run_file(dirfd(dir), entry->d_name);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);

		if (dir) {
			run_folder(dir);
			closedir(dir);
		} else {
			run_file(AT_FDCWD, argv[i]);
		}
	}
	printf("%u inputs\n", runs);
	return runs ? 0 : 1;
}
