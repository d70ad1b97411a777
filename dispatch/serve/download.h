/* SPDX-License-Identifier: Apache-2.0 */
/* A body made of files one after another, sent window by window as the client takes them.
 *
 * Memory per download: one window of 256 KiB in evhttp's buffer, whatever the client's speed. A
 * window is read with pread on the loop: at most 256 KiB, which the kernel was told to read ahead
 * while the window before was on its way, so that the loop waits for a disk only at a download's
 * first window and when the client is faster than the disk. */
#pragma once

#include "base/hash.h"
#include "base/ident.h"
#include "dispatch/serve/exchange.h"
#include "dispatch/serve/reading.h"
#include "storage/segment.h"

#define DOWNLOAD_WINDOW_BYTES (256 * 1024)

struct download_piece {
	char folder[SEGMENT_NAME_SIZE];
	char name[SEGMENT_NAME_SIZE +
		  1];  /* may be hidden: is looked for under its sealed name too */
	uint64_t size; /* of this much the file is sure */
};

struct download {
	struct exchange *exchange;
	int captures_fd;
	const char *type;	    /* media type, static */
	char file_name[192];	    /* for Content-Disposition, already safe */
	char etag[SHA256_HEX_SIZE]; /* "" = none */
	bool ranges;		    /* the bytes never change: ranges are served */
	size_t count;
	struct download_piece *pieces; /* owned */
	/* while it is sent */
	struct reading reading; /* listed if capture is not "" */
	int fd;			/* of piece `index`, or -1 */
	size_t index;
	uint64_t offset; /* in it */
	uint64_t left;	 /* bytes to send */
};

struct download *download_new(struct exchange *exchange);
/* The caller answers the exchange otherwise. */
void download_abort(struct download *download);
void download_add(struct download *download, const char *folder, const char *name, uint64_t size);
uint64_t download_size(const struct download *download);

/* Answers: 200, 206, 304, 416, or just the head. Takes the download. */
void download_start(struct download *download);
