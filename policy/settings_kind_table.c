/* SPDX-License-Identifier: Apache-2.0 */
/* The tables. Keys mean the same in every kind, see docs/endpoints.md. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "policy/locator.h"
#include "policy/settings_kind.h"

#define URL_MAX 2047 /* what a courier's message carries */
#define PEM_MAX 12288

static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
static const char *const http_formats[] = {"ringbell", "alertmanager", NULL};
static const char *const message_forms[] = {"markdown", "text", NULL};
static const char *const recipient_types[] = {"party", "user", "tag", NULL};
static const char *const mail_tls[] = {"none", "starttls", "implicit", NULL};
static const char *const mechanisms[] = {"none", "plain", "scram-sha-256", "scram-sha-512", NULL};
static const char *const records[] = {"alerts", "captures", "both", NULL};
static const char *const syslog_formats[] = {"rfc5424", "rfc3164", NULL};
static const char *const framings[] = {"octet", "newline", NULL};
static const char *const facilities[] = {
	"kern",	  "user",     "mail",	"daemon", "auth",   "syslog", "lpr",   "news",	 "uucp",
	"cron",	  "authpriv", "ftp",	"ntp",	  "audit",  "alert",  "clock", "local0", "local1",
	"local2", "local3",   "local4", "local5", "local6", "local7", NULL};

/* ---- checks of one text ---- */

static const char *check_pem(const char *text)
{
	return strstr(text, "-----BEGIN ") && strstr(text, "-----END ")
		       ? NULL
		       : "PEM text (-----BEGIN …) expected";
}

static const char *check_https(const char *text)
{
	const char *problem = locator_check_plain_url(text);

	if (problem)
		return problem;
	/* without TLS only where a test or a proxy of one's own listens */
	if (!strncasecmp(text, "https://", 8) || !strncasecmp(text, "http://127.", 11) ||
	    !strncasecmp(text, "http://localhost", 16) || !strncasecmp(text, "http://[::1]", 12))
		return NULL;
	return "a URL that begins with https:// expected";
}

static const char *check_robot(const char *text)
{
	const char *key = strstr(text, "key=");
	const char *problem = check_https(text);

	if (problem)
		return problem;
	return key && (key[-1] == '?' || key[-1] == '&') && key[4] && key[4] != '&'
		       ? NULL
		       : "the robot's whole address with its key (…/webhook/send?key=…) expected";
}

/* A URL that is signed already would be signed a second time. */
static const char *check_dingtalk(const char *text)
{
	const char *problem = check_https(text);

	if (problem)
		return problem;
	if (strstr(text, "&sign=") || strstr(text, "&timestamp="))
		return "the robot's address without timestamp and sign expected: they are made for "
		       "each attempt";
	return strstr(text, "access_token=")
		       ? NULL
		       : "the robot's whole address with its access_token expected";
}

static const char *check_channel(const char *text)
{
	return (*text == '#' || *text == '@' || *text == 'C' || *text == 'G' || *text == 'D') &&
			       text[1] && !strpbrk(text, " ,")
		       ? NULL
		       : "#channel, @user or the id of a channel expected";
}

static const char *check_seed_topic(const char *text)
{
	return *text ? NULL : "1 to 256 printable characters expected";
}

static const char *check_destination(const char *text)
{
	struct locator_destination destination;
	const char *problem;

	return locator_parse_destination(text, &destination, &problem) ? problem : NULL;
}

static const char *check_app(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return "printable ASCII without blanks expected";
	return NULL;
}

/* ---- rows that several kinds have ---- */

#define QUEUE(rate)                                                                                \
	{.key = "rate", .type = KIND_INT, .max = 100000, .number = (rate)},                        \
		{.key = "concurrency", .type = KIND_INT, .min = 1, .max = 32, .number = 8},        \
		{.key = "attempts_max", .type = KIND_INT, .max = 1000},                            \
		{.key = "fallback", .type = KIND_TEXT, .max = SETTING_NAME_MAX},                   \
	{                                                                                          \
		.key = "allow_override", .type = KIND_BOOL                                         \
	}
#define TIMEOUT(preset_s)                                                                          \
	{                                                                                          \
		.key = "timeout", .type = KIND_DUR, .min = DUR_S, .max = 60 * DUR_S,               \
		.number = (preset_s)*DUR_S                                                         \
	}
#define VERIFY                                                                                     \
	{.key = "verify", .type = KIND_BOOL, .number = 1},                                         \
	{                                                                                          \
		.key = "ca", .type = KIND_LINES, .max = PEM_MAX, .check = check_pem                \
	}
