/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of a process: its processor time, memory and descriptors. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct process_facts {
	uint64_t cpu_ns; /* user and system, all threads */
	uint64_t resident_bytes;
	uint32_t descriptors; /* 0 = the kernel does not let us count them */
};

/* Reads /proc/<pid>/stat and fd (proc(5)); 0 or -errno. Does not block on disks. */
int process_facts_read(pid_t pid, struct process_facts *ret);
/* The text of /proc/<pid>/stat; clock_ticks is sysconf(_SC_CLK_TCK). 0 or -EBADMSG. Pure. */
int process_facts_parse(const char *stat, long clock_ticks, long page_bytes,
			struct process_facts *ret);
