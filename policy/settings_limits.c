/* SPDX-License-Identifier: Apache-2.0 */
/* The half of a PCAP policy that is not about packets: whose it is, when it may record, and how
 * much (POL-14, POL-22, POL-23). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/settings_internal.h"

#define DESCRIPTION_MAX 1000
#define BYTES_MAX	((int64_t)1 << 50)
#define PACKETS_MAX	((int64_t)1 << 50)
#define SAMPLING_MAX	1000000
#define CAPTURES_MAX	100000
#define PRIORITY_MAX	100
#define DAY		(24 * DUR_HOUR)
#define RETENTION_MAX	(3650 * DAY)

void pcap_policy_limits_default(struct pcap_policy *policy)
{
	policy->description = xstrdup("");
	policy->team = xstrdup("");
	policy->location = xstrdup("");
	policy->enabled = true;
	policy->sampling = 1;
	policy->priority = PRIORITY_MAX / 2;
	policy->captures_span = DUR_HOUR;
}

void pcap_policy_limits_copy(struct pcap_policy *policy)
{
	policy->description = xstrdup(policy->description);
	policy->team = xstrdup(policy->team);
	policy->location = xstrdup(policy->location);
}

void pcap_policy_limits_fini(struct pcap_policy *policy)
{
	free(policy->description);
	free(policy->team);
	free(policy->location);
	policy->description = policy->team = policy->location = NULL;
}

static int read_owner(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	int r = setting_read_lines(object, "description", DESCRIPTION_MAX, &policy->description,
				   err);

	if (!r)
		r = setting_read_text(object, "team", 0, SETTING_NAME_MAX, &policy->team, err);
	if (!r)
		r = setting_read_text(object, "location", 0, SETTING_NAME_MAX, &policy->location,
				      err);
	if (!r)
		r = json_read_bool(object, "", "enabled", &policy->enabled, err);
	if (r >= 0)
		r = json_read_bool(object, "", "always", &policy->always, err);
	return r < 0 ? r : schedule_read(&policy->schedule, object, "schedule", err);
}

static int read_budget(uint64_t budgets[], enum level level, const json_t *object,
		       struct error *err)
{
	int64_t bytes;
	int r = json_read_int(object, "/budget_levels", level_name(level), 0, BYTES_MAX, &bytes,
			      err);

	if (!r)
		budgets[level] = (uint64_t)bytes;
	return r < 0 ? r : 0;
}

/* Replaced as a whole. */
static int read_budgets(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	static const char *const allowed[] = {"critical", "error",    "warning", "no_data",
					      "info",	  "recovery", NULL};
	uint64_t budgets[LEVEL_INFO + 1] = {0};
	json_t *levels;
	int r = json_read_object(object, "", "budget_levels", &levels, err);

	if (r)
		return r == JSON_ABSENT ? 0 : r;
	r = json_check_keys(levels, "/budget_levels", allowed, err);
	for (enum level level = LEVEL_CRITICAL; !r && level <= LEVEL_INFO; level++)
		r = read_budget(budgets, level, levels, err);
	if (!r)
		memcpy(policy->budget_levels, budgets, sizeof(budgets));
	return r;
}

static int read_numbers(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	int64_t packets = (int64_t)policy->max_packets, sampling = policy->sampling;
	int64_t captures = policy->captures_max, priority = policy->priority;
	const struct {
		const char *key;
		int64_t min, max, *value;
	} numbers[] = {
		{"max_packets", 0, PACKETS_MAX, &packets},
		{"sampling", 1, SAMPLING_MAX, &sampling},
		{"captures_max", 0, CAPTURES_MAX, &captures},
		{"priority", 0, PRIORITY_MAX, &priority},
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (json_read_int(object, "", numbers[i].key, numbers[i].min, numbers[i].max,
				  numbers[i].value, err) < 0)
			return -EINVAL;
	policy->max_packets = (uint64_t)packets;
	policy->sampling = (uint32_t)sampling;
	policy->captures_max = (uint32_t)captures;
	policy->priority = (uint32_t)priority;
	return 0;
}

/* 0s is no limit; what is shorter than a second is none. */
static int read_spans(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	const struct {
		const char *key;
		dur_t min, max, *field;
	} spans[] = {
		{"max_duration", 0, 30 * DAY, &policy->max_duration},
		{"captures_span", DUR_MIN, 30 * DAY, &policy->captures_span},
		{"retention", 0, RETENTION_MAX, &policy->retention},
	};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		char field[32];

		if (json_read_dur(object, "", spans[i].key, spans[i].min, spans[i].max,
				  spans[i].field, err) < 0)
			return -EINVAL;
		snprintf(field, sizeof(field), "/%s", spans[i].key);
		if (*spans[i].field && *spans[i].field < DUR_S)
			return error_set(err, "invalid_value", field,
					 "at least 1s, or 0s for no limit, expected");
	}
	return 0;
}

int pcap_policy_limits_read(struct pcap_policy *policy, const json_t *object, struct error *err)
{
	int r = read_owner(policy, object, err);

	if (!r)
		r = read_budgets(policy, object, err);
	if (!r)
		r = read_numbers(policy, object, err);
	return r ? r : read_spans(policy, object, err);
}

static json_t *format_budgets(const struct pcap_policy *policy)
{
	json_t *object = json_object();

	for (enum level level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++)
		if (policy->budget_levels[level])
			json_object_set_new(object, level_name(level),
					    json_integer((json_int_t)policy->budget_levels[level]));
	return object;
}

void pcap_policy_limits_format(const struct pcap_policy *policy, json_t *object)
{
	json_t *limits = json_pack(
		"{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:I, s:I, s:o, s:I, s:o, s:o, s:I}",
		"description", policy->description, "team", policy->team, "location",
		policy->location, "enabled", policy->enabled, "always", policy->always, "schedule",
		schedule_format(&policy->schedule), "max_duration",
		setting_format_dur(policy->max_duration), "max_packets",
		(json_int_t)policy->max_packets, "sampling", (json_int_t)policy->sampling,
		"budget_levels", format_budgets(policy), "captures_max",
		(json_int_t)policy->captures_max, "captures_span",
		setting_format_dur(policy->captures_span), "retention",
		setting_format_dur(policy->retention), "priority", (json_int_t)policy->priority);

	json_object_update(object, limits);
	json_decref(limits);
}
