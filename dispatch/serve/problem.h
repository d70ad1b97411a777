/* SPDX-License-Identifier: Apache-2.0 */
/* application/problem+json (RFC 9457) with a stable `code`: the form of every refusal. Pure. */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* The standard phrase of a status, e.g. "Not Found". */
const char *problem_title(int status);

/* {type, title, status, code, detail}; a new reference the caller may extend. */
json_t *problem_format(int status, const char *code, const char *detail);

/* The same from an error a reader filled; its field becomes errors[0].pointer. */
json_t *problem_format_error(int status, const struct error *err);
