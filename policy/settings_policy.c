/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/settings_internal.h"

#define SLICE_BYTES_MAX	 65535
#define SPAN_MAX	 (24 * DUR_HOUR)
#define LOOKBACK_MAX	 (7 * SPAN_MAX)
#define ROTATE_BYTES_MIN (64 * 1024)
#define BYTES_MAX	 ((int64_t)1 << 50)
#define NIC_NAME_MAX	 15 /* IFNAMSIZ less NUL */

static const char *const keys[] = {
	"name",
	"nics",
	"filter",
	"slice",
	"margin",
	"lookback_max",
	"linger",
	"max_on",
	"rotate_bytes",
	"rotate",
	"budget_bytes",
	"match",
	"narrow",
	"narrow_otherwise",
	PCAP_POLICY_LIMIT_KEYS,
	NULL,
};

/* What the API adds to a policy's view. */
static const char *const shown[] = {
	"state", "capture",  "veto",   "veto_until", "linger_until", "retry_at",
	"holds", "problems", "reason", "blocked",    "once",	     NULL,
};

void pcap_policy_default(struct pcap_policy *policy)
{
	*policy = (struct pcap_policy){
		.name = xstrdup(""),
		.filter = xstrdup(""),
		.margin = 30 * DUR_S,
		.lookback_max = DUR_HOUR,
		.max_on = 24 * DUR_HOUR,
		.rotate_bytes = 64 << 20,
		.rotate = 300 * DUR_S,
	};
	pcap_policy_limits_default(policy);
}

/* match is copied; NULL = none. */
static void set_match(struct pcap_policy *policy, const struct match *match)
{
	if (policy->match)
		match_fini(policy->match);
	free(policy->match);
	policy->match = NULL;
	if (!match)
		return;
	policy->match = xcalloc(1, sizeof(*policy->match));
	match_copy(policy->match, match);
}

struct pcap_policy *pcap_policy_copy(const struct pcap_policy *policy)
{
	struct pcap_policy *copy = xmemdup(policy, sizeof(*policy));

	copy->name = xstrdup(policy->name);
	copy->filter = xstrdup(policy->filter);
	copy->match = NULL;
	set_match(copy, policy->match);
	setting_copy_list(copy->nics);
	pcap_policy_limits_copy(copy);
	return copy;
}

void pcap_policy_fini(struct pcap_policy *policy)
{
	free(policy->name);
	free(policy->filter);
	set_match(policy, NULL);
	setting_free_list(policy->nics);
	pcap_policy_limits_fini(policy);
	policy->name = policy->filter = NULL;
}

static const char *check_nic(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= 0x20 || strchr("/,:\x7f", text[i]))
			len = 0;
	return len >= 1 && len <= NIC_NAME_MAX ? NULL
					       : "an interface name of 1 to 15 bytes expected";
}

/* "whole", "headers" or "headers+<bytes>". */
static int slice_parse(const char *text, bool *headers_only, uint32_t *bytes)
{
	size_t digits;

	*headers_only = strcmp(text, "whole") != 0;
	*bytes = 0;
	if (!*headers_only || !strcmp(text, "headers"))
		return 0;
	if (strncmp(text, "headers+", 8))
		return -EINVAL;
	digits = strspn(text + 8, "0123456789");
	if (digits < 1 || digits > 5 || text[8 + digits])
		return -EINVAL;
	*bytes = (uint32_t)strtoul(text + 8, NULL, 10);
	return *bytes <= SLICE_BYTES_MAX ? 0 : -EINVAL;
}

