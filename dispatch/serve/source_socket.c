/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/source_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/lines.h"

#define LOOK_AGAIN    DUR_S
#define DATAGRAMS_MAX 1000 /* per turn, alerts or not */

/* One who sends: a connection, or all who write to a socket of datagrams. */
struct sender {
	LIST_ENTRY(sender) next;
	struct source_socket *socket; /* NULL: gone, freed when its decision is through */
	int fd;
	struct watch *watch;
	bool deciding;	   /* a decision is on its way */
	bool ended;	   /* the connection is; the rest is parsed still */
	bool skipping;	   /* the rest of a line that is too long */
	bool was_skipping; /* where the decision that is on its way begins */
	size_t taken; /* what the decision is about: bytes of data, or datagrams that are not empty
		       */
	char *data;   /* streams: LINES_BYTES_MAX */
	size_t len;
};

struct source_socket {
	LIST_ENTRY(source_socket) next;
	struct source_sockets *sockets;
	struct child_source_socket told;
	int fd;
	struct watch *watch; /* of connections to come; NULL for datagrams */
	LIST_HEAD(, sender) senders;
	unsigned sender_count;
	uint64_t alerts; /* since this process started */
};

static void sender_read(struct sender *sender);

/* The source that reads it, if control can decide now. */
static const struct source *reader_of(const struct source_socket *socket)
{
	const struct control *control = socket->sockets->control;
	const struct source *source;

	if (!control->engine || control->draining || control->stopping)
		return NULL;
	for (size_t i = 0; (source = engine_source_at(control->engine, i)); i++)
		if (!strcmp(source->file, socket->told.path))
			return source;
	return NULL;
}

static void pause_watch(struct source_sockets *sockets, struct watch *watch)
{
	watch_disable(watch);
	if (!timer_is_set(sockets->timer))
		timer_set(sockets->timer, LOOK_AGAIN);
}

/* ---- senders ---- */

static struct sender *sender_free(struct sender *sender)
{
	if (sender->data)
		close(sender->fd);
	free(sender->data);
	free(sender);
	return NULL;
}

/* Takes it off the list; frees it, or leaves that to the decision that is on its way. */
static void sender_drop(struct sender *sender)
{
	struct source_socket *socket = sender->socket;

	LIST_REMOVE(sender, next);
	sender->watch = watch_free(sender->watch);
	sender->socket = NULL;
	if (socket->sender_count-- == SOURCE_SENDERS && socket->watch)
		watch_enable(socket->watch);
	if (!sender->deciding)
		sender_free(sender);
}

static void on_readable(void *owner)
{
	sender_read(owner);
}

/* Takes fd if data is not NULL: a connection. */
static void sender_new(struct source_socket *socket, int fd, char *data)
{
	struct sender *sender = xcalloc(1, sizeof(*sender));

	sender->socket = socket;
	sender->fd = fd;
	sender->data = data;
	sender->watch = watch_new_read(socket->sockets->control->loop, fd, on_readable, sender);
	LIST_INSERT_HEAD(&socket->senders, sender, next);
	socket->sender_count++;
	watch_enable(sender->watch);
}

/* Returns the size of the first datagram, or -1. Without MSG_PEEK as flag it is gone. */
static ssize_t datagram_first(const struct sender *sender, int flag)
{
	char none;

	return recv(sender->fd, &none, sizeof(none), MSG_DONTWAIT | MSG_TRUNC | flag);
}

/* What was decided about leaves the buffer, or the socket. */
static void forget_taken(struct sender *sender)
{
	ssize_t n = 0;

	if (sender->data) {
		sender->len -= sender->taken;
		memmove(sender->data, sender->data + sender->taken, sender->len);
		sender->taken = 0;
	}
	while (sender->taken && n >= 0) {
		n = datagram_first(sender, 0);
		sender->taken -= n > 0;
	}
	sender->taken = 0;
}

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct sender *sender = owner;

	sender->deciding = false;
	if (!sender->socket) {
		sender_free(sender);
	} else if (result < 0) { /* decided again from what is still there */
		sender->taken = 0;
		sender->skipping = sender->was_skipping;
		pause_watch(sender->socket->sockets, sender->watch);
	} else {
		sender->socket->alerts += decision->alerts.count;
		forget_taken(sender);
		watch_enable(sender->watch);
		if (sender->data) /* there may be lines that are not in the socket any more */
			sender_read(sender);
	}
}

