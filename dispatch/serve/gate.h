/* SPDX-License-Identifier: Apache-2.0 */
/* The gate in front of evhttp: admits only requests that are valid by RFC 9112 and within limits.
 *
 * evhttp 2.1.12 accepts most malformed requests (two lengths, obs-fold, a NUL in a value, no Host,
 * …); each is a way to make two parties read one byte stream differently. The gate reads the raw
 * bytes of a connection first, one request after another, and says at the first byte that does not
 * fit what is wrong. Pure: no I/O, no allocation, bounded state; a request may arrive in any
 * pieces.
 *
 * Stricter than the RFC, on purpose: origin-form targets only, no chunk extensions, no trailers,
 * one Content-Length at most, `chunked` as the only transfer coding. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_LINE_MAX	 8192	     /* request line */
#define GATE_HEADERS_MAX (16 * 1024) /* all header lines of one request */
#define GATE_FIELDS_MAX	 100

enum gate_state {
	GATE_START,
	GATE_METHOD,
	GATE_TARGET,
	GATE_VERSION,
	GATE_LINE_LF,
	GATE_FIELD_START,
	GATE_FIELD_NAME,
	GATE_VALUE_START,
	GATE_VALUE,
	GATE_FIELD_LF,
	GATE_HEAD_LF,
	GATE_BODY,
	GATE_CHUNK_SIZE,
	GATE_CHUNK_LF,
	GATE_CHUNK_DATA,
	GATE_CHUNK_DATA_CR,
	GATE_CHUNK_DATA_LF,
	GATE_END_CR,
	GATE_END_LF,
	GATE_REFUSED,
};

struct gate {
	/* set by gate_init */
	uint64_t body_max;
	/* where the request stands */
	enum gate_state state;
	uint64_t requests; /* complete ones so far */
	unsigned blank;	   /* CRLFs swallowed before the request line */
	unsigned line;	   /* bytes of the request line */
	unsigned headers;  /* bytes of header lines */
	unsigned fields;
	unsigned percent; /* hex digits still due after '%' */
	unsigned percent_value;
	bool bodiless; /* HEAD and such */
	bool minor_1;  /* HTTP/1.1 */
	bool host, length, chunked, expect;
	char name[20]; /* the method; then field name in lower case, as far as it fits */
	unsigned name_len;
	char value[72]; /* value of a field that matters */
	unsigned value_len;
	uint64_t remaining; /* body or chunk bytes to come */
	uint64_t body;	    /* body bytes so far, over all chunks */
	unsigned digits;
	/* why, once refused */
	int status;	    /* HTTP status to answer with */
	const char *reason; /* static text */
};

void gate_init(struct gate *gate, uint64_t body_max);

/* Reads the next bytes of the connection. Returns how many of them may be passed on: all, or fewer,
 * and then gate->status and gate->reason say why; nothing more may be passed after that. */
size_t gate_step(struct gate *gate, const void *bytes, size_t len);

/* True between requests: nothing of a next one has arrived. For idle and head deadlines. */
bool gate_is_idle(const struct gate *gate);
