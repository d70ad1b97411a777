/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/push_message.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/locator.h"

#define VERSION		  2
#define REQUEST_BYTES_MAX (8 * COURIER_BODY_SIZE)
#define FACT_MAX	  300

static const char *text_of(const json_t *request, const char *key)
{
	const char *text = json_string_value(json_object_get(request, key));

	return text ? text : "";
}

/* By the endpoint's own Content-Type header; JSON if it has none (HTP-10). */
static enum content_form form_of_type(const struct endpoint *endpoint)
{
	const char *type = "json";
	json_t *header;
	size_t i;

	json_array_foreach (json_object_get(endpoint->settings, "headers"), i, header)
		if (!strcasecmp(text_of(header, "name"), "content-type"))
			type = text_of(header, "value");
	if (strcasestr(type, "json"))
		return CONTENT_JSON;
	if (strcasestr(type, "html"))
		return CONTENT_HTML;
	return strcasestr(type, "x-www-form-urlencoded") ? CONTENT_FORM : CONTENT_TEXT;
}

enum content_form push_message_form(const struct endpoint *endpoint)
{
	bool markdown = !strcmp(endpoint_text(endpoint, "message"), "markdown");

	switch (endpoint->kind) {
	case ENDPOINT_HTTP:
		return form_of_type(endpoint);
	case ENDPOINT_KAFKA:
		return CONTENT_JSON;
	case ENDPOINT_SYSLOG:
		return CONTENT_LINE;
	case ENDPOINT_SLACK:
		return CONTENT_SLACK;
	case ENDPOINT_WECOM_APP:
	case ENDPOINT_WECOM_ROBOT:
	case ENDPOINT_DINGTALK:
		return markdown ? CONTENT_MARKDOWN : CONTENT_TEXT;
	case ENDPOINT_EMAIL:
		return endpoint->content[strspn(endpoint->content, " \t\r\n")] == '<'
			       ? CONTENT_HTML
			       : CONTENT_TEXT;
	default:
		return CONTENT_TEXT;
	}
}

static bool is_alertmanager(const struct endpoint *endpoint)
{
	return endpoint->kind == ENDPOINT_HTTP &&
	       !strcmp(endpoint_text(endpoint, "format"), "alertmanager");
}

struct content_order push_message_order(const struct endpoint *endpoint)
{
	const char *url = endpoint_text(endpoint, "url");
	bool is_template = endpoint->kind == ENDPOINT_HTTP && locator_check_plain_url(url);

	return (struct content_order){
		.form = push_message_form(endpoint),
		.language = endpoint->language,
		.document = is_alertmanager(endpoint) ? CONTENT_DOCUMENT_ALERTMANAGER
						      : CONTENT_DOCUMENT_OWN,
		.content = endpoint->content,
		.title = endpoint->title,
		.url = is_template ? url : NULL,
	};
}

/* ---- at acceptance ---- */

static void add_fact(struct buf *facts, const char *name, const char *value)
{
	if (!*value)
		return;
	buf_printf(facts, "%s\t", name);
	for (size_t i = 0; value[i] && i < FACT_MAX; i++)
		if ((unsigned char)value[i] < 0x20)
			buf_append_text(facts, " ");
		else
			buf_append(facts, &value[i], 1);
	buf_append_text(facts, "\n");
}

static const char *capture_text(const struct content_facts *facts, const char *key)
{
	const char *text =
		json_string_value(json_object_get(json_array_get(facts->captures, 0), key));

	return text ? text : "";
}

/* Short facts for kinds that show a table. */
static char *format_facts(const struct content_facts *facts)
{
	const struct alert *alert = facts->alert;
	CLEANUP_BUF struct buf text = BUF_INIT;
	char at[WALL_TEXT_SIZE];

	add_fact(&text, "Level", level_name(alert->level));
	add_fact(&text, "Policy", alert->policy_name);
	add_fact(&text, "Object", alert->object_name);
	add_fact(&text, "Source", alert->source);
	add_fact(&text, "Probe", facts->probe);
	add_fact(&text, "Since", wall_format(alert->starts_at, at));
	add_fact(&text, "Coverage", capture_text(facts, "coverage"));
	return buf_take(&text);
}

static const char *event_name(const struct alert *alert)
{
	return alert_status_name(alert->status);
}

/* Cuts a text on a character. */
static json_t *json_cut(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len > max)
		for (len = max; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	return json_stringn(text, len);
}

static void set_text(json_t *request, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(request, key, json_string(text));
}

/* Who is told instead, if the alert says so (EPC-23): annotation "ringbell_to_<kind>". */
static void set_recipient(json_t *request, const struct endpoint *endpoint,
			  const struct alert *alert)
{
	char key[48];

	snprintf(key, sizeof(key), "ringbell_to_%s", endpoint_kind_name(endpoint->kind));
	set_text(request, "to", json_string_value(json_object_get(alert->annotations, key)));
}

