/* SPDX-License-Identifier: Apache-2.0 */
/* Alertmanager's webhook, from a sender's bytes. */
#include "tests/fuzz/intake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	intake_check(SOURCE_ALERTMANAGER, data, size);
	return 0;
}
