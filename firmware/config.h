/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may set: the configuration file (YAML), read strictly and reported completely.
 *
 * Start from config_init, then config_load, then options (config_set, config_add), then
 * config_check. None of them stops at the first mistake: each appends one line per mistake to
 * `errors`, "<file>:<line>:<column>: <path>: \"<value>\": <what is allowed>", and returns -EINVAL
 * if it appended any. Anchors, aliases, tags, duplicate and unknown keys are mistakes. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/log.h"
#include "capture/shared.h"

#define CONFIG_FILE_DEFAULT "/etc/ringbell/ringbell.yaml"
#define CONFIG_BYTES_MAX    (64 * 1024)
#define CONFIG_PATH_SIZE    256
#define CONFIG_NAME_SIZE    33 /* longest user name useradd makes, and NUL */

enum tls_mode {
	TLS_AUTO, /* unless only this machine can connect */
	TLS_ON,
	TLS_OFF,
};

/* Numbers are int64_t whatever their range, so that one reader serves them all. */
struct config {
	char listen[128];
	char state[CONFIG_PATH_SIZE];
	char captures[CONFIG_PATH_SIZE]; /* "" = <state>/captures, filled in by config_check */
	char public_url[256];

	struct {
		enum tls_mode mode;
		char certificate_file[CONFIG_PATH_SIZE]; /* PEM with chain; "" = our own */
		char key_file[CONFIG_PATH_SIZE];
	} tls;

	struct {
		int64_t connections;
		int64_t connections_per_address;
		int64_t request_timeout_ns;
		int64_t idle_timeout_ns;
		int64_t download_rate; /* bytes per second; 0 = no limit */
		int64_t download_rate_per_address;
	} http;

	enum log_level log_level;

	char nics[CHILD_RINGS_MAX][CHILD_NIC_SIZE];
	uint32_t nic_count;

	struct {
		int64_t memory_bytes; /* of each NIC */
		int64_t block_bytes;  /* 0 = chosen to fit memory_bytes */
		int64_t retire_ms;
		int64_t idle_wake_ms;
		int64_t slice_bytes;	       /* the kernel keeps no more of a packet; 0 = all */
		char filter[RING_FILTER_SIZE]; /* and only of packets that match it; "" = all */
	} rings;

	struct {
		char folders[512];		      /* absolute, separated by commas */
		char sockets[1024];		      /* the same; datagrams: "dgram:" before it */
		char sockets_group[CONFIG_NAME_SIZE]; /* may write to them; "" = the owner alone */
	} sources;

	struct {
		char files[CHILD_RINGS_MAX][CONFIG_PATH_SIZE];
		uint32_t file_count;
		int64_t speed_percent; /* 0 = as fast as possible */
		int64_t loop;
	} replay;

	struct {
		int64_t min_free_bytes;
		int64_t keep_free_bytes; /* 0 = twice min_free_bytes */
		int64_t max_bytes;	 /* of all captures; 0 = no limit */
		int64_t retention_ns;	 /* 0 = for ever */
		int64_t sync_after_ns;	 /* 0 = segments are synced when sealed only */
	} storage;

	struct {
		char ca_file[CONFIG_PATH_SIZE]; /* "" = the system's */
		int64_t connect_timeout_ns;
		char allow[512]; /* destinations on this machine or its links that are allowed */
	} courier;

	struct {
		char recorder[CONFIG_NAME_SIZE];
		char control[CONFIG_NAME_SIZE];
		char courier[CONFIG_NAME_SIZE];
		char worker[CONFIG_NAME_SIZE];
		char group[CONFIG_NAME_SIZE];
	} users;

	struct {
		char hook[64];
	} test;
};

/* The defaults. */
void config_init(struct config *config);

/* Reads the file over what is there. */
int config_load(struct config *config, const char *file, struct buf *errors);

/* Sets one text or number by its path, as "/listen"; `option` stands in front of a mistake. The
 * path must exist: bug_on. */
int config_set(struct config *config, const char *path, const char *text, const char *option,
	       struct buf *errors);

/* Adds to a list, "/nics" or "/replay/files". */
int config_add(struct config *config, const char *path, const char *text, const char *option,
	       struct buf *errors);

/* Completes the defaults of the folders, and checks that they do not get into each other's way. */
int config_complete(struct config *config, struct buf *errors);

/* The same, and checks the rest that depends on several members. For a daemon. */
int config_check(struct config *config, struct buf *errors);
