/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/source_auth.h"

#include "base/hash.h"
#include "base/json.h"
#include "dispatch/serve/intake_rate.h"
#include "tests/unit/test.h"

#define NOW (1700000000 * DUR_S)

static const wall_t now = {NOW};

static struct source make(const char *settings)
{
	CLEANUP_JSON json_t *json = json_loads(settings, 0, NULL);
	struct source source;
	struct error err = {0};

	check(json);
	source_default(&source);
	if (source_read(&source, json, &err)) {
		fprintf(stderr, "%s: %s\n", err.field, err.text);
		exit(1);
	}
	sha256_text("right", 5, source.token_sha256);
	return source;
}

static int judge(const struct source *source, struct source_credentials shown)
{
	return source_auth_check(source, &shown, now);
}

/* TCT-09 */
static void token_places(void)
{
	struct source source = make("{\"name\": \"a\"}");

	check_int(judge(&source, (struct source_credentials){.url_token = "right"}), 0);
	check_int(judge(&source, (struct source_credentials){.authorization = "Bearer right"}), 0);
	check_int(judge(&source, (struct source_credentials){.token_header = "right"}), 0);
	/* any:right */
	check_int(
		judge(&source, (struct source_credentials){.authorization = "Basic YW55OnJpZ2h0"}),
		0);
	check_int(judge(&source, (struct source_credentials){.url_token = "wrong"}),
		  SOURCE_AUTH_TOKEN);
	check_int(judge(&source, (struct source_credentials){0}), SOURCE_AUTH_TOKEN);
	check_int(judge(&source, (struct source_credentials){.authorization = "Basic ***"}),
		  SOURCE_AUTH_TOKEN);
	check_int(judge(NULL, (struct source_credentials){.url_token = ""}), SOURCE_AUTH_TOKEN);
	source_fini(&source);
	/* a token that stood in a log is worth nothing where only headers count */
	source = make("{\"name\": \"a\", \"token_places\": [\"bearer\"]}");
	check_int(judge(&source, (struct source_credentials){.url_token = "right"}),
		  SOURCE_AUTH_TOKEN);
	check_int(judge(&source, (struct source_credentials){.url_token = "x",
							     .authorization = "bearer right"}),
		  0);
	source_fini(&source);
}

static void old_token_until(void)
{
	struct source source = make("{\"name\": \"a\"}");

	sha256_text("former", 6, source.old_token_sha256);
	check(!source_auth_token(&source, "former", now));
	source.old_token_until = wall_add(now, DUR_S);
	check(source_auth_token(&source, "former", now));
	check(source_auth_token(&source, "right", now));
	check(!source_auth_token(&source, "former", wall_add(now, DUR_S)));
	source_fini(&source);
}

