/* SPDX-License-Identifier: Apache-2.0 */
/* What a push says: title, body and URL, rendered from templates over one set of variables
 * (docs/templates.md). Pure.
 *
 * content_variables → content_render. A template that fails costs the template, never the alert:
 * the default content goes out and `problem` says why. */
#pragma once

#include "base/error.h"
#include "policy/alert.h"

#define CONTENT_TITLE_MAX 1000	/* bytes of a rendered title, cut on a character */
#define CONTENT_BODY_MAX  16384 /* bytes of a rendered body; a longer one is a problem */
#define CONTENT_URL_MAX	  2047

#define CONTENT_DOCUMENT_VERSION 1 /* of the default JSON */

/* What the body is, and so how a variable in it is escaped. */
enum content_form {
	CONTENT_TEXT,	  /* plain lines */
	CONTENT_JSON,	  /* one JSON document; values are escaped for the inside of a string */
	CONTENT_HTML,	  /* mail: `text` has the same without markup */
	CONTENT_FORM,	  /* application/x-www-form-urlencoded */
	CONTENT_MARKDOWN, /* WeCom's and DingTalk's: values make no link, mention or markup */
	CONTENT_SLACK,	  /* mrkdwn: the same, by Slack's rules */
	CONTENT_LINE,	  /* one line: syslog */
};

enum content_language {
	CONTENT_EN,
	CONTENT_ZH,
};

/* What the default JSON is. */
enum content_document {
	CONTENT_DOCUMENT_OWN,
	CONTENT_DOCUMENT_ALERTMANAGER, /* its webhook's, version 4: for receivers there are */
};

/* The templates of one endpoint. */
struct content_order {
	enum content_form form;
	enum content_language language;
	enum content_document document;
	const char *content; /* "" = the form's default */
	const char *title;   /* "" = the default: level, policy, object */
	const char *url;     /* NULL = there is none to render */
	bool strict;	     /* an unknown name is a problem, not nothing (TPL-04) */
};

/* What was rendered; content_fini frees it. */
struct content {
	char *title; /* one line, no control characters; "[Resolved] " or "【已恢复】" first */
	char *body;  /* valid JSON if the form is JSON */
	char *text;  /* form HTML: the same as plain text; else NULL */
	char *url;   /* NULL if none was asked for */
	struct error problem; /* code "" = all templates were used as they are; else field is
				 "/content", "/title" or "/url" */
};

/* What the variables are made of. Texts are never NULL. */
struct content_facts {
	const struct alert *alert;
	const char *outcome;	/* opened, changed, recovered, … */
	const json_t *captures; /* array of {id, policy, state, url, coverage, files}; borrowed */
	const char *endpoint_id, *endpoint_name;
	const char *probe;    /* this appliance's name … */
	const char *base_url; /* … and where its page is */
	unsigned count;	      /* alerts this push stands for, 1 if nothing was held back */
	enum content_language language;
};

/* A new reference; never has a secret in it. */
json_t *content_variables(const struct content_facts *facts);

/* Always gives title and body. A URL that does not render to one with the same scheme, host and
 * port is a problem too: url is then NULL and the push cannot be sent. */
void content_render(const struct content_order *order, const json_t *variables,
		    struct content *ret);
void content_fini(struct content *content);

/* Alerts to try templates with: everything a sender can tell, the same over, and next to nothing.
 */
enum content_sample_kind {
	CONTENT_SAMPLE_FIRING,
	CONTENT_SAMPLE_RECOVERED,
	CONTENT_SAMPLE_MINIMAL,
	CONTENT_SAMPLE_COUNT,
};
/* Its variables: a new reference. */
json_t *content_sample(enum content_sample_kind kind, enum content_language language);

/* At save: compiles the templates and renders them over samples. 0, or -EINVAL with err (field as
 * above, line and column in the text). */
int content_check(const struct content_order *order, struct error *err);
