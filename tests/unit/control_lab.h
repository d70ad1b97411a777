/* SPDX-License-Identifier: Apache-2.0 */
/* The real control process in a child, and everybody around it played by the test: the supervisor
 * (with real compile and digest workers), a recorder and a courier that do what they are told, and
 * an HTTP client. One thread: lab_pump moves everything once. For fuzzing control is a thread. */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <sys/types.h>

#include "capture/recorder.h"
#include "dispatch/push/courier.h"
#include "dispatch/serve/control.h"
#include "tests/unit/test.h"

#define LAB_MESSAGES_MAX 64

struct lab {
	char folder[64]; /* state and captures are below */
	struct control_config config;
	pid_t control;	  /* 0 where it is a thread */
	pthread_t thread; /* then what it was told is kept as far as there is room */
	bool threaded;
	int supervisor, recorder, courier; /* our ends; -1 = not there */
	int memory;
	struct shared *shared;
	bool ready;
	bool closed; /* control is gone */
	char admin[40], native[40];
	/* what the recorder was told, in order */
	size_t start_count, stop_count, edit_count, sync_count;
	struct rec_start *starts; /* LAB_MESSAGES_MAX of them */
	struct rec_stop stops[LAB_MESSAGES_MAX];
	struct rec_edit *edits;
	struct rec_search_head search; /* the newest */
	size_t search_count;
	uint64_t acked;
	uint64_t report; /* last one sent */
	bool auto_sync;	 /* REC_SYNC is answered at once with REC_SYNCED */
	/* what the courier got */
	size_t push_count;
	struct courier_push *pushes;
	size_t consume_count;	   /* topics it was told to read; the newest: */
	char consumed[IDENT_SIZE]; /* the source */
	size_t taken_count, consume_end_count;
	uint64_t taken; /* newest batch that is durable */
};

struct lab_answer {
	int status;
	char head[4096];
	char *body;
	size_t len;
	json_t *json; /* NULL if the body is none */
};

/* A fresh folder, one ring "cap0", control running and ready. */
void lab_init(struct lab *lab);
/* The same with control as a thread of this program, and the folder in memory. */
void lab_init_thread(struct lab *lab);
void lab_fini(struct lab *lab);
/* Starts control on the lab's folder (after a kill) and waits until it serves. */
void lab_start(struct lab *lab);
/* SIGKILL; the recorder's and the courier's ends go with it, what they were told is forgotten. */
void lab_kill(struct lab *lab);
void lab_pump(struct lab *lab, int timeout_ms);

/* Looks at cond while everything moves, for at most `seconds`. */
#define lab_wait(lab, cond, seconds)                                                               \
	do {                                                                                       \
		mono_t end_ = mono_add(mono_now(), (seconds)*DUR_S);                               \
		while (!(cond)) {                                                                  \
			if (mono_sub(end_, mono_now()) < 0) {                                      \
				fprintf(stderr, "%s:%d: waited %d s for: %s\n", __FILE__,          \
					__LINE__, (int)(seconds), #cond);                          \
				exit(1);                                                           \
			}                                                                          \
			lab_pump(lab, 5);                                                          \
		}                                                                                  \
	} while (0)
/* Lets everything move for a while: for proving that something does not happen. */
void lab_idle(struct lab *lab, int ms);

/* New ends for a recorder or a courier that died. */
void lab_new_recorder(struct lab *lab);
void lab_new_courier(struct lab *lab);

/* A bare connection, non-blocking. */
int lab_connect(const struct lab *lab);
/* HTTP. token NULL = none. body NULL = none. headers: "Name: value\r\n…" or "". */
void lab_ask_with(struct lab *lab, const char *method, const char *path, const char *token,
		  const char *headers, const char *body, size_t len, struct lab_answer *ret);
/* With the administrator's token. */
void lab_ask(struct lab *lab, const char *method, const char *path, const char *body,
	     struct lab_answer *ret);
void lab_answer_fini(struct lab_answer *answer);
/* ask, check the status, give the JSON (new reference or NULL). */
json_t *lab_call(struct lab *lab, int status, const char *method, const char *path,
		 const char *body);
/* Value of an answer's header, "" if absent. */
const char *lab_header(const struct lab_answer *answer, const char *name, char value[256]);

/* One native alert; returns its outcome's text in outcome. */
void lab_alert(struct lab *lab, const char *level, const char *object, char outcome[32]);

/* Recorder's reports. */
void lab_report_started(struct lab *lab, const struct rec_start *start);
/* Writes a file of `bytes` as the sealed segment `number` and reports it. */
void lab_report_sealed(struct lab *lab, const struct rec_start *start, uint32_t number,
		       size_t bytes, uint64_t packets);
/* Reports it (again) with so many packets lost in the kernel, and writes nothing. */
void lab_tell_sealed(struct lab *lab, const struct rec_start *start, uint32_t number, size_t bytes,
		     uint64_t packets, uint64_t lost);
void lab_report_finished(struct lab *lab, const struct rec_start *start, enum rec_end end,
			 uint64_t packets);
void lab_report_track(struct lab *lab, const struct rec_start *start);
void lab_send_synced(struct lab *lab);
void lab_verdict(struct lab *lab, const struct courier_push *push, enum courier_verdict verdict,
		 int64_t retry_after_ms);

/* Text member of an object, "" if absent; path like "coverage.code". */
const char *lab_text(const json_t *json, const char *path);
int64_t lab_number(const json_t *json, const char *path);
