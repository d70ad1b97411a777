/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out of segments: a time range, filtered, sliced, merged in time order, in another format.
 * A worker of its own, which has only the descriptors it is given and writes one pipe.
 *
 * A source is a sequence of segments of one track. The worker asks for each segment when it needs
 * it, so that a capture of a thousand segments costs one descriptor:
 *
 *   requester                                worker
 *   EXTRACT_JOB + write end of the pipe ──▶
 *                                        ◀── EXTRACT_NEXT (source) …
 *   EXTRACT_SEGMENT + descriptor ──▶            (without descriptor: the source has no more)
 *                                        ◀── EXTRACT_LINK (link type)
 *   EXTRACT_PROGRAM ──▶                         (compiled for that link type)
 *                                        ◀── EXTRACT_NEXT …, packets in the pipe
 *                                        ◀── EXTRACT_DONE, end of the pipe
 *
 * Nothing is written before the first packet: without one the pipe stays empty and EXTRACT_DONE
 * says so. Following, the end of an unsealed segment is not the end: the worker says EXTRACT_MORE
 * and waits for EXTRACT_GROWN or the next segment; what it has is flushed meanwhile. Then packets
 * of several sources are in the order in which they arrive.
 *
 * The order within a source is the recorder's; sources are merged by time. Where a packet that
 * carried a count of lost ones is filtered out, the count moves to the next one that is not. */
#pragma once

#include <stdint.h>

#include "capture/recorder.h"
#include "capture/segment_index.h"
#include "capture/sink.h"

#define EXTRACT_SOURCES_MAX 128

enum extract_message_type {
	/* requester → worker */
	EXTRACT_JOB = 1, /* struct extract_job + pipe */
	EXTRACT_SEGMENT, /* struct extract_segment + descriptor, or none: no more */
	EXTRACT_GROWN,	 /* struct extract_segment: of the source's present segment */
	EXTRACT_PROGRAM, /* struct rec_program */
	EXTRACT_INDEX,	 /* struct extract_index + descriptor: of the segment that follows */
	/* worker → requester */
	EXTRACT_NEXT = 100, /* struct extract_next */
	EXTRACT_MORE,	    /* struct extract_next */
	EXTRACT_LINK,	    /* struct extract_link */
	EXTRACT_DONE,	    /* struct extract_result */
	EXTRACT_BAD_INDEX,  /* struct extract_next: that one did not fit its segment */
};

enum extract_format {
	EXTRACT_PCAPNG,
	EXTRACT_PCAP, /* nanoseconds; without comments, directions, NIC names and losses */
	EXTRACT_FORMAT_COUNT,
};

struct extract_job {
	uint32_t source_count;
	uint32_t format;      /* enum extract_format */
	uint32_t compression; /* enum sink_compression */
	uint32_t follow;      /* 1 = wait for what is still being written */
	uint32_t slice;	      /* enum rec_slice */
	uint32_t slice_bytes;
	int64_t from_ns; /* both ends belong to it */
	int64_t to_ns;	 /* INT64_MAX = open */
	char comment[REC_COMMENT_SIZE];
	char filter_text[REC_FILTER_TEXT_SIZE]; /* for if_filter only */
	/* what the filter implies: packets without these are not looked for */
	struct segment_terms terms;
};

struct extract_index {
	uint32_t source;
	uint32_t bytes;
	char sha256[SHA256_HEX_SIZE];	    /* of the segment */
	char index_sha256[SHA256_HEX_SIZE]; /* of the index: a forged one could hide packets */
};

struct extract_segment {
	uint32_t source;
	uint32_t sealed;
	uint64_t valid_bytes;
};

struct extract_next {
	uint32_t source;
	uint32_t reserved;
	uint64_t valid_bytes; /* MORE: all of these were read */
};

struct extract_link {
	uint32_t link_type;
	uint32_t reserved;
};

enum extract_end {
	EXTRACT_END_OK,
	EXTRACT_END_MIXED,   /* sources of different link types: no file can hold both */
	EXTRACT_END_PROGRAM, /* the program failed verification */
	EXTRACT_END_PIPE,    /* the pipe or the compressor failed: error */
};

struct extract_result {
	uint32_t end;
	int32_t error;	  /* errno or 0 */
	uint32_t damaged; /* segments whose rest could not be read */
	uint32_t reserved;
	uint64_t seen;	  /* packets looked at */
	uint64_t packets; /* packets written */
	uint64_t bytes;	  /* into the pipe */
	uint64_t wire_bytes;
	int64_t first_ns;
	int64_t last_ns;
	char sha256[SHA256_HEX_SIZE]; /* of the bytes */
};

/* The worker process; returns an exit status. Ends when its requester is gone. */
int extract_main(int socket);
