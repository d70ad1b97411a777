/* SPDX-License-Identifier: Apache-2.0 */
/* TCF-21 */
/* Every source kind's parser: the first line of the input is the kind's name, the rest a sender's
 * bytes. Seeds are the payloads of tests/data/intake. */
#include "tests/fuzz/intake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	char name[32] = "";
	enum source_kind kind;

	if (!end || (size_t)(end - data) >= sizeof(name))
		return 0;
	memcpy(name, data, (size_t)(end - data));
	if (source_kind_parse(name, &kind))
		return 0;
	intake_check(kind, end + 1, size - (size_t)(end + 1 - data));
	return 0;
}
