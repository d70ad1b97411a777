/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every delivery, whatever its format. */
#pragma once

#include "policy/intake.h"
#include "tests/fuzz/fuzz.h"

void intake_check(enum source_kind kind, const uint8_t *data, size_t size);
