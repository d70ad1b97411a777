/* SPDX-License-Identifier: Apache-2.0 */
/* Forks a child that has nothing of the supervisor's but one socket. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/log.h"
#include "firmware/privileges.h"

/* The memory behind argv, which ps shows. */
struct process_title {
	char *start;
	size_t size;
};

void process_title_init(struct process_title *title, int argc, char *argv[]);

typedef int (*process_main)(int socket, const void *config);

struct process_options {
	const char *name; /* "recorder"; a literal, lives on in the child's log */
	int socket;	  /* the child's end; stays the caller's */
	const struct identity *identity;
	const struct process_title *title;
	enum log_level log_level;
	process_main main;
	const void *config;
};

/* The child's standard input is /dev/null, its only other descriptor besides the output is the
 * socket. It ignores the signals that mean "stop": the supervisor tells it, in order; and dies with
 * the supervisor. main's return value is its exit status. Returns 0 or -errno. Call from a
 * single-threaded process only. */
int process_start(const struct process_options *options, pid_t *ret);
