/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/kafka_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "dispatch/push/destination.h"

/* Called by librdkafka's threads: the socket is non-blocking. */
static int on_connect(int fd, const struct sockaddr *to, int len, const char *name, void *owner)
{
	const struct courier_config *config = owner;

	(void)name;
	if (destination_check(to, config->allow))
		return EACCES;
	return connect(fd, to, (socklen_t)len) && errno != EINPROGRESS ? errno : 0;
}

rd_kafka_conf_t *kafka_client_configure(const struct kafka_property *properties, size_t count,
					const struct courier_config *config, int events,
					char key[SHA256_HEX_SIZE], char text[KAFKA_TEXT_SIZE])
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct sha256 h;

	sha256_init(&h);
	for (size_t i = 0; i < count; i++) {
		const struct kafka_property *p = &properties[i];
		const char *value = p->text ? p->text : p->value;

		sha256_add(&h, p->name, strlen(p->name) + 1);
		sha256_add(&h, value, strlen(value) + 1);
		if (rd_kafka_conf_set(conf, p->name, value, text, KAFKA_TEXT_SIZE) ==
		    RD_KAFKA_CONF_OK)
			continue;
		/* its own text may quote the value */
		snprintf(text, KAFKA_TEXT_SIZE, "librdkafka does not take the setting %s", p->name);
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	sha256_format(&h, key);
	rd_kafka_conf_set_events(conf, events);
	rd_kafka_conf_set_connect_cb(conf, on_connect);
	rd_kafka_conf_set_opaque(conf, (void *)config);
	return conf;
}

int kafka_client_open(struct kafka_client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
		      struct loop *loop, void (*on_readable)(void *owner), void *owner,
		      char text[KAFKA_TEXT_SIZE])
{
	client->rk = rd_kafka_new(type, conf, text, KAFKA_TEXT_SIZE);
	if (!client->rk) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	/* a blocking one deadlocks in there */
	bug_on(pipe2(client->pipe, O_CLOEXEC | O_NONBLOCK));
	if (type == RD_KAFKA_CONSUMER)
		rd_kafka_poll_set_consumer(client->rk);
	client->queue = type == RD_KAFKA_CONSUMER ? rd_kafka_queue_get_consumer(client->rk)
						  : rd_kafka_queue_get_main(client->rk);
	rd_kafka_queue_io_event_enable(client->queue, client->pipe[1], "1", 1);
	client->watch = watch_new_read(loop, client->pipe[0], on_readable, owner);
	watch_enable(client->watch);
	/* what was queued before the pipe was there has written nothing into it */
	bug_on(write(client->pipe[1], "1", 1) != 1);
	return 0;
}

void kafka_client_drain(const struct kafka_client *client)
{
	char bytes[64];

	while (read(client->pipe[0], bytes, sizeof(bytes)) > 0)
		;
}

struct burial {
	struct crew_job job;
	struct kafka_client client;
};

static void bury(struct crew_job *job)
{
	struct kafka_client *client = &((struct burial *)job)->client;

	if (rd_kafka_type(client->rk) == RD_KAFKA_CONSUMER)
		rd_kafka_consumer_close(client->rk);
	else
		rd_kafka_purge(client->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
						   RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_queue_destroy(client->queue);
	rd_kafka_destroy(client->rk);
	close(client->pipe[0]);
	close(client->pipe[1]);
}

static void buried(struct crew_job *job)
{
	free(job);
}

void kafka_client_close(struct kafka_client *client, struct crew *crew)
{
	struct burial *burial = xcalloc(1, sizeof(*burial));

	client->watch = watch_free(client->watch);
	rd_kafka_queue_io_event_enable(client->queue, -1, NULL, 0);
	burial->client = *client;
	burial->job = (struct crew_job){.run = bury, .done = buried, .lane = "kafka burial"};
	if (crew) {
		crew_put(crew, &burial->job);
		return;
	}
	bury(&burial->job);
	free(burial);
}
