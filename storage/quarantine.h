/* SPDX-License-Identifier: Apache-2.0 */
/* Where things go that lie in the captures folder and are not ours, or not whole: moved aside,
 * never deleted, never opened, never followed. Blocking.
 *
 * captures/quarantine/<time>_<n>_<safe name>          the thing itself, as it was
 * captures/quarantine/<time>_<n>_<safe name>.reason   JSON: where it lay, what it is, why
 *
 * The reason is durable before the thing moves, so nothing ever lies there unexplained. */
#pragma once

#include <stdint.h>

#define QUARANTINE_FOLDER    "quarantine"
#define QUARANTINE_NAME_SIZE 160

struct quarantine_item {
	int folder;	   /* where it lies */
	const char *where; /* the capture's id, or "" in the captures folder itself */
	const char *name;  /* one entry of folder, any bytes */
	const char *reason;
};

/* Moves the item and writes what it is called now to ret. A thing that takes the folder's own name
 * is renamed out of the way first. Returns 0, or -errno: then it lies where it was. */
int quarantine_move(int captures_fd, const struct quarantine_item *item,
		    char ret[QUARANTINE_NAME_SIZE]);

/* Things that lie there, without their reasons. 0 if there is no such folder. */
uint32_t quarantine_count(int captures_fd);
