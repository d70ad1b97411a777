/* SPDX-License-Identifier: Apache-2.0 */
/* What the appliance tells of itself, as an alert like any other (OPS-05): source "ringbell", the
 * alert policy says what is wrong, the object with what. Pure. */
#pragma once

#include "policy/engine.h"

struct self_alert {
	const char *policy; /* policy_abnormal, source_silent, disk_full, endpoint_failing, … */
	const char *object;
	const char *text;
	enum level level; /* of a firing one */
	bool over;
};

/* Fills an alert fresh from alert_list_add. */
void self_alert_fill(struct alert *alert, const struct self_alert *self, wall_t now);
void self_alert_fingerprint(const char *policy, const char *object, char ret[SHA256_HEX_SIZE]);
