/* SPDX-License-Identifier: Apache-2.0 */
/* Memory from the store: first-start defaults, recovery of the folder, then engine and live
 * captures are made on the store thread and handed to the loop. Used at start and after a failed
 * commit. */
#pragma once

#include "dispatch/serve/live.h"
#include "policy/engine.h"

struct control;

/* What was read; owned by whoever has it. */
struct load_result {
	struct engine *engine;
	struct live live;
	char admin_sha256[SHA256_HEX_SIZE];
	json_t *endpoint_problems;
	char message[256]; /* why it failed */
};

void load_result_fini(struct load_result *result);

enum load_kind {
	LOAD_START,  /* first-start defaults and recovery first */
	LOAD_RELOAD, /* read only */
};

/* done is called on the loop; result: 0, or -errno with message set. *load is emptied after. */
typedef void (*load_done)(struct control *control, struct load_result *load, int result);
void load_post(struct control *control, enum load_kind kind, load_done done);
