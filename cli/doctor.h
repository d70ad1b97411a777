/* SPDX-License-Identifier: Apache-2.0 */
/* What `ringbell doctor` finds: a list of checks, each with a level, what was found and what to do.
 */
#pragma once

#include <jansson.h>

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, but not as it should, or not for long */
	DOCTOR_FAIL,
};

/* An array of {check, object, level, finding, advice}. */
struct doctor {
	json_t *checks;
	enum doctor_level worst;
};

void doctor_init(struct doctor *doctor);
void doctor_fini(struct doctor *doctor);

/* `object`: which of several (a NIC, an endpoint), or "". advice: what to do; unused if all is ok.
 */
__attribute__((format(printf, 6, 7))) void doctor_add(struct doctor *doctor, const char *check,
						      const char *object, enum doctor_level level,
						      const char *advice, const char *format, ...);

/* What the probe says about itself: the API's status. */
void doctor_check_status(struct doctor *doctor, const json_t *status);

/* The API's lists: endpoints that do not get what they should, alerts the probe raised about itself
 * (the ones of its own source that are open). */
void doctor_check_endpoints(struct doctor *doctor, const json_t *list);
void doctor_check_alerts(struct doctor *doctor, const json_t *list);

/* The options and the file of the daemon that runs here, or the default file. Runs ringbelld. */
void doctor_check_config(struct doctor *doctor, const json_t *status);

/* What the drivers of the recorded NICs do to packets. */
void doctor_check_nics(struct doctor *doctor, const json_t *status);

/* What this machine says, if it is the probe: clock, memory, disk, sandbox. */
void doctor_check_machine(struct doctor *doctor, const json_t *status);
