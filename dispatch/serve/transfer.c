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

/* A row on its way to the store. */
struct audit_post {
	struct audit_row row;
	struct transfer *transfer; /* that waits for it, or NULL */
};

struct transfer {
	const struct exchange *exchange; /* outlives it */
	struct control *control;
	struct audit_row row;
	struct audit_post *adding; /* its first row, until it is durable */
	int result;		   /* of that */
	struct timer *pause;
	uint64_t taken; /* waits to leave */
	transfer_go go;
	void *owner;
};

/* ---- the audit ---- */

static int add_run(struct db *db, void *arg)
{
	return audit_add(db, &((struct audit_post *)arg)->row);
}

static int end_run(struct db *db, void *arg)
{
	return audit_end(db, &((struct audit_post *)arg)->row);
}

static void wait_or_go(struct transfer *transfer);

static void posted(void *arg, int result)
{
	struct audit_post *post = arg;
	struct transfer *transfer = post->transfer;

	if (result < 0)
		log_warning("http", "download %s by %s is not in the audit: %s", post->row.request,
			    post->row.who, strerrordesc_np(-result));
	free(post);
	if (!transfer)
		return;
	transfer->adding = NULL;
	transfer->result = result;
	if (transfer->go)
		wait_or_go(transfer);
}

static struct audit_post *post(struct control *control, const struct audit_row *row, store_run run,
			       struct transfer *transfer)
{
	struct audit_post *post = xmalloc(sizeof(*post));

	post->row = *row;
	post->transfer = transfer;
	store_post(control->store, STORE_WRITE, run, posted, post);
	return post;
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
	post(exchange->control, &row, add_run, NULL);
}

/* ---- one of them ---- */

static void let_go(struct transfer *transfer)
{
	transfer_go go = take_ptr(transfer->go);

	if (!transfer->result)
		transfer->row.bytes += transfer->taken;
	transfer->taken = 0;
	go(transfer->owner, transfer->result);
}

static void on_pause(void *owner)
{
	let_go(owner);
}

struct transfer *transfer_new(const struct exchange *exchange, int status)
{
	struct transfer *transfer = xcalloc(1, sizeof(*transfer));

	transfer->control = exchange->control;
	transfer->exchange = exchange;
	transfer->pause = timer_new(exchange->control->loop, on_pause, transfer);
	describe(exchange, &transfer->row);
	transfer->row.status = status;
	transfer->adding = post(transfer->control, &transfer->row, add_run, transfer);
	return transfer;
}

/* NULL: nobody counts it (any more). */
static struct throttle *client_of(const struct transfer *transfer)
{
	const struct connection *connection = transfer->exchange->connection;

	return connection && connection->address ? crowd_throttle(connection->address) : NULL;
}

static dur_t take(struct transfer *transfer)
{
	const struct transfer_limits *limits = &transfer->control->transfer_limits;
	struct throttle *client = client_of(transfer);
	mono_t now = mono_now();
	dur_t all =
		throttle_take(&transfer->control->transfers_all, transfer->taken, limits->all, now);
	dur_t own = client ? throttle_take(client, transfer->taken, limits->client, now) : 0;

	return own > all ? own : all;
}

/* What did not leave others may have. */
static void give_back(struct transfer *transfer)
{
	const struct transfer_limits *limits = &transfer->control->transfer_limits;
	struct throttle *client = client_of(transfer);

	throttle_return(&transfer->control->transfers_all, transfer->taken, limits->all);
	if (client)
		throttle_return(client, transfer->taken, limits->client);
}

static void wait_or_go(struct transfer *transfer)
{
	dur_t wait = transfer->result ? 0 : take(transfer);

	if (wait > 0)
		timer_set(transfer->pause, wait);
	else
		let_go(transfer);
}

void transfer_take(struct transfer *transfer, uint64_t bytes, transfer_go go, void *owner)
{
	transfer->taken = bytes;
	transfer->go = go;
	transfer->owner = owner;
	if (!transfer->adding)
		wait_or_go(transfer);
}

void transfer_set_hash(struct transfer *transfer, const char *hash)
{
	snprintf(transfer->row.hash, sizeof(transfer->row.hash), "%s", hash);
}

void transfer_end(struct transfer *transfer, const char *outcome)
{
	if (!transfer)
		return;
	if (transfer->adding)
		transfer->adding->transfer = NULL;
	else if (transfer->go)
		give_back(transfer);
	transfer->row.until = wall_now();
	transfer->row.outcome = outcome;
	post(transfer->control, &transfer->row, end_run, NULL);
	timer_free(transfer->pause);
	free(transfer);
}
