/* SPDX-License-Identifier: Apache-2.0 */
/* What a process promised not to do, the kernel does not let it do: system calls by seccomp, files,
 * TCP and signals by Landlock. docs/security.md has the promises in words. */
#pragma once

#include "firmware/syscall_list.h"

struct sandbox_options {
	enum syscall_role role;
	const char *captures; /* folders and files the role uses; NULL or "" = none */
	const char *state;
	const char *ca_file;
	const char *readable; /* folders, separated by commas */
};

/* Shuts the calling process in, for ever, with all threads it will have. To be called after its
 * user changed and before it starts a thread. A system call outside the role's list ends the
 * process by SIGSYS, with one line on standard error that names the call and the role.
 *
 * A kernel without Landlock is no error (sandbox_log tells it), one without seccomp is. Builds for
 * a sanitizer, which makes system calls of its own, log that there is no sandbox and have none.
 * Returns 0, or -errno after logging why. */
int sandbox_enter(const struct sandbox_options *options);

/* Logs what the kernel can and cannot enforce: once, by the supervisor. */
void sandbox_log(void);
