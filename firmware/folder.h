/* SPDX-License-Identifier: Apache-2.0 */
/* The folders the appliance lives in: made, given to the right users, locked, and tried out before
 * the first child starts. */
#pragma once

#include "base/error.h"
#include "firmware/config.h"
#include "firmware/privileges.h"

/* State: 0710, control's; group `ringbell` may pass through to captures below it. Captures: 2770,
 * control's and group `ringbell`'s, so that what recorder and control make in it belongs to both.
 * A folder of another user is refused. Returns 0 or -errno with err. */
int folder_prepare(const struct config *config, const struct identity identities[USER_COUNT],
		   struct error *err);

/* Two daemons must not share a state folder. Returns a descriptor to keep open for as long as the
 * folder is used, or -errno with err. */
int folder_lock(const char *state, struct error *err);

/* Tries, as the users themselves, what they will need: to write into the folders, and to listen on
 * the address. Forks. Returns 0 or -errno with err. */
int folder_probe(const struct config *config, const struct identity identities[USER_COUNT],
		 struct error *err);
