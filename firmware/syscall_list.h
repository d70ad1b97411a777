/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls each process may make. What is in no list ends the process.
 *
 * A list is a promise, so it is as short as works. Calls that libraries try and can do without are
 * refused with an error instead. */
#pragma once

#include <seccomp.h>

enum syscall_role {
	SYSCALL_RECORDER,
	SYSCALL_CONTROL,
	SYSCALL_COURIER,
	SYSCALL_COMPILER,
	SYSCALL_DIGEST,
	SYSCALL_EXTRACT,
	SYSCALL_SUPERVISOR, /* its filter is inherited, so it has everybody's calls and its own */
	SYSCALL_ROLE_COUNT,
};

const char *syscall_list_name(enum syscall_role role);

/* Adds the role's rules to the filter, whose default is to end the process. Returns 0 or -errno. */
int syscall_list_add(scmp_filter_ctx filter, enum syscall_role role);
