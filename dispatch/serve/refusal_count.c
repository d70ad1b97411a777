/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/refusal_count.h"

#include <string.h>

#include "base/error.h"

const char *refusal_reason(unsigned index)
{
	static const char *const reasons[REFUSAL_REASONS] = {"silence", "policy_disabled",
							     "source_policy", "source_holds"};

	bug_on(index >= REFUSAL_REASONS);
	return reasons[index];
}

void refusal_count_add(struct refusal_counts *counts, const char *reason)
{
	for (unsigned i = 0; i < REFUSAL_REASONS; i++)
		counts->counts[i] += !strcmp(reason, refusal_reason(i));
}
