/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/listen.h"

#include <errno.h>

#include "tests/unit/test.h"

/* TCT-07, A-29 */
static void test_good(void)
{
	struct listen_address address;
	struct error err;

	check_int(listen_parse("127.0.0.1:8470", &address, &err), 0);
	check_int(address.socket.ss_family, AF_INET);
	check_int(address.port, 8470);
	check_int(listen_parse("[::]:1", &address, &err), 0);
	check_int(address.socket.ss_family, AF_INET6);
	check_int(listen_parse("[::1]:65535", &address, &err), 0);
}

static void test_bad(void)
{
	static const char *const texts[] = {
		"",	    ":80",	   "127.0.0.1",	  "127.0.0.1:",
		"1.2.3:80", "127.0.0.1:0", "127.0.0.1:x", "::1:80",
		"[::1]",    "[]:80",	   "host:80",	  "1.2.3.4:65536"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct listen_address address;
		struct error err = {0};

		check_int(listen_parse(texts[i], &address, &err), -EINVAL);
		check_text(err.field, "listen");
	}
}

static void test_exclusion(void)
{
	char text[LISTEN_EXCLUSION_SIZE];
	struct listen_address address;
	struct error err;

	check_int(listen_parse("127.0.0.1:8470", &address, &err), 0);
	check_text(listen_exclusion(&address, "lo", text), "not (tcp port 8470)");
	check_text(listen_exclusion(&address, "nosuch0", text), "");
}

int main(void)
{
	test_good();
	test_bad();
	test_exclusion();
	return 0;
}
