/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/settings.h"

#include "base/json.h"
#include "tests/unit/test.h"

static json_t *parse(const char *text)
{
	struct error err = {0};
	json_t *json;

	if (json_parse(text, strlen(text), JSON_BYTES_MAX, &json, &err)) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		exit(1);
	}
	return json;
}

static int contains(const json_t *json, const char *word)
{
	char *text = json_format(json);
	int found = strstr(text, word) != NULL;

	free(text);
	return found;
}

/* One refused text: where, and a word of the explanation. */
struct refusal {
	const char *text, *field, *word;
};

#define check_refused(read, setting, r)                                                            \
	do {                                                                                       \
		struct error err_ = {0};                                                           \
		json_t *json_ = parse((r)->text);                                                  \
		if (!(read)(setting, json_, &err_)) {                                              \
			fprintf(stderr, "not refused: %s\n", (r)->text);                           \
			exit(1);                                                                   \
		}                                                                                  \
		check_text(err_.field, (r)->field);                                                \
		if (!strstr(err_.text, (r)->word)) {                                               \
			fprintf(stderr, "%s: \"%s\" does not say \"%s\"\n", (r)->text, err_.text,  \
				(r)->word);                                                        \
			exit(1);                                                                   \
		}                                                                                  \
		json_decref(json_);                                                                \
	} while (0)

#define check_accepted(read, setting, body)                                                        \
	do {                                                                                       \
		struct error err_ = {0};                                                           \
		json_t *json_ = parse(body);                                                       \
		if ((read)(setting, json_, &err_)) {                                               \
			fprintf(stderr, "%s: %s %s\n", body, err_.field, err_.text);               \
			exit(1);                                                                   \
		}                                                                                  \
		json_decref(json_);                                                                \
	} while (0)

/* format → read → format gives the same, as GET → PUT does. */
#define check_round_trip(kind, setting)                                                            \
	do {                                                                                       \
		struct error err_ = {0};                                                           \
		struct kind other_;                                                                \
		json_t *a_ = kind##_format(setting), *b_;                                          \
		kind##_default(&other_);                                                           \
		if (kind##_read(&other_, a_, &err_)) {                                             \
			fprintf(stderr, "%s: %s\n", err_.field, err_.text);                        \
			exit(1);                                                                   \
		}                                                                                  \
		memcpy(other_.id, (setting)->id, sizeof(other_.id));                               \
		other_.version = (setting)->version;                                               \
		other_.created_at = (setting)->created_at;                                         \
		other_.updated_at = (setting)->updated_at;                                         \
		b_ = kind##_format(&other_);                                                       \
		check(json_equal(a_, b_));                                                         \
		json_decref(a_);                                                                   \
		json_decref(b_);                                                                   \
		kind##_fini(&other_);                                                              \
	} while (0)

/* ---- policies ---- */

/* DEF-11, POL-03, POL-13, POL-14, A-05, A-13 */

static void policy_defaults(void)
{
	struct pcap_policy policy;

	pcap_policy_default(&policy);
	check_accepted(pcap_policy_read, &policy, "{\"name\": \"web\"}");
	check_int(policy.margin, 30 * DUR_S);
	check_int(policy.lookback_max, DUR_HOUR);
	check_int(policy.linger, 0);
	check_int(policy.max_on, 24 * DUR_HOUR);
	check_int(policy.rotate_bytes, 64 << 20);
	check_text(policy.filter, "");
	check(!policy.headers_only && !policy.nics[0]);
	pcap_policy_fini(&policy);
}

