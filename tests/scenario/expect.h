/* SPDX-License-Identifier: Apache-2.0 */
/* What a scenario says must be so. Starts, stops, edits and pushes that nobody expected fail. */
#pragma once

#include "world.h"

void expect_check(struct world *world, struct line *line);

/* Before the next command and at the end: nothing visible may be left over. Forgets the rest. */
void expect_nothing_left(struct world *world, const struct line *line);
/* After a restart that nobody sees: only resumes of what ran may be there. Forgets them. */
void expect_only_resumes(struct world *world, const struct line *line);
