/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/derived_terms.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool read_host(const char *text, uint64_t *ret)
{
	unsigned char address[16];
	struct in_addr ip4;

	if (inet_pton(AF_INET, text, &ip4) == 1)
		*ret = segment_key_ip4(ntohl(ip4.s_addr));
	else if (inet_pton(AF_INET6, text, address) == 1)
		*ret = segment_key_ip6(address);
	else
		return false;
	return true;
}

static bool read_port(const char *text, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port;

	/* to libpcap a leading 0 means octal */
	if (!digits || digits > 5 || text[digits] || (text[0] == '0' && text[1]))
		return false;
	port = strtoul(text, NULL, 10);
	if (port > UINT16_MAX)
		return false;
	*ret = segment_key_port((uint16_t)port);
	return true;
}

/* ---- a list: one of them must be there ---- */

static void add_list(const char *text, bool (*read)(const char *text, uint64_t *ret),
		     struct segment_terms *terms)
{
	CLEANUP_FREE char *list = text && *text ? strdup(text) : NULL;
	char *rest = list, *item;
	uint32_t count = 0;

	if (!list || terms->count == SEGMENT_TERMS_MAX)
		return;
	while ((item = strsep(&rest, ","))) {
		if (count == SEGMENT_KEYS_MAX || !read(item, &terms->key[terms->count][count]))
			return;
		count++;
	}
	terms->keys[terms->count++] = count;
}

/* ---- BPF text ---- */

static bool is_one_of(const char *word, const char *const words[])
{
	for (size_t i = 0; word && words[i]; i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

struct words {
	char *rest;
	char *word; /* NULL = the end */
};

static void next_word(struct words *w)
{
	w->word = strtok_r(NULL, " \t\r\n", &w->rest);
}

/* One primitive; *ret is its key, *has_key whether it has one. */
static bool read_primitive(struct words *w, uint64_t *ret, bool *has_key)
{
	static const char *const protocols[] = {"tcp",	 "udp", "sctp", "icmp",
						"icmp6", "ip",	"ip6",	NULL};
	static const char *const directions[] = {"src", "dst", NULL};
	bool protocol = is_one_of(w->word, protocols), direction, is_port, is_host;

	if (protocol)
		next_word(w);
	direction = is_one_of(w->word, directions);
	if (direction)
		next_word(w);
	is_port = w->word && !strcmp(w->word, "port");
	is_host = w->word && !strcmp(w->word, "host");
	*has_key = is_port || is_host || direction;
	if (!*has_key)
		return protocol;
	if (is_port || is_host)
		next_word(w);
	if (!w->word || !(is_port ? read_port(w->word, ret) : read_host(w->word, ret)))
		return false;
	next_word(w);
	return true;
}

static void add_filter(const char *filter, struct segment_terms *terms)
{
	static const char *const joints[] = {"and", "&&", NULL};
	CLEANUP_FREE char *text = filter && *filter ? strdup(filter) : NULL;
	struct segment_terms found = *terms;
	struct words w;

	if (!text)
		return;
	w.word = strtok_r(text, " \t\r\n", &w.rest);
	do {
		bool has_key;
		uint64_t key;

		if (!read_primitive(&w, &key, &has_key))
			return;
		if (has_key && found.count < SEGMENT_TERMS_MAX) {
			found.key[found.count][0] = key;
			found.keys[found.count++] = 1;
		}
	} while (is_one_of(w.word, joints) && (next_word(&w), true));
	if (!w.word)
		*terms = found;
}

void derived_terms_read(const char *filter, const char *hosts, const char *ports,
			struct segment_terms *ret)
{
	memset(ret, 0, sizeof(*ret));
	add_list(hosts, read_host, ret);
	add_list(ports, read_port, ret);
	add_filter(filter, ret);
}