/* Puts the lines on their way, or is done with them at once if they are no alerts. */
static void sender_decide(struct sender *sender, struct lines *lines)
{
	if (!lines_count(lines)) {
		lines_abort(lines);
		forget_taken(sender);
		return;
	}
	sender->deciding = true;
	watch_disable(sender->watch);
	lines_commit(lines, on_committed, sender);
}

/* ---- streams ---- */

/* Returns false if there is nothing to look at. */
static bool stream_fill(struct sender *sender)
{
	ssize_t n = 0;

	if (sender->len < LINES_BYTES_MAX && !sender->ended) {
		n = recv(sender->fd, sender->data + sender->len, LINES_BYTES_MAX - sender->len,
			 MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			n = 0;
		else if (n <= 0)
			sender->ended = true;
		if (n > 0)
			sender->len += (size_t)n;
	}
	/* a last line may lack its end */
	if (sender->ended && sender->len && sender->len < LINES_BYTES_MAX &&
	    sender->data[sender->len - 1] != '\n')
		sender->data[sender->len++] = '\n';
	return sender->len > 0;
}

static void stream_read(struct sender *sender, const struct source *source)
{
	bool has_more = stream_fill(sender);
	struct lines lines;

	if (has_more) {
		lines_start(&lines, sender->socket->sockets->control, source);
		sender->was_skipping = sender->skipping;
		sender->taken = lines_parse(&lines, sender->data, sender->len, &sender->skipping);
		sender_decide(sender, &lines);
	}
	if (sender->ended && !sender->deciding && !sender->len)
		sender_drop(sender);
}

/* ---- datagrams ---- */

static void add_datagram(struct lines *lines, const char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		const char *end = memchr(text + done, '\n', len - done);
		size_t n = end ? (size_t)(end - text) + 1 - done : len - done;

		lines_add(lines, text + done, n);
		done += n;
	}
}

/* SO_PEEK_OFF (Linux 3.4): -1 shows the first datagram each time; from 0 on each look shows the
 * next one. An empty one that was shown is not shown again then: it is not counted, so that the
 * count says the same after a decision that failed. */
static int set_look(const struct sender *sender, int from)
{
	return setsockopt(sender->fd, SOL_SOCKET, SO_PEEK_OFF, &from, sizeof(from));
}

/* What is no alert for sure, empty or too long, leaves the socket. */
static void drop_useless(const struct sender *sender)
{
	for (int i = 0; i < DATAGRAMS_MAX; i++) {
		ssize_t n = datagram_first(sender, MSG_PEEK);

		if (n < 0 || (n > 0 && n <= LINES_BYTES_MAX))
			return;
		datagram_first(sender, 0);
	}
}

static void datagrams_read(struct sender *sender, const struct source *source)
{
	struct source_sockets *sockets = sender->socket->sockets;
	struct lines lines;
	ssize_t n;

	if (!set_look(sender, -1))
		drop_useless(sender);
	if (set_look(sender, 0)) {
		pause_watch(sockets, sender->watch);
		return;
	}
	lines_start(&lines, sockets->control, source);
	while (sender->taken < DATAGRAMS_MAX && !lines_full(&lines)) {
		n = recv(sender->fd, sockets->chunk, LINES_BYTES_MAX,
			 MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK);
		if (n <= 0 || n > LINES_BYTES_MAX)
			break;
		add_datagram(&lines, sockets->chunk, (size_t)n);
		sender->taken++;
	}
	sender_decide(sender, &lines);
}

/* ---- both ---- */

