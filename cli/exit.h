/* SPDX-License-Identifier: Apache-2.0 */
/* Exit statuses of the ringbell command; documented in docs/cli.md and the man page. */
#pragma once

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_NOT_ALLOWED = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_CONFLICT = 6,
	EXIT_TIMEOUT = 7,
	EXIT_INCOMPLETE = 8, /* the file is there, but the capture lacks something */
	EXIT_ALTERED = 9,    /* evidence is not what was signed, or not signed */
};
