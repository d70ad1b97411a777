/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jinja/jinja.h"
#include "base/json.h"
#include "policy/content_internal.h"
#include "policy/locator.h"
#include "policy/utf8.h"

static const enum jinja_escape escapes[] = {
	[CONTENT_TEXT] = JINJA_ESCAPE_NONE,	    [CONTENT_JSON] = JINJA_ESCAPE_JSON,
	[CONTENT_HTML] = JINJA_ESCAPE_HTML,	    [CONTENT_FORM] = JINJA_ESCAPE_URL,
	[CONTENT_MARKDOWN] = JINJA_ESCAPE_MARKDOWN, [CONTENT_SLACK] = JINJA_ESCAPE_SLACK,
	[CONTENT_LINE] = JINJA_ESCAPE_HEADER,
};

/* Fills err and gives NULL, or what the template gives; the caller frees it. */
static char *render(const char *source, size_t len, const json_t *variables,
		    const struct jinja_options *options, const char *field, struct error *err)
{
	CLEANUP_JINJA struct jinja *jinja = NULL;
	CLEANUP_BUF struct buf out = BUF_INIT;
	struct jinja_error fault;

	if (jinja_compile(source, len, &jinja, &fault) ||
	    jinja_render(jinja, variables, options, &out, &fault)) {
		error_set(err, "invalid_template", field, "line %u, column %u: %s", fault.line,
			  fault.column, fault.text);
		return NULL;
	}
	return buf_take(&out);
}

/* For what an operator wrote. */
static char *render_order(const struct content_order *order, const char *source,
			  const json_t *variables, enum jinja_escape escape, const char *field,
			  struct error *err)
{
	struct jinja_options options = {.escape = escape,
					.undefined = order->strict ? JINJA_UNDEFINED_STRICT
								   : JINJA_UNDEFINED_EMPTY};

	return render(source, strlen(source), variables, &options, field, err);
}

/* For what we ship: it never fails. */
static char *render_default(const char *source, const json_t *variables, enum jinja_escape escape)
{
	struct jinja_options options = {.escape = escape};
	struct error err;
	char *text = render(source, strlen(source), variables, &options, "", &err);

	bug_on(!text);
	return text;
}

/* ---- body ---- */

/* What is JSON by its form must be JSON, whatever a template made of it (HTP-11). */
static int check_json(const char *text, struct error *err)
{
	CLEANUP_JSON json_t *json = NULL;
	struct error inner;

	if (!json_parse(text, strlen(text), CONTENT_BODY_MAX, &json, &inner))
		return 0;
	return error_set(err, "invalid_template", "/content", "the text is no JSON: %s",
			 inner.text);
}

static char *render_own(const struct content_order *order, const json_t *variables,
			struct error *err)
{
	CLEANUP_FREE char *text = render_order(order, order->content, variables,
					       escapes[order->form], "/content", err);

	if (!text)
		return NULL;
	if (strlen(text) > CONTENT_BODY_MAX) {
		error_set(err, "invalid_template", "/content",
			  "%zu bytes become of it, at most %d are sent", strlen(text),
			  CONTENT_BODY_MAX);
		return NULL;
	}
	if (order->form == CONTENT_JSON && check_json(text, err))
		return NULL;
	return take_ptr(text);
}

static char *alertmanager_json(const json_t *variables)
{
	CLEANUP_JSON json_t *whole = content_alertmanager_document(variables, true);
	CLEANUP_JSON json_t *cut = NULL;
	char *text = json_format(whole);

	if (strlen(text) <= CONTENT_BODY_MAX)
		return text;
	free(text);
	cut = content_alertmanager_document(variables, false);
	return json_format(cut);
}

/* Labels and annotations are the only parts of an alert that can be too long. */
static char *own_json(const json_t *variables)
{
	CLEANUP_JSON json_t *document = content_default_document(variables);
	json_t *alert = json_object_get(document, "alert");
	char *text = json_format(document);

	if (strlen(text) <= CONTENT_BODY_MAX)
		return text;
	free(text);
	json_object_set_new(alert, "labels", json_object());
	json_object_set_new(alert, "annotations", json_object());
	json_object_set_new(document, "truncated", json_true());
	return json_format(document);
}

static char *default_body(const struct content_order *order, const json_t *variables)
{
	char *text;

	if (order->form == CONTENT_JSON)
		return order->document == CONTENT_DOCUMENT_ALERTMANAGER
			       ? alertmanager_json(variables)
			       : own_json(variables);
	text = render_default(content_default_body(order->form, order->language), variables,
			      escapes[order->form]);
	text[utf8_fit(text, CONTENT_BODY_MAX)] = '\0';
	return text;
}

/* ---- title ---- */

static const char *resolved_prefix(const json_t *variables, enum content_language language)
{
	if (!json_is_true(json_object_get(variables, "recovered")))
		return "";
	return language == CONTENT_ZH ? "【已恢复】" : "[Resolved] ";
}

static char *render_title(const struct content_order *order, const json_t *variables,
			  struct error *problem)
{
	const char *prefix = resolved_prefix(variables, order->language);
	const char *standard = content_default_title(order->language);
	CLEANUP_FREE char *text = NULL;
	CLEANUP_BUF struct buf title = BUF_INIT;
	char *cut;

