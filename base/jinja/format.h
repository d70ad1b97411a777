/* SPDX-License-Identifier: Apache-2.0 */
/* Python's "text % values". */
#pragma once

#include "base/jinja/value.h"

/* `values` is a tuple of what the text asks for, a map for "%(name)s", or one value. */
struct value format_value(struct render *r, struct value text, struct value values);