char *push_message_format(const struct endpoint *endpoint, const struct content *content,
			  const struct content_facts *facts)
{
	const struct alert *alert = facts->alert;
	CLEANUP_FREE char *table = format_facts(facts);
	CLEANUP_JSON json_t *request = json_object();
	wall_t at = wall_known(alert->event_at) ? alert->event_at : alert->received_at;

	json_object_set_new(request, "version", json_integer(VERSION));
	json_object_set_new(request, "form", json_integer(push_message_form(endpoint)));
	json_object_set_new(request, "title", json_string(content->title));
	json_object_set_new(request, "body", json_cut(content->body, COURIER_BODY_SIZE / 2));
	if (content->text)
		json_object_set_new(request, "plain",
				    json_cut(content->text, COURIER_BODY_SIZE / 2));
	set_text(request, "url", content->url);
	set_text(request, "problem", content->problem.text);
	json_object_set_new(request, "level", json_integer(alert->level));
	set_text(request, "event", event_name(alert));
	set_text(request, "alert", alert->id);
	set_text(request, "fingerprint", alert->fingerprint);
	set_text(request, "source", alert->source);
	set_text(request, "policy", alert->policy_name);
	set_text(request, "object", alert->object_name);
	set_text(request, "probe", facts->probe);
	set_text(request, "link", capture_text(facts, "url"));
	set_text(request, "facts", table);
	set_recipient(request, endpoint, alert);
	json_object_set_new(request, "at", json_integer(at.ns));
	return json_format(request);
}

/* ---- tests ---- */

/* The texts of the seeds, word by word. */
static const char *test_text(enum endpoint_kind kind)
{
	static const char *const texts[] = {
		[ENDPOINT_PCAP] = "",
		[ENDPOINT_HTTP] = "Webhook setting validated",
		[ENDPOINT_EMAIL] = "settings validated",
		[ENDPOINT_KAFKA] = "Kafka setting validated",
		[ENDPOINT_SYSLOG] = "Syslog setting validated",
		[ENDPOINT_SLACK] = "Slack setting validated",
		[ENDPOINT_PAGERDUTY] = "PagerDuty setting validated",
		[ENDPOINT_WECOM_APP] = "Wechat setting validated",
		[ENDPOINT_WECOM_ROBOT] = "WeCom robot setting validated",
		[ENDPOINT_DINGTALK] = "DingTalk setting validated",
	};

	return texts[kind];
}

static char *test_body(const struct endpoint *endpoint, const char *text, wall_t now)
{
	CLEANUP_JSON json_t *body = NULL;
	char at[WALL_TEXT_SIZE];

	if (push_message_form(endpoint) != CONTENT_JSON)
		return xstrdup(text);
	if (is_alertmanager(endpoint))
		body = json_pack(
			"{s:s, s:s, s:s, s:s, s:i, s:{}, s:{s:s}, s:{}, s:s, s:[{s:s, s:{s:s, "
			"s:s}, s:{}, s:s, s:s, s:s, s:s}]}",
			"version", "4", "groupKey", "{}:{test}", "status", "firing", "receiver",
			endpoint->name, "truncatedAlerts", 0, "groupLabels", "commonLabels",
			"test_msg", text, "commonAnnotations", "externalURL", "", "alerts",
			"status", "firing", "labels", "alertname", "ringbell_test", "test_msg",
			text, "annotations", "startsAt", wall_format(now, at), "endsAt",
			"0001-01-01T00:00:00Z", "generatorURL", "", "fingerprint",
			"0000000000000000");
	else
		body = json_pack("{s:i, s:s, s:b, s:s}", "version", 1, "event", "test", "test", 1,
				 "message", text);
	return json_format(body);
}

char *push_message_format_test(const struct endpoint *endpoint, const char *text, const char *probe,
			       wall_t now)
{
	CLEANUP_JSON json_t *request = json_object();
	CLEANUP_FREE char *body = NULL;

	if (!text || !*text)
		text = test_text(endpoint->kind);
	body = test_body(endpoint, text, now);
	json_object_set_new(request, "version", json_integer(VERSION));
	json_object_set_new(request, "form", json_integer(push_message_form(endpoint)));
	json_object_set_new(request, "level", json_integer(LEVEL_INFO));
	set_text(request, "title", text);
	set_text(request, "body", body);
	set_text(request, "event", "test");
	set_text(request, "policy", "test");
	set_text(request, "object", probe);
	set_text(request, "probe", probe);
	json_object_set_new(request, "at", json_integer(now.ns));
	return json_format(request);
}

