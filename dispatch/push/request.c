/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/request.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)

/* Those that steer the connection. */
static const char *const reserved[] = {
	"host",	   "content-length", "transfer-encoding", "connection",		 "upgrade", "te",
	"trailer", "keep-alive",     "proxy-connection",  "proxy-authorization", "expect",
};

/* Those that the courier writes itself. */
static const char *const own[] = {"webhook-id", "webhook-timestamp", "webhook-signature",
				  "x-ringbell-attempt"};

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("!#$%&'*+-.^_`|~", text[i]))
			return false;
	return len > 0;
}

static bool is_value(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool name_is(const struct request_header *header, const char *name)
{
	return strlen(name) == header->name_len &&
	       !strncasecmp(header->name, name, header->name_len);
}

int request_parse_header(const char **cursor, struct request_header *ret)
{
	const char *line = *cursor, *colon, *end;

	if (!*line)
		return REQUEST_END;
	end = strchrnul(line, '\n');
	*cursor = *end ? end + 1 : end;
	colon = memchr(line, ':', (size_t)(end - line));
	if (!colon)
		return -EINVAL;
	ret->name = line;
	ret->name_len = (size_t)(colon - line);
	for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++)
		;
	while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	ret->value = colon;
	ret->value_len = (size_t)(end - colon);
	return 0;
}

int request_is_own_header(const struct request_header *header)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (name_is(header, own[i]))
			return 1;
	return 0;
}

int request_find_header(const struct courier_push *push, const char *name)
{
	const char *cursor = courier_push_get(push, COURIER_HEADERS);
	struct request_header header;

	while (!request_parse_header(&cursor, &header))
		if (name_is(&header, name))
			return 1;
	return 0;
}

static int check_header(const struct request_header *header, struct error *err)
{
	if (!is_token(header->name, header->name_len))
		return error_set(
			err, "invalid_header", "headers",
			"a header name may only have letters, digits and !#$%%&'*+-.^_`|~");
	if (!is_value(header->value, header->value_len))
		return error_set(err, "invalid_header", "headers",
				 "the value of header \"%.*s\" has a control character",
				 (int)header->name_len, header->name);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (name_is(header, reserved[i]))
			return error_set(
				err, "reserved_header", "headers",
				"header \"%s\" cannot be set: it belongs to the connection",
				reserved[i]);
	return 0;
}

static int check_headers(const char *headers, struct error *err)
{
	struct request_header header;
	int r;

	while ((r = request_parse_header(&headers, &header)) != REQUEST_END) {
		if (r < 0)
			return error_set(err, "invalid_header", "headers",
					 "a header line has no colon");
		r = check_header(&header, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_method(const char *method, struct error *err)
{
	if (!strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH"))
		return 0;
	return error_set(err, "invalid_method", "method", "method must be POST, PUT or PATCH");
}

static int check_url_bytes(const char *url, struct error *err)
{
	for (; *url; url++)
		if ((unsigned char)*url <= 0x20 || *url == 0x7f)
			return error_set(err, "invalid_url", "url",
					 "the URL has a control character or a blank");
	return 0;
}

static int check_url(const char *url, struct error *err)
{
	CLEANUP(curl_url_cleanup_ptr) CURLU *parts = curl_url();
	/* libcurl is content with one to three slashes: "http:/http://a" */
	const char *authority = strchr(url, ':');
	char *scheme = NULL;
	bool known;

	if (check_url_bytes(url, err) < 0)
		return -EINVAL;
	if (!parts || !authority || strncmp(authority, "://", 3) || authority[3] == '/' ||
	    curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0))
		return error_set(err, "invalid_url", "url",
				 "not a URL of the form http[s]://host[:port]/path");
	known = !strcasecmp(scheme, "http") || !strcasecmp(scheme, "https");
	curl_free(scheme);
	if (!known)
		return error_set(err, "invalid_url", "url", "the URL must be http or https");
	return 0;
}

int request_check(const struct courier_push *push, struct error *err)
{
	int r = check_method(courier_push_get(push, COURIER_METHOD), err);

	if (!r)
		r = check_url(courier_push_get(push, COURIER_URL), err);
	if (!r)
		r = check_headers(courier_push_get(push, COURIER_HEADERS), err);
	return r;
}
