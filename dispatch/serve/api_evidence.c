/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier of evidence asks this probe. */
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"

void api_signing_key(struct exchange *exchange)
{
	const struct signing_key *key = &exchange->control->signing_key;

	if (!key->public_hex[0]) {
		exchange_refuse(exchange, 404, "not_found",
				"this probe has no signing key: the log says why");
		return;
	}
	exchange_reply(exchange, 200,
		       json_pack("{s:s, s:s, s:s}", "algorithm", "ed25519", "public_key",
				 key->public_hex, "probe", exchange->control->probe));
}