/* POL-02, A-22 */
static void policy_is_read_and_written(void)
{
	struct pcap_policy policy, *copy;

	pcap_policy_default(&policy);
	check_accepted(pcap_policy_read, &policy,
		       "{\"id\": \"x\", \"version\": 7, \"created_at\": null, \"state\": \"on\","
		       " \"name\": \"网络 1\", \"nics\": [\"eth0\", \"eth1\"],"
		       " \"filter\": \"tcp port 80\", \"slice\": \"headers+64\","
		       " \"margin\": \"1m30s\", \"lookback_max\": \"2h\", \"linger\": \"500ms\","
		       " \"max_on\": \"10m\", \"rotate_bytes\": 1048576, \"rotate\": \"60s\","
		       " \"budget_bytes\": 1000}");
	check_text(policy.nics[1], "eth1");
	check(policy.headers_only && policy.slice_bytes == 64);
	check_int(policy.linger, 500 * DUR_MS);
	check_text(policy.id, ""); /* the caller's business */
	check_round_trip(pcap_policy, &policy);
	/* PATCH: what is absent stays */
	check_accepted(pcap_policy_read, &policy, "{\"slice\": \"whole\", \"nics\": []}");
	check(!policy.headers_only && !policy.slice_bytes && !policy.nics[0]);
	check_text(policy.filter, "tcp port 80");
	copy = pcap_policy_copy(&policy);
	pcap_policy_fini(&policy);
	check_text(copy->name, "网络 1");
	pcap_policy_fini(copy);
	free(copy);
}

static void policy_refusals(void)
{
	static const struct refusal rows[] = {
		{"{}", "/name", "1 to 64"},
		{"[]", "", "object"},
		{"7", "", "object"},
		{"{\"name\": \"\"}", "/name", "1 to 64"},
		{"{\"name\": 7}", "/name", "text"},
		{"{\"name\": \" a\"}", "/name", "blanks"},
		{"{\"name\": \"a\\nb\"}", "/name", "control"},
		{"{\"name\": \"00000000-0000-7000-8000-000000000000\"}", "/name", "id"},
		{"{\"name\": \"p\", \"colour\": 1}", "/colour", "unknown field"},
		{"{\"name\": \"p\", \"version\": \"7\"}", "/version", "read-only"},
		{"{\"name\": \"p\", \"nics\": \"eth0\"}", "/nics", "list"},
		{"{\"name\": \"p\", \"nics\": [\"eth0\", \"a/b\"]}", "/nics/1", "interface"},
		{"{\"name\": \"p\", \"nics\": [\"a,b\"]}", "/nics/0", "interface"},
		{"{\"name\": \"p\", \"nics\": [\"interface-too-long\"]}", "/nics/0", "15"},
		{"{\"name\": \"p\", \"nics\": [7]}", "/nics/0", "text"},
		{"{\"name\": \"p\", \"filter\": \"tcp\\u0001\"}", "/filter", "control"},
		{"{\"name\": \"p\", \"slice\": \"half\"}", "/slice", "headers+N"},
		{"{\"name\": \"p\", \"slice\": \"headers+\"}", "/slice", "headers+N"},
		{"{\"name\": \"p\", \"slice\": \"headers+-1\"}", "/slice", "headers+N"},
		{"{\"name\": \"p\", \"slice\": \"headers+65536\"}", "/slice", "65535"},
		{"{\"name\": \"p\", \"slice\": \"headers+1x\"}", "/slice", "headers+N"},
		{"{\"name\": \"p\", \"margin\": \"soon\"}", "/margin", "30s"},
		{"{\"name\": \"p\", \"margin\": 30}", "/margin", "30s"},
		{"{\"name\": \"p\", \"margin\": \"-1s\"}", "/margin", "30s"},
		{"{\"name\": \"p\", \"max_on\": \"0s\"}", "/max_on", "1s to 24h"},
		{"{\"name\": \"p\", \"max_on\": \"25h\"}", "/max_on", "24h"},
		{"{\"name\": \"p\", \"rotate_bytes\": -1}", "/rotate_bytes", "65536"},
		{"{\"name\": \"p\", \"rotate_bytes\": 1.5}", "/rotate_bytes", "whole number"},
		{"{\"name\": \"p\", \"budget_bytes\": -1}", "/budget_bytes", "0"},
	};
	struct pcap_policy policy;
	char big[1200];

	pcap_policy_default(&policy);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_refused(pcap_policy_read, &policy, &rows[i]);
	snprintf(big, sizeof(big), "{\"name\": \"p\", \"filter\": \"%01001d\"}", 0);
	check_refused(pcap_policy_read, &policy, &((struct refusal){big, "/filter", "1000"}));
	snprintf(big, sizeof(big), "{\"name\": \"%065d\"}", 0);
	check_refused(pcap_policy_read, &policy, &((struct refusal){big, "/name", "64"}));
	check_text(policy.name, ""); /* nothing changed */
	pcap_policy_fini(&policy);
}

