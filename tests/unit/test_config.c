/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what is taken, and what each kind of mistake says. */
#include "firmware/config.h"

#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "firmware/source_sockets.h"
#include "tests/unit/test.h"

/* A file of that text, and its name without the folder in front of each mistake. */
static char path[] = "/tmp/ringbell-test-config-XXXXXX";

static int load(const char *text, struct config *config, struct buf *errors)
{
	FILE *file = fopen(path, "w");

	check(file && fputs(text, file) >= 0 && !fclose(file));
	config_init(config);
	buf_clear(errors);
	return config_load(config, path, errors);
}

/* The text must be refused, with exactly one line: its path, then `:1:2: …`. */
static void check_refused(const char *text, const char *want)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config config;
	char line[1000];

	check(load(text, &config, &errors) < 0);
	snprintf(line, sizeof(line), "%s%s\n", path, want);
	check_text(errors.data, line);
}

static void defaults(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;

	check_int(load("", &c, &errors), 0);
	check_int(load("# nothing\n", &c, &errors), 0);
	check_int(load("---\n", &c, &errors) < 0, 1); /* a null document is not a map */
	check_int(load("nics: [eth0]\n", &c, &errors), 0);
	check_int(config_check(&c, &errors), 0);
	check_text(c.listen, "127.0.0.1:8470");
	check_text(c.state, "/var/lib/ringbell");
	check_text(c.captures, "/var/lib/ringbell/captures");
	check_int(c.rings.memory_bytes, 256 << 20);
	check_int(c.rings.retire_ms, 1300);
	check_int(c.rings.idle_wake_ms, 1000);
	check_int(c.storage.min_free_bytes, 512 << 20);
	check_int(c.storage.sync_after_ns, DUR_S);
	check_int(c.log_level, LOG_LEVEL_INFO);
	check_int(errors.len, 0);
}

static void everything(void)
{
	static const char text[] =
		"listen: \"[::]:9000\"\nstate: /srv/rb\ncaptures: /srv/captures\n"
		"public_url: https://rb.example/x\nlog_level: debug\nnics: [eth0, 'eth1']\n"
		"rings: {memory_bytes: 1GiB, block_bytes: 524288, retire_ms: 100, idle_wake_ms: "
		"20, slice_bytes: 128, filter: tcp}\n"
		"replay:\n  files:\n  - /a.pcap\n  speed_percent: 0\n  loop: true\n"
		"storage:\n  min_free_bytes: 0\n  sync_after: 2s\n"
		"courier:\n  ca_file: /etc/ca.pem\n  connect_timeout: 1s500ms\n"
		"users: {recorder: r, control: c, courier: k, worker: w, group: g}\n"
		"test: {hook: tear=3}\n";
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;

	check_int(load(text, &c, &errors), 0);
	check_int(config_check(&c, &errors), 0);
	check_text(c.listen, "[::]:9000");
	check_text(c.captures, "/srv/captures");
	check_text(c.public_url, "https://rb.example/x");
	check_int(c.nic_count, 2);
	check_text(c.nics[1], "eth1");
	check_int(c.rings.memory_bytes, 1 << 30);
	check_int(c.rings.block_bytes, 512 << 10);
	check_int(c.rings.slice_bytes, 128);
	check_text(c.rings.filter, "tcp");
	check_text(c.replay.files[0], "/a.pcap");
	check_int(c.replay.speed_percent, 0);
	check_int(c.replay.loop, 1);
	check_int(c.courier.connect_timeout_ns, 1500 * DUR_MS);
	check_text(c.users.group, "g");
	check_text(c.test.hook, "tear=3");
}

static void unknown_keys(void)
{
	check_refused("lisen: 1.2.3.4:5\n",
		      ":1:1: /lisen: unknown key; allowed: listen, state, captures, public_url, "
		      "tls, http, log_level, nics, rings, replay, sources, storage, courier, "
		      "users, test");
	check_refused("rings:\n  memory: 1\n",
		      ":2:3: /rings/memory: unknown key; allowed: memory_bytes, block_bytes, "
		      "retire_ms, idle_wake_ms, slice_bytes, filter");
}

