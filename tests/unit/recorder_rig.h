/* SPDX-License-Identifier: Apache-2.0 */
/* A whole recorder process under test: the rig plays supervisor and control, a generated pcap plays
 * the NIC. Packet i of that file is UDP to port 1000 + i % 2 and carries i. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ipc.h"
#include "capture/recorder.h"

#define RIG_CAPTURE "01234567-89ab-7cde-8f01-23456789ab0%d"
#define RIG_TRACKS  4

struct rig_track {
	int started;
	int synced; /* REC_TRACK was seen */
	int finished;
	uint32_t opened;
	uint32_t sealed;
	uint32_t gaps[GAP_NIC_DOWN + 1];
	struct rec_gap newest_gap;
	uint64_t lost[GAP_NIC_DOWN + 1];
	int at_most;
	struct rec_track track;
	struct rec_started start;
	struct rec_finished end;
	uint64_t sealed_packets;
};

struct rig {
	struct recorder_config config;
	struct ring_geometry_plan {
		uint32_t block_bytes;
		uint32_t block_count;
		uint32_t retire_ms;
	} plan;
	char folder[64];
	uint32_t packets; /* in the file */
	int pcap;
	int shared_fd;
	struct shared *shared;
	int ring_fd;
	struct child_ring ring;
	pid_t pid;
	int supervisor;
	int control;
	int ready;
	int synced;
	uint64_t last_report;
	uint64_t drops; /* sum of the drop counts rig_read found */
	struct rig_track tracks[RIG_TRACKS];
	const struct rec_start *early; /* ordered before CHILD_GO */
	struct ipc_message message;
};

/* A pcap of `packets` packets, spacing_ns apart, and everything a recorder is given. */
struct rig *rig_new(uint32_t packets, int64_t spacing_ns);
/* The same, with a pause behind the first packet. */
struct rig *rig_new_paused(uint32_t packets, int64_t spacing_ns, int64_t pause_ns);
void rig_free(struct rig *rig);

/* Forks a recorder, waits until it is ready, and synchronises with it as control. */
void rig_start(struct rig *rig);
/* SIGKILL. */
void rig_kill(struct rig *rig);
/* CHILD_STOP; returns the exit status. */
int rig_stop(struct rig *rig);
/* A fresh link between control and the recorder, then REC_SYNC until REC_SYNCED. */
void rig_reconnect(struct rig *rig);

/* A start order for track i, everything from lookback_ns ago on; change it, then rig_send. */
void rig_plan(struct rig *rig, int i, const char *filter, int64_t lookback_ns,
	      struct rec_start *ret);
void rig_send(struct rig *rig, uint32_t type, const void *body, size_t size);
void rig_stop_track(struct rig *rig, int i);
/* Takes what the recorder says; acknowledges it. */
void rig_pump(struct rig *rig);
#define rig_wait(rig, cond)                                                                        \
	do {                                                                                       \
		mono_t end_ = mono_add(mono_now(), 40 * DUR_S);                                    \
		for (;;) {                                                                         \
			rig_pump(rig);                                                             \
			if (cond)                                                                  \
				break;                                                             \
			if (mono_sub(end_, mono_now()) < 0) {                                      \
				fprintf(stderr, "%s:%d: waited for: %s\n", __FILE__, __LINE__,     \
					#cond);                                                    \
				exit(1);                                                           \
			}                                                                          \
		}                                                                                  \
	} while (0)

uint64_t rig_replayed(const struct rig *rig);

/* Reads all segments of track i in order: seen[n] counts how often packet n is there. Checks that
 * each file is whole and ends with its one statistics block. Returns the number of packets. */
uint64_t rig_read(struct rig *rig, int i, uint8_t *seen);
