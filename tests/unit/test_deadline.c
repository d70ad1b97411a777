/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/deadline.h"

#include <string.h>

#include "tests/unit/test.h"

#define COUNT 500

static unsigned next_random(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return *state >> 8;
}

/* Whatever is set, moved and cleared in whatever order: the first is the earliest of a plain list.
 */
static void first_is_the_earliest(void)
{
	static struct deadline deadlines[COUNT];
	struct deadline_heap heap = {0};
	unsigned seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct deadline *deadline = &deadlines[next_random(&seed) % COUNT];
		const struct deadline *earliest = NULL;

		if (next_random(&seed) % 3)
			deadline_set(&heap, deadline, 1, (mono_t){next_random(&seed) % 1000});
		else
			deadline_clear(&heap, deadline);
		for (int i = 0; i < COUNT; i++)
			if (deadline_is_set(&deadlines[i]) &&
			    (!earliest || deadlines[i].at.ns < earliest->at.ns))
				earliest = &deadlines[i];
		check(!earliest == !deadline_first(&heap));
		if (earliest)
			check_int(deadline_first(&heap)->at.ns, earliest->at.ns);
	}
	deadline_heap_fini(&heap);
}

int main(void)
{
	first_is_the_earliest();
	return 0;
}
