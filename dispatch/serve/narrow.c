/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/narrow.h"

#include "base/json.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/live.h"

static const struct match everything;

static void note(struct decision *decision, const struct live_capture *capture,
		 const struct alert *alert, const char *what, const struct match *match)
{
	CLEANUP_JSON json_t *json = match ? match_format(match) : NULL;
	CLEANUP_FREE char *text = json ? json_format(json) : NULL;

	fact_add_note(&decision->facts, decision->now.wall, "capture", capture->row.id, alert->id,
		      "%s%s%.300s", what, text ? ": " : "", text ? text : "");
}

/* A filter that no packet passes: VXLAN in TCP. */
static void make_impossible(struct match *match)
{
	match_fini(match);
	range_set_add(&match->protocols, 6, 6);
	range_set_add(&match->vnis, 0, 0xffffff);
}

static bool has(const struct live_capture *capture, const struct match *match)
{
	for (size_t i = 0; i < capture->narrow_count; i++)
		if (match_equal(&capture->narrow[i], match))
			return true;
	return false;
}

static void put(struct live_capture *capture, struct match *match)
{
	if (capture->narrow_count == LIVE_NARROW_MAX) {
		capture->is_wide = true;
		match_fini(match);
		return;
	}
	capture->narrow[capture->narrow_count++] = *match;
}

void narrow_add(struct decision *decision, struct live_capture *capture,
		const struct pcap_policy *policy, const struct alert *alert)
{
	struct match match = {0};
	bool says_nothing, excluded;

	if (!policy->narrow || !alert) {
		capture->is_wide = true;
		return;
	}
	match_from_hints(&match, &alert->hints, policy->narrow);
	if (has(capture, &match)) { /* repeated */
		match_fini(&match);
		return;
	}
	says_nothing = match_equal(&match, &everything);
	excluded = policy->match && match_excludes(policy->match, &match);
	if (!says_nothing && !excluded) {
		note(decision, capture, alert, "narrowed to what the alert is about", &match);
		put(capture, &match);
		return;
	}
	note(decision, capture, alert,
	     excluded ? "what the alert is about lies outside of the policy's filter"
		      : "the alert names nothing to narrow the policy's filter to",
	     excluded ? &match : NULL);
	if (policy->narrow_only) {
		make_impossible(&match);
		put(capture, &match);
	} else {
		match_fini(&match);
		capture->is_wide = true;
	}
}

void narrow_apply(struct live_capture *capture, const struct pcap_policy *policy)
{
	bool narrowed = policy->narrow && !capture->is_wide;

	live_match_decide(capture, live_match_new(policy->match, narrowed ? capture->narrow : NULL,
						  narrowed ? capture->narrow_count : 0));
}
