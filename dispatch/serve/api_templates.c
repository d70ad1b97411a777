/* SPDX-License-Identifier: Apache-2.0 */
/* Templates, tried before they are saved: over a sample, or over an alert that came (TPL-10). */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/push_message.h"
#include "dispatch/serve/query_job.h"
#include "storage/journal.h"

static const char *const form_names[] = {
	[CONTENT_TEXT] = "text", [CONTENT_JSON] = "json",	  [CONTENT_HTML] = "html",
	[CONTENT_FORM] = "form", [CONTENT_MARKDOWN] = "markdown", [CONTENT_SLACK] = "slack",
	[CONTENT_LINE] = "line",
};
static const char *const language_names[] = {"en", "zh"};
static const char *const sample_names[] = {"firing", "recovered", "minimal"};

/* What is asked; texts are borrowed from the request's body or the endpoint. */
struct preview {
	struct content_order order;
	size_t sample;
	const char *alert; /* "" = a sample */
	const char *endpoint_name;
};

static int read_word(const json_t *object, const char *key, const char *const words[], size_t count,
		     size_t *ret, struct error *err)
{
	CLEANUP_BUF struct buf list = BUF_INIT;
	char field[32];
	const char *text;
	int r = json_read_text(object, "", key, 1, 32, &text, err);

	if (r)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(words[i], text)) {
			*ret = i;
			return 0;
		}
		buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	snprintf(field, sizeof(field), "/%s", key);
	return error_set(err, "invalid_value", field, "\"%s\": one of %s expected", text,
			 list.data);
}

/* The templates of an endpoint that is there already; the request's own come on top. */
static int read_endpoint(const struct control *control, const json_t *object,
			 struct preview *preview, struct error *err)
{
	const struct endpoint *endpoint;
	const char *name;
	int r = json_read_text(object, "", "endpoint", 1, SETTING_NAME_MAX, &name, err);

	if (r)
		return r < 0 ? r : 0;
	endpoint = engine_endpoint(control->engine, name);
	if (!endpoint)
		return error_set(err, "unknown_endpoint", "/endpoint",
				 "\"%.100s\": the id or name of an endpoint expected", name);
	preview->order = push_message_order(endpoint);
	preview->endpoint_name = endpoint->name;
	return 0;
}

static int read_order(const json_t *object, struct content_order *order, struct error *err)
{
	size_t form = order->form, language = order->language;
	int r = read_word(object, "form", form_names, ARRAY_SIZE(form_names), &form, err);

	if (!r)
		r = read_word(object, "language", language_names, ARRAY_SIZE(language_names),
			      &language, err);
	if (!r)
		r = json_read_text(object, "", "content", 0, ENDPOINT_CONTENT_MAX, &order->content,
				   err);
	if (r >= 0)
		r = json_read_text(object, "", "title", 0, ENDPOINT_TITLE_MAX, &order->title, err);
	if (r >= 0)
		r = json_read_text(object, "", "url", 1, CONTENT_URL_MAX, &order->url, err);
	if (r >= 0)
		r = json_read_bool(object, "", "strict", &order->strict, err);
	order->form = (enum content_form)form;
	order->language = (enum content_language)language;
	return r < 0 ? r : 0;
}

static int read_preview(const struct control *control, const json_t *object,
			struct preview *preview, struct error *err)
{
	static const char *const allowed[] = {"endpoint", "form",   "language", "content", "title",
					      "url",	  "strict", "sample",	"alert",   NULL};
	int r = json_check_keys(object, "", allowed, err);

	*preview = (struct preview){
		.order = {.form = CONTENT_JSON, .content = "", .title = ""},
		.alert = "",
		.endpoint_name = "sample",
	};
	if (!r)
		r = read_endpoint(control, object, preview, err);
	if (!r)
		r = read_order(object, &preview->order, err);
	if (!r)
		r = read_word(object, "sample", sample_names, ARRAY_SIZE(sample_names),
			      &preview->sample, err);
	if (!r)
		r = json_read_text(object, "", "alert", 1, IDENT_SIZE - 1, &preview->alert, err);
	return r < 0 ? r : 0;
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* variables is put. */
static json_t *preview_format(const struct preview *preview, json_t *variables)
{
	struct content content;
	const struct error *problem = &content.problem;
	json_t *view;

	content_render(&preview->order, variables, &content);
	view = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "form", form_names[preview->order.form],
			 "title", content.title, "body", content.body, "text",
			 text_or_null(content.text), "url", text_or_null(content.url), "variables",
			 variables);
	json_object_set_new(view, "problem",
			    problem->code[0]
				    ? json_pack("{s:s, s:s, s:s}", "code", problem->code, "field",
						problem->field, "text", problem->text)
				    : json_null());
	content_fini(&content);
	return view;
}

static json_t *alert_variables(const struct control *control, const struct preview *preview,
			       const json_t *stored)
{
	CLEANUP_JSON json_t *captures = json_array();
	struct alert_list list;
	struct content_facts facts = {
		.outcome = json_string_value(json_object_get(stored, "outcome")),
		.captures = captures,
		.endpoint_id = "",
		.endpoint_name = preview->endpoint_name,
		.probe = control->probe,
		.base_url = control->base_url,
		.count = 1,
		.language = preview->order.language,
	};
	json_t *variables;

	alert_list_init(&list);
	facts.alert = alert_list_add(&list);
	alert_parse(stored, &list.alerts[0]);
	if (!facts.outcome)
		facts.outcome = "opened";
	variables = content_variables(&facts);
	json_object_set(variables, "alert", (json_t *)stored);
	json_object_set(variables, "hints", json_object_get(stored, "hints"));
	alert_list_fini(&list);
	return variables;
}

static int get_run(struct db *db, struct query_job *job)
{
	int r = journal_get_alert(db, job->id, &job->json);

	job->absent = r == JOURNAL_ABSENT;
	return r < 0 ? r : 0;
}

/* The request is read again: it was right before, and what it names may have gone meanwhile. */
static void get_finish(struct query_job *job)
{
	const struct control *control = job->exchange->control;
	CLEANUP_JSON json_t *object = NULL, *stored = take_ptr(job->json);
	size_t len;
	const char *body = exchange_body(job->exchange, &len);
	struct preview preview;
	struct error err;

	if (json_parse(body, len, JSON_BYTES_MAX, &object, &err) ||
	    read_preview(control, object, &preview, &err)) {
		job->status = 422;
		job->json = json_pack("{s:s}", "detail", err.text);
		return;
	}
	job->json = preview_format(&preview, alert_variables(control, &preview, stored));
}

void api_template_preview(struct exchange *exchange)
{
	CLEANUP_JSON json_t *object = NULL;
	struct preview preview;
	struct query_job *job;
	struct error err;

	if (!exchange_read_object(exchange, &object))
		return;
	if (read_preview(exchange->control, object, &preview, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
	} else if (*preview.alert) {
		job = query_job_new(exchange, get_run);
		job->finish = get_finish;
		snprintf(job->id, sizeof(job->id), "%s", preview.alert);
		query_job_post(job);
	} else {
		exchange_reply(
			exchange, 200,
			preview_format(&preview,
				       content_sample((enum content_sample_kind)preview.sample,
						      preview.order.language)));
	}
}