	if (*order->title)
		text = render_order(order, order->title, variables, JINJA_ESCAPE_HEADER, "/title",
				    problem);
	if (!text)
		text = render_default(standard, variables, JINJA_ESCAPE_HEADER);
	if (strncmp(text, prefix, strlen(prefix)))
		buf_append_text(&title, prefix);
	/* the template's own text may have line ends too */
	jinja_escape(JINJA_ESCAPE_HEADER, text, strlen(text), &title);
	cut = buf_take(&title);
	cut[utf8_fit(cut, CONTENT_TITLE_MAX)] = '\0';
	return cut;
}

/* ---- URL ---- */

/* "/a/../b" and "/a/." lead elsewhere. */
static bool has_dot_segment(const char *path)
{
	for (const char *p = path; (p = strchr(p, '/')); p++) {
		size_t len = strcspn(p + 1, "/?#");

		if ((len == 1 && p[1] == '.') || (len == 2 && p[1] == '.' && p[2] == '.'))
			return true;
		if (memchr(path, '?', (size_t)(p - path)))
			break;
	}
	return false;
}

/* The authority is literal text; only what is behind it is a template. */
static char *render_url(const struct content_order *order, const json_t *variables,
			struct error *err)
{
	const char *url = order->url;
	size_t origin = locator_origin_len(url);
	CLEANUP_FREE char *path =
		render_order(order, url + origin, variables, JINJA_ESCAPE_URL, "/url", err);
	CLEANUP_FREE char *whole = NULL;
	const char *problem;

	if (!path)
		return NULL;
	whole = xasprintf("%.*s%s", (int)origin, url, path);
	problem = locator_check_plain_url(whole);
	if (!problem && (locator_origin_len(whole) != origin || has_dot_segment(path)))
		problem = "a URL with the same host, and no . or .. in its path, expected";
	if (!problem && strlen(whole) > CONTENT_URL_MAX)
		problem = "a shorter URL expected";
	if (problem) {
		error_set(err, "invalid_template", "/url", "\"%.120s\" becomes of it: %s", whole,
			  problem);
		return NULL;
	}
	return take_ptr(whole);
}

/* ---- plain text of HTML ---- */

static bool is_tag(const char *p, const char *name)
{
	size_t len = strlen(name);

	return !strncasecmp(p, name, len) && strchr(" \t\r\n/>", p[len]);
}

/* What stands for the tag at p ("<…") in plain text. */
static const char *tag_text(const char *p)
{
	static const char *const breaks[] = {"<br",  "</p",  "</div", "</tr",	"</li",
					     "</h1", "</h2", "</h3",  "</table"};

	for (size_t i = 0; i < ARRAY_SIZE(breaks); i++)
		if (is_tag(p, breaks[i]))
			return "\n";
	return is_tag(p, "</th") || is_tag(p, "</td") ? " " : "";
}

static const char *entity_text(const char *p, size_t *len)
{
	static const char *const entities[][2] = {{"&amp;", "&"},  {"&lt;", "<"},    {"&gt;", ">"},
						  {"&#34;", "\""}, {"&quot;", "\""}, {"&#39;", "'"},
						  {"&nbsp;", " "}};

	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (!strncmp(p, entities[i][0], strlen(entities[i][0]))) {
			*len = strlen(entities[i][0]);
			return entities[i][1];
		}
	*len = 1;
	return "&";
}

/* Behind the tag at p; what stands in a style or script is skipped too. */
static const char *skip_tag(const char *p)
{
	const char *end = NULL;

	if (is_tag(p, "<style"))
		end = strcasestr(p, "</style>");
	else if (is_tag(p, "<script"))
		end = strcasestr(p, "</script>");
	p = strchr(end ? end : p, '>');
	return p ? p + 1 : "";
}

static char *plain_text(const char *html)
{
	CLEANUP_BUF struct buf text = BUF_INIT;

	while (*html) {
		size_t len = 1;

		if (*html == '<') {
			buf_append_text(&text, tag_text(html));
			html = skip_tag(html);
			continue;
		}
		if (*html == '&')
			buf_append_text(&text, entity_text(html, &len));
		else if (*html != '\n' || (text.len && text.data[text.len - 1] != '\n'))
			buf_append(&text, html, 1);
		html += len;
	}
	return buf_take(&text);
}

/* ---- the whole ---- */

void content_render(const struct content_order *order, const json_t *variables, struct content *ret)
{
	struct error url_problem = {0};

	*ret = (struct content){0};
	if (*order->content)
		ret->body = render_own(order, variables, &ret->problem);
	if (!ret->body)
		ret->body = default_body(order, variables);
	if (order->form == CONTENT_HTML)
		ret->text = plain_text(ret->body);
	ret->title =
		render_title(order, variables, ret->problem.code[0] ? &url_problem : &ret->problem);
	if (order->url)
		ret->url = render_url(order, variables, &url_problem);
	if (order->url && !ret->url)
		ret->problem = url_problem; /* the worst one: nothing can be sent */
}

void content_fini(struct content *content)
{
	free(content->title);
	free(content->body);
	free(content->text);
	free(content->url);
	*content = (struct content){0};
}

/* ---- at save ---- */

static int check_once(const struct content_order *order, const json_t *variables, struct error *err)
{
	struct content content;
	struct error problem;

	content_render(order, variables, &content);
	problem = content.problem;
	content_fini(&content);
	if (!problem.code[0])
		return 0;
	if (err)
		*err = problem;
	return -EINVAL;
}

int content_check(const struct content_order *order, struct error *err)
{
	for (int sample = 0; sample < CONTENT_SAMPLE_COUNT; sample++) {
		CLEANUP_JSON json_t *variables =
			content_sample((enum content_sample_kind)sample, order->language);
		int r = check_once(order, variables, err);

		if (r)
			return r;
	}
	return 0;
}
