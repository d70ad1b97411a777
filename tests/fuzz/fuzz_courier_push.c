/* SPDX-License-Identifier: Apache-2.0 */
/* A push as control sends it to the courier: method, URL and headers with a form feed between them.
 * What passes the choke point cannot be read as more than one request. */
#include <errno.h>

#include "dispatch/push/request.h"
#include "tests/fuzz/fuzz.h"

static struct courier_push push;

/* The part up to the next form feed, cut to size. */
static void take_part(struct fuzz_input *input, enum courier_text which)
{
	static char text[8192];
	const size_t size = sizeof(text);

	const uint8_t *end = memchr(input->data, '\f', input->size);
	size_t len = end ? (size_t)(end - input->data) : input->size;
	size_t kept = strnlen((const char *)input->data, len < size ? len : size - 1);

	memcpy(text, input->data, kept);
	text[kept] = '\0';
	courier_push_set(&push, which, text);
	input->data += len + !!end;
	input->size -= len + !!end;
}

static void check_header(const struct request_header *header)
{
	fuzz_check(header->name_len > 0);
	for (size_t i = 0; i < header->name_len; i++)
		fuzz_check(header->name[i] > ' ' && header->name[i] < 0x7f &&
			   header->name[i] != ':');
	for (size_t i = 0; i < header->value_len; i++)
		fuzz_check(!strchr("\r\n", header->value[i]));
	fuzz_check(strncasecmp(header->name, "host", header->name_len) || header->name_len != 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct request_header header;
	struct error err = {0};
	const char *cursor, *url;
	int r;

	courier_push_init(&push, "");
	take_part(&input, COURIER_METHOD);
	take_part(&input, COURIER_URL);
	take_part(&input, COURIER_HEADERS);
	url = courier_push_get(&push, COURIER_URL);
	r = request_check(&push, &err);
	fuzz_check(r == 0 || r == -EINVAL);
	if (r) {
		fuzz_check_error(&err);
		return 0;
	}
	for (const char *c = url; *c; c++)
		fuzz_check((unsigned char)*c > ' ' && *c != 0x7f);
	fuzz_check(!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8));
	cursor = courier_push_get(&push, COURIER_HEADERS);
	while (!(r = request_parse_header(&cursor, &header)))
		check_header(&header);
	fuzz_check(r == REQUEST_END && !*cursor);
	return 0;
}
