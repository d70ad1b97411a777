/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/intake.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "tests/unit/test.h"

#define NOW "2026-01-01T12:00:00Z"

static struct intake intake_of(enum source_kind kind)
{
	struct intake intake = {.kind = kind, .source = "src", .default_level = LEVEL_WARNING};

	check(!wall_parse(NOW, &intake.now));
	return intake;
}

static struct alert_list accept(enum source_kind kind, const char *body)
{
	struct intake intake = intake_of(kind);
	struct alert_list list;
	struct error err = {0};

	alert_list_init(&list);
	if (intake_parse(&intake, body, strlen(body), &list, &err)) {
		fprintf(stderr, "%s: %s %s\n", body, err.field, err.text);
		exit(1);
	}
	return list;
}

static void refuse(enum source_kind kind, const char *body, const char *field, const char *word)
{
	struct intake intake = intake_of(kind);
	struct alert_list list;
	struct error err = {0};

	alert_list_init(&list);
	if (!intake_parse(&intake, body, strlen(body), &list, &err)) {
		fprintf(stderr, "not refused: %s\n", body);
		exit(1);
	}
	check(!list.count && !list.alerts);
	check_text(err.field, field);
	if (!strstr(err.text, word)) {
		fprintf(stderr, "%s: \"%s\" does not say \"%s\"\n", body, err.text, word);
		exit(1);
	}
}

static const char *label(const struct alert *alert, const char *key)
{
	return json_string_value(json_object_get(alert->labels, key));
}

static const char *annotation(const struct alert *alert, const char *key)
{
	return json_string_value(json_object_get(alert->annotations, key));
}

static wall_t at(const char *text)
{
	wall_t t;

	check(!wall_parse(text, &t));
	return t;
}

/* ---- native ---- */

/* ALR-06 */

static void native_all_fields(void)
{
	struct alert_list list = accept(
		SOURCE_NATIVE,
		"{\"level\": \"致命\", \"status\": \"firing\", \"policy\": \"p1\","
		" \"policy_name\": \"P one\", \"object\": \"o1\", \"object_name\": \"O one\","
		" \"rule\": \"r\", \"title\": \"t\", \"text\": \"x\", \"link\": \"http://l\","
		" \"starts_at\": \"2026-01-01T19:59:00+08:00\", \"at\": \"2026-01-01T11:59:30Z\","
		" \"delay\": \"90s\", \"id\": \"d1\", \"ends_at\": null,"
		" \"labels\": {\"a\": \"b\", \"n\": 7, \"t\": true}, \"annotations\": {}}");
	const struct alert *alert = &list.alerts[0];
	char fingerprint[SHA256_HEX_SIZE];

	check_int(list.count, 1);
	check(ident_valid(alert->id));
	check_text(alert->source, "src");
	check(alert->level == LEVEL_CRITICAL && alert->status == ALERT_FIRING);
	check_text(alert->source_level, "致命");
	check_text(alert->policy_name, "P one");
	check_text(alert->object_name, "O one");
	check_text(alert->delivery_id, "d1");
	check_int(alert->starts_at.ns, at("2026-01-01T11:59:00Z").ns);
	check_int(alert->event_at.ns, at("2026-01-01T11:59:30Z").ns);
	check_int(alert->received_at.ns, at(NOW).ns);
	check_int(alert->delay, 90 * DUR_S);
	check_text(label(alert, "n"), "7");
	check_text(label(alert, "t"), "true");
	alert_fingerprint("src", "p1", "o1", "r", fingerprint);
	check_text(alert->fingerprint, fingerprint);
	alert_list_fini(&list);
}

/* INB-11 */
static void native_shapes(void)
{
#define ONE "{\"level\": 2, \"policy\": \"p\", \"object\": \"o\"}"
	struct alert_list list = accept(SOURCE_NATIVE, ONE);

	check_int(list.count, 1);
	check(list.alerts[0].level == LEVEL_ERROR);
	check_int(list.alerts[0].event_at.ns, list.alerts[0].received_at.ns);
	alert_list_fini(&list);
	list = accept(SOURCE_NATIVE, "[" ONE ", " ONE "]");
	check_int(list.count, 2);
	check(strcmp(list.alerts[0].id, list.alerts[1].id) != 0);
	alert_list_fini(&list);
	list = accept(SOURCE_NATIVE, "{\"alerts\": [" ONE "]}");
	check_int(list.count, 1);
	alert_list_fini(&list);
	list = accept(SOURCE_NATIVE, "{\"alerts\": []}");
	check_int(list.count, 0);
	alert_list_fini(&list);
	list = accept(SOURCE_NATIVE, "[]");
	check_int(list.count, 0);
	alert_list_fini(&list);
}