#define CLIENT_CERT                                                                                \
	{.key = "cert", .type = KIND_LINES, .max = PEM_MAX, .check = check_pem},                   \
	{                                                                                          \
		.key = "cert_key", .type = KIND_LINES, .flags = KIND_SECRET, .max = PEM_MAX,       \
		.check = check_pem                                                                 \
	}
#define PROXY                                                                                      \
	{                                                                                          \
		.key = "proxy", .type = KIND_TEXT, .flags = KIND_SECRET, .max = 512,               \
		.check = locator_check_proxy                                                       \
	}
#define SECRET_URL(checker, more)                                                                  \
	{                                                                                          \
		.key = "url", .type = KIND_TEXT, .flags = KIND_SECRET | (more), .max = URL_MAX,    \
		.check = (checker)                                                                 \
	}
#define API_URL(url)                                                                               \
	{                                                                                          \
		.key = "api_url", .type = KIND_TEXT, .max = 512, .preset = (url),                  \
		.check = check_https, .flags = KIND_REQUIRED                                       \
	}
#define WORD(name, list)                                                                           \
	{                                                                                          \
		.key = (name), .type = KIND_WORD, .words = (list), .preset = (list)[0]             \
	}
#define SECRET(name, limit)                                                                        \
	{                                                                                          \
		.key = (name), .type = KIND_TEXT, .flags = KIND_SECRET, .max = (limit)             \
	}
#define TEXT(name, limit, checker)                                                                 \
	{                                                                                          \
		.key = (name), .type = KIND_TEXT, .max = (limit), .check = (checker)               \
	}

static const struct kind_field pcap_fields[] = {{0}};

static const struct kind_field http_fields[] = {
	{.key = "url",
	 .type = KIND_TEXT,
	 .flags = KIND_REQUIRED,
	 .max = URL_MAX,
	 .check = locator_check_url},
	{.key = "method", .type = KIND_WORD, .words = methods, .preset = "POST"},
	{.key = "headers", .type = KIND_HEADERS},
	{.key = "format", .type = KIND_WORD, .words = http_formats, .preset = "ringbell"},
	SECRET("signing_secret", 256),
	SECRET("signing_secret_old", 256),
	{.key = "redirects", .type = KIND_INT, .max = 3},
	TIMEOUT(10),
	PROXY,
	VERIFY,
	CLIENT_CERT,
	QUEUE(0),
	{0}};

static const struct kind_field slack_fields[] = {SECRET_URL(check_https, 0),
						 SECRET("token", 256),
						 TEXT("channel", 128, check_channel),
						 API_URL("https://slack.com/api/chat.postMessage"),
						 TIMEOUT(10),
						 PROXY,
						 VERIFY,
						 QUEUE(60),
						 {0}};

static const struct kind_field pagerduty_fields[] = {
	{.key = "routing_key",
	 .type = KIND_TEXT,
	 .flags = KIND_SECRET | KIND_REQUIRED,
	 .max = 128,
	 .check = check_app},
	API_URL("https://events.pagerduty.com/v2/enqueue"),
	TIMEOUT(10),
	PROXY,
	VERIFY,
	QUEUE(120),
	{0}};

static const struct kind_field wecom_app_fields[] = {
	{.key = "corp_id",
	 .type = KIND_TEXT,
	 .flags = KIND_REQUIRED,
	 .max = 64,
	 .check = check_app},
	{.key = "agent_id", .type = KIND_INT, .max = INT32_MAX},
	{.key = "secret", .type = KIND_TEXT, .flags = KIND_SECRET | KIND_REQUIRED, .max = 128},
	{.key = "recipient_type", .type = KIND_WORD, .words = recipient_types, .preset = "party"},
	{.key = "recipient", .type = KIND_TEXT, .flags = KIND_REQUIRED, .max = 4096},
	{.key = "message", .type = KIND_WORD, .words = message_forms, .preset = "text"},
	API_URL("https://qyapi.weixin.qq.com"),
	TIMEOUT(10),
	PROXY,
	VERIFY,
	QUEUE(30),
	{0}};

static const struct kind_field wecom_robot_fields[] = {
	SECRET_URL(check_robot, KIND_REQUIRED),
	{.key = "message", .type = KIND_WORD, .words = message_forms, .preset = "markdown"},
	TEXT("mentions", 1024, NULL),
	{.key = "mention_all", .type = KIND_BOOL},
	TIMEOUT(10),
	PROXY,
	VERIFY,
	QUEUE(20),
	{0}};

static const struct kind_field dingtalk_fields[] = {
	SECRET_URL(check_dingtalk, KIND_REQUIRED),
	SECRET("secret", 256),
	TEXT("keyword", 64, NULL),
	{.key = "message", .type = KIND_WORD, .words = message_forms, .preset = "markdown"},
	TEXT("mentions", 1024, NULL),
	{.key = "mention_all", .type = KIND_BOOL},
	TIMEOUT(10),
	PROXY,
	VERIFY,
	QUEUE(18),
	{0}};

