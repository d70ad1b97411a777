/* SPDX-License-Identifier: Apache-2.0 */
/* The choke point every outgoing request passes: libcurl sends CR and LF in a header or URL as they
 * are (request smuggling), so nothing reaches it that was not checked here. Pure. */
#pragma once

#include "base/error.h"
#include "dispatch/push/courier.h"

/* One line of courier_push.headers, borrowed from it. */
struct request_header {
	const char *name;
	size_t name_len;
	const char *value; /* without blanks around it */
	size_t value_len;
};

/* Method (POST, PUT, PATCH), URL (http or https with a host, no control byte or blank), every
 * header (RFC 9110 token, no control byte but tab, none that belongs to the connection).
 * Returns 0 or -EINVAL; err never quotes a value or the URL, which may hold secrets. */
int request_check(const struct courier_push *push, struct error *err);

/* Reads the header line at *cursor and moves on. Returns 0, REQUEST_END or -EINVAL (no colon). */
#define REQUEST_END 1
int request_parse_header(const char **cursor, struct request_header *ret);

/* 1 if it is one that the courier writes itself: the push's is left out. */
int request_is_own_header(const struct request_header *header);

/* 1 if the push brings a header of this name (ASCII case ignored). */
int request_find_header(const struct courier_push *push, const char *name);
