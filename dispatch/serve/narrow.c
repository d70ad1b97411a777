/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/narrow.h"

#include <errno.h>
#include <string.h>

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

/* ---- what is durable: in the settings table, kind "narrow", id = the capture's; none = wide ----
 */

static bool is_impossible(const struct match *match)
{
	struct match other = {0};
	bool equal;

	make_impossible(&other);
	equal = match_equal(match, &other);
	match_fini(&other);
	return equal;
}

/* NULL = nothing narrows it. */
static char *format(const struct live_capture *capture)
{
	CLEANUP_JSON json_t *list = json_array();

	if (capture->is_wide)
		return NULL;
	for (size_t i = 0; i < capture->narrow_count; i++)
		json_array_append_new(list, is_impossible(&capture->narrow[i])
						    ? json_null()
						    : match_format(&capture->narrow[i]));
	return json_format(list);
}

int narrow_parse(struct live_capture *capture, const char *text)
{
	CLEANUP_JSON json_t *list = NULL;
	struct error err;
	json_t *item;
	size_t i;
	int r = json_parse(text, strlen(text), JSON_BYTES_MAX, &list, &err);

	if (!r && json_array_size(list) > LIVE_NARROW_MAX)
		r = -EINVAL;
	capture->is_wide = false;
	json_array_foreach (list, i, item) {
		struct match *match = &capture->narrow[i];

		if (r)
			break;
		if (json_is_null(item))
			make_impossible(match);
		else
			r = match_read(match, item, "", &err);
		capture->narrow_count += !r;
	}
	capture->is_wide = r < 0;
	return r;
}

/* ---- alerts ---- */

static void add(struct decision *decision, struct live_capture *capture,
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

void narrow_add(struct decision *decision, struct live_capture *capture,
		const struct pcap_policy *policy, const struct alert *alert)
{
	bool was_wide = capture->is_wide;
	size_t count = capture->narrow_count;

	add(decision, capture, policy, alert);
	if (policy->narrow && (capture->is_wide != was_wide || capture->narrow_count != count))
		fact_add_setting(&decision->facts, "narrow", capture->row.id, format(capture));
}

void narrow_forget(struct decision *decision, const struct live_capture *capture)
{
	if (capture->narrow_count)
		fact_add_setting(&decision->facts, "narrow", capture->row.id, NULL);
}

void narrow_apply(struct live_capture *capture, const struct pcap_policy *policy)
{
	bool narrowed = policy->narrow && !capture->is_wide;

	live_match_decide(capture, live_match_new(policy->match, narrowed ? capture->narrow : NULL,
						  narrowed ? capture->narrow_count : 0));
}