static void a_refused_change_changes_nothing(void)
{
	struct pcap_policy policy;
	struct refusal late = {"{\"name\": \"b\", \"nics\": [\"x\"], \"filter\": \"udp\","
			       " \"budget_bytes\": -1}",
			       "/budget_bytes", "0"};

	pcap_policy_default(&policy);
	check_accepted(pcap_policy_read, &policy,
		       "{\"name\": \"a\", \"nics\": [\"eth0\"], \"filter\": \"tcp\"}");
	check_refused(pcap_policy_read, &policy, &late);
	check_text(policy.name, "a");
	check_text(policy.nics[0], "eth0");
	check_text(policy.filter, "tcp");
	pcap_policy_fini(&policy);
}

/* ---- endpoints ---- */

/* EPC-04 */

static void endpoint_defaults(void)
{
	struct endpoint endpoint;

	endpoint_default(&endpoint);
	check_accepted(endpoint_read, &endpoint,
		       "{\"name\": \"e\", \"kind\": \"pcap\", \"policy\": \"web\"}");
	check(endpoint.enabled && !endpoint.literal);
	check_int(endpoint.enable_levels, LEVELS_ENABLE_DEFAULT);
	check_int(endpoint.disable_levels, LEVELS_DISABLE_DEFAULT);
	check_round_trip(endpoint, &endpoint);
	endpoint_fini(&endpoint);

	endpoint_default(&endpoint);
	check_accepted(endpoint_read, &endpoint,
		       "{\"name\": \"e\", \"kind\": \"http\", \"url\": \"HtTpS://h/x\"}");
	check_int(endpoint.levels, LEVELS_PUSH_DEFAULT);
	check_text(endpoint_text(&endpoint, "method"), "POST");
	check_int(endpoint_number(&endpoint, "timeout"), 10 * DUR_S);
	check_round_trip(endpoint, &endpoint);
	endpoint_fini(&endpoint);
}

static void endpoint_urls(void)
{
	static const char *const good[] = {
		"http://h",
		"http://h/",
		"https://h:443/a?b=c#d",
		"http://127.0.0.1:1",
		"http://[::1]/x",
		"http://[fe80::1]:8080",
		"http://a-b.c_d:65535",
		"http://h?x=%20y",
	};
	static const char *const bad[] = {
		"",
		"h/x",
		"ftp://h/",
		"file:///etc/passwd",
		"http://",
		"http:///x",
		"http:/h",
		"http://:80/",
		"http://h:0/",
		"http://h:65536/",
		"http://h:x/",
		"http://h:/",
		"http://u:p@h/",
		"http://h/ x",
		"http://h/\\u000d\\u000aX: y",
		"http://[::1/",
		"http://[]/",
		"http://[::1]x/",
		"http://ü/",
		"http://h\\\\x/",
		"javascript:1",
		"http//h",
	};
	struct endpoint endpoint;
	char text[256];

	endpoint_default(&endpoint);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text),
			 "{\"name\": \"e\", \"kind\": \"http\", \"url\": \"%s\"}", good[i]);
		check_accepted(endpoint_read, &endpoint, text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct refusal row = {text, "/url", ""};

		snprintf(text, sizeof(text),
			 "{\"name\": \"e\", \"kind\": \"http\", \"url\": \"%s\"}", bad[i]);
		check_refused(endpoint_read, &endpoint, &row);
	}
	endpoint_fini(&endpoint);
}

