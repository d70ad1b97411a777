/* SPDX-License-Identifier: Apache-2.0 */
/* The API's own description: docs/openapi.json, built into the program. */
#include <event2/buffer.h>
#include <string.h>

#include "base/hash.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/contract_file.h"
#include "dispatch/serve/control_state.h"

/* The file never changes while the program runs. */
static void contract_etag(struct control *control, char etag[SHA256_HEX_SIZE + 2])
{
	char *hex = control->contract_sha256;

	if (!hex[0])
		sha256_text(contract_file, (size_t)(contract_file_end - contract_file), hex);
	snprintf(etag, SHA256_HEX_SIZE + 2, "\"%s\"", hex);
}

void api_contract(struct exchange *exchange)
{
	const char *known = exchange_header(exchange, "If-None-Match");
	char etag[SHA256_HEX_SIZE + 2];

	contract_etag(exchange->control, etag);
	exchange_set_header(exchange, "ETag", etag);
	if (known && (strstr(known, etag) || !strcmp(known, "*")))
		exchange_reply_empty(exchange, 304);
	else
		exchange_reply_static(exchange, "application/json", contract_file,
				      (size_t)(contract_file_end - contract_file));
}
