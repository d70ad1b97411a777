/* SPDX-License-Identifier: Apache-2.0 */
/* The address to listen on, as a person writes it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "dispatch/serve/listen.h"
#include "tests/fuzz/fuzz.h"

static void format(const struct listen_address *address, char text[96])
{
	const struct sockaddr_in *v4 = (const void *)&address->socket;
	const struct sockaddr_in6 *v6 = (const void *)&address->socket;
	char host[INET6_ADDRSTRLEN];

	if (address->socket.ss_family == AF_INET) {
		fuzz_check(address->size == sizeof(*v4) && ntohs(v4->sin_port) == address->port);
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, 96, "%s:%u", host, address->port);
	} else {
		fuzz_check(address->socket.ss_family == AF_INET6 && address->size == sizeof(*v6));
		fuzz_check(ntohs(v6->sin6_port) == address->port);
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, 96, "[%s]:%u", host, address->port);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	CLEANUP_FREE char *text = fuzz_take_text(&input);
	struct listen_address address, again;
	struct error err = {0};
	char plain[96];
	int r = listen_parse(text, &address, &err);

	fuzz_check(r == 0 || r == -EINVAL);
	if (r) {
		fuzz_check_error(&err);
		return 0;
	}
	fuzz_check(address.port != 0);
	format(&address, plain);
	fuzz_check(!listen_parse(plain, &again, &err));
	fuzz_check(!memcmp(&address.socket, &again.socket, sizeof(address.socket)));
	return 0;
}
