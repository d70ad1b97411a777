/* SPDX-License-Identifier: Apache-2.0 */
/* Who each process runs as, and how it gives up everything else.
 *
 * As root: each child has a user of its own; recorder and control share the captures folder through
 * one more group. Without root there is one user, ours, and nothing to change but the rest of
 * privileges_drop. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "firmware/config.h"

/* Used where the named users do not exist: in the range Debian reserves for projects. */
#define PRIVILEGES_UID_BASE 64110

enum privileges_user {
	USER_RECORDER,
	USER_CONTROL,
	USER_COURIER,
	USER_WORKER,
	USER_COUNT,
};

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t shared_gid; /* group of the captures folder */
	int is_shared;	  /* 1 = this process is a member of it */
	int is_changed;	  /* 0 = no root: stay who we are */
};

/* Looks up the configured users; logs once which ids stand in for missing names.
 * Returns 0 or -EINVAL with err. */
int privileges_find(const struct config *config, struct identity ret[USER_COUNT],
		    struct error *err);

/* Leaves the supervisor with the few capabilities it needs while it runs, for ever. Does nothing
 * without root. Returns 0, or -EPERM with err if one of them is missing from the start. */
int privileges_keep(struct error *err);

/* Becomes identity for ever: user, groups, no capability, none to be had again, no core file,
 * files for owner and group only. For a forked child, before it works. Returns 0 or -errno. */
int privileges_drop(const struct identity *identity);
