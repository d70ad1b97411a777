/* SPDX-License-Identifier: Apache-2.0 */
/* One extract worker at work (capture/extract.h): hands it segment after segment and the filter's
 * program, and tells how it ended. What it writes goes where its owner wants it. Loop thread. */
#pragma once

#include "dispatch/serve/derived_source.h"

struct extraction;

/* How it ended; then it is to be stopped. */
enum extraction_end {
	EXTRACTION_DONE,    /* result is valid */
	EXTRACTION_REFUSED, /* problem says why: the filter */
	EXTRACTION_FAILED,  /* no worker, or it died */
};

struct extraction_options {
	struct control *control;
	const struct derived_order *order; /* copied */
	struct derived_plan *plan;	   /* its members are taken */
	void (*on_end)(void *owner, enum extraction_end end);
	void *owner;
};

struct extraction *extraction_new(const struct extraction_options *options);
/* fd is put. on_end is called once, from the loop, unless it is stopped before. Not without
 * sources, nor with more than EXTRACT_SOURCES_MAX. */
void extraction_start(struct extraction *extraction, int fd);
/* Accepts NULL, returns NULL. */
struct extraction *extraction_stop(struct extraction *extraction);

const struct derived_sources *extraction_sources(const struct extraction *extraction);
const struct extract_job *extraction_job(const struct extraction *extraction);
const struct extract_result *extraction_result(const struct extraction *extraction);
/* A segment was gone when its turn came: the result lacks it. */
bool extraction_is_short(const struct extraction *extraction);
/* Borrowed; EXTRACTION_REFUSED only. */
const json_t *extraction_problem(const struct extraction *extraction);
