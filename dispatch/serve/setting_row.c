/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/setting_row.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

/* What identifies a setting and what an operator cannot write. */
struct row_head {
	char id[IDENT_SIZE];
	int64_t version;
	wall_t created_at;
	wall_t updated_at;
};

/* setting and extra (what is no setting; may be NULL) are put. */
static char *row_format(const struct row_head *head, json_t *setting, json_t *extra)
{
	static const char *const read_only[] = {"id", "version", "created_at", "updated_at"};
	CLEANUP_JSON json_t *row = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++)
		json_object_del(setting, read_only[i]);
	row = json_pack("{s:s, s:I, s:I, s:I, s:o}", "id", head->id, "version",
			(json_int_t)head->version, "created_at", (json_int_t)head->created_at.ns,
			"updated_at", (json_int_t)head->updated_at.ns, "setting", setting);
	bug_on(!row);
	json_object_update_new(row, extra);
	return json_format(row);
}

#define ROW_BYTES_MAX (2 << 20) /* a policy with two full lists of addresses */

#define ROW_HEAD(object)                                                                           \
	({                                                                                         \
		struct row_head head_ = {.version = (object)->version,                             \
					 .created_at = (object)->created_at,                       \
					 .updated_at = (object)->updated_at};                      \
		memcpy(head_.id, (object)->id, sizeof(head_.id));                                  \
		head_;                                                                             \
	})

char *setting_row_format_policy(const struct pcap_policy *policy)
{
	struct row_head head = ROW_HEAD(policy);

	return row_format(&head, pcap_policy_format(policy),
			  policy->once ? json_pack("{s:b}", "once", 1) : NULL);
}

char *setting_row_format_endpoint(const struct endpoint *endpoint)
{
	struct row_head head = ROW_HEAD(endpoint);

	return row_format(&head, endpoint_format_full(endpoint), NULL);
}

char *setting_row_format_source(const struct source *source)
{
	struct row_head head = ROW_HEAD(source);
	json_t *tokens = json_pack("{s:s, s:s, s:I}", "token_sha256", source->token_sha256,
				   "old_token_sha256", source->old_token_sha256, "old_token_until",
				   (json_int_t)source->old_token_until.ns);

	return row_format(&head, source_format_full(source), tokens);
}

char *setting_row_format_alert_policy(const struct alert_policy *policy)
{
	struct row_head head = ROW_HEAD(policy);

	return row_format(&head, alert_policy_format(policy), NULL);
}

char *setting_row_format_alert_route(const struct alert_route *route)
{
	struct row_head head = ROW_HEAD(route);

	return row_format(&head, alert_route_format(route), NULL);
}

char *setting_row_format_silence(const struct silence *silence)
{
	struct row_head head = ROW_HEAD(silence);

	return row_format(&head, silence_format(silence), NULL);
}

static char *text_format(const char *key, const char *text)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s}", key, text);

	/* a remote's words may be cut inside a character */
	if (!json)
		json = json_pack("{s:s}", key, "(not UTF-8)");
	return json_format(json);
}

char *setting_row_format_problem(const char *reason)
{
	return text_format("reason", reason);
}

char *setting_row_format_token(const char *sha256)
{
	return text_format("sha256", sha256);
}

int setting_row_parse_text(const char *json, const char *key, char *ret, size_t size)
{
	CLEANUP_JSON json_t *row = NULL;
	const char *text = "";
	struct error err;

	ret[0] = '\0';
	if (json_parse(json, strlen(json), JSON_BYTES_MAX, &row, &err) < 0)
		return -EINVAL;
	json_read_text(row, "", key, 0, size - 1, &text, &err);
	snprintf(ret, size, "%s", text);
	return 0;
}

static int row_parse(const char *json, struct row_head *head, json_t **row, json_t **setting,
		     struct error *err)
{
	const char *id = NULL;

	if (json_parse(json, strlen(json), ROW_BYTES_MAX, row, err) < 0)
		return -EINVAL;
	if (json_read_text(*row, "", "id", IDENT_SIZE - 1, IDENT_SIZE - 1, &id, err) ||
	    json_read_object(*row, "", "setting", setting, err))
		return error_set(err, "damaged", "", "setting row without id or setting");
	snprintf(head->id, sizeof(head->id), "%s", id);
	head->version = json_integer_value(json_object_get(*row, "version"));
	head->created_at.ns = json_integer_value(json_object_get(*row, "created_at"));
	head->updated_at.ns = json_integer_value(json_object_get(*row, "updated_at"));
	return 0;
}

#define TAKE_HEAD(object, head)                                                                    \
	do {                                                                                       \
		memcpy((object)->id, (head)->id, sizeof((object)->id));                            \
		(object)->version = (head)->version;                                               \
		(object)->created_at = (head)->created_at;                                         \
		(object)->updated_at = (head)->updated_at;                                         \
	} while (0)

#define ROW_PARSE(read, json, ret, err)                                                            \
	({                                                                                         \
		CLEANUP_JSON json_t *row_ = NULL;                                                  \
		struct row_head head_;                                                             \
		json_t *setting_;                                                                  \
		int r_ = row_parse(json, &head_, &row_, &setting_, err);                           \
		if (!r_)                                                                           \
			r_ = read(ret, setting_, err);                                             \
		if (!r_)                                                                           \
			TAKE_HEAD(ret, &head_);                                                    \
		r_;                                                                                \
	})

int setting_row_parse_policy(const char *json, struct pcap_policy *ret, struct error *err)
{
	CLEANUP_JSON json_t *row = NULL;
	struct row_head head;
	json_t *setting;
	int r = row_parse(json, &head, &row, &setting, err);

	if (!r)
		r = pcap_policy_read(ret, setting, err);
	if (r)
		return r;
	TAKE_HEAD(ret, &head);
	ret->once = json_is_true(json_object_get(row, "once"));
	return 0;
}

int setting_row_parse_endpoint(const char *json, struct endpoint *ret, struct error *err)
{
	return ROW_PARSE(endpoint_read, json, ret, err);
}

int setting_row_parse_alert_policy(const char *json, struct alert_policy *ret, struct error *err)
{
	return ROW_PARSE(alert_policy_read, json, ret, err);
}

int setting_row_parse_alert_route(const char *json, struct alert_route *ret, struct error *err)
{
	return ROW_PARSE(alert_route_read, json, ret, err);
}

int setting_row_parse_silence(const char *json, struct silence *ret, struct error *err)
{
	return ROW_PARSE(silence_read, json, ret, err);
}

static void hash_read(const json_t *row, const char *key, char ret[SHA256_HEX_SIZE])
{
	const char *hash = "";

	json_read_text(row, "", key, 0, SHA256_HEX_SIZE - 1, &hash, NULL);
	snprintf(ret, SHA256_HEX_SIZE, "%s", hash);
}

int setting_row_parse_source(const char *json, struct source *ret, struct error *err)
{
	CLEANUP_JSON json_t *row = NULL;
	struct row_head head;
	json_t *setting;
	int r = row_parse(json, &head, &row, &setting, err);

	if (!r)
		r = source_read(ret, setting, err);
	if (r)
		return r;
	TAKE_HEAD(ret, &head);
	hash_read(row, "token_sha256", ret->token_sha256);
	hash_read(row, "old_token_sha256", ret->old_token_sha256);
	ret->old_token_until.ns = json_integer_value(json_object_get(row, "old_token_until"));
	return 0;
}
