/* SPDX-License-Identifier: Apache-2.0 */
/* Filter texts → BPF programs, through compile workers, remembered: the same text on the same link
 * type is compiled once. The empty text needs no program (count 0 matches everything). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "capture/compiler.h"

struct control;

#define PROGRAMS_MAX 256 /* remembered; the oldest finished ones go first */

enum program_state {
	PROGRAM_COMPILING,
	PROGRAM_READY,
	PROGRAM_REFUSED, /* libpcap says no: message, position */
	PROGRAM_FAILED,	 /* no answer from the worker: too complex, or it could not start */
};

struct program_waiter;

struct program {
	TAILQ_ENTRY(program) next;
	struct control *control;
	enum program_state state;
	uint32_t link_type;
	char *text;
	bool kept;	   /* an answer is being told: whoever hears it may ask for others */
	uint32_t position; /* REFUSED */
	char message[256]; /* REFUSED, FAILED */
	uint32_t count;
	struct sock_filter *insns;
	STAILQ_HEAD(, program_waiter) waiters;
};

struct program_cache {
	struct control *control;
	TAILQ_HEAD(programs, program) programs;
	size_t count;
};

void program_cache_init(struct program_cache *cache, struct control *control);
void program_cache_fini(struct program_cache *cache);

/* The program for text, compiled now if it is not known; never NULL, borrowed until the loop turns.
 * When it is no longer COMPILING, recorder_link_reconcile is called. A FAILED one is forgotten
 * after it was seen once, so that a later attempt tries again. */
const struct program *program_get(struct program_cache *cache, uint32_t link_type,
				  const char *text);

/* The same with a call when it is no longer COMPILING (perhaps at once). */
typedef void (*program_done)(void *owner, const struct program *program);
void program_wait(struct program_cache *cache, uint32_t link_type, const char *text,
		  program_done done, void *owner);

/* Why a program is not READY, as a problem: with libpcap's message and position. New reference. */
json_t *program_format_problem(const struct program *program);

/* A READY one as the recorder and the extract worker take it. */
struct rec_program;
void program_fill(const struct program *program, struct rec_program *ret);

/* "<exclusion of our own traffic> and (<filter>)", either part may be missing. Returns text.
 * The exclusion comes first: "vlan" in a filter shifts offsets for all that follows it. */
const char *program_format_text(const char *exclusion, const char *filter,
				char text[COMPILE_TEXT_MAX]);
