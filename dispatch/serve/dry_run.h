/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert would do, as an answer of the API: the engine plans and changes nothing, and the
 * filters it would capture with are compiled as they would be. Nothing is stored. Loop thread. */
#pragma once

#include <jansson.h>

#include "base/clock.h"

struct alert;
struct control;
struct exchange;

/* One alert's view; new reference. To `programs`, an array, the filters are added that are not
 * compiled yet: dry_run_reply does that in place. */
json_t *dry_run_alert(const struct control *control, const struct alert *alert, struct instant now,
		      json_t *programs);

/* Compiles the programs one after the other and answers 200. Puts answer and programs. */
void dry_run_reply(struct exchange *exchange, json_t *answer, json_t *programs);
