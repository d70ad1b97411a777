/* SPDX-License-Identifier: Apache-2.0 */
/* The API's own description: docs/openapi.json, built into the program. */
#include <event2/buffer.h>
#include <string.h>

#include "base/hash.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/contract_file.h"

/* The file never changes while the program runs, its digest costs less than sending it. */
static void contract_etag(char etag[SHA256_HEX_SIZE + 2])
{
	char hex[SHA256_HEX_SIZE];

	sha256_text(contract_file, (size_t)(contract_file_end - contract_file), hex);
	snprintf(etag, SHA256_HEX_SIZE + 2, "\"%s\"", hex);
}

void api_contract(struct exchange *exchange)
{
	const char *known = exchange_header(exchange, "If-None-Match");
	char etag[SHA256_HEX_SIZE + 2];

	contract_etag(etag);
	exchange_set_header(exchange, "ETag", etag);
	if (known && (strstr(known, etag) || !strcmp(known, "*")))
		exchange_reply_empty(exchange, 304);
	else
		exchange_reply_static(exchange, "application/json", contract_file,
				      (size_t)(contract_file_end - contract_file));
}