static const struct kind_field email_fields[] = {
	{.key = "to",
	 .type = KIND_TEXT,
	 .flags = KIND_REQUIRED,
	 .max = 8192,
	 .check = locator_check_mails},
	TEXT("from", 320, locator_check_mailbox),
	TEXT("host", LOCATOR_HOST_MAX, locator_check_host),
	{.key = "port", .type = KIND_INT, .min = 1, .max = 65535, .number = 587},
	{.key = "tls", .type = KIND_WORD, .words = mail_tls, .preset = "starttls"},
	TEXT("user", 256, NULL),
	SECRET("password", 256),
	{.key = "allow_plain_auth", .type = KIND_BOOL},
	{.key = "one_each", .type = KIND_BOOL},
	TIMEOUT(60),
	VERIFY,
	QUEUE(0),
	{0}};

static const struct kind_field kafka_fields[] = {
	{.key = "brokers", .type = KIND_TEXT, .flags = KIND_REQUIRED, .max = 2048},
	{.key = "topic",
	 .type = KIND_TEXT,
	 .flags = KIND_REQUIRED,
	 .max = 256,
	 .check = check_seed_topic},
	{.key = "allow_nonstandard_topic", .type = KIND_BOOL},
	{.key = "mechanism", .type = KIND_WORD, .words = mechanisms, .preset = "none"},
	TEXT("user", 256, NULL),
	SECRET("password", 256),
	{.key = "tls", .type = KIND_BOOL},
	{.key = "idempotence", .type = KIND_BOOL, .number = 1},
	{.key = "records", .type = KIND_WORD, .words = records, .preset = "alerts"},
	TIMEOUT(30),
	VERIFY,
	CLIENT_CERT,
	QUEUE(0),
	{0}};

static const struct kind_field syslog_fields[] = {
	{.key = "destination",
	 .type = KIND_TEXT,
	 .flags = KIND_REQUIRED,
	 .max = 300,
	 .check = check_destination},
	{.key = "format", .type = KIND_WORD, .words = syslog_formats, .preset = "rfc5424"},
	{.key = "framing", .type = KIND_WORD, .words = framings, .preset = "octet"},
	{.key = "facility", .type = KIND_WORD, .words = facilities, .preset = "local0"},
	{.key = "app",
	 .type = KIND_TEXT,
	 .flags = KIND_REQUIRED,
	 .max = 48,
	 .preset = "ringbell",
	 .check = check_app},
	{.key = "enterprise", .type = KIND_INT, .min = 1, .max = INT32_MAX, .number = 32473},
	{.key = "size_max", .type = KIND_INT, .max = 32768},
	TIMEOUT(10),
	VERIFY,
	CLIENT_CERT,
	QUEUE(0),
	{0}};

const struct kind_field *kind_fields(enum endpoint_kind kind)
{
	static const struct kind_field *const tables[] = {
		[ENDPOINT_PCAP] = pcap_fields,
		[ENDPOINT_HTTP] = http_fields,
		[ENDPOINT_EMAIL] = email_fields,
		[ENDPOINT_KAFKA] = kafka_fields,
		[ENDPOINT_SYSLOG] = syslog_fields,
		[ENDPOINT_SLACK] = slack_fields,
		[ENDPOINT_PAGERDUTY] = pagerduty_fields,
		[ENDPOINT_WECOM_APP] = wecom_app_fields,
		[ENDPOINT_WECOM_ROBOT] = wecom_robot_fields,
		[ENDPOINT_DINGTALK] = dingtalk_fields,
	};

	return tables[kind];
}

/* ---- names ---- */

static const char *const names[] = {
	[ENDPOINT_PCAP] = "pcap",
	[ENDPOINT_HTTP] = "http",
	[ENDPOINT_EMAIL] = "email",
	[ENDPOINT_KAFKA] = "kafka",
	[ENDPOINT_SYSLOG] = "syslog",
	[ENDPOINT_SLACK] = "slack",
	[ENDPOINT_PAGERDUTY] = "pagerduty",
	[ENDPOINT_WECOM_APP] = "wecom_app",
	[ENDPOINT_WECOM_ROBOT] = "wecom_robot",
	[ENDPOINT_DINGTALK] = "dingtalk",
};

const char *endpoint_kind_name(enum endpoint_kind kind)
{
	return names[kind];
}

int endpoint_kind_parse(const char *text, enum endpoint_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]))
			continue;
		*ret = (enum endpoint_kind)i;
		return 0;
	}
	return -1;
}

/* ---- rules over several fields ---- */

