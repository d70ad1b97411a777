/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/unit/test.h"

struct peer {
	int listener;
	int port;
	peer_call call;
	void *owner;
	pthread_t thread;
	atomic_uint accepted;
	atomic_uint serving;
};

struct connection {
	struct peer *peer;
	struct peer_request request;
};

char *peer_header(const struct peer_request *request, const char *name, char *ret, size_t size)
{
	size_t n = strlen(name);
	const char *line = request->text;

	ret[0] = '\0';
	while ((line = strstr(line, "\r\n"))) {
		const char *value;

		line += 2;
		if (strncasecmp(line, name, n) || line[n] != ':')
			continue;
		value = line + n + 1;
		value += strspn(value, " ");
		snprintf(ret, size, "%.*s", (int)strcspn(value, "\r\n"), value);
		break;
	}
	return ret;
}

/* Reads until the head and the body it announces are there. */
static void read_request(struct peer_request *r)
{
	size_t want = 0;

	while (!want || r->len < want) {
		ssize_t n = recv(r->socket, r->text + r->len, sizeof(r->text) - 1 - r->len, 0);
		char length[32], *end;

		if (n <= 0)
			return;
		r->len += (size_t)n;
		r->text[r->len] = '\0';
		end = strstr(r->text, "\r\n\r\n");
		if (!end || want)
			continue;
		r->head_len = (size_t)(end + 4 - r->text);
		want = r->head_len +
		       strtoul(peer_header(r, "content-length", length, sizeof(length)), NULL, 10);
	}
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct peer *peer = c->peer;

	read_request(&c->request);
	if (c->request.head_len)
		peer->call(peer->owner, &c->request);
	shutdown(c->request.socket, SHUT_WR);
	close(c->request.socket);
	free(c);
	atomic_fetch_sub(&peer->serving, 1);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct peer *peer = arg;

	for (;;) {
		struct connection *c = xcalloc(1, sizeof(*c));
		pthread_t thread;

		c->peer = peer;
		c->request.socket = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
		if (c->request.socket < 0) {
			free(c);
			return NULL;
		}
		c->request.number = atomic_fetch_add(&peer->accepted, 1) + 1;
		atomic_fetch_add(&peer->serving, 1);
		check(!pthread_create(&thread, NULL, serve, c));
		pthread_detach(thread);
	}
}

struct peer *peer_new(peer_call call, void *owner)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct peer *peer = xcalloc(1, sizeof(*peer));
	socklen_t len = sizeof(address);

	peer->call = call;
	peer->owner = owner;
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(!bind(peer->listener, (struct sockaddr *)&address, len));
	check(!listen(peer->listener, 512));
	check(!getsockname(peer->listener, (struct sockaddr *)&address, &len));
	peer->port = ntohs(address.sin_port);
	check(!pthread_create(&peer->thread, NULL, accept_all, peer));
	return peer;
}

struct peer *peer_free(struct peer *peer)
{
	if (!peer)
		return NULL;
	shutdown(peer->listener, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
	wait_for(atomic_load(&peer->serving) == 0, 10);
	free(peer);
	return NULL;
}

int peer_port(const struct peer *peer)
{
	return peer->port;
}

unsigned peer_count(struct peer *peer)
{
	return atomic_load(&peer->accepted);
}

int peer_write(const struct peer_request *request, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(request->socket, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

void peer_wait_hangup(const struct peer_request *request)
{
	struct pollfd p = {.fd = request->socket, .events = POLLRDHUP};

	poll(&p, 1, 5000);
}

void peer_reset(const struct peer_request *request)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	check(!setsockopt(request->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}