static void native_states(void)
{
	static const struct {
		const char *body;
		enum alert_status status;
		enum level level;
	} rows[] = {
		{"\"level\": \"warning\"", ALERT_FIRING, LEVEL_WARNING},
		{"\"level\": \"info\"", ALERT_NOTICE, LEVEL_INFO},
		{"\"level\": 6, \"status\": \"firing\"", ALERT_NOTICE, LEVEL_INFO},
		{"\"level\": 5", ALERT_RECOVERED, LEVEL_RECOVERY},
		{"\"level\": \"恢复\"", ALERT_RECOVERED, LEVEL_RECOVERY},
		{"\"status\": \"recovered\"", ALERT_RECOVERED, LEVEL_RECOVERY},
		{"\"status\": \"resolved\", \"level\": \"error\"", ALERT_RECOVERED, LEVEL_RECOVERY},
		{"\"status\": \"test\"", ALERT_TEST, LEVEL_INFO},
		{"\"status\": \"test\", \"level\": 1", ALERT_TEST, LEVEL_CRITICAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[256];
		struct alert_list list;

		snprintf(body, sizeof(body), "{\"policy\": \"p\", \"object\": \"o\", %s}",
			 rows[i].body);
		list = accept(SOURCE_NATIVE, body);
		check(list.alerts[0].status == rows[i].status);
		check(list.alerts[0].level == rows[i].level);
		alert_list_fini(&list);
	}
}

/* ALR-05, A-42 */
static void native_identity_falls_back(void)
{
	struct alert_list list =
		accept(SOURCE_NATIVE,
		       "{\"level\": 1, \"policy_name\": \"CPU\", \"object_name\": \"db 1\"}");

	check_text(list.alerts[0].policy_id, "name:CPU");
	check_text(list.alerts[0].object_id, "name:db 1");
	alert_list_fini(&list);
	list = accept(SOURCE_NATIVE, "{\"level\": 1, \"policy\": \"p\","
				     " \"labels\": {\"z\": \"1;2\", \"a\": \"x=y\"}}");
	check_text(list.alerts[0].object_id, "a=x%3Dy&z=1%3B2");
	check_text(list.alerts[0].object_name, "a=x%3Dy&z=1%3B2");
	check_text(list.alerts[0].policy_name, "p");
	alert_list_fini(&list);
}

static void native_recovery_is_stamped_by_its_end(void)
{
	struct alert_list list = accept(
		SOURCE_NATIVE, "{\"status\": \"recovered\", \"policy\": \"p\", \"object\": \"o\","
			       " \"ends_at\": \"2026-01-01T11:00:00Z\"}");

	check_int(list.alerts[0].event_at.ns, at("2026-01-01T11:00:00Z").ns);
	alert_list_fini(&list);
}

/* ALR-11 */
static void a_stamp_a_day_off_is_flagged_and_not_believed(void)
{
	struct alert_list list = accept(SOURCE_NATIVE,
					"{\"level\": 1, \"policy\": \"p\", \"object\": \"o\","
					" \"at\": \"2025-12-30T12:00:00Z\"}");

	check_int(list.alerts[0].event_at.ns, list.alerts[0].received_at.ns);
	check_text(annotation(&list.alerts[0], "ringbell_clock_skew"), "-48h");
	alert_list_fini(&list);
	list = accept(SOURCE_NATIVE, "{\"level\": 1, \"policy\": \"p\", \"object\": \"o\","
				     " \"at\": \"2026-01-02T11:59:59Z\"}");
	check_int(list.alerts[0].event_at.ns, at("2026-01-02T11:59:59Z").ns);
	check(!annotation(&list.alerts[0], "ringbell_clock_skew"));
	alert_list_fini(&list);
}

static void native_refusals(void)
{
#define PO "\"policy\": \"p\", \"object\": \"o\""
	static const struct {
		const char *body, *field, *word;
	} rows[] = {
		{"", "", ""},
		{"{", "", ""},
		{"nonsense", "", ""},
		{"7", "", "object"},
		{"\"text\"", "", "object"},
		{"null", "", "object"},
		{"[1]", "/0", "object"},
		{"[[]]", "/0", "object"},
		{"{\"alerts\": {}}", "/alerts", "list"},
		{"{\"alerts\": null}", "/alerts", "list"},
		{"{\"alerts\": [], \"more\": 1}", "/more", "unknown field"},
		{"{\"alerts\": [{}, 7]}", "/alerts/0/level", "missing"},
		{"[" ONE ", {\"level\": 9, " PO "}]", "/1/level", "9"},
		{"{" PO "}", "/level", "missing"},
		{"{\"level\": null, " PO "}", "/level", "missing"},
		{"{\"level\": \"catastrophic\", " PO "}", "/level", "catastrophic"},
		{"{\"level\": \"catastrophic\", " PO "}", "/level", "critical, error, warning"},
		{"{\"level\": 0, " PO "}", "/level", "1 to 6"},
		{"{\"level\": 1.0, " PO "}", "/level", "1 to 6"},
		{"{\"level\": [], " PO "}", "/level", "1 to 6"},
		{"{\"level\": 1, \"status\": \"on\", " PO "}", "/status", "firing, recovered"},
		{"{\"level\": 1, \"status\": 1, " PO "}", "/status", "firing, recovered"},
		{"{\"level\": 1, \"status\": \"notice\", " PO "}", "/status", "firing, recovered"},
		{"{\"level\": 5, \"status\": \"firing\", " PO "}", "/level", "recovery"},
		{"{\"level\": 1, \"object\": \"o\"}", "/policy", "missing"},
		{"{\"level\": 1, \"policy\": \"\", \"object\": \"o\"}", "/policy", "1 to 256"},
		{"{\"level\": 1, \"policy\": 7, \"object\": \"o\"}", "/policy", "text"},
		{"{\"level\": 1, \"policy\": \"p\"}", "/object", "missing"},
		{"{\"level\": 1, \"colour\": 1, " PO "}", "/colour", "unknown field"},
		{"{\"level\": 1, \"level\": 2, " PO "}", "", "duplicate"},
		{"{\"level\": 1, \"starts_at\": 1700000000, " PO "}", "/starts_at", "RFC 3339"},
		{"{\"level\": 1, \"starts_at\": \"2026-01-01T12:00:00\", " PO "}", "/starts_at",
		 "zone"},
		{"{\"level\": 1, \"delay\": \"5\", " PO "}", "/delay", "duration"},
		{"{\"level\": 1, \"delay\": \"25h\", " PO "}", "/delay", "24h"},
		{"{\"level\": 1, \"labels\": [], " PO "}", "/labels", "object"},
		{"{\"level\": 1, \"labels\": {\"a\": {}}, " PO "}", "/labels/a", "text, number"},
		{"{\"level\": 1, \"labels\": {\"a/b~c\": null}, " PO "}", "/labels/a~1b~0c",
		 "text"},
		{"{\"level\": 1, \"title\": 1, " PO "}", "/title", "text"},
		{"{\"level\": 1, \"title\": \"\\u0000\", " PO "}", "", ""},
		{"{\"level\": 1, \"title\": \"\xff\", " PO "}", "", ""},
		{"{\"level\": 1, \"title\": \"\xed\xa0\x80\", " PO "}", "", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuse(SOURCE_NATIVE, rows[i].body, rows[i].field, rows[i].word);
}

static void bounds(void)
{
	CLEANUP_BUF struct buf body = BUF_INIT;
	struct alert_list list;

	/* identities are refused, not cut */
	buf_printf(&body, "{\"level\": 1, \"object\": \"o\", \"policy\": \"%0257d\"}", 0);
	refuse(SOURCE_NATIVE, body.data, "/policy", "256");
	buf_clear(&body);
	/* texts are cut, between characters */
	buf_append_text(&body, "{\"level\": 1, " PO ", \"text\": \"");
	for (int i = 0; i < 2000; i++)
		buf_append_text(&body, "错");
	buf_append_text(&body, "\"}");
	list = accept(SOURCE_NATIVE, body.data);
	check_int(strlen(list.alerts[0].text), 4095);
	alert_list_fini(&list);
	buf_clear(&body);
	/* too many labels */
	buf_append_text(&body, "{\"level\": 1, " PO ", \"labels\": {\"a\": 0");
	for (int i = 0; i < 256; i++)
		buf_printf(&body, ", \"k%d\": 0", i);
	buf_append_text(&body, "}}");
	refuse(SOURCE_NATIVE, body.data, "/labels", "256");
	buf_clear(&body);
	/* too many alerts, too deep, too long */
	buf_append_text(&body, "[" ONE);
	for (int i = 0; i < 1000; i++)
		buf_append_text(&body, "," ONE);
	buf_append_text(&body, "]");
	refuse(SOURCE_NATIVE, body.data, "", "at most 1000");
	buf_clear(&body);
	for (int i = 0; i < 10000; i++)
		buf_append_text(&body, "[");
	refuse(SOURCE_NATIVE, body.data, "", "deeper");
	buf_clear(&body);
	for (int i = 0; i < INTAKE_BYTES_MAX + 1; i++)
		buf_append_text(&body, " ");
	refuse(SOURCE_NATIVE, body.data, "", "at most");
}

/* ---- Alertmanager ---- */

#define AM(status, labels, rest)                                                                   \
	"{\"version\": \"4\", \"unknown\": {}, \"alerts\": [{\"status\": \"" status                \
	"\", \"labels\": {\"alertname\": \"A\"" labels "}" rest "}]}"

/* INB-01 */
static void alertmanager_firing_and_resolved_pair(void)
{
#define LABELS ", \"severity\": \"critical\", \"instance\": \"10.0.1.5:9100\", \"job\": \"n\""
	struct alert_list firing =
		accept(SOURCE_ALERTMANAGER,
		       AM("firing", LABELS,
			  ", \"annotations\": {\"summary\": \"s\", \"description\": \"d\"},"
			  " \"startsAt\": \"2026-01-01T11:59:00.123Z\","
			  " \"endsAt\": \"0001-01-01T00:00:00Z\", \"generatorURL\": \"http://g\","
			  " \"fingerprint\": \"abc\""));
	struct alert_list resolved =
		accept(SOURCE_ALERTMANAGER, AM("resolved", LABELS,
					       ", \"startsAt\": \"2026-01-01T11:59:00.123Z\","
					       " \"endsAt\": \"2026-01-01T11:59:50Z\""));
	const struct alert *alert = &firing.alerts[0];

	check(alert->level == LEVEL_CRITICAL && alert->status == ALERT_FIRING);
	check_text(alert->policy_id, "A");
	check_text(alert->policy_name, "A");
	check_text(alert->object_id, "instance=10.0.1.5:9100");
	check_text(alert->object_name, "10.0.1.5:9100");
	check_text(alert->rule, "job=n");
	check_text(alert->title, "s");
	check_text(alert->text, "d");
	check_text(alert->link, "http://g");
	check_text(alert->source_level, "critical");
	check_text(label(alert, "severity"), "critical");
	check_text(annotation(alert, "alertmanager_fingerprint"), "abc");
	check_int(alert->event_at.ns, alert->received_at.ns); /* no stamp of its own */
	check(!wall_known(alert->ends_at));
	alert = &resolved.alerts[0];
	check(alert->level == LEVEL_RECOVERY && alert->status == ALERT_RECOVERED);
	check_int(alert->event_at.ns, at("2026-01-01T11:59:50Z").ns);
	check_text(alert->fingerprint, firing.alerts[0].fingerprint);
	alert_list_fini(&firing);
	alert_list_fini(&resolved);
}

static void alertmanager_severities(void)
{
	static const struct {
		const char *labels;
		enum level level;
	} rows[] = {
		{", \"severity\": \"critical\"", LEVEL_CRITICAL},
		{", \"severity\": \"Page\"", LEVEL_CRITICAL},
		{", \"severity\": \"P1\"", LEVEL_CRITICAL},
		{", \"severity\": \"major\"", LEVEL_ERROR},
		{", \"severity\": \"high\"", LEVEL_ERROR},
		{", \"severity\": \"P2\"", LEVEL_ERROR},
		{", \"severity\": \"warn\"", LEVEL_WARNING},
		{", \"severity\": \"P3\"", LEVEL_WARNING},
		{", \"severity\": \"none\"", LEVEL_INFO},
		{", \"severity\": \"P5\"", LEVEL_INFO},
		{"", LEVEL_WARNING},			    /* the source's default */
		{", \"severity\": \"odd\"", LEVEL_WARNING}, /* unknown: likewise */
	};
	struct alert_list list;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[512];

		snprintf(body, sizeof(body),
			 "[{\"status\": \"firing\", \"labels\": {\"alertname\": \"A\"%s}}]",
			 rows[i].labels);
		list = accept(SOURCE_ALERTMANAGER, body);
		check(list.alerts[0].level == rows[i].level);
		check(list.alerts[0].status ==
		      (rows[i].level == LEVEL_INFO ? ALERT_NOTICE : ALERT_FIRING));
		alert_list_fini(&list);
	}
	list = accept(SOURCE_ALERTMANAGER, "[{\"labels\": {\"alertname\": \"DatasourceNoData\"}}]");
	check(list.alerts[0].level == LEVEL_NO_DATA);
	alert_list_fini(&list);
}

static void check_identity(const char *labels, const char *object, const char *name,
			   const char *rule)
{
	struct alert_list list;
	char body[1024];

	snprintf(body, sizeof(body), "[{\"labels\": {%s}}]", labels);
	list = accept(SOURCE_ALERTMANAGER, body);
	check_text(list.alerts[0].object_id, object);
	check_text(list.alerts[0].object_name, name);
	check_text(list.alerts[0].rule, rule);
	alert_list_fini(&list);
}

/* */
static void alertmanager_identities(void)
{
	check_identity("\"alertname\": \"A\", \"host\": \"h\", \"device\": \"sda\","
		       " \"mountpoint\": \"/var\", \"severity\": \"p1\"",
		       "host=h&device=sda", "h sda", "mountpoint=/var");
	check_identity("\"alertname\": \"A\", \"pod\": \"x\", \"namespace\": \"n\","
		       " \"container\": \"c\"",
		       "namespace=n&pod=x", "n x", "container=c");
	/* a namespace alone is no thing, but tells alerts apart */
	check_identity("\"alertname\": \"A\", \"service\": \"s\", \"namespace\": \"n\"",
		       "service=s", "s", "namespace=n");
	check_identity("\"alertname\": \"A\", \"b\": \"2&\", \"a\": \"1\", \"severity\": \"p1\"",
		       "a=1&b=2%26", "a=1&b=2%26", "");
	check_identity("\"alertname\": \"A\"", "unnamed", "unnamed", "");
	check_identity("", "unnamed", "unnamed", "");
}

static void alertmanager_long_identities_are_hashed_not_cut(void)
{
	char a[1024], b[1024];
	struct alert_list x, y;

	snprintf(a, sizeof(a), "[{\"labels\": {\"alertname\": \"A\", \"q\": \"%0300d1\"}}]", 0);
	snprintf(b, sizeof(b), "[{\"labels\": {\"alertname\": \"A\", \"q\": \"%0300d2\"}}]", 0);
	x = accept(SOURCE_ALERTMANAGER, a);
	y = accept(SOURCE_ALERTMANAGER, b);
	check(!strncmp(x.alerts[0].object_id, "sha256:", 7));
	check(strcmp(x.alerts[0].fingerprint, y.alerts[0].fingerprint) != 0);
	alert_list_fini(&x);
	alert_list_fini(&y);
}

static void alertmanager_delay(void)
{
	static const struct {
		const char *rest;
		dur_t delay;
		bool problem;
	} rows[] = {
		{", \"annotations\": {\"ringbell_delay\": \"5m\"}", 5 * DUR_MIN, false},
		{", \"annotations\": {\"ringbell_delay\": \"5min\"}", 0, true},
		{", \"annotations\": {\"ringbell_delay\": \"-5m\"}", 0, true},
		{", \"annotations\": {\"ringbell_delay\": \"25h\"}", 0, true},
		{"", 0, false},
	};
	struct alert_list list;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[256];

		snprintf(body, sizeof(body), "[{\"labels\": {\"alertname\": \"A\"}%s}]",
			 rows[i].rest);
		list = accept(SOURCE_ALERTMANAGER, body);
		check_int(list.alerts[0].delay, rows[i].delay);
		check((annotation(&list.alerts[0], "ringbell_problem") != NULL) == rows[i].problem);
		alert_list_fini(&list);
	}
	list = accept(SOURCE_ALERTMANAGER,
		      "[{\"labels\": {\"alertname\": \"A\", \"ringbell_delay\": \"10s\"}}]");
	check_int(list.alerts[0].delay, 10 * DUR_S);
	check_text(list.alerts[0].object_id, "unnamed"); /* a hint identifies nothing */
	alert_list_fini(&list);
}

/* INB-02 */
static void alertmanager_api_v2(void)
{
	struct alert_list list = accept(
		SOURCE_ALERTMANAGER,
		"[{\"labels\": {\"alertname\": \"A\"}, \"endsAt\": \"2026-01-01T11:59:00Z\"},"
		" {\"labels\": {\"alertname\": \"B\"}, \"endsAt\": \"2026-01-01T12:04:00Z\"}]");

	check(list.alerts[0].status == ALERT_RECOVERED);
	check(list.alerts[1].status == ALERT_FIRING);
	check(!wall_known(list.alerts[1].ends_at));
	alert_list_fini(&list);
}

static void alertmanager_tiers_are_one_alert(void)
{
#define TIER(status, severity)                                                                     \
	"{\"status\": \"" status "\", \"labels\": {\"alertname\": \"A\", \"instance\": \"i\","     \
	" \"severity\": \"" severity "\"}}"
	struct alert_list list =
		accept(SOURCE_ALERTMANAGER,
		       "[" TIER("firing", "warning") "," TIER("resolved", "critical") "," TIER(
			       "firing", "error") "]");

	check_int(list.count, 1);
	check(list.alerts[0].status == ALERT_FIRING && list.alerts[0].level == LEVEL_ERROR);
	alert_list_fini(&list);
}

static void alertmanager_refusals(void)
{
	static const struct {
		const char *body, *field, *word;
	} rows[] = {
		{"{}", "/alerts", "list"},
		{"{\"alerts\": 7}", "/alerts", "list"},
		{"7", "", "list"},
		{"{\"alerts\": [7]}", "/alerts/0", "object"},
		{AM("pending", "", ""), "/alerts/0/status", "firing or resolved"},
		{AM("firing", "", ", \"startsAt\": 7"), "/alerts/0/startsAt", "RFC 3339"},
		{AM("firing", "", ", \"startsAt\": \"yesterday\""), "/alerts/0/startsAt",
		 "yesterday"},
		{AM("firing", "", ", \"endsAt\": {}"), "/alerts/0/endsAt", "RFC 3339"},
		{AM("firing", "", ", \"generatorURL\": []"), "/alerts/0/generatorURL", "text"},
		{AM("firing", "", ", \"annotations\": 1"), "/alerts/0/annotations", "object"},
		{AM("firing", ", \"x\": []", ""), "/alerts/0/labels/x", "text"},
		{"[{\"labels\": 1}]", "/0/labels", "object"},
		{"[{}, {\"status\": 1}]", "/1/status", "text"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuse(SOURCE_ALERTMANAGER, rows[i].body, rows[i].field, rows[i].word);
}

/* ALR-18: Every prefix and every single-byte change of a good body is refused or parsed, never
 * worse. */
static void mutations_do_no_harm(enum source_kind kind, const char *body)
{
	struct intake intake = intake_of(kind);
	size_t len = strlen(body);
	char *copy = xstrdup(body);
	struct error err;

	for (size_t i = 0; i < len; i++) {
		for (int change = 0; change < 6; change++) {
			struct alert_list list;

			copy[i] = (char[]){'"', '{', '\0', (char)0xff, '[', '9'}[change];
			alert_list_init(&list);
			intake_parse(&intake, copy, change ? len : i, &list, &err);
			alert_list_fini(&list);
		}
		copy[i] = body[i];
	}
	free(copy);
}

static void source_kinds(void)
{
	enum source_kind kind;

	check(!source_kind_parse("alertmanager", &kind) && kind == SOURCE_ALERTMANAGER);
	check(!source_kind_parse("native", &kind) && kind == SOURCE_NATIVE);
	check(source_kind_parse("Native", &kind) < 0);
	check_text(source_kind_name(SOURCE_ALERTMANAGER), "alertmanager");
}

int main(void)
{
	native_all_fields();
	native_shapes();
	native_states();
	native_identity_falls_back();
	native_recovery_is_stamped_by_its_end();
	a_stamp_a_day_off_is_flagged_and_not_believed();
	native_refusals();
	bounds();
	alertmanager_firing_and_resolved_pair();
	alertmanager_severities();
	alertmanager_identities();
	alertmanager_long_identities_are_hashed_not_cut();
	alertmanager_delay();
	alertmanager_api_v2();
	alertmanager_tiers_are_one_alert();
	alertmanager_refusals();
	mutations_do_no_harm(SOURCE_NATIVE, "{\"level\": 1, \"policy\": \"p\", \"object\": \"o\","
					    " \"at\": \"2026-01-01T12:00:00Z\","
					    " \"labels\": {\"a\": [1, \"错\"]}}");
	mutations_do_no_harm(SOURCE_ALERTMANAGER,
			     AM("firing", LABELS, ", \"endsAt\": \"2026-01-01T12:00:00Z\""));
	source_kinds();
	return 0;
}