/* TCT-07 */
static void networks(void)
{
	struct source source =
		make("{\"name\": \"a\", \"networks\": [\"10.0.0.0/8\", \"2001:db8::/32\"]}");
	static const struct {
		const char *address;
		int want;
	} rows[] = {{"10.1.2.3", 0},
		    {"::ffff:10.1.2.3", 0},
		    {"2001:db8::1", 0},
		    {"11.0.0.1", SOURCE_AUTH_NETWORK},
		    {"::1", SOURCE_AUTH_NETWORK},
		    {NULL, SOURCE_AUTH_NETWORK},
		    {"junk", SOURCE_AUTH_NETWORK}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_int(judge(&source, (struct source_credentials){.url_token = "right",
								     .address = rows[i].address}),
			  rows[i].want);
	source_fini(&source);
}

/* Vectors made with openssl dgst -sha256 -hmac. */
#define SECRET	    "0123456789abcdef"
#define BODY	    "{\"a\":1}"
#define HMAC_HEX    "1c76fbb930d3aa8b1633728fae212c68ca68a6752bb319b98be6fe17e86cf5b8"
#define STAMPED_HEX "457861bd1441046d6cda600fa000373809b11fb0ebae53df9adda9048e2ee176"

static int judge_signed(const struct source *source, const char *signature, const char *stamp)
{
	struct source_credentials shown = {.url_token = "right",
					   .signature = signature,
					   .timestamp = stamp,
					   .body = BODY,
					   .len = strlen(BODY)};

	return judge(source, shown);
}

static void hmac(void)
{
	struct source source = make("{\"name\": \"a\", \"kind\": \"pagerduty_v3\", \"hmac\": {"
				    "\"header\": \"X-PagerDuty-Signature\", \"prefix\": \"v1=\","
				    "\"secrets\": [\"another-secret-old\", \"" SECRET "\"]}}");
	static const char good[] = "v1=" HMAC_HEX;
	char bad[sizeof(good)];

	check_int(judge_signed(&source, good, NULL), 0);
	check_int(judge_signed(&source,
			       "v1=00, "
			       "v1=" HMAC_HEX,
			       NULL),
		  0);
	memcpy(bad, good, sizeof(good));
	bad[10] = bad[10] == '0' ? '1' : '0';
	check_int(judge_signed(&source, bad, NULL), SOURCE_AUTH_SIGNATURE);
	check_int(judge_signed(&source, good + 3, NULL), SOURCE_AUTH_SIGNATURE);
	check_int(judge_signed(&source, "", NULL), SOURCE_AUTH_SIGNATURE);
	check_int(judge_signed(&source, NULL, NULL), SOURCE_AUTH_SIGNATURE);
	source_fini(&source);
}

static void hmac_with_timestamp(void)
{
	struct source source = make("{\"name\": \"a\", \"kind\": \"grafana\", \"hmac\": {"
				    "\"header\": \"X-Grafana-Alerting-Signature\","
				    "\"timestamp_header\": \"X-Stamp\","
				    "\"secrets\": [\"" SECRET "\"]}}");

	check_int(judge_signed(&source, STAMPED_HEX, "1700000000"), 0);
	check_int(judge_signed(&source, STAMPED_HEX, "1700000001"), SOURCE_AUTH_SIGNATURE);
	check_int(judge_signed(&source, STAMPED_HEX, NULL), SOURCE_AUTH_SIGNATURE);
	check_int(judge_signed(&source, STAMPED_HEX, "-9223372036854775808"),
		  SOURCE_AUTH_SIGNATURE);
	check_int(judge_signed(&source, STAMPED_HEX, "9223372036854775807"), SOURCE_AUTH_SIGNATURE);
	/* played again later */
	check_int(source_auth_check(&source,
				    &(struct source_credentials){.url_token = "right",
								 .signature = STAMPED_HEX,
								 .timestamp = "1700000000",
								 .body = BODY,
								 .len = strlen(BODY)},
				    wall_add(now, 10 * DUR_MIN)),
		  SOURCE_AUTH_SIGNATURE);
	source_fini(&source);
}

static void secrets_are_masked_and_kept(void)
{
	struct source source = make("{\"name\": \"a\", \"hmac\": {\"header\": \"X-S\","
				    "\"secrets\": [\"" SECRET "\"]}}");
	CLEANUP_JSON json_t *view = source_format(&source);
	CLEANUP_FREE char *text = json_format(view);
	struct error err = {0};

	check(!strstr(text, SECRET) && strstr(text, "***"));
	check_int(source_read(&source, view, &err), 0);
	check_text(source.hmac.secrets[0], SECRET);
	source_fini(&source);
}

static void rates(void)
{
	static struct intake_rates table;
	mono_t t = {5 * DUR_S};
	dur_t wait = 0;
	int passed = 0;

	while (!wait && passed < 100) {
		wait = intake_rate_take(&table, "a", 2, t);
		passed += !wait;
	}
	check_int(passed, 20);
	check(wait > 0 && wait <= DUR_S / 2 + 1);
	check(!intake_rate_take(&table, "b", 2, t));
	check(!intake_rate_take(&table, "a", 2, mono_add(t, wait)));
	check(intake_rate_take(&table, "a", 2, mono_add(t, wait)) > 0);
	check(!intake_rate_take(&table, "a", 0, t));
}

int main(void)
{
	token_places();
	old_token_until();
	networks();
	hmac();
	hmac_with_timestamp();
	secrets_are_masked_and_kept();
	rates();
	return 0;
}
