/* SPDX-License-Identifier: Apache-2.0 */
/* What a push says: defaults in both languages, own templates, what happens when they fail, and
 * that nothing in an alert changes the meaning of what it is put into. */
#include <errno.h>

#include "base/json.h"
#include "policy/content.h"
#include "tests/unit/test.h"

static struct content rendered;

static const struct content *render_over(struct content_order order, const json_t *variables)
{
	if (!order.content)
		order.content = "";
	if (!order.title)
		order.title = "";
	content_fini(&rendered);
	content_render(&order, variables, &rendered);
	check(rendered.title && rendered.body);
	return &rendered;
}

static const struct content *render(struct content_order order, enum content_sample_kind kind)
{
	CLEANUP_JSON json_t *variables = content_sample(kind, order.language);

	return render_over(order, variables);
}

static void check_has(const char *text, const char *part)
{
	if (strstr(text, part))
		return;
	fprintf(stderr, "\"%s\" is not in:\n%s\n", part, text);
	exit(1);
}

/* EPC-06: Level, what, where, when, the capture's coverage and a link, in every form and language.
 */
static void test_defaults_are_complete(void)
{
	for (int form = CONTENT_TEXT; form <= CONTENT_LINE; form++)
		for (int language = CONTENT_EN; language <= CONTENT_ZH; language++) {
			const struct content *c = render(
				(struct content_order){.form = (enum content_form)form,
						       .language = (enum content_language)language},
				CONTENT_SAMPLE_FIRING);

			check_text(c->problem.code, "");
			check_has(c->body, form == CONTENT_FORM ? "level=critical"
					   : language == CONTENT_ZH && form != CONTENT_JSON &&
							   form != CONTENT_LINE
						   ? "致命"
						   : "critical");
			check_has(c->body, "019afb3d-5c80-7f00-8000-000000000002");
			check_has(c->body,
				  form == CONTENT_FORM ? "requested%20from" : "requested from");
			check_has(c->body,
				  form == CONTENT_FORM ? "2026-01-31T12%3A00" : "2026-01-31T12:00");
			check(form != CONTENT_LINE || !strchr(c->body, '\n'));
		}
}

/* EMQ-08 */
static void test_default_text(void)
{
	check_text(
		render((struct content_order){.form = CONTENT_TEXT}, CONTENT_SAMPLE_FIRING)->body,
		"Level: critical\n"
		"Policy: packet loss\n"
		"Object: core switch \"A\" eth0\n"
		"Metric: loss = 4.2% (> 1%)\n"
		"Condition: loss > 1% for 2m\n"
		"Summary: 4.2% of packets are lost\n"
		"Description: first line\nsecond line <b>&\n"
		"Suggestion: check the link\n"
		"Started: 2026-01-31T12:00:00Z\n"
		"Region: gz\n"
		"Source: prometheus\n"
		"Probe: probe-1\n"
		"Capture: core links (running), requested from 2026-01-31T11:59:30Z until the "
		"alert is over\n"
		"https://ringbell.example/api/v1/captures/019afb3d-5c80-7f00-8000-000000000002\n"
		"More: https://prometheus.example/graph?a=1&b=2\n");
	check_text(
		render((struct content_order){.form = CONTENT_TEXT}, CONTENT_SAMPLE_MINIMAL)->body,
		"Level: critical\nStarted: 2026-01-31T12:00:00Z\nProbe: probe-1\n");
}

static void test_titles(void)
{
	struct content_order en = {.form = CONTENT_TEXT},
			     zh = {.form = CONTENT_TEXT, .language = CONTENT_ZH};
	struct content_order own = {.form = CONTENT_TEXT, .title = "{{ policy_name }}\r\nBcc: x"};
	struct content_order doubled = {.form = CONTENT_TEXT, .title = "[Resolved] x"};

	check_text(render(en, CONTENT_SAMPLE_FIRING)->title,
		   "critical: packet loss on core switch \"A\" eth0");
	check_text(render(en, CONTENT_SAMPLE_RECOVERED)->title,
		   "[Resolved] packet loss on core switch \"A\" eth0");
	check_text(render(zh, CONTENT_SAMPLE_FIRING)->title,
		   "【致命】接口丢包率 核心交换机 \"A\" eth0");
	check_text(render(zh, CONTENT_SAMPLE_RECOVERED)->title,
		   "【已恢复】接口丢包率 核心交换机 \"A\" eth0");
	check_text(render(own, CONTENT_SAMPLE_FIRING)->title, "packet loss Bcc: x");
	check_text(render(own, CONTENT_SAMPLE_RECOVERED)->title, "[Resolved] packet loss Bcc: x");
	check_text(render(doubled, CONTENT_SAMPLE_RECOVERED)->title, "[Resolved] x");
}

