/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates are verified: chain and name. The peers run in test_http_tls.py. */
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dispatch/push/endpoint_http.h"
#include "policy/settings.h"
#include "tests/unit/test.h"

extern char **environ;

struct peers {
	char folder[64];
	pid_t pid;
	int input; /* closing it ends them */
	int tls_port, plain_port;
};

static void peers_start(struct peers *p)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	char *argv[] = {(char *)"python3", (char *)TLS_PEERS, p->folder, NULL};
	char line[64] = "";
	FILE *answer;

	snprintf(p->folder, sizeof(p->folder), "/tmp/ringbell-tls-XXXXXX");
	check(mkdtemp(p->folder));
	check(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	check(!posix_spawnp(&p->pid, argv[0], &actions, NULL, argv, environ));
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	p->input = in[1];
	answer = fdopen(out[0], "r");
	check(answer && fgets(line, sizeof(line), answer));
	check_int(sscanf(line, "%d %d", &p->tls_port, &p->plain_port), 2);
	fclose(answer);
}

static void peers_stop(struct peers *p)
{
	static const char *const names[] = {"key.pem", "ca.pem",   "csr.pem",
					    "san",     "cert.pem", "ca.srl"};
	char path[128];

	close(p->input);
	waitpid(p->pid, NULL, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
		unlink(path);
	}
	rmdir(p->folder);
}

struct fixture {
	struct loop *loop;
	struct courier_result result;
};

static void on_result(void *owner, const struct courier_result *result)
{
	struct fixture *f = owner;

	f->result = *result;
	loop_stop(f->loop);
}

static struct courier_result send_to(const char *host, int port, const char *ca_file)
{
	static struct courier_config config;
	static struct courier_push push;
	char url[128];
	struct fixture f = {.loop = loop_new()};
	struct endpoint_http *http = endpoint_http_new(f.loop, &config, on_result, &f);

	config.connect_timeout_ms = 2000;
	snprintf(config.ca_file, sizeof(config.ca_file), "%s", ca_file);
	fill_text(config.allow, "127.0.0.0/8");
	snprintf(url, sizeof(url), "https://%s:%d/", host, port);
	courier_push_init(&push, "0193a000-0000-7000-8000-000000000001");
	push.kind = ENDPOINT_HTTP;
	push.timeout_ms = 3000;
	courier_push_set(&push, COURIER_METHOD, "POST");
	courier_push_set(&push, COURIER_URL, url);
	endpoint_http_start(http, &push);
	loop_run(f.loop);
	endpoint_http_free(http);
	loop_free(f.loop);
	return f.result;
}

static void check_refused(struct courier_result r, enum courier_verdict verdict)
{
	check_int(r.verdict, verdict);
	check_int(r.step, COURIER_STEP_TLS);
	check_int(r.status, 0);
	check(r.text[0]);
}

int main(void)
{
	struct peers p;
	char ca_file[128];

	signal(SIGPIPE, SIG_IGN);
	check(!curl_global_init(CURL_GLOBAL_DEFAULT));
	peers_start(&p);
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", p.folder);
	check_int(send_to("127.0.0.1", p.tls_port, ca_file).verdict, VERDICT_DELIVERED);
	check_refused(send_to("127.0.0.1", p.tls_port, ""), VERDICT_PERMANENT);
	check_refused(send_to("localhost", p.tls_port, ca_file), VERDICT_PERMANENT);
	check_refused(send_to("127.0.0.1", p.plain_port, ca_file), VERDICT_RETRY);
	check_refused(send_to("127.0.0.1", p.tls_port, "/nowhere.pem"), VERDICT_RETRY);
	peers_stop(&p);
	curl_global_cleanup();
	return 0;
}
