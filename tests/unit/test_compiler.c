/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/compiler.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ipc.h"
#include "tests/unit/test.h"

static struct compile_request request;
static struct compile_reply reply;
static struct ipc_message message;

/* Compiles in a worker, as control does. Returns 0, or -1 if it died without an answer. */
static int compile(uint32_t link_type, const char *text)
{
	int ends[2], status, r;
	pid_t pid;

	memset(&request, 0, sizeof(request));
	request.link_type = link_type;
	snprintf(request.text, sizeof(request.text), "%s", text);
	memset(&reply, 0xee, sizeof(reply));
	check(!ipc_pair(ends));
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		_exit(compiler_limit() || compiler_main(ends[1]));
	}
	close(ends[1]);
	check(!ipc_send(ends[0], 1, &request, sizeof(request), -1));
	r = ipc_receive_wait(ends[0], &message, 20000);
	if (!r) {
		check_int(message.type, 1);
		check(ipc_is(&message, struct compile_reply));
		memcpy(&reply, message.body, sizeof(reply));
	}
	check(waitpid(pid, &status, 0) == pid);
	check_int(WIFEXITED(status) && WEXITSTATUS(status) == 0, !r);
	close(ends[0]);
	return r ? -1 : 0;
}

static void check_refused(const char *text, const char *in_message, uint32_t position)
{
	check(!compile(1, text));
	if (reply.ok || reply.position != position || !strstr(reply.message, in_message)) {
		fprintf(stderr, "\"%s\": ok %u, position %u (not %u), \"%s\" (not \"%s\")\n", text,
			reply.ok, reply.position, position, reply.message, in_message);
		exit(1);
	}
}

static void good_filters(void)
{
	static const char *const good[] = {
		"",
		"tcp",
		"tcp port 80 and host 1.2.3.4",
		"vlan 5 and (udp or icmp)",
		"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
		"ip6 host 2001:db8::1",
		"ether host 02:00:00:00:00:01",
		"portrange 1000-2000",
		"len > 100",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		check(!compile(1, good[i]));
		if (!reply.ok)
			fprintf(stderr, "\"%s\": %s\n", good[i], reply.message);
		check(reply.ok);
		check(reply.program.count >= 1 && reply.program.count <= REC_INSNS_MAX);
	}
	check(!compile(101, "ip host 1.2.3.4")); /* no Ethernet in front */
	check(reply.ok);
	check_int(reply.program.insns[0].k, 0);
}

static void bad_filters_tell_where(void)
{
	check_refused("tcp prot 80", "syntax error", 4);
	check_refused("tcp port 80 and and udp", "syntax error", 16);
	check_refused("tcp and", "syntax error", 7);
	check_refused("tcp and (udp", "syntax error", 12);
	check_refused("(tcp))", "syntax error", 5);
	check_refused(")", "syntax error", 0);
	check_refused("ip[0", "syntax error", 4);
	check_refused("(ip[0:4] = 1 or tcp[13] & 2 !! 0)", "syntax error", 28);
	check_refused("net 10.0.0.0 mask 255.0.0.0 xyz 1", "syntax error", 28);
	check_refused("udp and port 99999", "illegal port number", 13);
	check_refused("ether host 1:2:3:4:5:6 foo", "syntax error", 23);
	check_refused("host 300.1.1.1 or tcp", "invalid IPv4 address", 5);
	check_refused("src or dst prt 5", "unknown host", 11);
	/* right in every part, wrong as a whole */
	check_refused("tcp and udp", "rejects all packets", 0);
	check_refused("ip6 protochain 6", "may never end", 0);
}

static void names_are_not_resolved(void)
{
	check_refused("tcp and host db.example.com", "write addresses", 13);
	check_refused("host localhost", "write addresses", 5);
	check_refused("port http", "write numbers", 5);
}

/* Thousands of terms: refused, or the worker dies, but in bounded time. */
static void monsters_do_not_hang(void)
{
	static char text[COMPILE_TEXT_MAX];
	mono_t start = mono_now();
	size_t n = 0;

	for (int i = 1; n < sizeof(text) - 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%sport %d", i > 1 ? " or " : "",
				      i * 7);
	check(compile(1, text) < 0 || !reply.ok);
	for (n = 0; n < 2000; n++)
		text[n] = '(';
	snprintf(text + n, 10, "tcp");
	check(compile(1, text) < 0 || !reply.ok);
	for (n = 0; n + 5 < sizeof(text); n += 4)
		memcpy(text + n, "tcp ", 5);
	check(!compile(1, text));
	check(!reply.ok);
	check_int(reply.position, 4);
	check(mono_sub(mono_now(), start) < 4 * DUR_S);
}

static void unterminated_text(void)
{
	memset(&request, 'a', sizeof(request));
	check_int(compiler_compile(&request, &reply), -EINVAL);
	check(!reply.ok && strstr(reply.message, "too long"));
}

int main(void)
{
	good_filters();
	bad_filters_tell_where();
	names_are_not_resolved();
	monsters_do_not_hang();
	unterminated_text();
	return 0;
}
