/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/destination.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

static const char *verdict(const char *text, const char *allow)
{
	struct sockaddr_storage to = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	void *where = to.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&to)->sin_addr
					      : (void *)&((struct sockaddr_in6 *)&to)->sin6_addr;

	check(inet_pton(to.ss_family, text, where) == 1);
	return destination_check((const struct sockaddr *)&to, allow);
}

static void test_denied(void)
{
	static const char *const denied[] = {
		"0.0.0.0",
		"0.1.2.3",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.169.254",
		"169.254.0.1",
		"224.0.0.1",
		"239.255.255.255",
		"255.255.255.255",
		"100.100.100.200",
		"192.0.0.192",
		"::",
		"::1",
		"fe80::1",
		"febf::1",
		"ff02::1",
		"fd00:ec2::254",
		/* the same, written as IPv6 */
		"::ffff:127.0.0.1",
		"::ffff:169.254.169.254",
		"::ffff:0:127.0.0.1",
		"::127.0.0.1",
		"64:ff9b::127.0.0.1",
		"64:ff9b::a9fe:a9fe",
		"64:ff9b:1::a9fe:a9fe",
		"64:ff9b:1:a9fe:a9:fe00::",
		"64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
		"2002:7f00:1::",
		"2002:a9fe:a9fe::1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		if (!verdict(denied[i], "")) {
			fprintf(stderr, "%s is let through\n", denied[i]);
			exit(1);
		}
}

static void test_let_through(void)
{
	static const char *const fine[] = {
		"10.0.0.1",	    "172.16.0.1",      "192.168.1.1",
		"100.64.0.1",	    "8.8.8.8",	       "1.1.1.1",
		"126.255.255.255",  "128.0.0.1",       "169.253.255.255",
		"169.255.0.1",	    "223.255.255.255", "2001:db8::1",
		"fd00::1",	    "fec0::1",	       "::ffff:10.0.0.1",
		"64:ff9b::8.8.8.8", "64:ff9b:2::1",    "64:ff9a::127.0.0.1",
		"2002:808:808::1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (verdict(fine[i], "")) {
			fprintf(stderr, "%s is refused\n", fine[i]);
			exit(1);
		}
}

static void test_allowed(void)
{
	check(!verdict("127.0.0.1", "127.0.0.0/8"));
	check(!verdict("::ffff:127.0.0.1", "10.0.0.1, 127.0.0.1"));
	check(verdict("127.0.0.2", "127.0.0.1"));
	check(!verdict("64:ff9b:1::1", "64:ff9b:1::/48"));
	check(verdict("::1", "127.0.0.0/8"));
}

int main(void)
{
	test_denied();
	test_let_through();
	test_allowed();
	return 0;
}
