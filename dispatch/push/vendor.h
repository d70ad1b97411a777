/* SPDX-License-Identifier: Apache-2.0 */
/* A kind of endpoint that speaks HTTP: a push becomes a request, its answer a result. Pure, bytes
 * in, bytes out; dispatch/push/endpoint_http.h carries them. */
#pragma once

#include "dispatch/push/http.h"

/* Where an exchange of several requests is. */
struct vendor_stage {
	unsigned number;   /* from 0 */
	const char *token; /* WeCom's access token */
	wall_t now;
};

/* Owned texts; NULL = "". */
struct vendor_request {
	const char *method; /* borrowed */
	char *url;
	char *headers; /* lines */
	char *body;
};
void vendor_request_fini(struct vendor_request *request);

struct vendor {
	/* 0, or -EINVAL with err, which quotes no secret */
	int (*encode)(const struct courier_push *push, const struct vendor_stage *stage,
		      struct vendor_request *ret, struct error *err);
	/* Fills verdict, step, retry_after_ms, text and reference; status is set. The exchange was
	 * answered (answer->status). */
	void (*judge)(const struct courier_push *push, const struct http_answer *answer, wall_t now,
		      struct courier_result *result);
	/* requests of one push; 0 = 1 */
	unsigned (*stages)(const struct courier_push *push);
};

extern const struct vendor vendor_http, vendor_slack, vendor_pagerduty, vendor_wecom_robot,
	vendor_wecom_app, vendor_dingtalk;

/* By the verdict table for all (verdict_on_status); text = status and answer. */
void vendor_judge_status(const struct courier_push *push, const struct http_answer *answer,
			 wall_t now, struct courier_result *result);
/* "HTTP 200: <answer>" */
void vendor_set_text(const struct http_answer *answer, struct courier_result *result);
/* The answer is no JSON object: again, three times, then never. */
void vendor_judge_unreadable(const struct courier_push *push, const struct http_answer *answer,
			     struct courier_result *result);

/* What a reply's code means, ended by code 0 of verdict DELIVERED. */
struct vendor_code {
	int64_t code;
	enum courier_verdict verdict;
	enum courier_step step;
	int64_t retry_after_ms;
	const char *hint; /* added to the text, or NULL */
};
/* WeCom's and DingTalk's {"errcode", "errmsg"}: unlisted codes are permanent. */
void vendor_judge_errcode(const struct courier_push *push, const struct http_answer *answer,
			  wall_t now, const struct vendor_code codes[],
			  struct courier_result *result);
/* The reply's errcode, or INT64_MIN if there is none to read. */
int64_t vendor_errcode(const struct http_answer *answer);
