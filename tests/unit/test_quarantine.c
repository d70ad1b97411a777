/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "tests/unit/scratch.h"

static int put(int folder, const char *name)
{
	CLEANUP_CLOSE int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd < 0 || file_write_all(fd, "bytes", 5) ? -1 : 0;
}

static int move(int captures, const char *name, char now[QUARANTINE_NAME_SIZE])
{
	return quarantine_move(
		captures,
		&(struct quarantine_item){
			.folder = captures, .where = "", .name = name, .reason = "it is"},
		now);
}

static void thing_and_reason_lie_together(int captures)
{
	CLEANUP_CLOSE int there = -1;
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *reason = NULL;
	char now[QUARANTINE_NAME_SIZE], file[QUARANTINE_NAME_SIZE + 8];
	struct stat st;

	check(!put(captures, "a b\n\xff"));
	check_int(move(captures, "a b\n\xff", now), 0);
	check_text(strchr(now, '_') + 1, "0_a-b--");
	there = openat(captures, QUARANTINE_FOLDER, O_RDONLY | O_DIRECTORY);
	check(!fstatat(there, now, &st, 0) && st.st_size == 5);
	snprintf(file, sizeof(file), "%s.reason", now);
	check(!file_read(there, file, 4096, &text));
	reason = json_loadb(text.data, text.len, 0, NULL);
	check_text(json_string_value(json_object_get(reason, "reason")), "it is");
	check_text(json_string_value(json_object_get(reason, "kind")), "file");
	check_text(json_string_value(json_object_get(reason, "name")), "a b\n\xef\xbf\xbd");
	check_int(json_integer_value(json_object_get(reason, "bytes")), 5);
	check_int(quarantine_count(captures), 1);
}

static void same_name_twice_is_two_things(int captures)
{
	char first[QUARANTINE_NAME_SIZE], second[QUARANTINE_NAME_SIZE], name[256];

	memset(name, 'x', 255);
	name[255] = '\0';
	check(!put(captures, name));
	check_int(move(captures, name, first), 0);
	check(!put(captures, name));
	check_int(move(captures, name, second), 0);
	check(strcmp(first, second));
	check_int(quarantine_count(captures), 3);
}

static void link_under_our_name_is_not_followed(const struct scratch *scratch, int captures)
{
	char now[QUARANTINE_NAME_SIZE];
	struct stat st;

	check(!mkdir(scratch_path(scratch, "elsewhere"), 0700));
	check(!renameat(captures, QUARANTINE_FOLDER, captures, "before"));
	check(!symlinkat("../elsewhere", captures, QUARANTINE_FOLDER));
	check_int(quarantine_count(captures), 0);
	check(!put(captures, "thing"));
	check_int(move(captures, "thing", now), 0);
	check(!fstatat(captures, QUARANTINE_FOLDER, &st, AT_SYMLINK_NOFOLLOW));
	check(S_ISDIR(st.st_mode));
	check_int(quarantine_count(captures), 1);
	check(!rmdir(scratch_path(scratch, "elsewhere"))); /* nothing in it */
	check_int(move(captures, QUARANTINE_FOLDER ".replaced", now), 0);
	check_int(quarantine_count(captures), 2);
}

static void what_cannot_move_has_no_reason(int captures)
{
	char now[QUARANTINE_NAME_SIZE];
	uint32_t before = quarantine_count(captures);

	check_int(move(captures, "no such thing", now), -ENOENT);
	check_int(quarantine_count(captures), before);
}

int main(void)
{
	struct scratch scratch;
	int captures;

	scratch_init(&scratch);
	check(!mkdir(scratch_path(&scratch, "captures"), 0770));
	captures = open(scratch_path(&scratch, "captures"), O_RDONLY | O_DIRECTORY);
	check_int(quarantine_count(captures), 0);
	thing_and_reason_lie_together(captures);
	same_name_twice_is_two_things(captures);
	link_under_our_name_is_not_followed(&scratch, captures);
	what_cannot_move_has_no_reason(captures);
	close(captures);
	scratch_fini(&scratch);
	return 0;
}
