/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/alert.h"

#include "base/alloc.h"
#include "base/json.h"
#include "policy/pattern.h"
#include "policy/utf8.h"
#include "tests/unit/test.h"

/* ALR-08, VEC-02: REQUIREMENTS 9.9 */
static void fingerprints_of_the_golden_vectors(void)
{
	static const char *const rows[][5] = {
		{"tencent", "policy-n4exeh88", "qce/cvm;gz;unInstanceId=ins-o9p3rg3m", "cpu_usage",
		 "342cea6e7c52367bc73cc0a4a10ecb77f6ba3a16f78b0d21f48e5a6ef288379b"},
		{"tencent", "policy-n4exeh88", "cvm;gz;unInstanceId=ins-pftdvqa2",
		 "ping_unreachable",
		 "078fc62f6a94feb054dddad0b55aed1bb604c2218c6185002de72e135039213c"},
		{"tencent", "policy-x",
		 "qce/lb_public;gz;protocol=https&vip=118.25.31.161&vport=443", "conn_num",
		 "6dc02e937996451487d61adf0d00f2abc2e4ab3dfb5a704fba022b7704a1862b"},
		{"deepflow", "42", "uid:1001", "",
		 "7e0612bdcd750e922bb621f1ba6ffbb3f5a3fcfab9f5b081d77caef64575bfa7"},
		{"suricata", "1:2001219", "pair:10.0.0.5,10.0.0.9", "",
		 "6364e88c215c16c8295b534d1226808b5c336f696c5c2aace8d7fb0a3e35616d"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char hex[SHA256_HEX_SIZE];

		alert_fingerprint(rows[i][0], rows[i][1], rows[i][2], rows[i][3], hex);
		check_text(hex, rows[i][4]);
	}
}

/* Moving a byte from one member to the next must not give the same hash. */
static void fingerprint_keeps_members_apart(void)
{
	char a[SHA256_HEX_SIZE], b[SHA256_HEX_SIZE];

	alert_fingerprint("s", "ab", "c", "", a);
	alert_fingerprint("s", "a", "bc", "", b);
	check(strcmp(a, b) != 0);
	alert_fingerprint("s", "a,1:b", "c", "", a);
	alert_fingerprint("s", "a", "b,1:c", "", b);
	check(strcmp(a, b) != 0);
}

static struct alert *sample(struct alert_list *list)
{
	struct alert *alert = alert_list_add(list);

	alert->status = ALERT_FIRING;
	alert->level = LEVEL_ERROR;
	free(alert->policy_id);
	alert->policy_id = xstrdup("p1");
	alert->starts_at = (wall_t){1700000000 * DUR_S};
	alert->delay = 90 * DUR_S;
	json_object_set_new(alert->labels, "k", json_string("v"));
	return alert;
}

static void lists_own_what_they_hold(void)
{
	struct alert_list list;

	alert_list_init(&list);
	for (int i = 0; i < 100; i++)
		sample(&list)->delay = i;
	check_int(list.count, 100);
	alert_list_remove(&list, 0);
	alert_list_remove(&list, 98);
	alert_list_remove(&list, 50);
	check_int(list.count, 97);
	check_int(list.alerts[0].delay, 1);
	check_int(list.alerts[50].delay, 52);
	check_int(list.alerts[96].delay, 98);
	sample(&list);
	check_int(list.count, 98);
	alert_list_fini(&list);
	check(!list.alerts && !list.count);
}

static void a_copy_is_deep(void)
{
	struct alert_list list;
	struct alert *copy;

	alert_list_init(&list);
	copy = alert_copy(sample(&list));
	json_object_clear(list.alerts[0].labels);
	list.alerts[0].policy_id[0] = 'x';
	alert_list_fini(&list);
	check_text(copy->policy_id, "p1");
	check_text(json_string_value(json_object_get(copy->labels, "k")), "v");
	check_text(copy->rule, "");
	check(!alert_free(copy));
	check(!alert_free(NULL));
}

static void format_names_what_is_known(void)
{
	struct alert_list list;
	json_t *json;

	alert_list_init(&list);
	json = alert_format(sample(&list));
	check_text(json_string_value(json_object_get(json, "level")), "error");
	check_int(json_integer_value(json_object_get(json, "level_number")), 2);
	check_text(json_string_value(json_object_get(json, "status")), "firing");
	check_text(json_string_value(json_object_get(json, "starts_at")),
		   "2023-11-14T22:13:20.000000000Z");
	check(json_is_null(json_object_get(json, "ends_at")));
	check_text(json_string_value(json_object_get(json, "delay")), "1m30s");
	check_text(json_string_value(json_object_get(json_object_get(json, "policy"), "id")), "p1");
	json_decref(json);
	alert_list_fini(&list);
}

static void statuses(void)
{
	enum alert_status status;

	check(!alert_status_parse("recovered", &status) && status == ALERT_RECOVERED);
	check(!alert_status_parse("test", &status) && status == ALERT_TEST);
	check(alert_status_parse("resolved", &status) < 0);
	check_text(alert_status_name(ALERT_NOTICE), "notice");
}

/* ALR-18 */
static void texts_are_cut_between_characters(void)
{
	char small[5], *copy;

	check_int(utf8_fit("abc", 3), 3);
	check_int(utf8_fit("abc", 2), 2);
	check_int(utf8_fit("a错", 3), 1);
	check_int(utf8_fit("a错", 4), 4);
	check_int(utf8_fit("错", 0), 0);
	check_int(utf8_fit("", 0), 0);
	utf8_put(small, sizeof(small), "错误");
	check_text(small, "错");
	copy = utf8_copy("x𝄞y", 4);
	check_text(copy, "x");
	free(copy);
}

static void patterns(void)
{
	char many[1001], stars[2002];

	check(pattern_match("", ""));
	check(pattern_match("*", "") && pattern_match("***", "any"));
	check(pattern_match("web-*", "web-") && pattern_match("web-*", "web-5xx"));
	check(!pattern_match("web-*", "xweb-1") && !pattern_match("web", "web-1"));
	check(pattern_match("*-latency", "db-latency") && !pattern_match("*-latency", "latency"));
	check(pattern_match("a*b*c", "a-b-b-c") && !pattern_match("a*b*c", "a-c-b"));
	check(pattern_match("*ab", "aab") && pattern_match("*aab", "aaab"));
	/* must not explode */
	memset(many, 'a', 1000);
	many[1000] = '\0';
	for (int i = 0; i < 1000; i++)
		memcpy(stars + 2 * i, "*a", 2);
	memcpy(stars + 2000, "b", 2);
	check(!pattern_match(stars, many));
}

int main(void)
{
	fingerprints_of_the_golden_vectors();
	fingerprint_keeps_members_apart();
	lists_own_what_they_hold();
	a_copy_is_deep();
	format_names_what_is_known();
	statuses();
	texts_are_cut_between_characters();
	patterns();
	return 0;
}
