/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that write their alerts to a file, one JSON text per line: Suricata's eve.json, Zeek's
 * notice.log. Each file is followed as it grows, through rotation (by name and inode) and
 * truncation. After a rotation the old file is read for two more seconds: its writer may not have
 * noticed yet.
 *
 * The position is committed in the transaction of the alerts read up to it, so that none is lost or
 * decided twice whenever this process ends. A file that is seen for the first time is followed from
 * its end. Reads are at most LINES_BYTES_MAX from the page cache per turn; the loop is not held
 * longer.
 *
 * The kernel lets this process read only below the folders that ringbell.yaml names
 * (sources.folders). */
#pragma once

#include <sys/queue.h>

#include "base/ident.h"
#include "base/loop.h"

struct control;
struct source;
struct tail;

struct tails {
	struct control *control;
	LIST_HEAD(, tail) list;
	struct timer *timer;
	char *chunk; /* LINES_BYTES_MAX, shared by all */
};

void tails_init(struct tails *tails, struct control *control);
/* After the store is closed. */
void tails_fini(struct tails *tails);

/* How far a source's file is read, or what keeps it from being read; "" if it has none. */
const char *tails_state(const struct tails *tails, const struct source *source, char text[200]);
