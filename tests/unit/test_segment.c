/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/test.h"

static void name_is_read_back(void)
{
	struct segment_name name = {.policy = "web-critical", .nic = "br_lan.100", .number = 7};
	struct segment_name read;
	char text[SEGMENT_NAME_SIZE], hidden[SEGMENT_NAME_SIZE + 1];
	bool is_hidden;

	check(!wall_parse("2026-11-20T15:30:00.123Z", &name.time));
	check_text(segment_name_format(&name, text),
		   "20261120T153000.123Z_web-critical_br_lan.100_000007.pcapng");
	check(!segment_name_parse(text, &read, &is_hidden));
	check(!is_hidden);
	check_int(read.time.ns, name.time.ns);
	check_text(read.policy, name.policy);
	check_text(read.nic, name.nic);
	check_int(read.number, 7);
	snprintf(hidden, sizeof(hidden), ".%s", text);
	check(!segment_name_parse(hidden, &read, &is_hidden));
	check(is_hidden);
	name.number = UINT32_MAX;
	check(!segment_name_parse(segment_name_format(&name, text), &read, &is_hidden));
	check_int(read.number, UINT32_MAX);
}

static void other_names_are_refused(void)
{
	static const char *const bad[] = {
		"",
		".",
		".pcapng",
		"manifest.json",
		"20261120T153000.123Z_p_eth0_000007.pcap",
		"20261120T153000.123Z_p_eth0_7.pcapng",
		"20261120T153000.123Z_p_eth0_00000x.pcapng",
		"20261120T153000.123Z_p_eth0_99999999999.pcapng",
		"20261120T153000.123Z_p_000007.pcapng",
		"20261120T153000.123Z__eth0_000007.pcapng",
		"20261120T153000.123Z_p__000007.pcapng",
		"20261320T153000.123Z_p_eth0_000007.pcapng",
		"20261120T153000Z_p_eth0_000007.pcapng",
		"20261120T153000.123Z_../p_eth0_000007.pcapng",
		"..20261120T153000.123Z_p_eth0_000007.pcapng",
		"20261120T153000.123Z_p_eth0_000007.pcapng.bad",
	};
	struct segment_name read;
	bool hidden;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_int(segment_name_parse(bad[i], &read, &hidden), -EINVAL);
}

static void any_text_becomes_safe(void)
{
	char safe[48], long_text[200];

	check_text(segment_safe("Web / Critical!", safe), "web-critical");
	check_text(segment_safe("", safe), "unnamed");
	check_text(segment_safe("../..", safe), "unnamed");
	check_text(segment_safe("数据库 DB1", safe), "db1");
	memset(long_text, 'a', sizeof(long_text));
	long_text[199] = '\0';
	check_int(strlen(segment_safe(long_text, safe)), 47);
}

static void life_of_a_file(int folder)
{
	static const char name[] = "20261120T153000.123Z_p_eth0_000000.pcapng";
	static const char hidden[] = ".20261120T153000.123Z_p_eth0_000000.pcapng";
	bool direct = false;
	struct stat st;
	int fd = segment_open(folder, name, &direct);

	check(fd >= 0);
	check(!direct);
	check_int(segment_open(folder, name, &direct), -EEXIST);
	check(!fstatat(folder, hidden, &st, 0));
	check_int(st.st_mode & 0777, 0660);
	check(!file_write_all(fd, "0123456789", 10));
	check(!segment_seal(folder, fd, name, 4));
	close(fd);
	check(fstatat(folder, hidden, &st, 0) && errno == ENOENT);
	check(!fstatat(folder, name, &st, 0));
	check_int(st.st_size, 4);
	check_int(st.st_mode & 0777, 0640);

	/* a sealed segment is never replaced */
	fd = segment_open(folder, name, &direct);
	check(fd >= 0);
	check_int(segment_seal(folder, fd, name, 0), -EEXIST);
	close(fd);
	/* one that stays hidden stays writable for recovery */
	check(!fstatat(folder, hidden, &st, 0));
	check_int(st.st_mode & 0777, 0660);
	check(!fstatat(folder, name, &st, 0));
	check_int(st.st_size, 4);
	check(!unlinkat(folder, hidden, 0));
	check(!unlinkat(folder, name, 0));
}

/* Recovery runs as another user of the group than the recorder that died (needs root). */
static void sealed_by_another_user(int folder)
{
	static const char name[] = "20261120T153000.123Z_p_eth0_000001.pcapng";
	bool direct = false;
	struct stat st;
	int fd;

	if (geteuid())
		return;
	fd = segment_open(folder, name, &direct);
	check(fd >= 0);
	check(!file_write_all(fd, "0123456789", 10));
	check(!fchown(fd, 65533, 65533));
	check(!fchown(folder, 65533, 65533) && !fchmod(folder, 0770));
	check(!setegid(65533) && !seteuid(65532));
	check_int(segment_seal(folder, fd, name, 4), 0);
	check(!seteuid(0) && !setegid(0));
	close(fd);
	check(!fstatat(folder, name, &st, 0));
	check_int(st.st_size, 4);
	check(!unlinkat(folder, name, 0));
}

static void names_stay_in_the_folder(int folder)
{
	bool direct = false;

	check_int(segment_open(folder, "../x", &direct), -EINVAL);
	check_int(segment_open(folder, "", &direct), -EINVAL);
	check_int(segment_open(folder, ".x", &direct), -EINVAL);
}

int main(void)
{
	char path[] = "/tmp/test_segment.XXXXXX";
	int folder;

	name_is_read_back();
	other_names_are_refused();
	any_text_becomes_safe();
	check(mkdtemp(path));
	folder = open(path, O_RDONLY | O_DIRECTORY);
	check(folder >= 0);
	life_of_a_file(folder);
	names_stay_in_the_folder(folder);
	sealed_by_another_user(folder);
	close(folder);
	check(!rmdir(path));
	return 0;
}
