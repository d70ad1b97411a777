/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every delivery, whatever its format. */
#pragma once

#include "policy/intake.h"
#include "tests/fuzz/fuzz.h"

/* The mapping that kind generic is looked at with, and its patterns; NULL for others. */
const json_t *intake_check_mapping(enum source_kind kind);
struct intake_patterns *intake_check_patterns(enum source_kind kind);

void intake_check(enum source_kind kind, const uint8_t *data, size_t size);
