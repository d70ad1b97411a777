/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as the store keeps them: {id, version, created_at, updated_at, token_sha256?, setting},
 * where `setting` is what an operator may write (policy/settings.h reads it again). Pure. */
#pragma once

#include "policy/route.h"

/* All give JSON text the caller frees. */
char *setting_row_format_policy(const struct pcap_policy *policy);
char *setting_row_format_endpoint(const struct endpoint *endpoint);
char *setting_row_format_source(const struct source *source);
char *setting_row_format_alert_policy(const struct alert_policy *policy);
char *setting_row_format_alert_route(const struct alert_route *route);
char *setting_row_format_silence(const struct silence *silence);
char *setting_row_format_problem(const char *reason);
char *setting_row_format_token(const char *sha256);

/* ret must be initialised with *_default. 0 or -EINVAL with err: a row of another version, or
 * damage. */
int setting_row_parse_policy(const char *json, struct pcap_policy *ret, struct error *err);
int setting_row_parse_endpoint(const char *json, struct endpoint *ret, struct error *err);
int setting_row_parse_source(const char *json, struct source *ret, struct error *err);
int setting_row_parse_alert_policy(const char *json, struct alert_policy *ret, struct error *err);
int setting_row_parse_alert_route(const char *json, struct alert_route *ret, struct error *err);
int setting_row_parse_silence(const char *json, struct silence *ret, struct error *err);
/* The text of a problem or the hash of a token; "" if it is not there. size bounds ret. */
int setting_row_parse_text(const char *json, const char *key, char *ret, size_t size);