/* PEP-08: EPC-04, EPC-07, EPC-11, EPC-24, A-04, A-21 */
static void what_all_endpoints_have(void)
{
	struct endpoint endpoint;

	endpoint_default(&endpoint);
	check_accepted(endpoint_read, &endpoint,
		       "{\"name\": \"e\", \"kind\": \"http\", \"url\": \"http://h/\"}");
	check_int(endpoint.cycle, 5 * DUR_MIN);
	check_int(endpoint.cycle_mode, CYCLE_ESCALATION);
	check_int(endpoint.frequency, 0);
	check(endpoint.is_default && !endpoint.content[0] && !endpoint.team[0]);
	check_accepted(endpoint_read, &endpoint, "{\"send_resolved\": false}");
	check_int(endpoint.levels, LEVELS_PUSH_DEFAULT & ~LEVEL_BIT(LEVEL_RECOVERY));
	check_accepted(endpoint_read, &endpoint,
		       "{\"team\": \"net\", \"language\": \"zh\", \"title\": \"{{ level }}\","
		       " \"default\": false, \"content\": \"{{ level }}\\n\","
		       " \"cycle\": \"0s\", \"cycle_mode\": \"strict\", \"frequency\": 3,"
		       " \"frequency_window\": \"1h\", \"send_resolved\": true}");
	check_int(endpoint.levels, LEVELS_PUSH_DEFAULT);
	check(!endpoint.cycle && endpoint.cycle_mode == CYCLE_STRICT && !endpoint.is_default);
	check_int(endpoint.frequency_window, DUR_HOUR);
	check_text(endpoint.content, "{{ level }}\n");
	check_round_trip(endpoint, &endpoint);
	endpoint_fini(&endpoint);
}

/* EML-07, A-18, DEF-04 */
static void rancher_starttls_was_attempted_on_port_465(void)
{
#define MAIL "{\"name\": \"e\", \"kind\": \"email\", \"to\": \"a@b.org\", "
	static const struct {
		const char *settings, *tls;
	} rows[] = {
		{MAIL "\"port\": 465}", "implicit"},
		{MAIL "\"port\": 587}", "starttls"},
		{MAIL "\"port\": 25}", "starttls"},
		{MAIL "\"port\": 465, \"tls\": \"starttls\"}", "starttls"}, /* as told */
		{MAIL "\"timeout\": \"9s\"}", "starttls"},
	};
	struct endpoint endpoint;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		endpoint_default(&endpoint);
		check_accepted(endpoint_read, &endpoint, rows[i].settings);
		check_text(endpoint_text(&endpoint, "tls"), rows[i].tls);
		endpoint_fini(&endpoint);
	}
}

/* KFK-04, DEF-10 */
static void deepflow_a_topic_that_kafka_refuses_was_saved(void)
{
	static const size_t sizes[] = {1, 249, 250, 256, 257};
	static const char *const refused[] = {"", ".", "..", "a b", "a/b", "a,b", "\xe5\x91\x8a"};
	char text[512], topic[300];
	struct endpoint endpoint;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) + 7; i++) {
		struct error err = {0};
		bool sized = i < sizeof(sizes) / sizeof(sizes[0]);
		size_t len = sized ? sizes[i] : 0;
		json_t *json;

		memset(topic, 't', len);
		topic[len] = '\0';
		snprintf(text, sizeof(text),
			 "{\"name\": \"e\", \"kind\": \"kafka\", \"brokers\": \"k:9092\","
			 " \"topic\": \"%s\"}",
			 sized ? topic : refused[i - sizeof(sizes) / sizeof(sizes[0])]);
		json = parse(text);
		endpoint_default(&endpoint);
		check_int(endpoint_read(&endpoint, json, &err) < 0, !sized || len > 249);
		if (!sized || len > 249)
			check_text(err.field, "/topic");
		if (len == 250 || len == 257)
			check(strstr(err.text, len == 250 ? "249" : "256"));
		json_decref(json);
		endpoint_fini(&endpoint);
	}
}

static void a_password_in_a_url_is_not_quoted(void)
{
	struct endpoint endpoint;
	struct error err = {0};
	json_t *json = parse("{\"name\": \"e\", \"kind\": \"http\","
			     " \"url\": \"https://user:hunter2@h/\"}");

	endpoint_default(&endpoint);
	check(endpoint_read(&endpoint, json, &err) < 0);
	check(!strstr(err.text, "hunter2"));
	json_decref(json);
	endpoint_fini(&endpoint);
}

