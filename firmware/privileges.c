/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* NET_RAW opens rings when a NIC appears. The others let a supervisor that is no longer all of root
 * make children of other users: SETUID and SETGID to become them, SETPCAP to empty their bounding
 * set, KILL to end them. */
static const struct {
	int number;
	const char *name;
} kept[] = {
	{CAP_NET_RAW, "CAP_NET_RAW"}, {CAP_SETUID, "CAP_SETUID"}, {CAP_SETGID, "CAP_SETGID"},
	{CAP_SETPCAP, "CAP_SETPCAP"}, {CAP_KILL, "CAP_KILL"},
};

static int set_capabilities(uint64_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)set, .permitted = (uint32_t)set},
		{.effective = (uint32_t)(set >> 32), .permitted = (uint32_t)(set >> 32)},
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int load_capabilities(uint64_t *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*ret = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* Nothing outside `set` can ever be had again by this process and its children. */
static int limit_bounding_set(uint64_t set)
{
	for (int i = 0; i < 64; i++) {
		if (set & 1ULL << i || prctl(PR_CAPBSET_READ, i) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, i))
			return -errno;
	}
	return 0;
}

int privileges_keep(struct error *err)
{
	uint64_t have = 0, need = 0;
	int r = load_capabilities(&have);

	if (r || geteuid() != 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		need |= 1ULL << kept[i].number;
		if (have & 1ULL << kept[i].number)
			continue;
		error_set(err, "missing_capability", "", "root without %s cannot run ringbelld",
			  kept[i].name);
		return -EPERM;
	}
	r = limit_bounding_set(need);
	if (!r)
		r = set_capabilities(need);
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		r = -errno;
	if (r)
		error_set(err, "environment", "", "cannot give up capabilities: %s",
			  strerrordesc_np(-r));
	return r;
}

static int find_group(const char *name, gid_t *ret, struct error *err)
{
	const struct group *group = getgrnam(name);

	if (group) {
		*ret = group->gr_gid;
		return 0;
	}
	group = getgrgid(PRIVILEGES_UID_BASE);
	if (group)
		return error_set(err, "unknown_group", "/users/group",
				 "\"%s\": no such group, and gid %d belongs to \"%s\"", name,
				 PRIVILEGES_UID_BASE, group->gr_name);
	*ret = PRIVILEGES_UID_BASE;
	return 0;
}

static int find_user(const char *name, enum privileges_user user, struct identity *ret,
		     struct error *err)
{
	uid_t stand_in = PRIVILEGES_UID_BASE + user;
	const struct passwd *passwd = getpwnam(name);

	if (passwd && passwd->pw_uid == 0)
		return error_set(err, "bad_user", "/users", "\"%s\": must not be root", name);
	if (passwd) {
		ret->uid = passwd->pw_uid;
		ret->gid = passwd->pw_gid;
		return 0;
	}
	passwd = getpwuid(stand_in);
	if (passwd)
		return error_set(err, "unknown_user", "/users",
				 "\"%s\": no such user, and uid %u belongs to \"%s\"", name,
				 stand_in, passwd->pw_name);
	ret->uid = stand_in;
	ret->gid = stand_in;
	log_info("supervisor", "no user \"%s\": uid %u stands in", name, stand_in);
	return 0;
}

int privileges_find(const struct config *config, struct identity ret[USER_COUNT], struct error *err)
{
	const char *const names[USER_COUNT] = {
		[USER_RECORDER] = config->users.recorder,
		[USER_CONTROL] = config->users.control,
		[USER_COURIER] = config->users.courier,
		[USER_WORKER] = config->users.worker,
	};
	gid_t shared = 0;
	int r = 0;

	memset(ret, 0, USER_COUNT * sizeof(*ret));
	if (geteuid() != 0)
		return 0;
	r = find_group(config->users.group, &shared, err);
	for (int i = 0; i < USER_COUNT && !r; i++) {
		r = find_user(names[i], i, &ret[i], err);
		ret[i].shared_gid = shared;
		ret[i].is_shared = i == USER_RECORDER || i == USER_CONTROL;
		ret[i].is_changed = 1;
	}
	return r;
}

static int become(const struct identity *id)
{
	int r;

	if (!id->is_changed)
		return 0;
	r = limit_bounding_set(0);
	if (r)
		return r;
	if (setgroups(id->is_shared ? 1 : 0, &id->shared_gid) ||
	    setresgid(id->gid, id->gid, id->gid) || setresuid(id->uid, id->uid, id->uid))
		return -errno;
	/* leaving uid 0 emptied the sets already; this is here to fail if it did not */
	return set_capabilities(0);
}

int privileges_drop(const struct identity *id)
{
	int r;

	umask(0007);
	if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}))
		return -errno;
	r = become(id);
	if (r)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* ambient capabilities do not exist without permitted ones, but root may be had by them */
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ? -errno : 0;
}
