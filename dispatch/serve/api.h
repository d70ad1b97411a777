/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the route table (routes.c), one file per kind of object. docs/api.md says what
 * each does. A handler owns its exchange and answers it, now or after a store job. */
#pragma once

#include "dispatch/serve/exchange.h"
#include "storage/store.h"

struct decision;

/* api_status.c */
void api_livez(struct exchange *exchange);
void api_readyz(struct exchange *exchange);
void api_status(struct exchange *exchange);

/* api_contract.c */
void api_contract(struct exchange *exchange);

/* api_metrics.c */
void api_metrics(struct exchange *exchange);

/* api_intake.c */
void api_intake(struct exchange *exchange);
void api_intake_enqueue(struct exchange *exchange);
void api_alerts_post(struct exchange *exchange);

/* api_alerts.c */
void api_alerts_list(struct exchange *exchange);
void api_alert_get(struct exchange *exchange);

/* api_explain.c */
void api_alerts_explain(struct exchange *exchange);

/* api_policies.c */
void api_policies_list(struct exchange *exchange);
void api_policies_post(struct exchange *exchange);
void api_policy_get(struct exchange *exchange);
void api_policy_put(struct exchange *exchange);
void api_policy_patch(struct exchange *exchange);
void api_policy_delete(struct exchange *exchange);
void api_policy_enable(struct exchange *exchange);
void api_policy_disable(struct exchange *exchange);
void api_policy_automatic(struct exchange *exchange);
void api_filter_check(struct exchange *exchange);
void api_template_preview(struct exchange *exchange);

/* api_endpoints.c */
void api_endpoints_list(struct exchange *exchange);
void api_endpoints_post(struct exchange *exchange);
void api_endpoint_get(struct exchange *exchange);
void api_endpoint_put(struct exchange *exchange);
void api_endpoint_patch(struct exchange *exchange);
void api_endpoint_delete(struct exchange *exchange);
/* Checks what concerns others (name, policy) and commits: answers. For the clone. */
struct endpoint;
void api_endpoint_create(struct exchange *exchange, struct endpoint *endpoint);

/* api_pushes.c */
void api_pushes_list(struct exchange *exchange);
void api_push_replay(struct exchange *exchange);
void api_endpoint_replay(struct exchange *exchange);

/* api_endpoint_test.c */
void api_endpoint_test(struct exchange *exchange);
void api_endpoint_tests_post(struct exchange *exchange);
void api_endpoint_clone(struct exchange *exchange);

/* api_routing.c */
void api_alert_policies_list(struct exchange *exchange);
void api_alert_policies_post(struct exchange *exchange);
void api_alert_policy_get(struct exchange *exchange);
void api_alert_policy_put(struct exchange *exchange);
void api_alert_policy_patch(struct exchange *exchange);
void api_alert_policy_delete(struct exchange *exchange);
void api_routes_list(struct exchange *exchange);
void api_routes_post(struct exchange *exchange);
void api_route_get(struct exchange *exchange);
void api_route_put(struct exchange *exchange);
void api_route_patch(struct exchange *exchange);
void api_route_delete(struct exchange *exchange);
void api_silences_list(struct exchange *exchange);
void api_silences_post(struct exchange *exchange);
void api_silence_get(struct exchange *exchange);
void api_silence_put(struct exchange *exchange);
void api_silence_patch(struct exchange *exchange);
void api_silence_delete(struct exchange *exchange);
/* The alert policies and routes that name an endpoint, as a problem tells them: a new reference. */
json_t *api_routing_users(const struct control *control, const char *endpoint);
/* They name it no more. */
void api_routing_detach(struct decision *decision, const char *endpoint);

/* api_sources.c */
void api_sources_list(struct exchange *exchange);
void api_sources_post(struct exchange *exchange);
void api_source_get(struct exchange *exchange);
void api_source_put(struct exchange *exchange);
void api_source_patch(struct exchange *exchange);
void api_source_delete(struct exchange *exchange);
void api_source_token(struct exchange *exchange);

/* api_links.c */
void api_links_post(struct exchange *exchange);
void api_downloads_list(struct exchange *exchange);
/* api_refusals.c */
void api_refusals_list(struct exchange *exchange);
void api_refusal_get(struct exchange *exchange);
void api_source_preview(struct exchange *exchange);

/* api_captures.c */
void api_captures_list(struct exchange *exchange);
void api_capture_get(struct exchange *exchange);
void api_capture_stop(struct exchange *exchange);
/* The capture's detail. */
void api_capture_reply(struct exchange *exchange, int status, const char *id);

/* api_demand.c */
void api_captures_post(struct exchange *exchange);

/* api_download.c */
void api_capture_download(struct exchange *exchange);
void api_segment_download(struct exchange *exchange);
void api_manifest_download(struct exchange *exchange);

/* api_evidence.c */
void api_signing_key(struct exchange *exchange);

/* api_retention.c */
void api_capture_delete(struct exchange *exchange);
void api_capture_pin(struct exchange *exchange);
void api_capture_unpin(struct exchange *exchange);

/* api_derived.c */
void api_packets(struct exchange *exchange);
void api_capture_follow(struct exchange *exchange);
void api_capture_packets(struct exchange *exchange);

/* api_ring.c */
void api_ring_packets(struct exchange *exchange);

/* routes.c */
extern const struct route api_routes[];
extern const size_t api_route_count;