static int read_slice(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	const char *text;
	int r = json_read_text(object, "", "slice", 1, 32, &text, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (slice_parse(text, &policy->headers_only, &policy->slice_bytes))
		return error_set(err, "invalid_value", "/slice",
				 "\"%s\": whole, headers or headers+N with N up to %d expected",
				 text, SLICE_BYTES_MAX);
	return 0;
}

static int read_spans(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	const struct {
		const char *key;
		dur_t min, max;
		dur_t *field;
	} spans[] = {
		{"margin", 0, SPAN_MAX, &policy->margin},
		{"lookback_max", 0, LOOKBACK_MAX, &policy->lookback_max},
		{"linger", 0, SPAN_MAX, &policy->linger},
		{"max_on", DUR_S, SPAN_MAX, &policy->max_on},
		{"rotate", DUR_S, SPAN_MAX, &policy->rotate},
	};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		int r = json_read_dur(object, "", spans[i].key, spans[i].min, spans[i].max,
				      spans[i].field, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_bytes(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	int64_t rotate = (int64_t)policy->rotate_bytes, budget = (int64_t)policy->budget_bytes;
	int r = json_read_int(object, "", "rotate_bytes", ROTATE_BYTES_MIN, BYTES_MAX, &rotate,
			      err);

	if (r >= 0)
		r = json_read_int(object, "", "budget_bytes", 0, BYTES_MAX, &budget, err);
	if (r < 0)
		return r;
	policy->rotate_bytes = (uint64_t)rotate;
	policy->budget_bytes = (uint64_t)budget;
	return 0;
}

static int read_match(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	json_t *value = json_object_get(object, "match");
	struct match match = {0};
	int r;

	if (!value)
		return 0;
	if (json_is_null(value)) {
		set_match(policy, NULL);
		return 0;
	}
	r = match_read(&match, value, "/match", err);
	if (r)
		return r;
	set_match(policy, &match);
	match_fini(&match);
	return 0;
}

/* What an alert says of itself, in the words of its "hints". */
static const char *const hint_words[ALERT_HINT_COUNT] = {
	[ALERT_HINT_ADDRESS] = "addresses",  [ALERT_HINT_PORT] = "ports",
	[ALERT_HINT_PEER_ADDRESS] = "peers", [ALERT_HINT_PEER_PORT] = "peer_ports",
	[ALERT_HINT_PROTOCOL] = "protocols", [ALERT_HINT_VLAN] = "vlans",
};

static const char *check_hint(const char *text)
{
	for (size_t i = 0; i < ALERT_HINT_COUNT; i++)
		if (!strcmp(text, hint_words[i]))
			return NULL;
	return "addresses, ports, peers, peer_ports, protocols or vlans expected";
}

static int read_narrow(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	char *words[ALERT_HINT_COUNT + 1] = {NULL};
	const char *otherwise;
	int r = 0;

	if (json_object_get(object, "narrow")) {
		r = setting_read_list(object, "narrow", ALERT_HINT_COUNT, check_hint, words, err);
		if (r < 0)
			return r;
		policy->narrow = 0;
		for (size_t w = 0; w < ALERT_HINT_COUNT && words[w]; w++)
			for (size_t i = 0; i < ALERT_HINT_COUNT; i++)
				policy->narrow |= strcmp(words[w], hint_words[i]) ? 0 : 1u << i;
		setting_free_list(words);
	}
	r = json_read_text(object, "", "narrow_otherwise", 1, 16, &otherwise, err);
	if (r)
		return r == JSON_ABSENT ? 0 : r;
	if (strcmp(otherwise, "own") && strcmp(otherwise, "nothing"))
		return error_set(err, "invalid_value", "/narrow_otherwise",
				 "\"%s\": own or nothing expected", otherwise);
	policy->narrow_only = !strcmp(otherwise, "nothing");
	return 0;
}

static json_t *format_narrow(const struct pcap_policy *policy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ALERT_HINT_COUNT; i++)
		if (policy->narrow & 1u << i)
			json_array_append_new(list, json_string(hint_words[i]));
	return list;
}

static int read_all(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	int r = setting_check_keys(object, keys, shown, err);

	if (!r)
		r = setting_read_name(object, &policy->name, err);
	if (!r)
		r = setting_read_list(object, "nics", POLICY_NICS_MAX, check_nic, policy->nics,
				      err);
	if (!r)
		r = setting_read_text(object, "filter", 0, POLICY_FILTER_MAX, &policy->filter, err);
	if (!r)
		r = read_match(policy, object, err);
	if (!r)
		r = read_narrow(policy, object, err);
	if (!r)
		r = read_slice(policy, object, err);
	if (!r)
		r = read_spans(policy, object, err);
	if (!r)
		r = read_bytes(policy, object, err);
	if (!r)
		r = pcap_policy_limits_read(policy, object, err);
	return r;
}

int pcap_policy_read(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	CLEANUP_FREE struct pcap_policy *draft = pcap_policy_copy(policy);
	struct pcap_policy before = *policy;
	int r = read_all(draft, object, err);

	if (!r) {
		*policy = *draft;
		*draft = before;
	}
	pcap_policy_fini(draft);
	return r;
}

static json_t *format_slice(const struct pcap_policy *policy)
{
	if (!policy->headers_only)
		return json_string("whole");
	if (!policy->slice_bytes)
		return json_string("headers");
	return json_sprintf("headers+%" PRIu32, policy->slice_bytes);
}

static json_t *format_match(const struct pcap_policy *policy)
{
	return policy->match ? match_format(policy->match) : json_null();
}

json_t *pcap_policy_format(const struct pcap_policy *policy)
{
	json_t *object = json_pack(
		"{s:s, s:I, s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, "
		"s:o, s:o}",
		"id", policy->id, "version", (json_int_t)policy->version, "name", policy->name,
		"nics", setting_format_list(policy->nics), "filter", policy->filter, "match",
		format_match(policy), "narrow", format_narrow(policy), "narrow_otherwise",
		policy->narrow_only ? "nothing" : "own", "slice", format_slice(policy), "margin",
		setting_format_dur(policy->margin), "lookback_max",
		setting_format_dur(policy->lookback_max), "linger",
		setting_format_dur(policy->linger), "max_on", setting_format_dur(policy->max_on),
		"rotate_bytes", (json_int_t)policy->rotate_bytes, "rotate",
		setting_format_dur(policy->rotate), "budget_bytes",
		(json_int_t)policy->budget_bytes, "created_at",
		setting_format_wall(policy->created_at), "updated_at",
		setting_format_wall(policy->updated_at));

	pcap_policy_limits_format(policy, object);
	return object;
}
