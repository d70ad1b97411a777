/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock: which files, TCP ports and foreign processes a process can reach from now on, as far as
 * the kernel knows how. Restrictions stay for ever and only grow.
 *
 * Call sequence: landlock_open, landlock_add for each path, landlock_commit. */
#pragma once

#include <stdint.h>

enum landlock_access {
	LANDLOCK_READ,	  /* files and folders below the path can be read */
	LANDLOCK_CHANGE,  /* besides: files be written, created, renamed, removed, shortened */
	LANDLOCK_FOLDERS, /* besides: folders be made, removed, and files moved between them */
};

/* What is taken away besides files. */
enum landlock_ban {
	LANDLOCK_BAN_BIND = 1,	  /* TCP servers, from ABI 4 on */
	LANDLOCK_BAN_CONNECT = 2, /* TCP clients, from ABI 4 on */
};

/* The kernel's level, 0 = none. */
int landlock_abi(void);

/* What this level leaves open, for people; "" = it does all that is asked of it. */
const char *landlock_missing(int abi);

enum landlock_outcome {
	LANDLOCK_ABSENT = 1, /* a kernel without it */
};

/* A rule set that allows no file at all; its descriptor becomes the caller's.
 * Returns 0, LANDLOCK_ABSENT or -errno. */
int landlock_open(unsigned bans, int *ret);

/* The path and what is below it may be used so. A path that does not exist or cannot be reached is
 * no error: it stays closed. Returns 0 or -errno. */
int landlock_add(int rules, const char *path, enum landlock_access access);

/* Enforces the rules for this thread and all it starts; needs no_new_privs. Rules stay the
 * caller's. Returns 0 or -errno. */
int landlock_commit(int rules);
