/* SPDX-License-Identifier: Apache-2.0 */
/* One connection's worth of requests to the API. Every function that fails has said why on standard
 * error, in one line, and returns the exit status that tells scripts the same. All calls block. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "cli/exit.h"

#define CLIENT_SERVER_DEFAULT "http://127.0.0.1:8470"

struct client;

/* What the API answered. */
struct answer {
	struct buf text;
	json_t *json;
};

#define ANSWER_INIT ((struct answer){0})
void answer_fini(struct answer *answer);
#define CLEANUP_ANSWER CLEANUP(answer_fini)

/* Whom to ask, and how to know that it is they. All is copied; NULL = none. */
struct client_options {
	const char *server; /* "http[s]://host[:port]" */
	const char *socket; /* path of a unix socket to reach it through */
	const char *token;  /* goes into each request */
	const char *cacert; /* file of certificates that may vouch for it; NULL = the system's */
	const char *fingerprint; /* "sha256//…" of its key: nobody needs to vouch for it */
	/* file of the very certificate it must have, whatever name it was reached by */
	const char *certificate;
};

enum exit_status client_open(const struct client_options *options, struct client **ret);
/* Accepts NULL, returns NULL. */
struct client *client_close(struct client *client);

/* `path` begins behind "/api/v1/". ret is initialised and empty; 2xx fills it. */
enum exit_status client_get(struct client *client, const char *path, struct answer *ret);
enum exit_status client_post(struct client *client, const char *path, const json_t *body,
			     struct answer *ret);

enum exit_status client_delete(struct client *client, const char *path);

/* A name as one piece of a path; the caller frees it. */
char *client_format_piece(const char *name);

/* A file from the API, in pieces. */
struct client_fetch {
	uint64_t offset;  /* bytes the caller has already: the rest is asked for … */
	const char *etag; /* … if the file is still the one with this ETag */
	/* The answer begins at `offset`; 0 if the server sends everything. Returns 0 or -1: stop.
	 */
	int (*on_begin)(void *owner, uint64_t offset);
	/* Returns 0 or -1: stop. */
	int (*on_data)(void *owner, const void *data, size_t len);
	void *owner;
};

/* EXIT_OK also if a callback stopped it: the callback knows why. */
enum exit_status client_fetch(struct client *client, const char *path,
			      const struct client_fetch *fetch);