static int missing(const char *field, const char *text, struct error *err)
{
	return error_set(err, "missing_field", field, "%s", text);
}

static int check_slack(const struct endpoint *e, struct error *err)
{
	bool webhook = *endpoint_text(e, "url"), bot = *endpoint_text(e, "token");

	if (!webhook && !bot)
		return missing("/url", "the webhook's URL, or a bot's token, expected", err);
	if (webhook && bot)
		return error_set(err, "invalid_value", "/token",
				 "either the webhook's url or a bot's token expected, not both");
	if (bot && !*endpoint_text(e, "channel"))
		return missing("/channel", "the channel a bot writes to expected", err);
	return 0;
}

static int check_email(const struct endpoint *e, struct error *err)
{
	bool user = *endpoint_text(e, "user"), password = *endpoint_text(e, "password");

	if (*endpoint_text(e, "host") && !*endpoint_text(e, "from"))
		return missing("/from", "the sender's address expected", err);
	if (user != password)
		return missing(user ? "/password" : "/user",
			       "user and password go together: both or neither expected", err);
	if (user && !endpoint_number(e, "tls") && !endpoint_number(e, "allow_plain_auth"))
		return error_set(err, "invalid_value", "/tls",
				 "\"none\": starttls or implicit expected, or allow_plain_auth, "
				 "since the password would be sent in clear");
	return 0;
}

static int check_brokers(const struct endpoint *e, struct error *err)
{
	const char *brokers = endpoint_text(e, "brokers"), *problem;
	char parsed[2304];
	int item = 1;

	if (!locator_parse_brokers(brokers, parsed, sizeof(parsed), &problem))
		return 0;
	for (const char *p = parsed; *p; p++)
		item += *p == ',';
	return error_set(err, "invalid_value", "/brokers", "\"%.100s\": item %d: %s", brokers,
			 *parsed ? item + 1 : 1, problem);
}

static int check_kafka(const struct endpoint *e, struct error *err)
{
	const char *topic = endpoint_text(e, "topic");
	const char *problem =
		endpoint_number(e, "allow_nonstandard_topic") ? NULL : locator_check_topic(topic);

	if (check_brokers(e, err))
		return -EINVAL;
	if (problem)
		return error_set(err, "invalid_value", "/topic", "\"%.260s\": %s", topic, problem);
	if (!endpoint_number(e, "mechanism"))
		return 0;
	if (!*endpoint_text(e, "user"))
		return missing("/user", "a user expected, since mechanism is not none", err);
	if (!*endpoint_text(e, "password"))
		return missing("/password", "a password expected, since mechanism is not none",
			       err);
	return 0;
}

static int check_wecom_app(const struct endpoint *e, struct error *err)
{
	if (!endpoint_number(e, "agent_id"))
		return missing("/agent_id", "the number of the app (agent id) expected", err);
	if (endpoint_number(e, "recipient_type") != 1 &&
	    !strcmp(endpoint_text(e, "recipient"), "@all"))
		return error_set(err, "invalid_value", "/recipient",
				 "\"@all\": only with recipient_type user");
	return 0;
}

static int check_syslog(const struct endpoint *e, struct error *err)
{
	int64_t size_max = endpoint_number(e, "size_max");

	if (size_max && size_max < 480)
		return error_set(err, "invalid_value", "/size_max",
				 "%d: 480 to 32768, or 0 for the transport's own limit, expected",
				 (int)size_max);
	return 0;
}

static int check_client_cert(const struct endpoint *e, struct error *err)
{
	bool cert = *endpoint_text(e, "cert"), key = *endpoint_text(e, "cert_key");
	size_t bytes = strlen(endpoint_text(e, "cert")) + strlen(endpoint_text(e, "cert_key")) +
		       strlen(endpoint_text(e, "ca"));

	if (cert != key)
		return missing(cert ? "/cert_key" : "/cert",
			       "cert and cert_key go together: both or neither expected", err);
	if (bytes > PEM_MAX)
		return error_set(err, "invalid_value", "/ca",
				 "ca, cert and cert_key have %zu bytes, at most %d expected", bytes,
				 PEM_MAX);
	return 0;
}

int kind_check(const struct endpoint *endpoint, struct error *err)
{
	int r = check_client_cert(endpoint, err);

	if (r)
		return r;
	switch (endpoint->kind) {
	case ENDPOINT_SLACK:
		return check_slack(endpoint, err);
	case ENDPOINT_EMAIL:
		return check_email(endpoint, err);
	case ENDPOINT_KAFKA:
		return check_kafka(endpoint, err);
	case ENDPOINT_SYSLOG:
		return check_syslog(endpoint, err);
	case ENDPOINT_WECOM_APP:
		return check_wecom_app(endpoint, err);
	default:
		return 0;
	}
}
