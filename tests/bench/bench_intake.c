/* SPDX-License-Identifier: Apache-2.0 */
/* bench_intake PORT PATH SENDERS SECONDS MAX
 *
 * SENDERS connections to 127.0.0.1, each with one POST of one alert under way, as Prometheus sends
 * it (a list in Alertmanager's API v2 form), for SECONDS or until MAX were sent (0 = no limit).
 * Prints JSON: answers by kind, seconds, and percentiles of the time to the answer in µs. A
 * connection that is closed or refused is counted and made anew. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { BUFFER = 8192, SENDERS_MAX = 1024, OBJECTS = 10000, SAMPLES_MAX = 4000000 };

struct sender {
	int fd;
	size_t out_len, out_done, in_len;
	mono_t began;
	bool waiting; /* for an answer */
	char out[1024];
	char in[BUFFER];
};

static struct {
	struct sockaddr_in address;
	const char *path;
	int epoll, senders;
	long max, sent, accepted, refused, failed, broken;
	char start[64], run[16];
	uint32_t *samples;
	size_t sample_count;
	struct sender *all;
} bench;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(struct sender *sender, int op, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = sender};

	if (epoll_ctl(bench.epoll, op, sender->fd, &event))
		die("epoll_ctl");
}

static void open_sender(struct sender *sender)
{
	int one = 1;

	sender->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sender->fd < 0 ||
	    connect(sender->fd, (const struct sockaddr *)&bench.address, sizeof(bench.address)))
		die("connect");
	setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	sender->in_len = 0;
	watch(sender, EPOLL_CTL_ADD, EPOLLIN);
}

static void send_rest(struct sender *sender)
{
	while (sender->out_done < sender->out_len) {
		ssize_t n = send(sender->fd, sender->out + sender->out_done,
				 sender->out_len - sender->out_done, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* its end is seen when reading */
		sender->out_done += (size_t)n;
	}
}

static void send_next(struct sender *sender)
{
	char body[400];
	int len;

	sender->waiting = false;
	if (bench.max && bench.sent >= bench.max)
		return;
	len = snprintf(body, sizeof(body),
		       "[{\"labels\": {\"alertname\": \"Bench\", \"severity\": \"warning\", "
		       "\"instance\": \"host-%ld-%s\"}, \"annotations\": {\"summary\": "
		       "\"p99 latency above 250 ms for 5 minutes\"}, \"startsAt\": \"%s\"}]",
		       bench.max ? bench.sent : bench.sent % OBJECTS, bench.run, bench.start);
	len = snprintf(sender->out, sizeof(sender->out),
		       "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
		       "Content-Length: %d\r\n\r\n%s",
		       bench.path, len, body);
	sender->out_len = (size_t)len;
	sender->out_done = sender->in_len = 0;
	sender->began = mono_now();
	sender->waiting = true;
	bench.sent++;
	send_rest(sender);
}

/* Ends the program if it is none. */
static long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end) {
		fprintf(stderr, "bench_intake: \"%s\" is no number\n", text);
		exit(2);
	}
	return n;
}

static void take_answer(struct sender *sender)
{
	int status = (int)strtol(sender->in + 9, NULL, 10); /* anything else is no 2xx */
	dur_t span = mono_sub(mono_now(), sender->began);

	if (status / 100 == 2)
		bench.accepted++;
	else if (status == 429 || status == 503)
		bench.refused++;
	else
		bench.failed++;
	if (status / 100 == 2 && bench.sample_count < SAMPLES_MAX)
		bench.samples[bench.sample_count++] = (uint32_t)(span / DUR_US);
}

/* The whole answer is there. Both servers send Content-Length. */
static bool is_whole(const struct sender *sender)
{
	const char *end = memmem(sender->in, sender->in_len, "\r\n\r\n", 4);
	const char *length = strcasestr(sender->in, "\r\ncontent-length:");
	size_t head = end ? (size_t)(end - sender->in) + 4 : 0;

	return end &&
	       (!length || length > end || sender->in_len >= head + strtoul(length + 17, NULL, 10));
}

static void reopen(struct sender *sender)
{
	bench.broken += sender->waiting;
	close(sender->fd);
	open_sender(sender);
	send_next(sender);
}

static void on_readable(struct sender *sender)
{
	ssize_t n = recv(sender->fd, sender->in + sender->in_len, BUFFER - 1 - sender->in_len, 0);

	if (n <= 0) {
		reopen(sender);
		return;
	}
	sender->in_len += (size_t)n;
	sender->in[sender->in_len] = '\0';
	if (sender->in_len == BUFFER - 1) {
		fprintf(stderr, "answer too long: %.200s\n", sender->in);
		exit(1);
	}
	if (!sender->waiting || !is_whole(sender))
		return;
	take_answer(sender);
	if (strcasestr(sender->in, "\r\nconnection: close")) {
		sender->waiting = false;
		reopen(sender);
	} else {
		send_next(sender);
	}
}

static bool is_done(void)
{
	return bench.max &&
	       bench.accepted + bench.refused + bench.failed + bench.broken >= bench.max;
}

static void run(mono_t end)
{
	struct epoll_event events[64];
	dur_t left;

	while ((left = mono_sub(end, mono_now())) > 0 && !is_done()) {
		int n = epoll_wait(bench.epoll, events, 64, (int)(left / DUR_MS) + 1);

		for (int i = 0; i < n; i++)
			on_readable(events[i].data.ptr);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile(double share)
{
	size_t i = (size_t)((double)bench.sample_count * share);

	return bench.sample_count
		       ? bench.samples[i < bench.sample_count ? i : bench.sample_count - 1]
		       : 0;
}

int main(int argc, char **argv)
{
	mono_t began;
	double seconds;

	if (argc != 6) {
		fprintf(stderr, "bench_intake PORT PATH SENDERS SECONDS MAX\n");
		return 2;
	}
	bench.address.sin_family = AF_INET;
	bench.address.sin_port = htons((uint16_t)number(argv[1]));
	bench.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench.path = argv[2];
	bench.senders = (int)number(argv[3]);
	bench.max = number(argv[5]);
	if (bench.senders < 1 || bench.senders > SENDERS_MAX)
		return 2;
	snprintf(bench.run, sizeof(bench.run), "%ld", (long)getpid());
	wall_format(wall_now(), bench.start);
	bench.samples = xreallocarray(NULL, SAMPLES_MAX, sizeof(bench.samples[0]));
	bench.all = xcalloc((size_t)bench.senders, sizeof(bench.all[0]));
	bench.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < bench.senders; i++)
		open_sender(&bench.all[i]);
	began = mono_now();
	for (int i = 0; i < bench.senders; i++)
		send_next(&bench.all[i]);
	run(mono_add(began, number(argv[4]) * DUR_S));
	seconds = (double)mono_sub(mono_now(), began) / 1e9;
	qsort(bench.samples, bench.sample_count, sizeof(bench.samples[0]), compare);
	printf("{\"sent\": %ld, \"accepted\": %ld, \"refused\": %ld, \"failed\": %ld, "
	       "\"broken\": %ld, \"seconds\": %.3f, \"p50_us\": %.0f, \"p99_us\": %.0f, "
	       "\"max_us\": %.0f}\n",
	       bench.sent, bench.accepted, bench.refused, bench.failed, bench.broken, seconds,
	       percentile(0.5), percentile(0.99), percentile(1));
	return 0;
}