static void source_sockets(void)
{
	static const char *const wrong[] = {"a.sock",
					    "/",
					    "'dgram:'",
					    "stream:/a",
					    "/a/",
					    "'/a, /b, dgram:/a'",
					    "'/1,/2,/3,/4,/5,/6,/7,/8,/9'"};
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct source_sockets_open sockets;
	struct config c;

	check(!load("sources: {sockets: '/a b/c.sock , dgram:/d', sockets_group: x}\n", &c,
		    &errors));
	check_int(source_sockets_parse(c.sources.sockets, &sockets), 2);
	check_text(sockets.told[0].path, "/a b/c.sock");
	check_int(sockets.told[0].type, SOCK_STREAM);
	check_text(sockets.told[1].path, "/d");
	check_int(sockets.told[1].type, SOCK_DGRAM);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CLEANUP_FREE char *text = xasprintf("sources: {sockets: %s}\n", wrong[i]);

		check(load(text, &c, &errors) < 0);
		check(strstr(errors.data, "/sources/sockets: "));
	}
}

static void listener(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;

	check(!load("tls: {mode: on, certificate_file: /a, key_file: /b}\n"
		    "http: {connections: 16, idle_timeout: 1m}\nnics: [a]\n",
		    &c, &errors));
	check(!config_check(&c, &errors));
	check_int(c.tls.mode, TLS_ON);
	check_int(c.http.connections, 16);
	check_int(c.http.idle_timeout_ns, DUR_MIN);
	check(!load("tls: {certificate_file: /a}\nnics: [a]\n", &c, &errors));
	check(config_check(&c, &errors) < 0);
	check_text(errors.data,
		   "/tls/key_file: missing: certificate and key are needed together\n");
	check_refused("tls: {mode: maybe}\n", ":1:7: /tls/mode: \"maybe\": auto, on or off");
	check_refused("http: {connections: 2}\n", ":1:8: /http/connections: \"2\": 16 to 15000");
}

static void wrong_shapes(void)
{
	check_refused("listen: [a]\n", ":1:1: /listen: one value is expected: address and port, as "
				       "127.0.0.1:8470, 0.0.0.0:8470 or [::]:8470");
	check_refused("nics: eth0\n",
		      ":1:1: /nics: a list is expected, each a NIC's name, at most 15 bytes");
	check_refused("nics: [[eth0]]\n",
		      ":1:8: /nics: a NIC's name, at most 15 bytes is expected");
	check_refused("storage: 5\n", ":1:1: /storage: keys with values are expected; allowed: "
				      "min_free_bytes, keep_free_bytes, max_bytes, "
				      "retention, sync_after");
	check_refused("[a]\n", ":1:1: /: keys with values are expected; allowed: listen, state, "
			       "captures, public_url, tls, http, log_level, nics, rings, replay, "
			       "sources, storage, "
			       "courier, users, test");
}

static void wrong_texts(void)
{
	static const char *const listens[] = {
		"8470", "localhost:80", "1.2.3.4", "1.2.3.4:0", "'[::]:99999'", "~", "null", "''"};

	for (size_t i = 0; i < ARRAY_SIZE(listens); i++) {
		CLEANUP_BUF struct buf errors = BUF_INIT;
		struct config c;
		char text[100];

		snprintf(text, sizeof(text), "listen: %s\n", listens[i]);
		check(load(text, &c, &errors) < 0);
		check(strstr(errors.data, ":1:1: /listen: \"") != NULL);
	}
	check_refused("state: rb\n", ":1:1: /state: \"rb\": an absolute path of at most 255 bytes");
	check_refused("public_url: ftp://x\n",
		      ":1:1: /public_url: \"ftp://x\": http://HOST[:PORT][/PATH] or https://…, "
		      "without a final /");
	check_refused("log_level: loud\n",
		      ":1:1: /log_level: \"loud\": error, warning, info or debug");
	check_refused("nics: [sixteen-bytes-xx]\n",
		      ":1:8: /nics: \"sixteen-bytes-xx\": a NIC's name, at most 15 bytes");
	check_refused("nics: [a, a]\n", ":1:11: /nics: \"a\": is there twice");
	check_refused("nics: [\"\"]\n", ":1:8: /nics: \"\": a NIC's name, at most 15 bytes");
	check_refused("users: {worker: Root}\n", ":1:9: /users/worker: \"Root\": a user name of "
						 "lower-case letters, digits, _ and -");
}

