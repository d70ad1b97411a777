/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/match.h"

#include "base/json.h"
#include "policy/match_bpf.h"
#include "tests/unit/test.h"

static json_t *json_of(const char *text)
{
	json_t *json = NULL;
	struct error err;

	if (json_parse(text, strlen(text), 1 << 20, &json, &err)) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		exit(1);
	}
	return json;
}

static struct match match_of(const char *text)
{
	CLEANUP_JSON json_t *json = json_of(text);
	struct match match = {0};
	struct error err = {0};

	if (match_read(&match, json, "/match", &err)) {
		fprintf(stderr, "%s: %s: %s\n", text, err.field, err.text);
		exit(1);
	}
	return match;
}

static void check_canonical(const char *text, const char *want)
{
	struct match match = match_of(text);
	CLEANUP_JSON json_t *json = match_format(&match);
	CLEANUP_FREE char *got = json_format(json);

	check_text(got, want);
	match_fini(&match);
}

#define REST ",\"protocol\":\"any\",\"vlans\":[],\"vnis\":[]}"

/* POL-07 */
static void canonical_form_is_sorted_and_merged(void)
{
	check_canonical("{\"addresses\": \"any\"}",
			"{\"addresses\":[\"any\"],\"mpls\":[],\"peer\":null,\"ports\":[]" REST);
	check_canonical("{\"addresses\": [\"10.0.0.9\", \"10.0.0.1-10.0.0.8\", "
			"\"02:00:00:00:00:02\", \"2001:db8::/33\", \"2001:db8:8000::/33\"]}",
			"{\"addresses\":[\"10.0.0.1-10.0.0.9\",\"2001:db8::/32\","
			"\"02:00:00:00:00:02\"],\"mpls\":[],\"peer\":null,\"ports\":[]" REST);
	check_canonical("{\"addresses\": \"10.0.0.128/25, 10.0.0.0/25\", "
			"\"ports\": \"443,80,8000-9000,81\", \"protocol\": 6}",
			"{\"addresses\":[\"10.0.0.0/24\"],\"mpls\":[],\"peer\":null,"
			"\"ports\":[\"80-81\",443,\"8000-9000\"],\"protocol\":\"tcp\","
			"\"vlans\":[],\"vnis\":[]}");
	check_canonical("{\"addresses\": [\"any\"], \"protocol\": [\"udp\", 132], "
			"\"peer\": {\"addresses\": [\"192.0.2.1\"], \"ports\": [53]}, "
			"\"vlans\": [7, \"100-200\", 8], \"vnis\": 5}",
			"{\"addresses\":[\"any\"],\"mpls\":[],\"peer\":{\"addresses\":"
			"[\"192.0.2.1\"],\"ports\":[53]},\"ports\":[],\"protocol\":"
			"[\"udp\",132],\"vlans\":[\"7-8\",\"100-200\"],\"vnis\":[5]}");
}

/* POL-05: a range equals the addresses in it. */
static void range_equals_its_addresses(void)
{
	struct match range = match_of("{\"addresses\": [\"10.0.0.1-10.0.0.9\"]}");
	struct match list = match_of("{\"addresses\": \"10.0.0.3 10.0.0.1 10.0.0.2 10.0.0.4 "
				     "10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9\"}");

	check(match_equal(&range, &list));
	match_fini(&range);
	match_fini(&list);
}

