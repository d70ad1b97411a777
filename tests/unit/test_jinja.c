/* SPDX-License-Identifier: Apache-2.0 */
/* What the comparison with Jinja2 (tests/differential/jinja) cannot show: escape modes of our own,
 * filters of our own, places of errors, and limits. */
#include "base/jinja/jinja.h"
#include "base/json.h"
#include "tests/unit/test.h"

static const char variables[] =
	"{\"name\": \"a\\\"b\\nc<d>&\", \"t\": true, \"none\": null, \"n\": 3, \"l\": [1, \"x\"],"
	" \"d\": {\"items\": 1, \"k\": \"v\"}, \"at\": \"2026-01-31T12:00:00.25Z\"}";

/* What the template gives; "line:column reason" for an error. The last two are kept. */
static const char *render(const char *source, enum jinja_escape escape,
			  enum jinja_undefined undefined)
{
	static char results[2][4000];
	static int turn;
	char *text = results[turn ^= 1];
	struct jinja_options options = {.escape = escape, .undefined = undefined};
	CLEANUP_JINJA struct jinja *jinja = NULL;
	CLEANUP_BUF struct buf out = BUF_INIT;
	struct jinja_error err;
	json_t *json = json_loads(variables, 0, NULL);

	if (jinja_compile(source, strlen(source), &jinja, &err) ||
	    jinja_render(jinja, json, &options, &out, &err))
		snprintf(text, 4000, "%u:%u %s", err.line, err.column, err.text);
	else
		snprintf(text, 4000, "%s", out.data ? out.data : "");
	json_decref(json);
	return text;
}

static const char *plain(const char *source)
{
	return render(source, JINJA_ESCAPE_NONE, JINJA_UNDEFINED_EMPTY);
}

static void test_escapes(void)
{
	static const char source[] = "<{{ name }}>";
	enum jinja_undefined empty = JINJA_UNDEFINED_EMPTY;

	check_text(render(source, JINJA_ESCAPE_NONE, empty), "<a\"b\nc<d>&>");
	check_text(render(source, JINJA_ESCAPE_HTML, empty), "<a&#34;b\nc&lt;d&gt;&amp;>");
	check_text(render(source, JINJA_ESCAPE_JSON, empty), "<a\\\"b\\nc<d>&>");
	check_text(render(source, JINJA_ESCAPE_URL, empty), "<a%22b%0Ac%3Cd%3E%26>");
	check_text(render(source, JINJA_ESCAPE_MARKDOWN, empty), "<a\"b c＜d>&>");
	check_text(render(source, JINJA_ESCAPE_SLACK, empty), "<a\"b\nc&lt;d&gt;&amp;>");
	check_text(render(source, JINJA_ESCAPE_HEADER, empty), "<a\"b c<d>&>");
	check_text(render("{{ '[x](http://y) <@u> `c`' }}", JINJA_ESCAPE_MARKDOWN, empty),
		   "[x] (http://y) ＜@u> 'c'");
	check_text(render("{{ t }} {{ none }} {{ n }} {{ l|tojson }}", JINJA_ESCAPE_JSON, empty),
		   "true null 3 [1, \"x\"]");
	check_text(render("{{ name|safe }}", JINJA_ESCAPE_URL, empty), "a%22b%0Ac%3Cd%3E%26");
	check_text(render("{{ '告'|e }}/{{ l|tojson }}", JINJA_ESCAPE_URL, empty),
		   "%E5%91%8A/%5B1%2C%20%22x%22%5D");
}

static void test_own_filters(void)
{
	check_text(plain("{{ at|datetimeformat }}"), "2026-01-31 12:00:00");
	check_text(plain("{{ at|datetimeformat('%d.%m. %H:%M %z', '+08:00') }}"),
		   "31.01. 20:00 +0800");
	check_text(plain("{{ 0|datetimeformat('%F') }}{{ nope|datetimeformat }}"), "1970-01-01");
	check_text(plain("{{ 1536|bytesformat }} {{ 1536|filesizeformat }}"), "1.5 KiB 1.5 kB");
	check_text(plain("{{ 5400|durationformat }} {{ none|durationformat }}"), "1h30m ");
}

/* Where we differ from Jinja2 on purpose: a map's key comes before its method. */
/* The smallest number of 64 bits has no positive counterpart. */
static void test_whole_numbers_at_the_edge(void)
{
	check_text(plain("{{ '-9223372036854775807'|int }}"), "-9223372036854775807");
	check_text(plain("{{ '9223372036854775807'|int }}"), "9223372036854775807");
	check(strstr(plain("{{ '-9223372036854775808'|int }}"), "-9223372036854775808") == NULL);
	check(strstr(plain("{{ '99999999999999999999'|int }}"), "99999999999999999999") == NULL);
}

static void test_key_before_method(void)
{
	check_text(plain("{{ d.items }} {{ d.k }} {{ d['items'] }}"), "1 v 1");
}

static void test_undefined(void)
{
	check_text(plain("a{{ nope }}b"), "ab");
	check_text(plain("{{ nope.x }}"), "1:8 'nope' is undefined");
	check_text(render("a\n {{ nope }}", JINJA_ESCAPE_NONE, JINJA_UNDEFINED_STRICT),
		   "2:2 'nope' is undefined");
	check_text(render("{{ nope|d('x') }}{{ nope is defined }}", JINJA_ESCAPE_NONE,
			  JINJA_UNDEFINED_STRICT),
		   "xFalse");
	check_text(render("{{ nope in d }}", JINJA_ESCAPE_NONE, JINJA_UNDEFINED_STRICT),
		   "1:9 'nope' is undefined");
	check_text(render("{{ d[nope] }}", JINJA_ESCAPE_NONE, JINJA_UNDEFINED_STRICT),
		   "1:1 'nope' is undefined");
	check_text(render("{{ [1]|unique(attribute='x')|list }}", JINJA_ESCAPE_NONE,
			  JINJA_UNDEFINED_STRICT),
		   "1:8 'x' is undefined");
	check_text(render("{{ {nope: 1} }}", JINJA_ESCAPE_NONE, JINJA_UNDEFINED_STRICT),
		   "1:1 'nope' is undefined");
}

