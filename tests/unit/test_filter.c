/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/hash.h"
#include "capture/compiler.h"
#include "capture/filter.h"
#include "capture/slice.h"
#include "tests/unit/test.h"

/* Hex text with spaces → bytes at the very end of an allocation, so that ASan sees one too many. */
static uint8_t *bytes_of(const char *text, uint32_t *size)
{
	char hex[1024];
	uint8_t *data;
	size_t n = 0;

	for (; *text; text++)
		if (*text != ' ')
			hex[n++] = *text;
	hex[n] = '\0';
	*size = (uint32_t)(n / 2);
	data = malloc(*size ? *size : 1);
	check(!hex_parse(hex, data, *size));
	return data;
}

#define MACS "020000000001 020000000002 "
#define IPV4 "4500 0030 0000 0000 40 11 0000 0a000001 0a000002 "
#define UDP  "03e8 07d0 0008 0000 "
#define TCP  "03e8 07d0 00000000 00000000 8010 0000 0000 0000 00000000 00000000 00000000 "

static const struct {
	uint32_t link_type;
	const char *packet;
	uint32_t headers;
} slices[] = {
	{1, MACS "0800 " IPV4 UDP "ffffffff", 42},
	{1, MACS "8100 0064 0800 " IPV4 UDP "ffffffff", 46},
	{1, MACS "88a8 0064 8100 0005 0800 " IPV4 UDP "ffffffff", 50},
	{1, MACS "0800 4500 0030 0000 0000 40 06 0000 0a000001 0a000002 " TCP "ffff", 66},
	{1, MACS "0800 4700 0030 0000 0000 40 11 0000 0a000001 0a000002 0101010101010100 " UDP "ff",
	 50},
	{1, MACS "0800 4500 0030 0000 0010 40 11 0000 0a000001 0a000002 ffffffffffffffff", 34},
	{1, MACS "0806 0001 0800 0604 0001 000000000000 0a000001 000000000000 0a000002 ffff", 42},
	{1,
	 MACS "86dd 60000000 0010 11 40 20010db8000000000000000000000001 "
	      "20010db8000000000000000000000002 " UDP "ff",
	 62},
	{1,
	 MACS "86dd 60000000 0010 00 40 20010db8000000000000000000000001 "
	      "20010db8000000000000000000000002 3c00010400000000 1100010400000000 " UDP "ff",
	 78},
	{1,
	 MACS "86dd 60000000 0010 2c 40 20010db8000000000000000000000001 "
	      "20010db8000000000000000000000002 1100001000000000 ffffffffffff",
	 62},
	{1, MACS "8847 00064101 " IPV4 UDP "ff", 46},
	{1, MACS "1234 ffffff", 14},
	{1, "0200", 2},
	{1, MACS "0800 45", 15},
	{101, IPV4 UDP "ffff", 28},
	{101, "ff", 0},
	{113, "ffffff", 3},
};

/* POL-12, DEF-11 */
static void test_slice(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		uint32_t size;
		uint8_t *data = bytes_of(slices[i].packet, &size);

		check_int(slice_headers(data, size, slices[i].link_type), slices[i].headers);
		free(data);
	}
}

/* Cut anywhere, and with any byte changed, it stays inside the packet. */
static void test_slice_hostile(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		uint32_t size;
		uint8_t *data = bytes_of(slices[i].packet, &size);

		for (uint32_t n = 0; n <= size; n++) {
			uint8_t *cut = malloc(n ? n : 1);

			memcpy(cut, data, n);
			for (uint32_t k = 0; k < n; k++) {
				cut[k] ^= 0xff;
				check(slice_headers(cut, n, slices[i].link_type) <= n);
				cut[k] ^= 0xff;
			}
			check(slice_headers(cut, n, slices[i].link_type) <= n);
			free(cut);
		}
		free(data);
	}
}

static void test_filter(void)
{
	static struct compile_request request = {.link_type = 1, .text = "udp port 1000"};
	static struct compile_reply reply;
	struct filter *filter;
	uint32_t size;
	uint8_t *data = bytes_of(slices[0].packet, &size);

	check(!compiler_compile(&request, &reply));
	check(!filter_new(&reply.program, &filter));
	check(filter_run(filter, data, size, size));
	data[35] ^= 1; /* source port */
	check(!filter_run(filter, data, size, size));
	check(!filter_run(filter, data, 20, size)); /* reads beyond: no match */
	filter_free(filter);
	free(data);
}

static void refuse(const struct sock_filter *insns, uint32_t count)
{
	static struct rec_program program;
	struct filter *filter;

	memset(&program, 0, sizeof(program));
	for (uint32_t i = 0; i < count && i < REC_INSNS_MAX; i++)
		program.insns[i] = insns ? insns[i]
					 : (struct sock_filter){BPF_RET | BPF_K, 0, 0, 1};
	program.count = count;
	check(filter_new(&program, &filter) < 0);
	check(!filter);
}

static void test_bad_programs(void)
{
	const struct sock_filter jump[] = {{BPF_JMP | BPF_JA, 0, 0, 7}, {BPF_RET | BPF_K, 0, 0, 1}};
	const struct sock_filter no_end[] = {{BPF_LD | BPF_IMM, 0, 0, 7}};
	const struct sock_filter divide[] = {{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0},
					     {BPF_RET | BPF_A, 0, 0, 0}};
	const struct sock_filter memory[] = {{BPF_ST, 0, 0, 99}, {BPF_RET | BPF_A, 0, 0, 0}};
	/* jumps to itself; a size that a constant does not have */
	const struct sock_filter back[] = {{BPF_JMP | BPF_JA, 0, 0, 0xffffffff},
					   {BPF_RET | BPF_K, 0, 0, 1}};
	const struct sock_filter unknown[] = {{BPF_LD | BPF_H | BPF_IMM, 0, 0, 7},
					      {BPF_RET | BPF_A, 0, 0, 0}};
	static struct rec_program empty;
	struct filter *filter;

	refuse(jump, 2);
	refuse(back, 2);
	refuse(unknown, 2);
	refuse(no_end, 1);
	refuse(divide, 2);
	refuse(memory, 2);
	refuse(NULL, REC_INSNS_MAX + 1);
	check(!filter_new(&empty, &filter));
	check(!filter);
}

int main(void)
{
	test_slice();
	test_slice_hostile();
	test_filter();
	test_bad_programs();
	return 0;
}