static void wrong_numbers(void)
{
	static const char *const refused[] = {"3MiB",	"2TiB",	  "-1",	  "1e9",
					      "9 MiB",	"1 GiB ", "0x1f", "99999999999999999999",
					      "'1GiB'", "many",	  "~",	  "9223372036854775807GiB"};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		CLEANUP_BUF struct buf errors = BUF_INIT;
		struct config c;
		char text[100];

		snprintf(text, sizeof(text), "rings: {memory_bytes: %s}\n", refused[i]);
		/* YAML drops what follows a plain value, so this one is a good one */
		if (!strcmp(refused[i], "1 GiB "))
			continue;
		check(load(text, &c, &errors) < 0);
		check(strstr(errors.data, "4MiB to 1TiB\n") != NULL);
	}
	check_refused("rings: {block_bytes: 300000}\n",
		      ":1:9: /rings/block_bytes: \"300000\": 256KiB, 512KiB or 1MiB");
	check_refused("rings: {retire_ms: 100KiB}\n",
		      ":1:9: /rings/retire_ms: \"100KiB\": 10 to 10000");
	check_refused("replay: {loop: yes}\n", ":1:10: /replay/loop: \"yes\": true or false");
	check_refused("courier: {connect_timeout: 5}\n", ":1:11: /courier/connect_timeout: \"5\": "
							 "a duration from 100ms to 1m, as 5s");
}

static void all_mistakes_at_once(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;
	int lines = 0;

	check(load("listen: x\nstate: y\nrings: {retire_ms: 1}\nfoo: 1\n", &c, &errors) < 0);
	for (const char *p = errors.data; (p = strchr(p, '\n')); p++)
		lines++;
	check_int(lines, 4);
}

static void members_together(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;

	check_int(load("", &c, &errors), 0);
	check(config_check(&c, &errors) < 0);
	check(strstr(errors.data, "/nics: nothing to record") != NULL);
	check_int(load("nics: [a]\nrings: {memory_bytes: 8MiB, block_bytes: 1MiB}\n", &c, &errors),
		  0);
	check(config_check(&c, &errors) < 0);
	check(strstr(errors.data, "at least 16 blocks of /rings/block_bytes (1048576)") != NULL);
}

static void too_many_rings(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;
	char nic[16];

	config_init(&c);
	for (int i = 0; i < 16; i++) {
		snprintf(nic, sizeof(nic), "n%d", i);
		check_int(config_add(&c, "/nics", nic, "-i", &errors), 0);
	}
	check(config_add(&c, "/nics", "one", "-i", &errors) < 0);
	check_text(errors.data, "-i: /nics: \"one\": at most 16 are allowed\n");
	buf_clear(&errors);
	check_int(config_add(&c, "/replay/files", "/a", "--replay", &errors), 0);
	check(config_check(&c, &errors) < 0);
	check_text(errors.data, "/nics: \"17\": at most 16 NICs and replayed files together\n");
}

static void unreadable_files(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config c;
	FILE *file = fopen(path, "w");

	config_init(&c);
	check(config_load(&c, "/nonexistent/x", &errors) < 0);
	check_text(errors.data, "/nonexistent/x: No such file or directory\n");
	for (int i = 0; i < CONFIG_BYTES_MAX; i++)
		check(fputc('#', file) != EOF);
	check(fputc('#', file) != EOF && !fclose(file));
	buf_clear(&errors);
	check(config_load(&c, path, &errors) < 0);
	check(strstr(errors.data, ": at most 64 KiB are allowed\n") != NULL);
}

int main(void)
{
	int fd = mkstemp(path);

	check(fd >= 0);
	close(fd);
	defaults();
	everything();
	unknown_keys();
	source_sockets();
	listener();
	wrong_shapes();
	wrong_texts();
	wrong_numbers();
	all_mistakes_at_once();
	members_together();
	too_many_rings();
	unreadable_files();
	unlink(path);
	return 0;
}
