/* SPDX-License-Identifier: Apache-2.0 */
/* Every field of every kind of endpoint has rules: each is broken here, and what is said names the
 * field, quotes the value (unless it is a secret) and says what is allowed. */
#include "base/alloc.h"
#include "base/json.h"
#include "policy/settings.h"
#include "policy/settings_kind.h"
#include "tests/unit/test.h"

/* The least that is accepted, by kind. */
static const char *const least[] = {
	[ENDPOINT_PCAP] = "{\"policy\": \"p\"}",
	[ENDPOINT_HTTP] = "{\"url\": \"https://h.example/\"}",
	[ENDPOINT_EMAIL] = "{\"to\": \"noc@example.org\"}",
	[ENDPOINT_KAFKA] = "{\"brokers\": \"h:9092\", \"topic\": \"t\"}",
	[ENDPOINT_SYSLOG] = "{\"destination\": \"udp://h\"}",
	[ENDPOINT_SLACK] = "{\"url\": \"https://h.example/x\"}",
	[ENDPOINT_PAGERDUTY] = "{\"routing_key\": \"0123456789abcdef0123456789abcdef\"}",
	[ENDPOINT_WECOM_APP] =
		"{\"corp_id\": \"c\", \"agent_id\": 1, \"secret\": \"s\", \"recipient\": \"1\"}",
	[ENDPOINT_WECOM_ROBOT] = "{\"url\": \"https://h.example/send?key=k\"}",
	[ENDPOINT_DINGTALK] = "{\"url\": \"https://h.example/send?access_token=k\"}",
};

static int broken; /* how many rules were */

static json_t *make(enum endpoint_kind kind)
{
	json_t *object = json_loads(least[kind], 0, NULL);

	check(object);
	json_object_set_new(object, "name", json_string("e"));
	json_object_set_new(object, "kind", json_string(endpoint_kind_name(kind)));
	return object;
}

static int read_object(const json_t *object, struct error *err)
{
	struct endpoint endpoint;
	int r;

	endpoint_default(&endpoint);
	r = endpoint_read(&endpoint, object, err);
	endpoint_fini(&endpoint);
	return r;
}

/* `quoted` NULL: it must not be quoted (or is too long for it). Takes value. */
static void check_broken(enum endpoint_kind kind, const char *key, json_t *value,
			 const char *quoted, const char *hidden)
{
	CLEANUP_JSON json_t *object = make(kind);
	CLEANUP_FREE char *shown = json_dumps(value, JSON_ENCODE_ANY);
	struct error err = {0};
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "/%s", key);
	json_object_set_new(object, key, value);
	if (!read_object(object, &err)) {
		fprintf(stderr, "%s%s: %.60s is taken\n", endpoint_kind_name(kind), pointer, shown);
		exit(1);
	}
	broken++;
	/* in a list the place is told, too */
	if (strncmp(err.field, pointer, strlen(pointer)) != 0 || !err.code[0] ||
	    (quoted && !strstr(err.text, quoted)) || (hidden && strstr(err.text, hidden)) ||
	    strlen(err.text) < 8) {
		fprintf(stderr, "%s%s: %.60s: says \"%s\" of \"%s\"\n", endpoint_kind_name(kind),
			pointer, shown, err.text, err.field);
		exit(1);
	}
}

static bool has_sign(const struct kind_field *field)
{
	const char *(*judge)(const char *text) = field->check;

	return judge && judge("a b\"c");
}

static void break_text(enum endpoint_kind kind, const struct kind_field *field)
{
	size_t len = (size_t)field->max + 1;
	char *longest = xmalloc(len + 1);
	bool secret = field->flags & KIND_SECRET;

	memset(longest, 'x', len);
	longest[len] = '\0';
	check_broken(kind, field->key, json_string(longest), NULL, secret ? "xxxx" : NULL);
	free(longest);
	check_broken(kind, field->key, json_integer(4711), NULL, secret ? "4711" : NULL);
	check_broken(kind, field->key, json_string("tell\x07tale"), NULL, secret ? "tell" : NULL);
	check_broken(kind, field->key, json_array(), NULL, NULL);
	if (field->type == KIND_TEXT) /* no header or line of a protocol can be added */
		check_broken(kind, field->key, json_string("tell\r\nBcc: tale"), NULL,
			     secret ? "tale" : NULL);
	if (has_sign(field))
		check_broken(kind, field->key, json_string("a b\"c"), secret ? NULL : "a b",
			     secret ? "a b" : NULL);
	if (field->flags & KIND_REQUIRED && !field->preset)
		check_broken(kind, field->key, json_string(""), NULL, NULL);
}

static void break_number(enum endpoint_kind kind, const struct kind_field *field)
{
	char over[32];

	snprintf(over, sizeof(over), "%lld", (long long)field->max + 1);
	check_broken(kind, field->key, json_integer(field->max + 1), over, NULL);
	snprintf(over, sizeof(over), "%lld", (long long)field->min - 1);
	check_broken(kind, field->key, json_integer(field->min - 1), over, NULL);
	check_broken(kind, field->key, json_string("many"), NULL, NULL);
	check_broken(kind, field->key, json_real(1.5), NULL, NULL);
}

static void break_headers(enum endpoint_kind kind, const char *key)
{
	check_broken(kind, key, json_string("A: b"), NULL, NULL);
	check_broken(kind, key, json_pack("[{s:s, s:s}]", "name", "A: b", "value", "x"), NULL,
		     NULL);
	check_broken(kind, key, json_pack("[{s:s, s:s}]", "name", "A", "value", "tell\r\nB: x"),
		     NULL, "tell");
}

static void break_field(enum endpoint_kind kind, const struct kind_field *field)
{
	switch (field->type) {
	case KIND_TEXT:
	case KIND_LINES:
		break_text(kind, field);
		break;
	case KIND_WORD:
		check_broken(kind, field->key, json_string("nonsense"), "nonsense", NULL);
		check_broken(kind, field->key, json_string("nonsense"), field->words[0], NULL);
		check_broken(kind, field->key, json_integer(1), NULL, NULL);
		break;
	case KIND_INT:
		break_number(kind, field);
		break;
	case KIND_BOOL:
		check_broken(kind, field->key, json_string("yes"), "true or false", NULL);
		check_broken(kind, field->key, json_integer(1), "true or false", NULL);
		break;
	case KIND_DUR:
		check_broken(kind, field->key, json_string("soon"), "soon", NULL);
		check_broken(kind, field->key, json_string("0s"), "0s", NULL);
		check_broken(kind, field->key, json_string("9000h"), "9000h", NULL);
		check_broken(kind, field->key, json_integer(5), NULL, NULL);
		break;
	case KIND_HEADERS:
		break_headers(kind, field->key);
		break;
	}
}

static void test_kind(enum endpoint_kind kind)
{
	CLEANUP_JSON json_t *object = make(kind);
	struct error err = {0};

	if (read_object(object, &err)) {
		fprintf(stderr, "%s: %s %s\n", endpoint_kind_name(kind), err.field, err.text);
		exit(1);
	}
	for (const struct kind_field *field = kind_fields(kind); field->key; field++)
		break_field(kind, field);
	check_broken(kind, "no_such_field", json_true(), NULL, NULL);
}

int main(void)
{
	for (size_t kind = 0; kind < ARRAY_SIZE(least); kind++)
		test_kind((enum endpoint_kind)kind);
	check(broken > 500);
	return 0;
}
