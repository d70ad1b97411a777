/* SPDX-License-Identifier: Apache-2.0 */
/* What ringbelld does to its folders while no daemon uses them. */
#pragma once

#include "firmware/config.h"
#include "firmware/privileges.h"

/* Makes the catalogue anew from the captures folder (storage/rebuild.h) and prints what it found,
 * and what it could not know. The folders must be prepared and the state folder locked; becomes the
 * control process's user for ever, in its sandbox. Returns the exit status. */
int offline_rebuild(const struct config *config, const struct identity *control);
