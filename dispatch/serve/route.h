/* SPDX-License-Identifier: Apache-2.0 */
/* The route table's row, and the one parse of a request's path. Pure.
 *
 * A path is split at '/', each piece percent-decoded once. Nothing else is ever derived from it:
 * what is authorised is what is matched. A row cannot be without a permission (PERMISSION_NONE
 * matches no request at all), a path without a row is 404. */
#pragma once

#include <stddef.h>

#define ROUTE_PARAMS_MAX 2
#define ROUTE_PIECES_MAX 8
#define ROUTE_PATH_MAX	 1024

enum route_method {
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_POST = 4,
	METHOD_PUT = 8,
	METHOD_PATCH = 16,
	METHOD_DELETE = 32,
};

enum route_permission {
	PERMISSION_NONE,     /* a forgotten permission: nobody */
	PERMISSION_OPEN,     /* anybody: liveness and readiness */
	PERMISSION_SOURCE,   /* the source's own token, in the path */
	PERMISSION_ADMIN,    /* the bearer token */
	PERMISSION_DOWNLOAD, /* the same, or a signed link (link.h) */
};

struct exchange;
typedef void (*route_handler)(struct exchange *exchange);

struct route {
	unsigned methods;    /* set of enum route_method */
	const char *pattern; /* "/api/v1/policies/{}": {} takes one piece, "" never */
	enum route_permission permission;
	route_handler handler;
};

enum route_outcome {
	ROUTE_UNKNOWN = 1, /* no row has this path: 404 */
	ROUTE_METHOD = 2,  /* rows have the path, none the method: 405, *allow is their union */
};

struct route_match {
	const struct route *route;
	unsigned allow;
	size_t param_count;
	char *params[ROUTE_PARAMS_MAX]; /* point into text */
	char text[ROUTE_PATH_MAX];
};

/* Finds the row for method and raw path (without query). Returns 0 or an outcome. */
int route_find(const struct route table[], size_t count, enum route_method method, const char *path,
	       struct route_match *ret);

/* "GET, HEAD". Returns text. */
const char *route_format_methods(unsigned methods, char text[64]);
