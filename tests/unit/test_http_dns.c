/* SPDX-License-Identifier: Apache-2.0 */
/* A name server that does not answer must hold up neither the loop nor the verdict: this program's
 * getaddrinfo stands in for the C library's, and hangs. */
#include <curl/curl.h>
#include <netdb.h>
#include <pthread.h>

#include "dispatch/push/endpoint_http.h"
#include "policy/settings.h"
#include "tests/unit/test.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int waiting; /* look-ups that hang now */
	int released;
} dns = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	(void)service;
	(void)hints;
	*ret = NULL;
	if (strcmp(node, "hang.test"))
		return EAI_NONAME;
	pthread_mutex_lock(&dns.lock);
	dns.waiting++;
	pthread_cond_broadcast(&dns.changed);
	while (!dns.released)
		pthread_cond_wait(&dns.changed, &dns.lock);
	dns.waiting--;
	pthread_cond_broadcast(&dns.changed);
	pthread_mutex_unlock(&dns.lock);
	return EAI_AGAIN;
}

struct fixture {
	struct loop *loop;
	struct timer *beat;
	unsigned beats;
	mono_t last;
	dur_t longest;
	struct courier_result result;
};

static void on_result(void *owner, const struct courier_result *result)
{
	struct fixture *f = owner;

	f->result = *result;
	loop_stop(f->loop);
}

static void on_beat(void *owner)
{
	struct fixture *f = owner;
	mono_t now = mono_now();

	if (f->beats++ && mono_sub(now, f->last) > f->longest)
		f->longest = mono_sub(now, f->last);
	f->last = now;
	timer_set(f->beat, 5 * DUR_MS);
}

static void send_to(struct fixture *f, const char *url)
{
	static const struct courier_config config = {.connect_timeout_ms = 300,
						     .allow = "127.0.0.0/8"};
	static struct courier_push push;
	struct endpoint_http *http;

	*f = (struct fixture){.loop = loop_new()};
	http = endpoint_http_new(f->loop, &config, on_result, f);
	f->beat = timer_new(f->loop, on_beat, f);
	timer_set(f->beat, 0);
	courier_push_init(&push, "0193a000-0000-7000-8000-000000000001");
	push.kind = ENDPOINT_HTTP;
	push.timeout_ms = 3000;
	courier_push_set(&push, COURIER_METHOD, "POST");
	courier_push_set(&push, COURIER_URL, url);
	endpoint_http_start(http, &push);
	loop_run(f->loop);
	endpoint_http_free(http);
	timer_free(f->beat);
	loop_free(f->loop);
	check_int(f->result.verdict, VERDICT_RETRY);
	check_int(f->result.step, COURIER_STEP_DNS);
}

static void release_all(void)
{
	pthread_mutex_lock(&dns.lock);
	check_int(dns.waiting, 1); /* it hung all the time */
	dns.released = 1;
	pthread_cond_broadcast(&dns.changed);
	while (dns.waiting)
		pthread_cond_wait(&dns.changed, &dns.lock);
	pthread_mutex_unlock(&dns.lock);
}

int main(void)
{
	struct fixture f;

	check(!curl_global_init(CURL_GLOBAL_DEFAULT));
	send_to(&f, "http://unknown.test/");
	send_to(&f, "http://hang.test/");
	check(f.result.elapsed_ms >= 250 && f.result.elapsed_ms < 2000);
	check(f.beats >= 10);
	check(f.longest < DUR_S);
	release_all();
	return 0;
}
