/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/process_facts.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* A name may contain anything, also what looks like fields. */
static void parse(void)
{
	struct process_facts facts;

	check_int(
		process_facts_parse("17 (a) 1 (b) S 1 17 17 0 -1 4194560 100 200 3 4 150 50 1 2 20"
				    " 0 9 0 5000 1048576 256 18446744073709551615 1 1",
				    100, 4096, &facts),
		0);
	check_int((int64_t)facts.cpu_ns, 2000000000);
	check_int((int64_t)facts.resident_bytes, 256 * 4096);
	check_int(process_facts_parse("17 (a) S 1 17 17", 100, 4096, &facts), -EBADMSG);
	check_int(process_facts_parse("17", 100, 4096, &facts), -EBADMSG);
	check_int(process_facts_parse("", 100, 4096, &facts), -EBADMSG);
}

static void self(void)
{
	struct process_facts before, after;
	int fds[2];

	check_int(process_facts_read(getpid(), &before), 0);
	check(before.resident_bytes > 100000);
	check(before.descriptors >= 3);
	check_int(pipe(fds), 0);
	check_int(process_facts_read(getpid(), &after), 0);
	check_int(after.descriptors, before.descriptors + 2);
	check(after.cpu_ns >= before.cpu_ns);
	check_int(process_facts_read(0x7fffffff, &after), -ENOENT);
}

int main(void)
{
	parse();
	self();
	return 0;
}