/* */
static void endpoint_refusals(void)
{
#define HTTP "{\"name\": \"e\", \"kind\": \"http\", \"url\": \"http://h/\", "
#define PCAP "{\"name\": \"e\", \"kind\": \"pcap\", \"policy\": \"p\", "
	static const struct refusal rows[] = {
		{"{\"name\": \"e\", \"kind\": \"smtp\"}", "/kind", "pcap, http, email"},
		{"{\"name\": \"e\"}", "/policy", "PCAP policy"},
		{"{\"name\": \"e\", \"kind\": \"http\"}", "/url", "URL"},
		{PCAP "\"url\": \"http://h/\"}", "/url", "unknown field"},
		{HTTP "\"literal\": true}", "/literal", "unknown field"},
		{PCAP "\"enabled\": 1}", "/enabled", "true or false"},
		{PCAP "\"enable_levels\": []}", "/enable_levels", "at least one"},
		{PCAP "\"enable_levels\": [\"warn\"]}", "/enable_levels/0", "warning"},
		{PCAP "\"enable_levels\": [9]}", "/enable_levels/0", "1 to 6"},
		{PCAP "\"enable_levels\": [\"error\"], \"disable_levels\": [\"error\"]}",
		 "/disable_levels", "error"},
		{PCAP "\"disable_levels\": [\"critical\"]}", "/disable_levels", "critical"},
		{PCAP "\"sources\": [\"Up\"]}", "/sources/0", "a-z"},
		{PCAP "\"alert_policies\": [\"\"]}", "/alert_policies/0", "256"},
		{PCAP "\"alert_policies\": {}}", "/alert_policies", "list"},
		{HTTP "\"levels\": []}", "/levels", "at least one"},
		{HTTP "\"send_resolved\": \"no\"}", "/send_resolved", "true or false"},
		{HTTP "\"levels\": [\"error\"], \"send_resolved\": true}", "/send_resolved",
		 "leave one of them out"},
		{PCAP "\"send_resolved\": true}", "/send_resolved", "unknown field"},
		{HTTP "\"cycle\": 5}", "/cycle", "30s"},
		{HTTP "\"cycle\": \"500ms\"}", "/cycle", "1s to 24h"},
		{HTTP "\"cycle\": \"25h\"}", "/cycle", "24h"},
		{HTTP "\"cycle_mode\": \"lax\"}", "/cycle_mode", "escalation, literal or strict"},
		{HTTP "\"frequency\": -1}", "/frequency", "0"},
		{HTTP "\"language\": \"de\"}", "/language", "en or zh"},
		{HTTP "\"title\": \"a\\nb\"}", "/title", "control"},
		{HTTP "\"team\": 7}", "/team", "text"},
		{HTTP "\"default\": 1}", "/default", "true or false"},
		{HTTP "\"content\": \"a\\u0007\"}", "/content", "control"},
		{HTTP "\"method\": \"GET\"}", "/method", "POST, PUT or PATCH"},
		{HTTP "\"method\": \"post\"}", "/method", "POST"},
		{HTTP "\"timeout\": \"0s\"}", "/timeout", "1s to 1m"},
		{HTTP "\"headers\": {}}", "/headers", "list"},
		{HTTP "\"headers\": [\"A: b\"]}", "/headers/0", "name and value"},
		{HTTP "\"headers\": [{\"name\": \"A\"}]}", "/headers/0", "name and value"},
		{HTTP "\"headers\": [{\"name\": \"A b\", \"value\": \"x\"}]}", "/headers/0",
		 "header name"},
		{HTTP "\"headers\": [{\"name\": \"A\", \"value\": \"x\\r\\nB: y\"}]}", "/headers/0",
		 "control"},
		{HTTP "\"headers\": [{\"name\": \"host\", \"value\": \"x\"}]}", "/headers/0",
		 "connection"},
		{HTTP "\"headers\": [{\"name\": \"Content-Length\", \"value\": \"1\"}]}",
		 "/headers/0", "connection"},
		{HTTP "\"headers\": [{\"name\": \"Authorization\", \"value\": \"***\"}]}",
		 "/headers/0", "none yet"},
		{HTTP "\"headers\": [{\"name\": \"A\", \"value\": \"x\", \"z\": 1}]}",
		 "/headers/0/z", "unknown field"},
	};
	struct endpoint endpoint;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		endpoint_default(&endpoint);
		check_refused(endpoint_read, &endpoint, &rows[i]);
		endpoint_fini(&endpoint);
	}
}