/* A failing template costs the template, not the alert. */
static void test_failing_template(void)
{
	struct content_order order = {.form = CONTENT_TEXT, .content = "x\n{{ nope.x }}"};
	const struct content *c = render(order, CONTENT_SAMPLE_FIRING);

	check_has(c->body, "Level: critical\n");
	check_text(c->problem.code, "invalid_template");
	check_text(c->problem.field, "/content");
	check_text(c->problem.text, "line 2, column 8: 'nope' is undefined");
	order.content = "";
	order.title = "{{ 1 / 0 }}";
	c = render(order, CONTENT_SAMPLE_FIRING);
	check_has(c->title, "critical: ");
	check_text(c->problem.field, "/title");
	order.title = "";
	order.form = CONTENT_JSON;
	order.content = "{\"a\": {{ summary }}}";
	c = render(order, CONTENT_SAMPLE_FIRING);
	check_has(c->problem.text, "no JSON");
	check_has(c->body, "\"event\":\"alert.opened\"");
	order.content = "{% for i in range(9999) %}0123456789{% endfor %}";
	check_has(render(order, CONTENT_SAMPLE_FIRING)->problem.text, "at most");
}

static void test_own_json(void)
{
	struct content_order order = {
		.form = CONTENT_JSON,
		.content = "{\"text\": \"{{ description }}\", \"object\": \"{{ object }}\", "
			   "\"over\": {{ recovered }}, \"value\": {{ metric_value }}, "
			   "\"labels\": {{ labels|tojson }}}"};

	check_text(render(order, CONTENT_SAMPLE_FIRING)->body,
		   "{\"text\": \"first line\\nsecond line <b>&\", \"object\": \"core switch "
		   "\\\"A\\\" eth0\", \"over\": false, \"value\": 4.2, \"labels\": {\"host\": "
		   "\"core-switch-1\", \"interface\": \"eth0\"}}");
}

/* What a stranger writes into an alert stays a value, wherever it is printed. */
static void test_injection(void)
{
	static const char evil[] = "\"}],\n[x](http://evil) <@all> <script>&<!channel>\r\nBcc: a@b";
	static const char own[] = "{{ object }}";
	CLEANUP_JSON json_t *v = content_sample(CONTENT_SAMPLE_FIRING, CONTENT_EN), *json = NULL;
	struct content_order order = {.content = own, .title = own};
	struct error err;
	const struct content *c;

	json_object_set_new(v, "object", json_string(evil));
	order.form = CONTENT_MARKDOWN;
	c = render_over(order, v);
	check(!strstr(c->body, "](") && !strchr(c->body, '<') && !strchr(c->body, '\n'));
	check(!strpbrk(c->title, "\r\n"));
	order.form = CONTENT_SLACK;
	c = render_over(order, v);
	check(!strpbrk(c->body, "<>"));
	order.form = CONTENT_HTML;
	c = render_over(order, v);
	check(!strpbrk(c->body, "<>\""));
	check_has(c->text, "<script>&");
	order.form = CONTENT_LINE;
	check(!strpbrk(render_over(order, v)->body, "\r\n"));
	order.form = CONTENT_FORM;
	order.content = "object={{ object }}&x=1";
	check(!strpbrk(render_over(order, v)->body, " <>\"\r\n"));
	order.form = CONTENT_JSON;
	order.content = "{\"object\": \"{{ object }}\"}";
	c = render_over(order, v);
	check_text(c->problem.code, "");
	check(!json_parse(c->body, strlen(c->body), CONTENT_BODY_MAX, &json, &err));
	check_text(json_string_value(json_object_get(json, "object")), evil);
	check_int(json_object_size(json), 1);
}

static const char *url(const char *source, const char *object)
{
	CLEANUP_JSON json_t *v = content_sample(CONTENT_SAMPLE_FIRING, CONTENT_EN);
	struct content_order order = {.form = CONTENT_JSON, .url = source};
	const struct content *c;

	json_object_set_new(v, "object", json_string(object));
	c = render_over(order, v);
	check(c->url || !strcmp(c->problem.field, "/url"));
	return c->url ? c->url : "";
}

