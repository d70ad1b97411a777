/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/test.h"

struct fixture {
	char folder[64];
	int fd;
};

static void fixture_init(struct fixture *f)
{
	snprintf(f->folder, sizeof(f->folder), "/tmp/ringbell-file-XXXXXX");
	check(mkdtemp(f->folder));
	f->fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(f->fd >= 0);
}

static void fixture_fini(struct fixture *f, const char *const names[])
{
	for (int i = 0; names[i]; i++)
		check(!unlinkat(f->fd, names[i], 0));
	close(f->fd);
	check(!rmdir(f->folder)); /* also proves that nothing was left behind */
}

static void test_replace_and_read(void)
{
	CLEANUP_BUF struct buf data = BUF_INIT;
	struct fixture f;
	struct stat st;

	fixture_init(&f);
	check(!file_replace(f.fd, "a", 0600, "first", 5));
	check(!file_replace(f.fd, "a", 0600, "second", 6));
	check(!file_read(f.fd, "a", 100, &data));
	check_text(data.data, "second");
	check(!fstatat(f.fd, "a", &st, 0));
	check_int(st.st_mode & 0777, 0600);
	check_int(file_read(f.fd, "a", 5, &data), -EFBIG);
	check_int(file_read(f.fd, "none", 5, &data), -ENOENT);
	check(file_replace(f.fd, "x/y", 0600, "", 0) < 0);
	check(!symlinkat("a", f.fd, "link"));
	check_int(file_read(f.fd, "link", 100, &data), -ELOOP);
	fixture_fini(&f, (const char *const[]){"a", "link", NULL});
}

static void test_mkdirs(void)
{
	struct fixture f;
	char path[128];

	fixture_init(&f);
	snprintf(path, sizeof(path), "%s/x/y", f.folder);
	check(!file_mkdirs(path, 0750));
	check(!file_mkdirs(path, 0750));
	check(!rmdir(path));
	path[strlen(path) - 2] = '\0';
	check(!rmdir(path));
	check(file_mkdirs("", 0750) < 0);
	fixture_fini(&f, (const char *const[]){NULL});
}

int main(void)
{
	test_replace_and_read();
	test_mkdirs();
	return 0;
}
