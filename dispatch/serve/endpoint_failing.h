/* SPDX-License-Identifier: Apache-2.0 */
/* What a failing endpoint means beyond its queue. Unknown endpoints are ignored. */
#pragma once

#include <stdbool.h>

struct control;

/* That a push was given up, or that one went through again, is told through the others. */
void endpoint_failing_tell(struct control *control, const char *id, bool failing, const char *text);
/* The remote wants no more: the endpoint is switched off, visibly, and its queue ends. */
void endpoint_failing_disable(struct control *control, const char *id, const char *text);