/* ALR-04, A-17: A value cannot change where a push goes (HTP-06). */
/* RWH-02 */
static void test_alertmanager_document(void)
{
	struct content_order order = {.form = CONTENT_JSON,
				      .document = CONTENT_DOCUMENT_ALERTMANAGER};
	CLEANUP_JSON json_t *firing = NULL, *over = NULL, *bare = NULL;
	const json_t *a, *b;

	firing = json_loads(render(order, CONTENT_SAMPLE_FIRING)->body, 0, NULL);
	over = json_loads(render(order, CONTENT_SAMPLE_RECOVERED)->body, 0, NULL);
	bare = json_loads(render(order, CONTENT_SAMPLE_MINIMAL)->body, 0, NULL);
	check(firing && over && bare);
	check_text(json_string_value(json_object_get(firing, "version")), "4");
	check_text(json_string_value(json_object_get(firing, "status")), "firing");
	check_text(json_string_value(json_object_get(over, "status")), "resolved");
	a = json_array_get(json_object_get(firing, "alerts"), 0);
	b = json_array_get(json_object_get(over, "alerts"), 0);
	/* what receivers correlate by */
	check(json_equal(json_object_get(a, "labels"), json_object_get(b, "labels")));
	check(json_equal(json_object_get(a, "fingerprint"), json_object_get(b, "fingerprint")));
	check(json_equal(json_object_get(firing, "groupKey"), json_object_get(over, "groupKey")));
	check_int(json_string_length(json_object_get(a, "fingerprint")), 16);
	check_text(json_string_value(json_object_get(a, "endsAt")), "0001-01-01T00:00:00Z");
	check(strncmp(json_string_value(json_object_get(b, "endsAt")), "20", 2) == 0);
	check_text(json_string_value(json_object_get(json_object_get(a, "annotations"), "level")),
		   "critical");
	check_has(json_string_value(json_object_get(json_object_get(a, "annotations"), "coverage")),
		  "requested from");
	check(*json_string_value(
		json_object_get(json_object_get(bare, "groupLabels"), "alertname")));
	/* a template of one's own is what is sent */
	order.content = "{\"x\": 1}";
	check_text(render(order, CONTENT_SAMPLE_FIRING)->body, "{\"x\": 1}");
}

static void test_url(void)
{
	check_text(url("http://10.0.0.1/{{policy_level}}", ""), "http://10.0.0.1/2");
	check_text(url("http://h/{{ object }}?o={{ object }}", "a/b?c#d@e:80 \r\n&"),
		   "http://h/a%2Fb%3Fc%23d%40e%3A80%20%0D%0A%26?o="
		   "a%2Fb%3Fc%23d%40e%3A80%20%0D%0A%26");
	check_text(url("http://h/a/{{ object }}/c", ".."), "");
	check_text(url("http://h/a/{{ object }}", "."), "");
	check_text(url("http://h/{{ object|safe }}", "../x"), "http://h/..%2Fx");
	check_text(url("http://h/?q={{ object }}", ".."), "http://h/?q=..");
	check_text(url("http://h{{ object }}/", "@evil"), "");
	check_text(url("http://h:8{{ object }}/", "1"), "");
	check_text(url("http://h/{{ nope.x }}", ""), "");
}

static void check_refused(struct content_order order, const char *field, const char *text)
{
	struct error err = {0};

	if (!order.content)
		order.content = "";
	if (!order.title)
		order.title = "";
	check_int(content_check(&order, &err), -EINVAL);
	check_text(err.code, "invalid_template");
	check_text(err.field, field);
	check_has(err.text, text);
}

static void test_check(void)
{
	struct content_order good = {.form = CONTENT_HTML,
				     .content = "<p>{{ policy_name }} {{ event_level }}",
				     .title = "{{ object|truncate(20) }}"};
	struct error err;

	check_int(content_check(&good, &err), 0);
	check_refused((struct content_order){.form = CONTENT_TEXT, .content = "{% if x %}"},
		      "/content", "line 1, column 4: {% if %} is never ended");
	check_refused((struct content_order){.form = CONTENT_TEXT, .title = "{{ x|foo }}"},
		      "/title", "there is no filter 'foo'");
	check_refused((struct content_order){.form = CONTENT_JSON, .content = "{{ policy_name }}"},
		      "/content", "no JSON");
	check_refused((struct content_order){.form = CONTENT_JSON, .url = "http://h/{{ x"}, "/url",
		      "line 1");
	/* what only fails where a sender tells little is found too */
	check_refused(
		(struct content_order){.form = CONTENT_TEXT,
				       .content = "{{ captures[0].url.x }}{{ capture.id[0] }}"},
		"/content", "undefined");
}

static void test_no_secret(void)
{
	CLEANUP_JSON json_t *v = content_sample(CONTENT_SAMPLE_FIRING, CONTENT_EN);
	static const char *const names[] = {"token", "secret", "password", "headers", "settings"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check(!json_object_get(v, names[i]));
}

int main(void)
{
	test_defaults_are_complete();
	test_default_text();
	test_titles();
	test_failing_template();
	test_own_json();
	test_injection();
	test_alertmanager_document();
	test_url();
	test_check();
	test_no_secret();
	content_fini(&rendered);
	return 0;
}
