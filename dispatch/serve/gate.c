/* SPDX-License-Identifier: Apache-2.0 */
/* One function per state; each looks at one byte. The state before GATE_BODY is the head of a
 * request, the rest its body:
 *
 *   START → METHOD → TARGET → VERSION → LINE_LF → FIELD_START ⇄ FIELD_NAME … FIELD_LF
 *                                                     └─CR→ HEAD_LF ─┬─ no body ──────────→ START
 *                                                                    ├─ length → BODY ────→ START
 *                                                                    └─ chunked → CHUNK_* → START
 */
#include "dispatch/serve/gate.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"

void gate_init(struct gate *gate, uint64_t body_max)
{
	memset(gate, 0, sizeof(*gate));
	gate->body_max = body_max;
}

bool gate_is_idle(const struct gate *gate)
{
	return gate->state == GATE_START;
}

static void refuse(struct gate *g, int status, const char *reason)
{
	g->state = GATE_REFUSED;
	g->status = status;
	g->reason = reason;
}

/* RFC 9110 5.6.2 */
static bool is_token(unsigned char c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* RFC 3986: what may stand in a path or query. */
static bool is_target(unsigned char c)
{
	return isalnum(c) || (c && strchr("-._~!$&'()*+,;=:@/?", c));
}

static bool is_value(unsigned char c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static void request_reset(struct gate *g)
{
	struct gate fresh = {.body_max = g->body_max, .requests = g->requests + 1};

	*g = fresh;
}

static void on_start(struct gate *g, unsigned char c)
{
	if (c == '\r' && g->blank == 0) { /* RFC 9112 2.2: one empty line is ignored */
		g->blank = 1;
		return;
	}
	if (c == '\n' && g->blank == 1) {
		g->blank = 2;
		return;
	}
	if (g->blank == 1 || !isupper(c))
		refuse(g, 400, "a request begins with a method in capitals");
	else
		g->state = GATE_METHOD;
	g->line = 1;
	g->name[0] = (char)c;
	g->name_len = 1;
}

static bool line_too_long(struct gate *g)
{
	if (++g->line <= GATE_LINE_MAX)
		return false;
	refuse(g, 414, "request line too long");
	return true;
}

/* What evhttp has a name for; anything else it would answer itself. */
static void finish_method(struct gate *g)
{
	static const struct {
		const char *name;
		bool bodiless; /* evhttp would take a body for the next request */
	} methods[] = {
		{"GET", false},	  {"HEAD", true},    {"POST", false},	{"PUT", false},
		{"PATCH", false}, {"DELETE", false}, {"OPTIONS", true}, {"TRACE", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (g->name_len != strlen(methods[i].name) ||
		    memcmp(g->name, methods[i].name, g->name_len))
			continue;
		g->bodiless = methods[i].bodiless;
		g->state = GATE_TARGET;
		return;
	}
	refuse(g, 501, "unknown method");
}

static void on_method(struct gate *g, unsigned char c)
{
	if (line_too_long(g))
		return;
	if (c == ' ')
		finish_method(g);
	else if (!isupper(c) || g->line > 16)
		refuse(g, 400, "invalid method");
	else
		g->name[g->name_len++] = (char)c;
}

static unsigned hex_value(unsigned char c)
{
	return (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
}

static void on_percent(struct gate *g, unsigned char c)
{
	if (!isxdigit(c)) {
		refuse(g, 400, "invalid percent-encoding in target");
		return;
	}
	g->percent_value = g->percent_value * 16 + hex_value(c);
	if (--g->percent == 0 && g->percent_value == 0)
		refuse(g, 400, "NUL in target");
}

static void on_target(struct gate *g, unsigned char c)
{
	bool first = g->value_len == 0;

	if (line_too_long(g))
		return;
	g->value_len = 1;
	if (first && c != '/') {
		refuse(g, 400, "target must begin with a slash");
	} else if (g->percent) {
		on_percent(g, c);
	} else if (c == '%') {
		g->percent = 2;
		g->percent_value = 0;
	} else if (c == ' ') {
		g->state = GATE_VERSION;
		g->value_len = 0;
	} else if (!is_target(c)) {
		refuse(g, 400, "invalid character in target");
	}
}

static void on_version(struct gate *g, unsigned char c)
{
	static const char prefix[] = "HTTP/1.";

	if (c == '\r' && g->value_len == sizeof(prefix)) {
		g->state = GATE_LINE_LF;
		return;
	}
	if (g->value_len < sizeof(prefix) - 1 && c != prefix[g->value_len])
		refuse(g, g->value_len < 5 ? 400 : 505, "HTTP/1.1 or HTTP/1.0 expected");
	else if (g->value_len == sizeof(prefix) - 1 && c != '0' && c != '1')
		refuse(g, 505, "HTTP/1.1 or HTTP/1.0 expected");
	else if (g->value_len >= sizeof(prefix))
		refuse(g, 400, "request line must end with CR LF");
	g->minor_1 = c == '1';
	g->value_len++;
}

static bool field_is(const struct gate *g, const char *name)
{
	return g->name_len == strlen(name) && !memcmp(g->name, name, g->name_len);
}

static bool value_is(const struct gate *g, const char *value)
{
	return g->value_len == strlen(value) && !strncasecmp(g->value, value, g->value_len);
}

/* Trailing white space is not part of a value. */
static void value_trim(struct gate *g)
{
	while (g->value_len &&
	       (g->value[g->value_len - 1] == ' ' || g->value[g->value_len - 1] == '\t'))
		g->value_len--;
}

static void finish_host(struct gate *g)
{
	if (g->host) {
		refuse(g, 400, "more than one Host");
		return;
	}
	g->host = true;
	for (unsigned i = 0; i < g->value_len; i++)
		if (!isalnum((unsigned char)g->value[i]) && !strchr("-._~:[]%", g->value[i]))
			refuse(g, 400, "invalid Host");
	if (g->value_len == 0)
		refuse(g, 400, "empty Host");
}

static void finish_length(struct gate *g)
{
	uint64_t n = 0;

	if (g->length || g->chunked) {
		refuse(g, 400, "more than one body length");
		return;
	}
	g->length = true;
	if (g->value_len == 0 || g->value_len > 18)
		refuse(g, 400, "invalid Content-Length");
	for (unsigned i = 0; i < g->value_len && g->state != GATE_REFUSED; i++) {
		if (!isdigit((unsigned char)g->value[i]))
			refuse(g, 400, "invalid Content-Length");
		n = n * 10 + (uint64_t)(g->value[i] - '0');
	}
	if (g->state != GATE_REFUSED && n > g->body_max)
		refuse(g, 413, "body too large");
	g->remaining = n;
}

static void finish_coding(struct gate *g)
{
	if (g->length || g->chunked || !g->minor_1)
		refuse(g, 400, "more than one body length");
	else if (!value_is(g, "chunked"))
		refuse(g, 501, "transfer coding other than chunked");
	g->chunked = true;
}

static void finish_expect(struct gate *g)
{
	if (!value_is(g, "100-continue"))
		refuse(g, 417, "unknown expectation");
}

static const struct {
	const char *name;
	void (*finish)(struct gate *g);
} watched_fields[] = {
	{"host", finish_host},
	{"content-length", finish_length},
	{"transfer-encoding", finish_coding},
	{"expect", finish_expect},
};

static bool field_watched(const struct gate *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(watched_fields); i++)
		if (field_is(g, watched_fields[i].name))
			return true;
	return false;
}

static void finish_field(struct gate *g)
{
	value_trim(g);
	for (size_t i = 0; i < ARRAY_SIZE(watched_fields); i++)
		if (field_is(g, watched_fields[i].name))
			watched_fields[i].finish(g);
}

static bool headers_too_large(struct gate *g)
{
	if (++g->headers <= GATE_HEADERS_MAX)
		return false;
	refuse(g, 431, "headers too large");
	return true;
}

static void on_field_start(struct gate *g, unsigned char c)
{
	if (c == '\r') {
		g->state = GATE_HEAD_LF;
		return;
	}
	if (c == ' ' || c == '\t')
		refuse(g, 400, "folded header line");
	else if (!is_token(c))
		refuse(g, 400, "invalid header name");
	else if (++g->fields > GATE_FIELDS_MAX)
		refuse(g, 431, "too many header lines");
	else
		g->state = GATE_FIELD_NAME;
	headers_too_large(g);
	g->name[0] = (char)tolower(c);
	g->name_len = 1;
	g->value_len = 0;
}

static void on_field_name(struct gate *g, unsigned char c)
{
	if (headers_too_large(g))
		return;
	if (c == ':') {
		g->state = GATE_VALUE_START;
	} else if (!is_token(c)) {
		refuse(g, 400, "invalid header name");
	} else {
		if (g->name_len < sizeof(g->name))
			g->name[g->name_len] = (char)tolower(c);
		g->name_len++;
	}
}

static void on_value(struct gate *g, unsigned char c)
{
	if (headers_too_large(g))
		return;
	if (c == '\r') {
		finish_field(g);
		if (g->state != GATE_REFUSED)
			g->state = GATE_FIELD_LF;
		return;
	}
	if (!is_value(c)) {
		refuse(g, 400, "invalid character in header value");
		return;
	}
	g->state = GATE_VALUE;
	if (!field_watched(g))
		return;
	if (g->value_len == sizeof(g->value) && !field_is(g, "host"))
		refuse(g, 400, "header value too long");
	else if (g->value_len < sizeof(g->value))
		g->value[g->value_len++] = (char)c;
	else
		refuse(g, 400, "invalid Host");
}

static void on_value_start(struct gate *g, unsigned char c)
{
	if (c == ' ' || c == '\t')
		headers_too_large(g);
	else
		on_value(g, c);
}

static void on_head_lf(struct gate *g, unsigned char c)
{
	if (c != '\n')
		refuse(g, 400, "line must end with CR LF");
	else if (!g->host && g->minor_1)
		refuse(g, 400, "Host is missing");
	else if (g->bodiless && (g->chunked || g->remaining))
		refuse(g, 400, "this method takes no body");
	else if (g->chunked)
		g->state = GATE_CHUNK_SIZE;
	else if (g->remaining)
		g->state = GATE_BODY;
	else
		request_reset(g);
}

static void on_chunk_size(struct gate *g, unsigned char c)
{
	if (c == '\r' && g->digits) {
		g->state = GATE_CHUNK_LF;
		return;
	}
	if (!isxdigit(c) || ++g->digits > 8) {
		refuse(g, 400, "invalid chunk size");
		return;
	}
	g->remaining = g->remaining * 16 + hex_value(c);
}

static void on_chunk_lf(struct gate *g, unsigned char c)
{
	if (c != '\n') {
		refuse(g, 400, "line must end with CR LF");
		return;
	}
	g->body += g->remaining;
	g->digits = 0;
	if (g->body > g->body_max)
		refuse(g, 413, "body too large");
	else
		g->state = g->remaining ? GATE_CHUNK_DATA : GATE_END_CR;
}

/* The byte must be `expected`; then the state is `next`. */
static void expect_byte(struct gate *g, unsigned char c, char expected, enum gate_state next)
{
	if (c == (unsigned char)expected)
		g->state = next;
	else
		refuse(g, 400, "line must end with CR LF");
}

static void on_end_lf(struct gate *g, unsigned char c)
{
	if (c == '\n')
		request_reset(g);
	else
		refuse(g, 400, "line must end with CR LF");
}

static void step_byte(struct gate *g, unsigned char c)
{
	switch (g->state) {
	case GATE_START:
		on_start(g, c);
		break;
	case GATE_METHOD:
		on_method(g, c);
		break;
	case GATE_TARGET:
		on_target(g, c);
		break;
	case GATE_VERSION:
		on_version(g, c);
		break;
	case GATE_LINE_LF:
	case GATE_FIELD_LF:
		expect_byte(g, c, '\n', GATE_FIELD_START);
		break;
	case GATE_FIELD_START:
		on_field_start(g, c);
		break;
	case GATE_FIELD_NAME:
		on_field_name(g, c);
		break;
	case GATE_VALUE_START:
		on_value_start(g, c);
		break;
	case GATE_VALUE:
		on_value(g, c);
		break;
	case GATE_HEAD_LF:
		on_head_lf(g, c);
		break;
	case GATE_CHUNK_SIZE:
		on_chunk_size(g, c);
		break;
	case GATE_CHUNK_LF:
		on_chunk_lf(g, c);
		break;
	case GATE_CHUNK_DATA_CR:
		expect_byte(g, c, '\r', GATE_CHUNK_DATA_LF);
		break;
	case GATE_CHUNK_DATA_LF:
		expect_byte(g, c, '\n', GATE_CHUNK_SIZE);
		break;
	case GATE_END_CR:
		expect_byte(g, c, '\r', GATE_END_LF);
		break;
	case GATE_END_LF:
		on_end_lf(g, c);
		break;
	case GATE_BODY:
	case GATE_CHUNK_DATA:
	case GATE_REFUSED:
		break;
	}
}

/* Body bytes need no look: takes as many as there are at once. */
static size_t skip_body(struct gate *g, size_t len)
{
	size_t n = len < g->remaining ? len : (size_t)g->remaining;

	g->remaining -= n;
	if (g->remaining == 0) {
		if (g->state == GATE_BODY)
			request_reset(g);
		else
			g->state = GATE_CHUNK_DATA_CR;
	}
	return n;
}

size_t gate_step(struct gate *gate, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t done = 0;

	while (done < len && gate->state != GATE_REFUSED) {
		if (gate->state == GATE_BODY || gate->state == GATE_CHUNK_DATA) {
			done += skip_body(gate, len - done);
			continue;
		}
		step_byte(gate, p[done]);
		if (gate->state != GATE_REFUSED)
			done++;
	}
	return done;
}
