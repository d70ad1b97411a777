/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/transfer.h"

#include <event2/http.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/connection.h"
#include "dispatch/serve/control_state.h"
#include "storage/audit.h"

#define CAPTURES "/api/v1/captures/{}"

struct transfer {
	const struct exchange *exchange; /* outlives it */
	struct control *control;
	struct audit_row row;
	uint64_t size;
	struct timer *pause;
	dur_t wait;
	void (*go)(void *owner);
	void *owner;
};

/* ---- the audit ---- */

static int add_run(struct db *db, void *arg)
{
	return audit_add(db, arg);
}

static int end_run(struct db *db, void *arg)
{
	return audit_end(db, arg);
}

static void posted(void *arg, int result)
{
	struct audit_row *row = arg;

	if (result < 0)
		log_warning("http", "download %s by %s is not in the audit: %s", row->request,
			    row->who, strerrordesc_np(-result));
	free(row);
}

static void post(struct control *control, const struct audit_row *row, store_run run)
{
	struct audit_row *copy = xmalloc(sizeof(*copy));

	*copy = *row;
	store_post(control->store, STORE_WRITE, run, posted, copy);
}

static void describe_who(const struct exchange *exchange, char who[64])
{
	const struct peer *peer = &exchange->connection->peer;

	if (exchange->link[0])
		snprintf(who, 64, "link %s", exchange->link);
	else if (peer->trusted)
		snprintf(who, 64, "uid %u", peer->uid);
	else
		snprintf(who, 64, "token admin");
}

static void describe_request(const struct exchange *exchange, struct audit_row *row)
{
	const struct route *route = exchange->match.route;
	const char *text = evhttp_request_get_uri(exchange->http);
	char *secret;

	snprintf(row->request, sizeof(row->request), "%s", text ? text : "");
	secret = strstr(row->request, "&signature=");
	if (secret)
		*secret = '\0';
	if (route && !strncmp(route->pattern, CAPTURES, sizeof(CAPTURES) - 1))
		snprintf(row->capture, sizeof(row->capture), "%s", exchange_param(exchange, 0));
}

static void describe(const struct exchange *exchange, struct audit_row *row)
{
	char *address = NULL;
	uint16_t port;

	*row = (struct audit_row){.at = wall_now(), .outcome = "running"};
	ident_new(row->at, row->id);
	describe_who(exchange, row->who);
	describe_request(exchange, row);
	if (exchange->connection->peer.entrance != ENTRANCE_LOCAL)
		evhttp_connection_get_peer(evhttp_request_get_connection(exchange->http), &address,
					   &port);
	snprintf(row->address, sizeof(row->address), "%s", address ? address : "");
}

void transfer_log_link(const struct exchange *exchange, const char *path)
{
	struct audit_row row;

	describe(exchange, &row);
	row.until = row.at;
	row.status = 201;
	row.outcome = "link";
	snprintf(row.request, sizeof(row.request), "%s", path);
	post(exchange->control, &row, add_run);
}

/* ---- one of them ---- */

static void on_pause(void *owner)
{
	struct transfer *transfer = owner;

	transfer->go(transfer->owner);
}

struct transfer *transfer_new(const struct exchange *exchange, int status, uint64_t size)
{
	struct transfer *transfer = xcalloc(1, sizeof(*transfer));

	transfer->control = exchange->control;
	transfer->exchange = exchange;
	transfer->size = size;
	transfer->pause = timer_new(exchange->control->loop, on_pause, transfer);
	describe(exchange, &transfer->row);
	transfer->row.status = status;
	post(transfer->control, &transfer->row, add_run);
	return transfer;
}

void transfer_add(struct transfer *transfer, uint64_t bytes)
{
	const struct transfer_limits *limits = &transfer->control->transfer_limits;
	struct crowd_address *address = transfer->exchange->connection->address;
	mono_t now = mono_now();
	dur_t wait;

	transfer->row.bytes += bytes;
	transfer->wait = throttle_take(&transfer->control->transfers_all, bytes, limits->all, now);
	if (!address)
		return;
	wait = throttle_take(crowd_throttle(address), bytes, limits->client, now);
	if (wait > transfer->wait)
		transfer->wait = wait;
}

void transfer_wait(struct transfer *transfer, void (*go)(void *owner), void *owner)
{
	transfer->go = go;
	transfer->owner = owner;
	/* after the last piece the client may leave at any moment: it has everything */
	if (transfer->wait > 0 && transfer->row.bytes < transfer->size)
		timer_set(transfer->pause, transfer->wait);
	else
		go(owner);
}

void transfer_set_hash(struct transfer *transfer, const char *hash)
{
	snprintf(transfer->row.hash, sizeof(transfer->row.hash), "%s", hash);
}

void transfer_end(struct transfer *transfer, const char *outcome)
{
	if (!transfer)
		return;
	transfer->row.until = wall_now();
	transfer->row.outcome = outcome;
	post(transfer->control, &transfer->row, end_run);
	timer_free(transfer->pause);
	free(transfer);
}
