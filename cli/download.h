/* SPDX-License-Identifier: Apache-2.0 */
/* A capture's segments, one behind the other, into a file: under the name FILE.part until every
 * byte is there and every segment has the SHA-256 the probe states; what FILE.part holds already is
 * checked the same way and not fetched again. */
#pragma once

#include "cli/client.h"
#include "cli/verify.h"

struct download {
	const char *capture; /* id */
	const char *file;    /* "-" = standard output */
	const struct verify_segment *segments;
	size_t count;
};

/* Says on standard error what failed. Blocks until the end. */
enum exit_status download_fetch(struct client *client, const struct download *download);
