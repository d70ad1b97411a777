/* SPDX-License-Identifier: Apache-2.0 */
/* The courier process: it decodes, hands pushes to the sender of their kind, and returns verdicts.
 *
 * A link to control is a generation. When control is restarted its leases go back to its queue, but
 * what is already on the wire here is neither broken off nor sent twice: it runs on, and its result
 * is told only if the new control leases the same push again. */
#include "dispatch/push/courier.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "dispatch/push/crew.h"
#include "dispatch/push/endpoint_email.h"
#include "dispatch/push/endpoint_http.h"
#include "dispatch/push/endpoint_kafka.h"
#include "dispatch/push/endpoint_syslog.h"
#include "dispatch/push/hide.h"
#include "dispatch/push/topic_reader.h"
#include "policy/settings.h"

#define STOP_LIMIT  (2 * DUR_S)
#define HEART_BEAT  (20 * DUR_MS) /* how often the loop is asked whether it turns, with leases */
#define HEALTH_SPAN DUR_S

struct lease {
	LIST_ENTRY(lease) next;
	char push[IDENT_SIZE];
	unsigned generation;
	char *secrets; /* hide_list: what its result must not repeat */
};

struct courier {
	struct loop *loop;
	struct ipc_link *supervisor;
	struct ipc_link *control;
	unsigned generation; /* of the link to control */
	struct crew *crew;
	struct endpoint_http *http;
	struct endpoint_email *email;
	struct endpoint_kafka *kafka;
	struct endpoint_syslog *syslog;
	struct topic_reader *topics;
	LIST_HEAD(, lease) leases; /* under way, of all generations */
	struct timer *stop_timer;
	struct timer *heart;
	mono_t beat, told; /* last heartbeat, last health message */
	dur_t stall;	   /* longest delay of a heartbeat since then */
	bool beating;
	bool stopping;
	bool orphaned; /* the supervisor is gone */
};

/* ---- does the loop turn? ---- */

static void tell_health(struct courier *c, mono_t now)
{
	struct courier_health health = {.stall_us = (uint32_t)(c->stall / DUR_US)};

	ipc_link_send(c->control, COURIER_HEALTH, &health, sizeof(health), -1);
	c->stall = 0;
	c->told = now;
}

static void on_heart(void *owner)
{
	struct courier *c = owner;
	mono_t now = mono_now();
	dur_t late = mono_sub(now, c->beat) - HEART_BEAT;

	if (late > c->stall)
		c->stall = late;
	c->beating = !LIST_EMPTY(&c->leases);
	if (mono_sub(now, c->told) >= HEALTH_SPAN || !c->beating)
		tell_health(c, now);
	c->beat = now;
	if (c->beating)
		timer_set(c->heart, HEART_BEAT);
}

static void start_heart(struct courier *c)
{
	if (c->beating)
		return;
	c->beating = true;
	c->beat = c->told = mono_now();
	timer_set(c->heart, HEART_BEAT);
}

/* ---- leases ---- */

static struct lease *lease_find(struct courier *c, const char *push)
{
	struct lease *lease;

	LIST_FOREACH (lease, &c->leases, next)
		if (!strcmp(lease->push, push))
			return lease;
	return NULL;
}

static void lease_free(struct lease *lease)
{
	LIST_REMOVE(lease, next);
	hide_free(lease->secrets);
	free(lease);
}

static unsigned lease_count(const struct courier *c)
{
	const struct lease *lease;
	unsigned n = 0;

	LIST_FOREACH (lease, &c->leases, next)
		n += lease->generation == c->generation;
	return n;
}

static void stop_if_idle(struct courier *c)
{
	if (c->stopping && LIST_EMPTY(&c->leases))
		loop_stop(c->loop);
}

static void on_result(void *owner, const struct courier_result *told)
{
	struct courier_result shown = *told, *result = &shown;
	struct courier *c = owner;
	struct lease *lease = lease_find(c, result->push);

	bug_on(!lease);
	hide_apply(lease->secrets, result->text);
	/* neither URL nor answer: both may hold secrets */
	if (result->verdict != VERDICT_DELIVERED)
		log_warning("courier", "%s: not delivered, step %s, status %u, %s", result->push,
			    courier_step_name(result->step), result->status,
			    courier_verdict_name(result->verdict));
	if (lease->generation == c->generation)
		ipc_link_send(c->control, COURIER_RESULT, result, sizeof(*result), -1);
	lease_free(lease);
	stop_if_idle(c);
}

static void refuse_kind(struct courier *c, const struct courier_push *push)
{
	struct courier_result result = {.verdict = VERDICT_PERMANENT,
					.step = COURIER_STEP_REQUEST,
					.text = "this kind of endpoint is not pushed to"};

	memcpy(result.push, push->push, sizeof(result.push));
	on_result(c, &result);
}

static void start(struct courier *c, const struct courier_push *push)
{
	if (endpoint_http_takes(push->kind))
		endpoint_http_start(c->http, push);
	else if (push->kind == ENDPOINT_EMAIL)
		endpoint_email_start(c->email, push);
	else if (push->kind == ENDPOINT_KAFKA)
		endpoint_kafka_start(c->kafka, push);
	else if (push->kind == ENDPOINT_SYSLOG)
		endpoint_syslog_start(c->syslog, push);
	else
		refuse_kind(c, push);
}

