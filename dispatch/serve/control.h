/* SPDX-License-Identifier: Apache-2.0 */
/* The control process: alerts in, decisions, the store, captures out over HTTP.
 *
 * It parses no packet and opens no outgoing connection; the recorder and the courier do that for
 * it, workers compile filters and hash segments. One loop thread, one store thread.
 *
 * Rule of the house: commit, then act. Whatever an alert, an operator or a timer leads to is
 * written in one transaction; only then is the sender answered, and only then does anything visible
 * happen. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define CONTROL_PORT_DEFAULT 8470

struct control_config {
	char state[256];    /* state folder: ringbell.db, tokens.json; must exist and be writable */
	char captures[256]; /* captures folder; must exist and be writable */
	char listen[128];   /* "127.0.0.1:8470", "0.0.0.0:8470" or "[::]:8470" */
	char source_folders[512]; /* below which sources' files can be read, separated by commas */
	char public_url[256];	/* base of links in pushes, without a final '/'; "" = from listen */
	int64_t min_free_bytes; /* floor of free space, shown in the status; the recorder enforces
				   it */
	int64_t retention_age_ns;   /* finished captures go after that; 0 = never */
	int64_t captures_max_bytes; /* of all captures; 0 = no limit */
	int64_t keep_free_bytes;    /* below it the oldest captures go; 0 = 2 * min_free_bytes */
	uint32_t tls;		    /* 1: the listener speaks TLS */
	int local_socket;	    /* of local_socket_open; 0 or less = none */
	gid_t local_group;	    /* whose members need no token there; 0 = root's */
	uint32_t connections_max;   /* at once; 0 = 2048 */
	uint32_t connections_per_address; /* 0 = 64 */
	/* TLS handshake and first request; a later request from its first byte; 0 = 10 000 */
	uint32_t request_timeout_ms;
	/* between requests, and for a reader that takes next to nothing; 0 = 10 000 */
	uint32_t idle_timeout_ms;
	/* of downloads, bytes per second: all together, each address; 0 = no limit */
	int64_t download_rate, download_rate_per_address;
};

/* The control process. `supervisor` is its end of the pair (base/child.h). Runs until the
 * supervisor says stop or is gone; returns an exit status. */
int control_main(int supervisor, const struct control_config *config);