char *push_message_format_record(const json_t *body, const char *capture, const char *policy,
				 const char *probe, wall_t now)
{
	CLEANUP_JSON json_t *request = json_object();
	CLEANUP_FREE char *text = json_format(body);

	json_object_set_new(request, "version", json_integer(VERSION));
	json_object_set_new(request, "form", json_integer(CONTENT_JSON));
	json_object_set_new(request, "level", json_integer(LEVEL_INFO));
	set_text(request, "body", text);
	set_text(request, "event", "notice");
	set_text(request, "fingerprint", capture);
	set_text(request, "source", "ringbell");
	set_text(request, "policy", policy);
	set_text(request, "probe", probe);
	json_object_set_new(request, "at", json_integer(now.ns));
	return json_format(request);
}

/* ---- at lease ---- */

/* What each setting is to the courier; a kind has one row per text at most. */
static const struct {
	const char *key;
	enum courier_text text;
} texts[] = {
	{"method", COURIER_METHOD},
	{"host", COURIER_HOST},
	{"brokers", COURIER_HOST},
	{"user", COURIER_USER},
	{"corp_id", COURIER_USER},
	{"password", COURIER_SECRET},
	{"secret", COURIER_SECRET},
	{"token", COURIER_SECRET},
	{"routing_key", COURIER_SECRET},
	{"signing_secret", COURIER_SECRET},
	{"signing_secret_old", COURIER_SECRET_OLD},
	{"proxy", COURIER_PROXY},
	{"ca", COURIER_CA},
	{"cert", COURIER_CERT},
	{"cert_key", COURIER_CERT_KEY},
	{"from", COURIER_FROM},
	{"to", COURIER_TO},
	{"channel", COURIER_TO},
	{"topic", COURIER_TO},
	{"recipient", COURIER_TO},
	{"mentions", COURIER_TO},
	{"keyword", COURIER_KEYWORD},
	{"app", COURIER_APP},
};

static const struct {
	const char *key;
	enum courier_number number;
} numbers[] = {
	{"port", COURIER_PORT},		  {"tls", COURIER_TLS},
	{"verify", COURIER_VERIFY},	  {"message", COURIER_MESSAGE},
	{"framing", COURIER_FRAMING},	  {"facility", COURIER_FACILITY},
	{"size_max", COURIER_SIZE_MAX},	  {"enterprise", COURIER_ENTERPRISE},
	{"agent_id", COURIER_AGENT},	  {"recipient_type", COURIER_RECIPIENT},
	{"mention_all", COURIER_ALL},	  {"one_each", COURIER_ALL},
	{"mechanism", COURIER_MECHANISM}, {"idempotence", COURIER_IDEMPOTENCE},
	{"redirects", COURIER_REDIRECTS},
};

/* What the alert wants instead, if the endpoint lets it and it is well-formed. */
static const char * override(const json_t *request, const struct endpoint *endpoint)
{
	const char *to = text_of(request, "to"), *problem = NULL;

	if (!endpoint_number(endpoint, "allow_override") || strlen(to) > 2000)
		return "";
	if (endpoint->kind == ENDPOINT_HTTP)
		problem = locator_check_plain_url(to);
	else if (endpoint->kind == ENDPOINT_EMAIL)
		problem = locator_check_mails(to);
	return problem ? "" : to;
}

/* An endpoint whose URL is no template (any more) has it in its settings. */
static const char *url_of(const json_t *request, const struct endpoint *endpoint)
{
	const char *url = endpoint_text(endpoint, "url"), *rendered = text_of(request, "url");

	if (!*url)
		return endpoint_text(endpoint, "api_url");
	if (locator_check_plain_url(url))
		return rendered; /* "" if nothing could be made of it: then it is not sendable */
	return url;
}

static int set_headers(const struct endpoint *endpoint, struct courier_push *ret)
{
	CLEANUP_BUF struct buf lines = BUF_INIT;
	json_t *header;
	size_t i;

	json_array_foreach (json_object_get(endpoint->settings, "headers"), i, header)
		buf_printf(&lines, "%s: %s\n", text_of(header, "name"), text_of(header, "value"));
	return courier_push_set(ret, COURIER_HEADERS, lines.data ? lines.data : "");
}

static bool same_origin(const char *a, const char *b)
{
	size_t len = locator_origin_len(a);

	return len && len == locator_origin_len(b) && !strncasecmp(a, b, len);
}

/* Headers may be secrets: they go to no host but the endpoint's. */
static int set_url(const json_t *request, const struct endpoint *endpoint, const char *to,
		   struct courier_push *ret)
{
	const char *url = url_of(request, endpoint);
	int r = 0;

	if (endpoint->kind == ENDPOINT_HTTP && *to)
		r = courier_push_set(ret, COURIER_URL, to);
	else
		r = courier_push_set(ret, COURIER_URL, url);
	if (!r && (endpoint->kind != ENDPOINT_HTTP || !*to || same_origin(to, url)))
		r = set_headers(endpoint, ret);
	return r;
}

