/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/derived_order.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "dispatch/serve/derived_terms.h"

#define SLICE_BYTES_MAX 65535
#define PORT_MAX	65535

static bool refuse(struct exchange *exchange, const char *name, const char *value,
		   const char *allowed)
{
	exchange_refuse(exchange, 400, "invalid_value", "parameter %s: \"%.100s\": %s expected",
			name, value, allowed);
	return false;
}

/* ---- words ---- */

static bool read_word(struct exchange *exchange, const char *name, const char *const words[],
		      size_t count, const char *allowed, uint32_t *ret)
{
	const char *text = exchange_query(exchange, name);

	for (size_t i = 0; text && i < count; i++) {
		if (strcmp(text, words[i]))
			continue;
		*ret = (uint32_t)i;
		return true;
	}
	return !text || refuse(exchange, name, text, allowed);
}

static bool read_form(struct exchange *exchange, struct extract_job *job)
{
	static const char *const formats[] = {"pcapng", "pcap"};
	static const char *const compressions[] = {"none", "gzip", "zstd"};

	return read_word(exchange, "format", formats, ARRAY_SIZE(formats), "pcapng or pcap",
			 &job->format) &&
	       read_word(exchange, "compression", compressions, ARRAY_SIZE(compressions),
			 "none, gzip or zstd", &job->compression);
}

static bool read_slice(struct exchange *exchange, struct extract_job *job)
{
	const char *text = exchange_query(exchange, "slice");
	unsigned long bytes = 0;
	char *end;

	if (!text || !strcmp(text, "whole"))
		return true;
	if (!strncmp(text, "headers+", 8) && text[8] >= '0' && text[8] <= '9')
		bytes = strtoul(text + 8, &end, 10);
	else
		end = strncmp(text, "headers", 7) ? (char *)text : (char *)text + 7;
	if (end == text || *end || bytes > SLICE_BYTES_MAX)
		return refuse(exchange, "slice", text, "whole, headers or headers+N (0 to 65535)");
	job->slice = SLICE_HEADERS;
	job->slice_bytes = (uint32_t)bytes;
	return true;
}

/* ---- the time range ---- */

static bool read_time(struct exchange *exchange, const char *name, int64_t *ret)
{
	const char *text = exchange_query(exchange, name);
	wall_t wall;

	if (!text)
		return true;
	if (wall_parse(text, &wall) || !wall_known(wall))
		return refuse(exchange, name, text, "a time like 2026-11-20T15:30:00Z");
	*ret = wall.ns;
	return true;
}

static bool read_range(struct exchange *exchange, struct extract_job *job)
{
	job->to_ns = INT64_MAX;
	if (!read_time(exchange, "from", &job->from_ns) || !read_time(exchange, "to", &job->to_ns))
		return false;
	if (job->to_ns < job->from_ns)
		return refuse(exchange, "to", exchange_query(exchange, "to"),
			      "a time that is not before from");
	if (job->to_ns == job->from_ns)
		job->to_ns += DUR_S - 1;
	return true;
}

/* ---- the filter ---- */

/* Is it an address, or a network in CIDR form? */
static bool is_address(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned char binary[16];
	long most;
	char *end;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	most = inet_pton(AF_INET, address, binary) == 1	   ? 32
	       : inet_pton(AF_INET6, address, binary) == 1 ? 128
							   : -1;
	if (most < 0 || !slash)
		return most > 0;
	return slash[1] >= '0' && slash[1] <= '9' && strtol(slash + 1, &end, 10) <= most && !*end;
}

static bool is_port(const char *text)
{
	char *end;

	return *text >= '0' && *text <= '9' && strtoul(text, &end, 10) <= PORT_MAX && !*end;
}

/* Appends " and (<word> a or <word> b …)" for a comma-separated parameter. */
static bool add_terms(struct exchange *exchange, const char *name, bool (*valid)(const char *text),
		      const char *allowed, struct buf *filter)
{
	const char *text = exchange_query(exchange, name);
	CLEANUP_FREE char *list = text ? strdup(text) : NULL;
	const char *before = filter->len ? " and (" : "(";
	char *rest = list, *item;

	while (rest && (item = strsep(&rest, ","))) {
		if (!valid(item))
			return refuse(exchange, name, item, allowed);
		buf_printf(filter, "%s%s %s", before, strchr(item, '/') ? "net" : name, item);
		before = " or ";
	}
	if (list)
		buf_append_text(filter, ")");
	return true;
}

static bool has_terms(const struct exchange *exchange)
{
	return exchange_query(exchange, "host") || exchange_query(exchange, "port");
}

static bool read_filter(struct exchange *exchange, struct derived_order *order)
{
	const char *text = exchange_query(exchange, "filter");
	CLEANUP_BUF struct buf filter = BUF_INIT;

	if (text && *text) /* alone it stays as it is: errors tell a position in it */
		buf_printf(&filter, has_terms(exchange) ? "(%s)" : "%s", text);
	if (!add_terms(exchange, "host", is_address, "addresses or networks, comma-separated,",
		       &filter) ||
	    !add_terms(exchange, "port", is_port, "numbers from 0 to 65535, comma-separated,",
		       &filter))
		return false;
	if (filter.len >= sizeof(order->filter))
		return refuse(exchange, "filter", text ? text : "", "at most 8191 bytes");
	memcpy(order->filter, filter.data ? filter.data : "", filter.len + 1);
	derived_terms_read(text, exchange_query(exchange, "host"), exchange_query(exchange, "port"),
			   &order->job.terms);
	snprintf(order->job.filter_text, sizeof(order->job.filter_text), "%s", order->filter);
	return true;
}

/* ---- which captures ---- */

static bool read_ident(struct exchange *exchange, const char *name, char ret[IDENT_SIZE])
{
	const char *text = exchange_query(exchange, name);

	if (!text)
		return true;
	if (!ident_valid(text))
		return refuse(exchange, name, text, "an id (UUID in lower case)");
	memcpy(ret, text, IDENT_SIZE);
	return true;
}

static bool read_captures(struct exchange *exchange, struct derived_order *order)
{
	const char *text = exchange_query(exchange, "capture");
	CLEANUP_FREE char *list = text ? strdup(text) : NULL;
	char *rest = list, *item;

	while (rest && (item = strsep(&rest, ","))) {
		if (!ident_valid(item) || order->capture_count == DERIVED_CAPTURES_MAX)
			return refuse(exchange, "capture", item,
				      "at most 64 ids (UUIDs in lower case), comma-separated,");
		memcpy(order->captures[order->capture_count++], item, IDENT_SIZE);
	}
	return true;
}

bool derived_order_read(struct exchange *exchange, struct derived_order *ret)
{
	const char *nics = exchange_query(exchange, "nic");

	memset(ret, 0, sizeof(*ret));
	if (nics && strlen(nics) >= sizeof(ret->nics))
		return refuse(exchange, "nic", nics, "at most 255 bytes");
	snprintf(ret->nics, sizeof(ret->nics), "%s", nics ? nics : "");
	return read_form(exchange, &ret->job) && read_slice(exchange, &ret->job) &&
	       read_range(exchange, &ret->job) && read_filter(exchange, ret) &&
	       read_ident(exchange, "policy", ret->policy) &&
	       read_ident(exchange, "alert", ret->alert) && read_captures(exchange, ret);
}
