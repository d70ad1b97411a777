/* SPDX-License-Identifier: Apache-2.0 */
/* By raw system calls: Debian 12 has no library for it, and its header stops at ABI 1. */
#include "firmware/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Newer than the header, see the kernel's Documentation/userspace-api/landlock.rst. */
#define FS_REFER      (1ull << 13) /* ABI 2; without it never possible between folders */
#define FS_TRUNCATE   (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV  (1ull << 15) /* ABI 5 */
#define NET_BIND      (1ull << 0)  /* ABI 4 */
#define NET_CONNECT   (1ull << 1)
#define SCOPE_SOCKETS (1ull << 0) /* ABI 6: abstract unix sockets of others */
#define SCOPE_SIGNALS (1ull << 1)
#define FS_ABI_1      ((1ull << 13) - 1)

#define ABI_TRUNCATE 3
#define ABI_NET	     4
#define ABI_IOCTL    5
#define ABI_SCOPE    6

/* As of ABI 6; older kernels are told a shorter one. */
struct attributes {
	uint64_t fs, net, scoped;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_CHANGE                                                                                  \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                \
	 LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE)
/* Links, pipes and sockets so that those of others can be moved aside: to the kernel that makes one
 * where it goes. The calls that make new ones are in nobody's list. */
#define FS_FOLDERS                                                                                 \
	(FS_CHANGE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_REFER |      \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO |                              \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define FS_OF_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

int landlock_abi(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return r < 0 ? 0 : (int)r;
}

const char *landlock_missing(int abi)
{
	if (abi <= 0)
		return "files, TCP, signals to other processes";
	if (abi < ABI_TRUNCATE)
		return "shortening files, TCP, device controls, signals to other processes";
	if (abi < ABI_NET)
		return "TCP, device controls, signals to other processes";
	if (abi < ABI_IOCTL)
		return "device controls, signals to other processes";
	return abi < ABI_SCOPE ? "signals to other processes" : "";
}

/* All access to files this kernel can take away. */
static uint64_t handled_fs(int abi)
{
	uint64_t fs = FS_ABI_1;

	if (abi >= 2)
		fs |= FS_REFER;
	if (abi >= ABI_TRUNCATE)
		fs |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		fs |= FS_IOCTL_DEV;
	return fs;
}

int landlock_open(unsigned bans, int *ret)
{
	int abi = landlock_abi();
	struct attributes a = {.fs = handled_fs(abi)};
	size_t size = sizeof(a.fs);
	long r;

	if (!abi)
		return LANDLOCK_ABSENT;
	if (abi >= ABI_NET) {
		a.net = (bans & LANDLOCK_BAN_BIND ? NET_BIND : 0) |
			(bans & LANDLOCK_BAN_CONNECT ? NET_CONNECT : 0);
		size += sizeof(a.net);
	}
	if (abi >= ABI_SCOPE) {
		a.scoped = SCOPE_SOCKETS | SCOPE_SIGNALS;
		size += sizeof(a.scoped);
	}
	r = syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (r < 0)
		return -errno;
	*ret = (int)r;
	return 0;
}

int landlock_add(int rules, const char *path, enum landlock_access access)
{
	static const uint64_t rights[] = {
		[LANDLOCK_READ] = FS_READ,
		[LANDLOCK_CHANGE] = FS_CHANGE,
		[LANDLOCK_FOLDERS] = FS_FOLDERS,
	};
	CLEANUP_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = {.parent_fd = fd};
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st))
		return -errno;
	beneath.allowed_access = rights[access] & handled_fs(landlock_abi());
	/* the kernel refuses rights that only folders have */
	if (!S_ISDIR(st.st_mode))
		beneath.allowed_access &= FS_OF_FILE;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0)
		       ? -errno
		       : 0;
}

int landlock_commit(int rules)
{
	return syscall(SYS_landlock_restrict_self, rules, 0) ? -errno : 0;
}