static void test_places(void)
{
	check_text(plain("告\n警 {{ n + }}"), "2:10 expected a value, got }}");
	check_text(plain("{% if n %}"), "1:4 {% if %} is never ended by {% endif %}");
	check_text(plain("{% include 'x' %}"), "1:4 {% include %} is not supported");
	check_text(plain("x{{ n|foo }}"), "1:7 there is no filter 'foo'");
	check_text(plain("{{ n|truncate(1, 2, 3, 4, 5) }}"),
		   "1:6 filter 'truncate' has 4 arguments, 5 are given");
	check_text(plain("{{ n is foo }}"), "1:9 there is no test 'foo'");
	check_text(plain("{# x"), "1:1 comment {# is never ended by #}");
	check_text(plain("{{ 'x }}"), "1:4 text is never ended by '");
	check_text(plain("{{ (1] }}"), "1:6 unexpected ']', expected ')'");
	check_text(plain("{{ l + 1 }}"),
		   "1:6 a list and a whole number do not go together with '+'");
	check_text(plain("{{ 9223372036854775807 + 1 }}"),
		   "1:24 whole numbers have at most 63 bits");
}

/* Every bomb ends with a complaint, soon. */
static void test_limits(void)
{
	static const char *const bombs[] = {
		"{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
		"{% set x = 'aaaaaaaa' %}{% for i in range(64) %}{% set x %}{{ x }}{{ x }}{% "
		"endset "
		"%}{% for j in range(99) %}{{ x * 1000 }}{% endfor %}{% endfor %}",
		"{{ 'x' * 9999999 }}",
		"{{ [[1] * 1000] * 1000000 }}",
		"{{ range(99999999)|list }}",
		"{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% "
		"endfor %}{{ ns.l }}",
		"{% set ns = namespace(t='x') %}{% for i in range(999) %}{% set ns.t = ns.t ~ ns.t "
		"%}{% endfor %}",
		"{% for i in range(9999) %}{{ range(9999)|map('string')|join|length }}{% endfor %}",
		"{{ ('a' * 500000)|replace('a', 'bbbbbbbbbbbbbbb') }}",
		"{% for i in range(9999) %}{{ 'a' * 100000 in 'a' * 100000 }}{% endfor %}",
		"{% for i in range(9999) %}{{ range(999)|list|sort|unique|list|length }}{% endfor "
		"%}",
		"{{ '%999s'|format(1)|center(99999999) }}",
	};

	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		mono_t start = mono_now();
		const char *text = plain(bombs[i]);

		check(strstr(text, "more than") || strstr(text, "longer than") ||
		      strstr(text, "deeper than") || strstr(text, "too large"));
		/* 100 ms on a machine of its own; sanitizers and neighbours take their share */
		check(mono_sub(mono_now(), start) < 5 * DUR_S);
	}
}

static void check_repeated(const char *first, const char *part, int times, const char *complaint)
{
	CLEANUP_BUF struct buf source = BUF_INIT;

	buf_append_text(&source, first);
	for (int i = 0; i < times; i++)
		buf_append_text(&source, part);
	check(strstr(plain(source.data), complaint));
}

static void test_nesting(void)
{
	check_repeated("{{ 1", "+1", 20000, "operators depend on each other");
	check_repeated("{{ n", "|string", 5000, "operators depend on each other");
	check_repeated("{{ n", ".a", 20000, "operators depend on each other");
	check_repeated("{{ ", "(", 1000, "nest deeper than");
	check_repeated("{{ ", "[", 33, "nest deeper than");
	check_repeated("{{ ", "not ", 10000, "in a row");
	check_repeated("{{ ", "-", 10000, "in a row");
	check_repeated("{{ 1", " if 1 else 1", 5000, "in a row");
	check_repeated("", "{% if 1 %}", 33, "blocks nest deeper than 32 levels");
	check_repeated("", "xxxxxxxx", 8193, "template of 65544 bytes, at most 65536 expected");
}

static int is_over(void *owner)
{
	return ++*(int *)owner > 3;
}

static void test_deadline(void)
{
	static const char source[] = "{% for i in range(9999) %}{{ i }}{% endfor %}";
	int asked = 0;
	struct jinja_options options = {.is_over = is_over, .owner = &asked};
	CLEANUP_JINJA struct jinja *jinja = NULL;
	CLEANUP_BUF struct buf out = BUF_INIT;
	CLEANUP_JSON json_t *none = json_object();
	struct jinja_error err;

	buf_append_text(&out, "kept");
	check(!jinja_compile(source, strlen(source), &jinja, &err));
	check(jinja_render(jinja, none, &options, &out, &err) < 0);
	check_int(err.fault, JINJA_FAULT_LIMIT);
	check_int(asked, 4);
	check_text(out.data, "kept");
}

int main(void)
{
	test_escapes();
	test_own_filters();
	test_whole_numbers_at_the_edge();
	test_key_before_method();
	test_undefined();
	test_places();
	test_limits();
	test_nesting();
	test_deadline();
	return 0;
}