/* Decides on what is there; more makes the watch call again. */
static void sender_read(struct sender *sender)
{
	const struct source *source = reader_of(sender->socket);

	if (sender->deciding)
		return;
	if (!source)
		pause_watch(sender->socket->sockets, sender->watch);
	else if (sender->data)
		stream_read(sender, source);
	else
		datagrams_read(sender, source);
}

static void on_connection(void *owner)
{
	struct source_socket *socket = owner;
	int fd;

	if (socket->sender_count >= SOURCE_SENDERS) { /* until one goes */
		watch_disable(socket->watch);
		return;
	}
	if (!reader_of(socket)) {
		pause_watch(socket->sockets, socket->watch);
		return;
	}
	fd = accept4(socket->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		sender_new(socket, fd, xmalloc(LINES_BYTES_MAX));
	else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		pause_watch(socket->sockets, socket->watch); /* no descriptor left */
}

/* Whoever was paused is looked at again: its source may be there now, the store may work again. */
static void on_time(void *owner)
{
	struct source_sockets *sockets = owner;
	struct source_socket *socket;

	LIST_FOREACH (socket, &sockets->list, next) {
		struct sender *sender = LIST_FIRST(&socket->senders);

		if (socket->watch && socket->sender_count < SOURCE_SENDERS)
			watch_enable(socket->watch);
		while (sender) {
			struct sender *after = LIST_NEXT(sender, next);

			if (!sender->deciding) {
				watch_enable(sender->watch);
				sender_read(sender);
			}
			sender = after;
		}
	}
}

/* ---- life ---- */

void source_sockets_init(struct source_sockets *sockets, struct control *control)
{
	sockets->control = control;
	LIST_INIT(&sockets->list);
	sockets->timer = timer_new(control->loop, on_time, sockets);
	sockets->chunk = NULL;
}

static void socket_free(struct source_socket *socket)
{
	struct sender *sender;

	while ((sender = LIST_FIRST(&socket->senders)))
		sender_drop(sender);
	watch_free(socket->watch);
	close(socket->fd);
	free(socket);
}

void source_sockets_fini(struct source_sockets *sockets)
{
	struct source_socket *socket;

	while ((socket = LIST_FIRST(&sockets->list))) {
		LIST_REMOVE(socket, next);
		socket_free(socket);
	}
	sockets->timer = timer_free(sockets->timer);
	free(sockets->chunk);
}

int source_sockets_add(struct source_sockets *sockets, const struct child_source_socket *told,
		       int fd)
{
	struct source_socket *socket;

	if (!memchr(told->path, '\0', sizeof(told->path)) ||
	    (told->type != SOCK_STREAM && told->type != SOCK_DGRAM)) {
		close(fd);
		return -EBADMSG;
	}
	socket = xcalloc(1, sizeof(*socket));
	socket->sockets = sockets;
	socket->told = *told;
	socket->fd = fd;
	LIST_INIT(&socket->senders);
	LIST_INSERT_HEAD(&sockets->list, socket, next);
	if (!sockets->chunk)
		sockets->chunk = xmalloc(LINES_BYTES_MAX);
	if (told->type == SOCK_DGRAM) {
		sender_new(socket, fd, NULL);
		return 0;
	}
	socket->watch = watch_new_read(sockets->control->loop, fd, on_connection, socket);
	watch_enable(socket->watch);
	return 0;
}

const char *source_sockets_state(const struct source_sockets *sockets, const struct source *source,
				 char text[200])
{
	const struct source_socket *socket;
	const struct source *reader;

	LIST_FOREACH (socket, &sockets->list, next)
		if (!strcmp(socket->told.path, source->file))
			break;
	if (!socket)
		return NULL;
	reader = reader_of(socket);
	if (reader && reader != source)
		snprintf(text, 200, "socket, read by source \"%.64s\"", reader->name);
	else if (socket->told.type == SOCK_DGRAM)
		snprintf(text, 200, "socket of datagrams, %" PRIu64 " alerts", socket->alerts);
	else
		snprintf(text, 200, "socket, %u connected, %" PRIu64 " alerts",
			 socket->sender_count, socket->alerts);
	return text;
}
