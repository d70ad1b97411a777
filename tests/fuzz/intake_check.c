/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/intake_check.h"

#include <errno.h>

#include "base/json.h"

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

void intake_check(enum source_kind kind, const uint8_t *data, size_t size)
{
	struct source_kind_facts facts = source_kind_get(kind);
	const struct intake intake = {.kind = kind,
				      .source = "fuzz",
				      .default_level = facts.default_level,
				      .zone_minutes = facts.zone_minutes,
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