static int set_destination(const struct endpoint *endpoint, struct courier_push *ret)
{
	struct locator_destination to;
	const char *problem;

	if (endpoint->kind != ENDPOINT_SYSLOG)
		return 0;
	if (locator_parse_destination(endpoint_text(endpoint, "destination"), &to, &problem))
		return -EINVAL;
	ret->numbers[COURIER_TRANSPORT] = to.transport;
	ret->numbers[COURIER_PORT] = to.port;
	ret->numbers[COURIER_MESSAGE] = (uint32_t)endpoint_number(endpoint, "format");
	return courier_push_set(ret, COURIER_HOST, to.host);
}

static bool is_overridden(enum endpoint_kind kind, enum courier_text text)
{
	if (kind == ENDPOINT_PAGERDUTY)
		return text == COURIER_SECRET;
	return text == COURIER_TO &&
	       (kind == ENDPOINT_SLACK || kind == ENDPOINT_EMAIL || kind == ENDPOINT_WECOM_APP);
}

static int set_settings(const json_t *request, const struct endpoint *endpoint,
			struct courier_push *ret)
{
	const char *to = override(request, endpoint);
	int r = set_url(request, endpoint, to, ret);

	for (size_t i = 0; i < ARRAY_SIZE(texts) && !r; i++) {
		const char *text = endpoint_text(endpoint, texts[i].key);

		if (*text && *to && is_overridden(endpoint->kind, texts[i].text))
			text = to;
		if (*text)
			r = courier_push_set(ret, texts[i].text, text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (json_object_get(endpoint->settings, numbers[i].key))
			ret->numbers[numbers[i].number] =
				(uint32_t)endpoint_number(endpoint, numbers[i].key);
	return r ? r : set_destination(endpoint, ret);
}

static int set_content(const json_t *request, const struct endpoint *endpoint,
		       struct courier_push *ret)
{
	static const struct {
		const char *key;
		enum courier_text text;
	} rows[] = {
		{"title", COURIER_TITLE},	  {"plain", COURIER_PLAIN},
		{"link", COURIER_LINK},		  {"facts", COURIER_FACTS},
		{"alert", COURIER_ALERT},	  {"fingerprint", COURIER_FINGERPRINT},
		{"source", COURIER_SOURCE},	  {"policy", COURIER_POLICY},
		{"object", COURIER_OBJECT},	  {"probe", COURIER_PROBE},
		{"reference", COURIER_REFERENCE},
	};
	bool fits = json_integer_value(json_object_get(request, "form")) ==
		    (json_int_t)push_message_form(endpoint);
	/* rendered for another kind (a fallback): its table of facts is plain text */
	int r = courier_push_set(ret, COURIER_BODY, text_of(request, fits ? "body" : "facts"));

	for (size_t i = 0; i < ARRAY_SIZE(rows) && !r; i++)
		r = courier_push_set(ret, rows[i].text, text_of(request, rows[i].key));
	return r;
}

static uint32_t event_of(const json_t *request)
{
	enum alert_status status = ALERT_NOTICE;

	alert_status_parse(text_of(request, "event"), &status);
	switch (status) {
	case ALERT_FIRING:
		return COURIER_FIRING;
	case ALERT_RECOVERED:
		return COURIER_RECOVERED;
	case ALERT_TEST:
		return COURIER_TEST;
	case ALERT_NOTICE:
		break;
	}
	return COURIER_NOTICE;
}

int push_message_parse(const char *request, const struct endpoint *endpoint, const char *push,
		       struct courier_push *ret)
{
	CLEANUP_JSON json_t *json = NULL;
	struct error err;
	int r;

	courier_push_init(ret, push);
	if (json_parse(request, strlen(request), REQUEST_BYTES_MAX, &json, &err) < 0 ||
	    json_integer_value(json_object_get(json, "version")) != VERSION)
		return -EINVAL;
	ret->kind = endpoint->kind;
	ret->timeout_ms = (uint32_t)(endpoint_number(endpoint, "timeout") / DUR_MS);
	ret->level = (uint32_t)json_integer_value(json_object_get(json, "level"));
	ret->event = event_of(json);
	ret->at = json_integer_value(json_object_get(json, "at"));
	r = set_content(json, endpoint, ret);
	if (!r)
		r = set_settings(json, endpoint, ret);
	return r ? -EINVAL : 0;
}

int push_message_consume(const struct source *source, struct courier_push *ret)
{
	const struct source_kafka *kafka = &source->kafka;
	int r;

	courier_push_init(ret, source->id);
	ret->kind = ENDPOINT_KAFKA;
	r = set_settings(NULL, kafka->cluster, ret);
	if (!r)
		r = courier_push_set(ret, COURIER_GROUP, kafka->group);
	ret->numbers[COURIER_EARLIEST] = kafka->earliest;
	return r ? -EINVAL : 0;
}
