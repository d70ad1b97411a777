/* SPDX-License-Identifier: Apache-2.0 */
/* What the control process owns, and who inside it owns what. Everything here belongs to the loop
 * thread; the store thread sees only what is handed to it.
 *
 *   control ── store            rows (journal, catalogue, outbox, settings)
 *           ├─ engine           live decisions; NULL while it is (re)loaded from the store
 *           ├─ live             captures that are not finished, track by track
 *           ├─ commits          the one queue through which everything is written
 *           ├─ recorder         link: starts, stops, reports
 *           ├─ courier          link: leases, verdicts
 *           ├─ retention        the cleaner of the captures folder
 *           ├─ workers          compile and digest jobs, program cache
 *           └─ server           HTTP */
#pragma once

#include "base/ipc.h"
#include "base/loop.h"
#include "base/signing_key.h"
#include "capture/shared.h"
#include "dispatch/serve/commit.h"
#include "dispatch/serve/control.h"
#include "dispatch/serve/courier_link.h"
#include "dispatch/serve/digest_queue.h"
#include "dispatch/serve/finished_count.h"
#include "dispatch/serve/intake_count.h"
#include "dispatch/serve/intake_rate.h"
#include "dispatch/serve/listen.h"
#include "dispatch/serve/live.h"
#include "dispatch/serve/manifest_job.h"
#include "dispatch/serve/program.h"
#include "dispatch/serve/prune_job.h"
#include "dispatch/serve/reading.h"
#include "dispatch/serve/recorder_link.h"
#include "dispatch/serve/refusal_count.h"
#include "dispatch/serve/request_count.h"
#include "dispatch/serve/retention_job.h"
#include "dispatch/serve/ring_feed.h"
#include "dispatch/serve/source_socket.h"
#include "dispatch/serve/tail.h"
#include "dispatch/serve/topic_source.h"
#include "dispatch/serve/transfer.h"
#include "dispatch/serve/watch_self.h"
#include "dispatch/serve/worker.h"
#include "policy/engine.h"
#include "storage/store.h"

struct server;

/* What keeps this process's own traffic out of captures on a NIC, as it was a moment ago. */
struct exclusion {
	char nic[CHILD_NIC_SIZE];
	mono_t at;
	char text[LISTEN_EXCLUSION_SIZE];
};

struct control {
	struct control_config config;
	struct loop *loop;
	struct ipc_link *supervisor;
	const struct shared *shared; /* read-only mapping; hostile */
	int captures_fd;
	struct signing_key signing_key; /* read by the store thread too; set before it starts */
	struct listen_address address;
	char base_url[256];
	char probe[65]; /* host name, shown in pushes */
	char admin_sha256[SHA256_HEX_SIZE];
	char contract_sha256[SHA256_HEX_SIZE]; /* of the API's description, once asked for */
	char *certificate, *key;	       /* PEM, from the supervisor; NULL = our own */
	wall_t started_at;
	int status; /* exit status */

	struct store *store;
	struct engine *engine;
	bool loading;
	bool draining;		   /* told to stop, taking the recorder's last reports */
	bool stopping;		   /* the loop has ended: nothing new is written */
	json_t *endpoint_problems; /* endpoint id → why the remote or we switched it off */
	struct live live;
	struct commit_queue commits;
	struct recorder_link recorder;
	struct courier_link courier;
	struct worker_pool workers;
	struct program_cache programs;
	struct digest_queue digests;
	struct manifest_jobs manifests;
	struct intake_counts intakes;
	struct request_counts requests;
	struct ring_feeds feeds;
	unsigned derived_count; /* derived downloads under way */
	struct readings readings;
	struct transfer_limits transfer_limits;
	struct throttle transfers_all;
	struct retention_job retention;
	struct refusal_counts refusals;
	struct finished_counts finished;
	struct prune_job prune;
	struct watch_self watch;
	struct intake_rates rates;
	struct tails tails;
	struct source_sockets source_sockets;
	struct topic_sources topics;
	struct exclusion exclusions[CHILD_RINGS_MAX];
	struct server *server;
	struct timer *engine_timer;
	struct timer *retry_timer; /* another try at loading */
	struct timer *drain_timer;
	struct timer *link_timer; /* a link was lost: is there a new one by then? */
};

/* Throws the engine and the live captures away and loads both from the store: after a commit that
 * failed, memory is ahead of the store. Until that is done, requests are answered 503. */
void control_reload(struct control *control);

/* Sets the engine timer to the engine's next time; after every call into the engine. */
void control_schedule(struct control *control);

/* The link to recorder or courier closed. If the process lives on and no new link comes within 10
 * s, control starts again, which makes the supervisor introduce everybody. */
void control_on_link_lost(struct control *control);

/* Ends the loop if we were told to stop and nothing more is to come. */
void control_check_drained(struct control *control);

/* A copy of ring `index`'s fixed facts; false if there is no such ring. */
struct ring_view {
	char nic[CHILD_NIC_SIZE];
	uint32_t link_type;
	enum nic_state state;
};
bool control_ring(const struct control *control, uint32_t index, struct ring_view *ret);
/* Number of rings, bounded. */
/* The filter text that keeps our own traffic out of captures on that ring's NIC; looked up again
 * after a second, since asking for addresses costs more than a decision. */
const char *control_exclusion(struct control *control, uint32_t index,
			      const struct ring_view *ring);
uint32_t control_ring_count(const struct control *control);

/* Why the process does not serve yet; NULL = it is ready. */
const char *control_unready(const struct control *control);
