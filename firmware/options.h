/* SPDX-License-Identifier: Apache-2.0 */
/* ringbelld's command line, over the configuration file, over the defaults. */
#pragma once

#include "firmware/config.h"

enum options_task {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_REBUILD,
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

/* Fills config (which need not be initialised) from argv and the file it names. A file named by
 * --config must exist; the default one need not. Lists given as options replace the file's.
 * Returns an enum options_task, or -EINVAL with one line per mistake in `errors`. */
int options_load(int argc, char *argv[], struct config *config, struct buf *errors);

extern const char options_help[];
