/* SPDX-License-Identifier: Apache-2.0 */
/* The appliance's alerts of itself go the way of all others: stored, routed, pushed. Loop. */
#pragma once

#include "policy/self_alert.h"

struct control;
struct decision;

/* Decides on it at once and commits. Raising what is raised already does nothing, nor does ending
 * what is not: so endpoints that fail to tell of each other's failing come to rest. */
void self_raise(struct control *control, const struct self_alert *self);
/* What the engine had to tell while it made this decision, which was committed before. */
void self_raise_signals(struct control *control, const struct actions *actions);
