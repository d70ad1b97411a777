/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/alert_hints.h"

#include "base/json.h"
#include "tests/unit/test.h"

static json_t *json_of(const char *text)
{
	json_t *json = NULL;

	check(!json_parse(text, strlen(text), 10000, &json, NULL));
	return json;
}

static void values_are_parsed_each_on_its_own(void)
{
	struct alert_hints hints = {0};
	CLEANUP_JSON json_t *json = NULL;
	CLEANUP_FREE char *text = NULL;

	check(alert_hints_is_empty(&hints));
	check_int(alert_hints_add(&hints, ALERT_HINT_ADDRESS, "10.0.0.5"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_ADDRESS, "::ffff:10.0.0.5"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_ADDRESS, "2001:DB8::1"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_PEER_ADDRESS, "10.0.0.9"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_PEER_PORT, "443"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_PROTOCOL, "TCP"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_PROTOCOL, "47"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_VLAN, "12"), 0);
	check(!alert_hints_is_empty(&hints));
	json = alert_hints_format(&hints);
	text = json_format(json);
	check_text(text, "{\"addresses\":[\"10.0.0.5\",\"2001:db8::1\"],\"peer_ports\":[443],"
			 "\"peers\":[\"10.0.0.9\"],\"protocols\":[\"tcp\",47],\"vlans\":[12]}");
}

/* A hint never becomes part of a filter's grammar. */
static void text_that_would_widen_a_filter_is_no_hint(void)
{
	static const struct {
		enum alert_hint kind;
		const char *text;
	} rows[] = {
		{ALERT_HINT_ADDRESS, "1.2.3.4 or host 0.0.0.0/0"},
		{ALERT_HINT_ADDRESS, "0.0.0.0/0"},
		{ALERT_HINT_ADDRESS, "1.2.3.4-255.255.255.255"},
		{ALERT_HINT_ADDRESS, "any"},
		{ALERT_HINT_ADDRESS, ""},
		{ALERT_HINT_ADDRESS, "10.0.0.1\n"},
		{ALERT_HINT_PEER_ADDRESS, "host.example"},
		{ALERT_HINT_PORT, "80 or port 81"},
		{ALERT_HINT_PORT, "65536"},
		{ALERT_HINT_PORT, "-1"},
		{ALERT_HINT_PORT, "0x50"},
		{ALERT_HINT_PORT, "http"},
		{ALERT_HINT_PEER_PORT, "00000080"},
		{ALERT_HINT_PROTOCOL, "256"},
		{ALERT_HINT_PROTOCOL, "tcp or udp"},
		{ALERT_HINT_VLAN, "4095"},
		{ALERT_HINT_VLAN, "1.5"},
	};
	struct alert_hints hints = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(alert_hints_add(&hints, rows[i].kind, rows[i].text) < 0);
	check(alert_hints_is_empty(&hints));
}

static void more_than_fits_is_said(void)
{
	struct alert_hints hints = {0};
	char text[8];

	for (int i = 0; i < ALERT_HINTS_MAX; i++) {
		snprintf(text, sizeof(text), "%d", i);
		check_int(alert_hints_add(&hints, ALERT_HINT_PORT, text), 0);
	}
	check_int(alert_hints_add(&hints, ALERT_HINT_PORT, "3"), 0);
	check_int(alert_hints_add(&hints, ALERT_HINT_PORT, "99"), ALERT_HINTS_FULL);
	check_int(hints.count[ALERT_HINT_PORT], ALERT_HINTS_MAX);
}

static void json_and_back(void)
{
	static const char *const text =
		"{\"addresses\":[\"10.0.0.5\",\"02:00:00:00:00:01\"],\"ports\":[53],"
		"\"protocols\":[\"icmp\",\"udp\"],\"vlans\":[0]}";
	CLEANUP_JSON json_t *json = json_of(text), *again = NULL, *bare = NULL;
	CLEANUP_FREE char *formatted = NULL;
	struct alert_hints hints;
	struct error err;

	check_int(alert_hints_read(&hints, json, "/hints", &err), 0);
	again = alert_hints_format(&hints);
	formatted = json_format(again);
	check_text(formatted, text);
	bare = json_of("{\"addresses\": \"10.0.0.5\", \"ports\": \"53\"}");
	check_int(alert_hints_read(&hints, bare, "/hints", &err), 0);
	check_int(hints.count[ALERT_HINT_ADDRESS] + hints.count[ALERT_HINT_PORT], 2);
}

static void errors_name_the_place(void)
{
	static const char *const rows[][2] = {
		{"[]", "/hints"},
		{"{\"host\": \"1.2.3.4\"}", "/hints/host"},
		{"{\"addresses\": [\"1.2.3.4\", \"1.2.3.4 or host 0.0.0.0/0\"]}",
		 "/hints/addresses/1"},
		{"{\"ports\": [80, 70000]}", "/hints/ports/1"},
		{"{\"ports\": [-1]}", "/hints/ports/0"},
		{"{\"ports\": {}}", "/hints/ports"},
		{"{\"protocols\": [true]}", "/hints/protocols/0"},
		{"{\"vlans\": null}", "/hints/vlans"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP_JSON json_t *json = json_of(rows[i][0]);
		struct alert_hints hints = {.count = {7}};
		struct error err = {0};

		check(alert_hints_read(&hints, json, "/hints", &err) < 0);
		check_text(err.field, rows[i][1]);
		check_int(hints.count[0], 7);
	}
}

int main(void)
{
	values_are_parsed_each_on_its_own();
	text_that_would_widen_a_filter_is_no_hint();
	more_than_fits_is_said();
	json_and_back();
	errors_name_the_place();
	return 0;
}