static int on_push(struct courier *c, const struct courier_push *push)
{
	struct lease *lease = lease_find(c, push->push);

	if (c->stopping)
		return 0; /* the lease goes back when the link closes */
	if (lease && lease->generation == c->generation)
		return -EPROTO;
	if (lease_count(c) >= COURIER_LEASES_MAX)
		return -EPROTO;
	if (lease) { /* still on the wire for the control before this one */
		lease->generation = c->generation;
		return 0;
	}
	lease = xcalloc(1, sizeof(*lease));
	memcpy(lease->push, push->push, sizeof(lease->push));
	lease->generation = c->generation;
	lease->secrets = hide_list(push);
	LIST_INSERT_HEAD(&c->leases, lease, next);
	start_heart(c);
	start(c, push);
	return 0;
}

static int on_source(struct courier *c, const struct ipc_message *message)
{
	const struct courier_source *source = (const void *)message->body;

	if (!ipc_is(message, *source) || !memchr(source->source, '\0', sizeof(source->source)))
		return -EPROTO;
	if (message->type == COURIER_TAKEN)
		topic_reader_taken(c->topics, source->source, source->batch);
	else
		topic_reader_stop(c->topics, source->source);
	return 0;
}

static int on_control_message(void *owner, struct ipc_message *message)
{
	const struct courier_push *push = (const void *)message->body;
	struct courier *c = owner;

	if (message->type == COURIER_TAKEN || message->type == COURIER_CONSUME_END)
		return on_source(c, message);
	if (!courier_push_is_sound(push, message->size))
		return -EPROTO;
	if (message->type == COURIER_PUSH)
		return on_push(c, push);
	if (message->type != COURIER_CONSUME)
		return -EPROTO;
	if (!c->stopping)
		topic_reader_start(c->topics, push);
	return 0;
}

static void send_to_control(void *owner, uint32_t type, const void *body, size_t size)
{
	struct courier *c = owner;

	ipc_link_send(c->control, type, body, size, -1);
}

static void on_control_closed(void *owner)
{
	struct courier *c = owner;

	log_warning("courier", "control: link lost, waiting for the next");
	topic_reader_stop(c->topics, NULL);
	c->control = ipc_link_free(c->control);
}

static int on_peer(struct courier *c, struct ipc_message *message)
{
	const struct child_peer *peer = (const void *)message->body;

	if (!ipc_is(message, *peer) || peer->role != ROLE_CONTROL || message->fd < 0)
		return -EPROTO;
	topic_reader_stop(c->topics, NULL);
	ipc_link_free(c->control);
	c->generation++;
	c->control = ipc_link_new(c->loop, take_fd(&message->fd), on_control_message,
				  on_control_closed, c);
	return 0;
}

/* ---- the whole ---- */

static void on_stop_limit(void *owner)
{
	struct courier *c = owner;

	loop_stop(c->loop);
}

static int on_stop(struct courier *c)
{
	c->stopping = true;
	topic_reader_stop(c->topics, NULL);
	timer_set(c->stop_timer, STOP_LIMIT);
	stop_if_idle(c);
	return 0;
}

static int on_supervisor_message(void *owner, struct ipc_message *message)
{
	struct courier *c = owner;

	switch (message->type) {
	case CHILD_SHARED: /* sent to every child; not ours to use */
		return 0;
	case CHILD_PEER:
		return on_peer(c, message);
	case CHILD_GO:
		ipc_link_send(c->supervisor, CHILD_READY, NULL, 0, -1);
		return 0;
	case CHILD_STOP:
		return on_stop(c);
	default:
		return -EPROTO;
	}
}

static void on_supervisor_closed(void *owner)
{
	struct courier *c = owner;

	c->orphaned = true;
	loop_stop(c->loop);
}

static void courier_init(struct courier *c, int supervisor, const struct courier_config *config)
{
	LIST_INIT(&c->leases);
	c->loop = loop_new();
	c->crew = crew_new(c->loop);
	c->http = endpoint_http_new(c->loop, config, on_result, c);
	c->email = endpoint_email_new(c->crew, config, on_result, c);
	c->kafka = endpoint_kafka_new(c->loop, c->crew, config, on_result, c);
	c->syslog = endpoint_syslog_new(c->crew, config, on_result, c);
	c->topics = topic_reader_new(c->loop, c->crew, config, send_to_control, c);
	c->heart = timer_new(c->loop, on_heart, c);
	c->stop_timer = timer_new(c->loop, on_stop_limit, c);
	c->supervisor =
		ipc_link_new(c->loop, supervisor, on_supervisor_message, on_supervisor_closed, c);
}

static void courier_fini(struct courier *c)
{
	c->http = endpoint_http_free(c->http);
	c->kafka = endpoint_kafka_free(c->kafka);
	c->topics = topic_reader_free(c->topics);
	c->crew = crew_free(c->crew);
	c->email = endpoint_email_free(c->email);
	c->syslog = endpoint_syslog_free(c->syslog);
	while (!LIST_EMPTY(&c->leases))
		lease_free(LIST_FIRST(&c->leases));
	ipc_link_free(c->control);
	ipc_link_free(c->supervisor);
	timer_free(c->stop_timer);
	timer_free(c->heart);
	loop_free(c->loop);
}

int courier_main(int supervisor, const struct courier_config *config)
{
	struct courier c = {0};
	int status;

	/* OpenSSL writes with write(2), and CURLOPT_NOSIGNAL leaves the signal to us */
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		log_error("courier", "libcurl cannot be initialised");
		return EXIT_FAILURE;
	}
	courier_init(&c, supervisor, config);
	loop_run(c.loop);
	status = c.orphaned ? EXIT_FAILURE : EXIT_SUCCESS;
	/* threads that wait for a peer would be waited for; the outbox has what they do */
	if (!LIST_EMPTY(&c.leases))
		_exit(status);
	courier_fini(&c);
	curl_global_cleanup();
	return status;
}
