/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/intake_check.h"

#include <errno.h>

#include "base/json.h"
#include "policy/intake_generic.h"

#define NOW (1700000000 * DUR_S)

static void check_text(const char *text, size_t max)
{
	fuzz_check(text && strlen(text) <= max && fuzz_is_utf8(text));
}

static void check_texts(const struct alert *alert)
{
	check_text(alert->source, ALERT_NAME_MAX);
	check_text(alert->source_level, ALERT_TEXT_MAX);
	check_text(alert->policy_id, ALERT_TEXT_MAX);
	check_text(alert->policy_name, ALERT_TEXT_MAX);
	check_text(alert->object_id, ALERT_TEXT_MAX);
	check_text(alert->object_name, ALERT_TEXT_MAX);
	check_text(alert->rule, ALERT_TEXT_MAX);
	check_text(alert->title, ALERT_TEXT_MAX);
	check_text(alert->text, ALERT_TEXT_MAX);
	check_text(alert->link, ALERT_TEXT_MAX);
	check_text(alert->delivery_id, ALERT_TEXT_MAX);
	fuzz_check(json_is_object(alert->labels) && json_is_object(alert->annotations));
}

/* The alert as the API shows it can be written and read. */
static void check_format(const struct alert *alert)
{
	CLEANUP_JSON json_t *json = alert_format(alert), *again = NULL;
	CLEANUP_FREE char *text = json_format(json);

	fuzz_check(json_object_size(json) >= 21);
	fuzz_check(!json_parse(text, strlen(text), SIZE_MAX, &again, NULL));
	fuzz_check(json_equal(json, again));
}

static void check_alert(const struct alert *alert)
{
	char fingerprint[SHA256_HEX_SIZE];

	fuzz_check(ident_valid(alert->id));
	fuzz_check(!strcmp(alert->source, "fuzz"));
	fuzz_check(*alert_status_name(alert->status));
	fuzz_check(*level_name(alert->level));
	fuzz_check(alert->received_at.ns == NOW);
	/* a sender's clock that is more than a day off is not believed */
	fuzz_check(llabs(alert->event_at.ns - NOW) <= 24 * DUR_HOUR);
	fuzz_check(alert->delay >= 0);
	check_texts(alert);
	alert_fingerprint(alert->source, alert->policy_id, alert->object_id, alert->rule,
			  fingerprint);
	fuzz_check(!strcmp(fingerprint, alert->fingerprint));
	check_format(alert);
}

struct intake_patterns *intake_check_patterns(enum source_kind kind)
{
	static struct intake_patterns *patterns;

	if (kind == SOURCE_GENERIC && !patterns)
		patterns = intake_patterns_new(intake_check_mapping(kind));
	return kind == SOURCE_GENERIC ? patterns : NULL;
}

const json_t *intake_check_mapping(enum source_kind kind)
{
	static const char text[] =
		"{\"list\": \"/events\", \"fields\": {\"policy_id\": \"/rule\","
		" \"object_id\": [\"/host\", \"{/ip}:{/port}\"], \"title\": \"/message\","
		" \"delivery_id\": \"/id\"}, \"level\": \"/severity\", \"status\": \"/state\","
		" \"firing\": \"open\", \"recovered\": \"closed,ok\", \"ignored\": \"pending\","
		" \"starts_at\": \"/since\", \"labels\": [\"/tags\"],"
		" \"hints\": {\"address\": \"/src\"},"
		" \"extract\": [{\"from\": \"/message\", \"pattern\":"
		" \"to (?<peer_address>[0-9.]+) port (?<peer_port>[0-9]+)(?:.* above "
		"(?<value>[0-9.]+)"
		" (?<unit>.*))?\"}]}";
	static json_t *mapping;
	CLEANUP_JSON json_t *json = NULL;
	struct error err;

	if (kind != SOURCE_GENERIC || mapping)
		return kind == SOURCE_GENERIC ? mapping : NULL;
	fuzz_check(!json_parse(text, strlen(text), JSON_BYTES_MAX, &json, &err));
	fuzz_check(!intake_generic_read(json, &mapping, &err));
	return mapping;
}

void intake_check(enum source_kind kind, const uint8_t *data, size_t size)
{
	struct source_kind_facts facts = source_kind_get(kind);
	const struct intake intake = {.kind = kind,
				      .source = "fuzz",
				      .default_level = facts.default_level,
				      .zone_minutes = facts.zone_minutes,
				      .mapping = intake_check_mapping(kind),
				      .patterns = intake_check_patterns(kind),
				      .now = {NOW}};
	struct error err = {0};
	struct alert_list list;
	int r;

	alert_list_init(&list);
	r = intake_parse(&intake, (const char *)data, size, &list, &err);
	fuzz_check(r == 0 || r == -EINVAL);
	if (r) {
		fuzz_check(list.count == 0);
		fuzz_check_error(&err);
	}
	fuzz_check(list.count <= ALERTS_MAX);
	for (size_t i = 0; i < list.count; i++)
		check_alert(&list.alerts[i]);
	alert_list_fini(&list);
}
