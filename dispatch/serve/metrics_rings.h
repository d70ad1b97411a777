/* SPDX-License-Identifier: Apache-2.0 */
/* The rings' families of /metrics. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

struct control;

void metrics_add_rings(struct buf *out, const struct control *control, wall_t now);
