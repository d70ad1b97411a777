/* SPDX-License-Identifier: Apache-2.0 */
/* The route table: all there is to ask of this process. No row without a permission. */
#include "base/cleanup.h"
#include "dispatch/serve/api.h"

#define V1 "/api/v1"

const struct route api_routes[] = {
	{METHOD_GET, "/livez", PERMISSION_OPEN, api_livez},
	{METHOD_GET, "/readyz", PERMISSION_OPEN, api_readyz},
	{METHOD_POST, "/in/{}", PERMISSION_SOURCE, api_intake},
	{METHOD_GET | METHOD_HEAD | METHOD_POST, "/in/{}/{}", PERMISSION_SOURCE, api_intake},
	{METHOD_POST, "/in/{}/{}/api/v2/alerts", PERMISSION_SOURCE, api_intake},
	{METHOD_POST, "/in/{}/{}/v2/enqueue", PERMISSION_SOURCE, api_intake},
	{METHOD_POST, "/v2/enqueue", PERMISSION_SOURCE, api_intake_enqueue},

	{METHOD_GET, "/metrics", PERMISSION_ADMIN, api_metrics},
	{METHOD_GET, V1 "/openapi.json", PERMISSION_ADMIN, api_contract},
	{METHOD_GET, V1 "/status", PERMISSION_ADMIN, api_status},

	{METHOD_GET, V1 "/alerts", PERMISSION_ADMIN, api_alerts_list},
	{METHOD_POST, V1 "/alerts", PERMISSION_ADMIN, api_alerts_post},
	{METHOD_POST, V1 "/explain", PERMISSION_ADMIN, api_alerts_explain},
	{METHOD_GET, V1 "/alerts/{}", PERMISSION_ADMIN, api_alert_get},

	{METHOD_GET, V1 "/policies", PERMISSION_ADMIN, api_policies_list},
	{METHOD_POST, V1 "/policies", PERMISSION_ADMIN, api_policies_post},
	{METHOD_GET, V1 "/policies/{}", PERMISSION_ADMIN, api_policy_get},
	{METHOD_PUT, V1 "/policies/{}", PERMISSION_ADMIN, api_policy_put},
	{METHOD_PATCH, V1 "/policies/{}", PERMISSION_ADMIN, api_policy_patch},
	{METHOD_DELETE, V1 "/policies/{}", PERMISSION_ADMIN, api_policy_delete},
	{METHOD_POST, V1 "/policies/{}/enable", PERMISSION_ADMIN, api_policy_enable},
	{METHOD_POST, V1 "/policies/{}/disable", PERMISSION_ADMIN, api_policy_disable},
	{METHOD_POST, V1 "/policies/{}/automatic", PERMISSION_ADMIN, api_policy_automatic},
	{METHOD_POST, V1 "/filters/check", PERMISSION_ADMIN, api_filter_check},

	{METHOD_GET, V1 "/endpoints", PERMISSION_ADMIN, api_endpoints_list},
	{METHOD_POST, V1 "/endpoints", PERMISSION_ADMIN, api_endpoints_post},
	{METHOD_GET, V1 "/endpoints/{}", PERMISSION_ADMIN, api_endpoint_get},
	{METHOD_PUT, V1 "/endpoints/{}", PERMISSION_ADMIN, api_endpoint_put},
	{METHOD_PATCH, V1 "/endpoints/{}", PERMISSION_ADMIN, api_endpoint_patch},
	{METHOD_DELETE, V1 "/endpoints/{}", PERMISSION_ADMIN, api_endpoint_delete},
	{METHOD_POST, V1 "/endpoints/{}/test", PERMISSION_ADMIN, api_endpoint_test},
	{METHOD_POST, V1 "/endpoints/{}/clone", PERMISSION_ADMIN, api_endpoint_clone},
	{METHOD_POST, V1 "/endpoints/{}/replay", PERMISSION_ADMIN, api_endpoint_replay},
	{METHOD_POST, V1 "/endpoint-tests", PERMISSION_ADMIN, api_endpoint_tests_post},
	{METHOD_GET, V1 "/pushes", PERMISSION_ADMIN, api_pushes_list},
	{METHOD_POST, V1 "/pushes/{}/replay", PERMISSION_ADMIN, api_push_replay},

	{METHOD_POST, V1 "/templates/preview", PERMISSION_ADMIN, api_template_preview},
	{METHOD_GET, V1 "/alert-policies", PERMISSION_ADMIN, api_alert_policies_list},
	{METHOD_POST, V1 "/alert-policies", PERMISSION_ADMIN, api_alert_policies_post},
	{METHOD_GET, V1 "/alert-policies/{}", PERMISSION_ADMIN, api_alert_policy_get},
	{METHOD_PUT, V1 "/alert-policies/{}", PERMISSION_ADMIN, api_alert_policy_put},
	{METHOD_PATCH, V1 "/alert-policies/{}", PERMISSION_ADMIN, api_alert_policy_patch},
	{METHOD_DELETE, V1 "/alert-policies/{}", PERMISSION_ADMIN, api_alert_policy_delete},

	{METHOD_GET, V1 "/routes", PERMISSION_ADMIN, api_routes_list},
	{METHOD_POST, V1 "/routes", PERMISSION_ADMIN, api_routes_post},
	{METHOD_GET, V1 "/routes/{}", PERMISSION_ADMIN, api_route_get},
	{METHOD_PUT, V1 "/routes/{}", PERMISSION_ADMIN, api_route_put},
	{METHOD_PATCH, V1 "/routes/{}", PERMISSION_ADMIN, api_route_patch},
	{METHOD_DELETE, V1 "/routes/{}", PERMISSION_ADMIN, api_route_delete},

	{METHOD_GET, V1 "/silences", PERMISSION_ADMIN, api_silences_list},
	{METHOD_POST, V1 "/silences", PERMISSION_ADMIN, api_silences_post},
	{METHOD_GET, V1 "/silences/{}", PERMISSION_ADMIN, api_silence_get},
	{METHOD_PUT, V1 "/silences/{}", PERMISSION_ADMIN, api_silence_put},
	{METHOD_PATCH, V1 "/silences/{}", PERMISSION_ADMIN, api_silence_patch},
	{METHOD_DELETE, V1 "/silences/{}", PERMISSION_ADMIN, api_silence_delete},

	{METHOD_GET, V1 "/sources", PERMISSION_ADMIN, api_sources_list},
	{METHOD_POST, V1 "/sources", PERMISSION_ADMIN, api_sources_post},
	{METHOD_POST, V1 "/source-previews", PERMISSION_ADMIN, api_source_preview},
	{METHOD_GET, V1 "/refusals", PERMISSION_ADMIN, api_refusals_list},
	{METHOD_GET, V1 "/refusals/{}", PERMISSION_ADMIN, api_refusal_get},
	{METHOD_GET, V1 "/sources/{}", PERMISSION_ADMIN, api_source_get},
	{METHOD_PUT, V1 "/sources/{}", PERMISSION_ADMIN, api_source_put},
	{METHOD_PATCH, V1 "/sources/{}", PERMISSION_ADMIN, api_source_patch},
	{METHOD_DELETE, V1 "/sources/{}", PERMISSION_ADMIN, api_source_delete},
	{METHOD_POST, V1 "/sources/{}/token", PERMISSION_ADMIN, api_source_token},

	{METHOD_GET, V1 "/captures", PERMISSION_ADMIN, api_captures_list},
	{METHOD_POST, V1 "/captures", PERMISSION_ADMIN, api_captures_post},
	{METHOD_GET, V1 "/captures/{}", PERMISSION_ADMIN, api_capture_get},
	{METHOD_DELETE, V1 "/captures/{}", PERMISSION_ADMIN, api_capture_delete},
	{METHOD_POST, V1 "/captures/{}/stop", PERMISSION_ADMIN, api_capture_stop},
	{METHOD_PUT, V1 "/captures/{}/pin", PERMISSION_ADMIN, api_capture_pin},
	{METHOD_DELETE, V1 "/captures/{}/pin", PERMISSION_ADMIN, api_capture_unpin},
	{METHOD_GET | METHOD_HEAD, V1 "/captures/{}/download", PERMISSION_ADMIN,
	 api_capture_download},
	{METHOD_GET | METHOD_HEAD, V1 "/captures/{}/segments/{}/download", PERMISSION_ADMIN,
	 api_segment_download},
	{METHOD_GET, V1 "/captures/{}/packets", PERMISSION_ADMIN, api_capture_packets},
	{METHOD_GET, V1 "/captures/{}/follow", PERMISSION_ADMIN, api_capture_follow},
	{METHOD_GET, V1 "/packets", PERMISSION_ADMIN, api_packets},
	{METHOD_GET, V1 "/ring/packets", PERMISSION_ADMIN, api_ring_packets},
	{METHOD_GET | METHOD_HEAD, V1 "/captures/{}/manifest", PERMISSION_ADMIN,
	 api_manifest_download},
	{METHOD_GET, V1 "/signing-key", PERMISSION_ADMIN, api_signing_key},
};

const size_t api_route_count = ARRAY_SIZE(api_routes);