/* POL-04, POL-08, POL-10 */
static void errors_name_field_and_entry(void)
{
	static const char *const rows[][3] = {
		{"[]", "/match", "object expected"},
		{"{}", "/match/addresses", "required"},
		{"{\"addresses\": []}", "/match/addresses", "required"},
		{"{\"addresses\": \" , \"}", "/match/addresses", "required"},
		{"{\"addresses\": [\"10.0.0.1\", \"10.0.0.256\"]}", "/match/addresses/1",
		 "\"10.0.0.256\""},
		{"{\"addresses\": [\"10.0.0.1/8\"]}", "/match/addresses/0", "behind its prefix"},
		{"{\"addresses\": [\"10.0.0.9-10.0.0.1\"]}", "/match/addresses/0", "before"},
		{"{\"addresses\": [\"1.2.3.4 or host 0.0.0.0/0\"]}", "/match/addresses/1",
		 "\"or\""},
		{"{\"addresses\": [\"any\", \"10.0.0.1\"]}", "/match/addresses", "stands alone"},
		{"{\"addresses\": [7]}", "/match/addresses/0", "expected"},
		{"{\"addresses\": \"any\", \"port\": 80}", "/match/port", "unknown field"},
		{"{\"addresses\": \"any\", \"ports\": \"80,x\"}", "/match/ports/1", "\"x\""},
		{"{\"addresses\": \"any\", \"ports\": [65536]}", "/match/ports/0", "65535"},
		{"{\"addresses\": \"any\", \"ports\": \"90-80\"}", "/match/ports/0", "before"},
		{"{\"addresses\": \"any\", \"ports\": [-1]}", "/match/ports/0", "\"-1\""},
		{"{\"addresses\": \"any\", \"ports\": [true]}", "/match/ports/0", "expected"},
		{"{\"addresses\": \"any\", \"protocol\": \"http\"}", "/match/protocol/0", "tcp"},
		{"{\"addresses\": \"any\", \"protocol\": 256}", "/match/protocol/0", "255"},
		/* POL-08 */
		{"{\"addresses\": \"any\", \"protocol\": \"icmp\", \"ports\": 80}",
		 "/match/protocol", "ports fit"},
		{"{\"addresses\": \"any\", \"protocol\": \"icmp\", "
		 "\"peer\": {\"addresses\": \"any\", \"ports\": 80}}",
		 "/match/protocol", "ports fit"},
		/* POL-10 */
		{"{\"addresses\": \"any\", \"peer\": {}}", "/match/peer/addresses", "required"},
		{"{\"addresses\": \"any\", \"peer\": {\"ports\": 80}}", "/match/peer/addresses",
		 "required"},
		{"{\"addresses\": \"any\", \"peer\": {\"addresses\": [\"x\"]}}",
		 "/match/peer/addresses/0", "\"x\""},
		{"{\"addresses\": \"any\", \"vlans\": [4095]}", "/match/vlans/0", "4094"},
		{"{\"addresses\": \"any\", \"mpls\": [1048576]}", "/match/mpls/0", "1048575"},
		{"{\"addresses\": \"any\", \"vnis\": [16777216]}", "/match/vnis/0", "16777215"},
		{"{\"addresses\": \"any\", \"vnis\": [1], \"protocol\": \"tcp\"}",
		 "/match/protocol", "VXLAN"},
		{"{\"addresses\": \"any\", \"vnis\": [1], \"mpls\": [1]}", "/match/vnis",
		 "exclude"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP_JSON json_t *json = json_of(rows[i][0]);
		struct match match = {0}, nothing = {0};
		struct error err = {0};

		check(match_read(&match, json, "/match", &err) < 0);
		check_text(err.field, rows[i][1]);
		if (!strstr(err.text, rows[i][2])) {
			fprintf(stderr, "%s: \"%s\" lacks \"%s\"\n", rows[i][0], err.text,
				rows[i][2]);
			exit(1);
		}
		check(match_equal(&match, &nothing));
	}
}

static void check_bpf(const char *json, const char *want)
{
	struct match match = match_of(json);
	struct buf text = BUF_INIT;

	check_int(match_bpf_format(&match, 1, 8000, &text), 0);
	check_text(text.data ? text.data : "", want);
	buf_fini(&text);
	match_fini(&match);
}

/* POL-06, POL-09, POL-11, A-24 */
static void bpf_text_reads_well(void)
{
	check_bpf("{\"addresses\": \"any\"}", "");
	check_bpf("{\"addresses\": [\"02:00:00:00:00:01\"]}",
		  "(ether src 02:00:00:00:00:01 or ether dst 02:00:00:00:00:01)");
	check_bpf("{\"addresses\": [\"any\"], \"ports\": [53]}",
		  "((tcp or udp) and (src port 53 or dst port 53)) or (vlan and (((tcp or udp) and "
		  "(src port 53 or dst port 53)) or (vlan and ((tcp or udp) and (src port 53 or "
		  "dst port 53)))))");
	check_bpf("{\"addresses\": [\"any\"], \"vlans\": [\"100-199\"]}",
		  "vlan and (((ether[14:2] & 0xfff >= 100 and ether[14:2] & 0xfff <= 199)) or "
		  "(vlan and ((ether[14:2] & 0xfff >= 100 and ether[14:2] & 0xfff <= 199) or "
		  "(ether[18:2] & 0xfff >= 100 and ether[18:2] & 0xfff <= 199))))");
}

static void what_is_no_bpf_is_said(void)
{
	struct match mac = match_of("{\"addresses\": [\"02:00:00:00:00:01\"]}");
	struct match list = match_of("{\"addresses\": [\"10.0.0.1\", \"10.0.0.3\", \"10.0.0.5\", "
				     "\"10.0.0.7\"]}");
	struct buf text = BUF_INIT;

	check_int(match_bpf_format(&mac, 101, 8000, &text), MATCH_BPF_NEVER);
	check_int(match_bpf_format(&list, 1, 100, &text), MATCH_BPF_TOO_LONG);
	check_int(text.len, 0);
	match_fini(&mac);
	match_fini(&list);
}

static struct match hinted(unsigned kinds)
{
	struct alert_hints hints = {0};
	struct match match = {0};

	alert_hints_add(&hints, ALERT_HINT_ADDRESS, "10.0.0.5");
	alert_hints_add(&hints, ALERT_HINT_PEER_ADDRESS, "192.0.2.9");
	alert_hints_add(&hints, ALERT_HINT_PEER_PORT, "443");
	alert_hints_add(&hints, ALERT_HINT_PROTOCOL, "tcp");
	alert_hints_add(&hints, ALERT_HINT_VLAN, "12");
	match_from_hints(&match, &hints, kinds);
	return match;
}

static void hints_become_a_filter(void)
{
	struct match all = hinted(~0u), some = hinted(1u << ALERT_HINT_ADDRESS), none = hinted(0);
	struct match want = match_of("{\"addresses\": \"10.0.0.5\", \"protocol\": \"tcp\", "
				     "\"vlans\": 12, \"peer\": {\"addresses\": \"192.0.2.9\", "
				     "\"ports\": 443}}");
	struct match address = match_of("{\"addresses\": \"10.0.0.5\"}"), any = {0};

	check(match_equal(&all, &want));
	check(match_equal(&some, &address));
	check(match_equal(&none, &any));
	match_fini(&all);
	match_fini(&some);
	match_fini(&want);
	match_fini(&address);
}

/* Ports of an alert about ICMP say nothing. */
static void port_hints_without_ports_are_left_out(void)
{
	struct alert_hints hints = {0};
	struct match match = {0};

	alert_hints_add(&hints, ALERT_HINT_PORT, "8");
	alert_hints_add(&hints, ALERT_HINT_PROTOCOL, "icmp");
	match_from_hints(&match, &hints, ~0u);
	check_int(match.side.ports.count, 0);
	check_int(match.protocols.count, 1);
	match_fini(&match);
}

static void exclusion_is_told(void)
{
	static const struct {
		const char *own;
		bool excludes;
	} rows[] = {
		{"{\"addresses\": \"any\"}", false},
		{"{\"addresses\": \"10.0.0.0/8\"}", false},
		{"{\"addresses\": \"192.0.2.0/24\"}", false}, /* the peer is there */
		{"{\"addresses\": \"172.16.0.0/12\"}", true},
		{"{\"addresses\": \"2001:db8::/32\"}", true},
		{"{\"addresses\": \"02:00:00:00:00:01\"}", false}, /* may be that host */
		{"{\"addresses\": \"any\", \"ports\": 443}", false},
		{"{\"addresses\": \"10.0.0.0/8\", \"ports\": 443}", false},
		{"{\"addresses\": \"192.0.2.0/24\", \"ports\": 80}", true},
		{"{\"addresses\": \"any\", \"protocol\": \"udp\"}", true},
		{"{\"addresses\": \"any\", \"protocol\": \"icmp\"}", true},
		{"{\"addresses\": \"any\", \"vnis\": 4}", true},
		{"{\"addresses\": \"10.0.0.5\", \"peer\": {\"addresses\": \"192.0.2.8\"}}", true},
		{"{\"addresses\": \"192.0.2.9\", \"peer\": {\"addresses\": \"10.0.0.5\"}}", false},
		{"{\"addresses\": \"any\", \"vlans\": 13}", false}, /* two tags */
	};
	struct match hints = hinted(~0u);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match own = match_of(rows[i].own);

		if (match_excludes(&own, &hints) != rows[i].excludes) {
			fprintf(stderr, "%s\n", rows[i].own);
			exit(1);
		}
		check(match_excludes(&hints, &own) == rows[i].excludes);
		match_fini(&own);
	}
	match_fini(&hints);
}

static void ten_thousand_addresses_pass_one_more_does_not(void)
{
	struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *ok = NULL, *over = NULL;
	struct match match = {0};
	struct error err = {0};

	for (int extra = 0; extra < 2; extra++) {
		buf_clear(&text);
		buf_printf(&text, "{\"addresses\": \"");
		for (int i = 0; i < MATCH_ADDRESSES_MAX + extra; i++)
			buf_printf(&text, "10.%d.%d.%d ", i / 100, i % 100, (i * 7) % 256);
		buf_printf(&text, "\"}");
		*(extra ? &over : &ok) = json_of(text.data);
	}
	buf_fini(&text);
	check(!match_read(&match, ok, "", &err));
	match_fini(&match);
	check(match_read(&match, over, "", &err) < 0);
	check_text(err.field, "/addresses");
}

int main(void)
{
	canonical_form_is_sorted_and_merged();
	range_equals_its_addresses();
	errors_name_field_and_entry();
	bpf_text_reads_well();
	what_is_no_bpf_is_said();
	hints_become_a_filter();
	port_hints_without_ports_are_left_out();
	exclusion_is_told();
	ten_thousand_addresses_pass_one_more_does_not();
	return 0;
}
