/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include "base/error.h"

const char *role_name(enum role role)
{
	static const char *const names[ROLE_COUNT] = {
		[ROLE_SUPERVISOR] = "supervisor",
		[ROLE_RECORDER] = "recorder",
		[ROLE_CONTROL] = "control",
		[ROLE_COURIER] = "courier",
	};

	bug_on(role >= ROLE_COUNT);
	return names[role];
}
