/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter would be, before it is saved: canonical form, BPF text, instructions. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "policy/match_bpf.h"

#define LINKTYPE_ETHERNET 1

/* The BPF expression is compiled first, then the structured filter's text. */
struct filter_check {
	struct exchange *exchange;
	uint32_t link_type;
	struct match match;
	bool has_match;
	char *text; /* of the match; NULL = it has none */
	json_t *answer;
};

static void check_free(struct filter_check *check)
{
	match_fini(&check->match);
	json_decref(check->answer);
	free(check->text);
	free(check);
}

static void reply(struct filter_check *check)
{
	exchange_reply(check->exchange, 200, json_incref(check->answer));
	check_free(check);
}

static void set_match(struct filter_check *check, json_t *instructions, const char *note)
{
	json_t *text = check->text ? json_string(check->text) : json_null();

	json_object_set_new(check->answer, "match_bpf", text);
	json_object_set_new(check->answer, "match_instructions", instructions);
	json_object_set_new(check->answer, "note", json_string(note));
}

/* That libpcap cannot take a text of ours is no mistake of the sender's. */
static void on_match_compiled(void *owner, const struct program *program)
{
	struct filter_check *check = owner;

	if (program->state == PROGRAM_READY)
		set_match(check, json_integer(program->count), "");
	else
		set_match(check, json_null(), program->message);
	reply(check);
}

static void compile_match(struct filter_check *check)
{
	struct buf text = BUF_INIT;
	int r = match_bpf_format(&check->match, check->link_type, COMPILE_TEXT_MAX - 1, &text);

	if (!r) {
		check->text = buf_take(&text);
		program_wait(&check->exchange->control->programs, check->link_type, check->text,
			     on_match_compiled, check);
		return;
	}
	set_match(check, json_null(),
		  r == MATCH_BPF_NEVER ? "no packet of this link type can match"
				       : "too long for BPF; captures do not need it as BPF");
	buf_fini(&text);
	reply(check);
}

static void on_compiled(void *owner, const struct program *program)
{
	struct filter_check *check = owner;

	if (program->state != PROGRAM_READY) {
		exchange_reply_problem(check->exchange, 422, program_format_problem(program));
		check_free(check);
		return;
	}
	json_object_set_new(check->answer, "instructions", json_integer(program->count));
	if (check->has_match) {
		compile_match(check);
		return;
	}
	set_match(check, json_null(), "");
	reply(check);
}

static int read_check(struct filter_check *check, const json_t *object, const char **filter,
		      struct error *err)
{
	static const char *const allowed[] = {"filter", "link_type", "match", NULL};
	json_t *match = json_object_get(object, "match");
	int64_t link_type = LINKTYPE_ETHERNET;
	int r = json_check_keys(object, "", allowed, err);

	if (r >= 0)
		r = json_read_text(object, "", "filter", 0, POLICY_FILTER_MAX, filter, err);
	if (r >= 0)
		r = json_read_int(object, "", "link_type", 0, 65535, &link_type, err);
	check->link_type = (uint32_t)link_type;
	check->has_match = match && !json_is_null(match);
	if (r >= 0 && check->has_match)
		r = match_read(&check->match, match, "/match", err);
	return r < 0 ? r : 0;
}

void api_filter_check(struct exchange *exchange)
{
	CLEANUP_JSON json_t *object = NULL;
	struct filter_check *check;
	const char *filter = "";
	struct error err;

	if (!exchange_read_object(exchange, &object))
		return;
	check = xcalloc(1, sizeof(*check));
	check->exchange = exchange;
	if (read_check(check, object, &filter, &err) < 0) {
		exchange_refuse_error(exchange, 422, &err);
		check_free(check);
		return;
	}
	check->answer = json_pack("{s:s, s:o}", "filter", filter, "match",
				  check->has_match ? match_format(&check->match) : json_null());
	program_wait(&exchange->control->programs, check->link_type, filter, on_compiled, check);
}