/* EPC-17 */
static void secrets_are_masked_and_kept(void)
{
	struct endpoint endpoint, *copy;
	json_t *masked, *full;

	endpoint_default(&endpoint);
	check_accepted(endpoint_read, &endpoint,
		       HTTP "\"headers\": [{\"name\": \"Authorization\", \"value\": \"Bearer s\"},"
			    " {\"name\": \"X-Api-Key\", \"value\": \"k\"},"
			    " {\"name\": \"X-Team\", \"value\": \"net\"}]}");
	masked = endpoint_format(&endpoint);
	full = endpoint_format_full(&endpoint);
	check(contains(masked, "Bearer s") == 0);
	check(contains(masked, "\"k\"") == 0);
	check(contains(masked, "net") == 1);
	check(contains(full, "Bearer s") == 1);
	/* what GET showed is sent back: the secrets stay */
	{
		struct error err = {0};

		check(!endpoint_read(&endpoint, masked, &err));
	}
	check_text(
		json_string_value(json_object_get(
			json_array_get(json_object_get(endpoint.settings, "headers"), 0), "value")),
		"Bearer s");
	copy = endpoint_copy(&endpoint);
	endpoint_fini(&endpoint);
	check_int(json_array_size(json_object_get(copy->settings, "headers")), 3);
	endpoint_fini(copy);
	free(copy);
	json_decref(masked);
	json_decref(full);
}

/* ---- sources ---- */

/* TCT-12 */

static void sources(void)
{
	static const struct refusal rows[] = {
		{"{}", "/name", "1 to 64"},
		{"{\"name\": \"Prod\"}", "/name", "a-z"},
		{"{\"name\": \"a/b\"}", "/name", "a-z"},
		{"{\"name\": \"a\", \"kind\": \"frobnicator\"}", "/kind", "native, alertmanager"},
		{"{\"name\": \"a\", \"default_level\": \"recovery\"}", "/default_level", "warning"},
		{"{\"name\": \"a\", \"default_level\": \"bad\"}", "/default_level", "warning"},
		{"{\"name\": \"a\", \"delay\": \"2d\"}", "/delay", "24h"},
		{"{\"name\": \"a\", \"token_sha256\": \"\"}", "/token_sha256", "unknown field"},
	};
	struct source source;
	json_t *json;

	source_default(&source);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_refused(source_read, &source, &rows[i]);
	check_accepted(source_read, &source,
		       "{\"name\": \"am-1\", \"kind\": \"alertmanager\","
		       " \"default_level\": \"error\", \"delay\": \"5m\"}");
	check(source.kind == SOURCE_ALERTMANAGER && source.default_level == LEVEL_ERROR);
	check_int(source.delay, 5 * DUR_MIN);
	check_round_trip(source, &source);
	memcpy(source.token_sha256, "abcdef", 7);
	json = source_format(&source);
	check(contains(json, "abcdef") == 0);
	json_decref(json);
	source_fini(&source);
}

int main(void)
{
	policy_defaults();
	policy_is_read_and_written();
	policy_refusals();
	a_refused_change_changes_nothing();
	endpoint_defaults();
	endpoint_urls();
	what_all_endpoints_have();
	rancher_starttls_was_attempted_on_port_465();
	deepflow_a_topic_that_kafka_refuses_was_saved();
	a_password_in_a_url_is_not_quoted();
	endpoint_refusals();
	secrets_are_masked_and_kept();
	sources();
	return 0;
}
