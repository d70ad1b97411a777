/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka sender against librdkafka's own mock cluster, and the properties it sets. */
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h> /* wants the other before it */

#include "dispatch/push/endpoint_kafka.h"
#include "dispatch/push/kafka_settings.h"
#include "policy/settings.h"
#include "tests/unit/test.h"

static const struct courier_config config = {.allow = "127.0.0.0/8"};

struct fixture {
	struct loop *loop;
	struct crew *crew;
	struct endpoint_kafka *kafka;
	struct timer *limit;
	struct courier_result result;
	unsigned results, wanted;
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
};

static struct courier_push push;

static void on_result(void *owner, const struct courier_result *result)
{
	struct fixture *f = owner;

	f->result = *result;
	if (++f->results == f->wanted)
		loop_stop(f->loop);
}

static void on_limit(void *owner)
{
	(void)owner;
	fprintf(stderr, "no result within 20 s\n");
	exit(1);
}

static void begin(const char *brokers, unsigned number)
{
	char id[IDENT_SIZE];

	snprintf(id, sizeof(id), "0193a000-0000-7000-8000-%012u", number);
	courier_push_init(&push, id);
	push.kind = ENDPOINT_KAFKA;
	push.timeout_ms = 4000;
	push.numbers[COURIER_IDEMPOTENCE] = 1;
	courier_push_set(&push, COURIER_HOST, brokers);
	courier_push_set(&push, COURIER_TO, "alerts");
	courier_push_set(&push, COURIER_BODY, "{}");
	courier_push_set(&push, COURIER_FINGERPRINT, "f00d");
}

static void fixture_init(struct fixture *f)
{
	char text[512];

	*f = (struct fixture){.loop = loop_new()};
	f->crew = crew_new(f->loop);
	f->kafka = endpoint_kafka_new(f->loop, f->crew, &config, on_result, f);
	f->limit = timer_new(f->loop, on_limit, f);
	f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	check(f->rk);
	f->cluster = rd_kafka_mock_cluster_new(f->rk, 1);
	check(f->cluster);
}

static void fixture_fini(struct fixture *f)
{
	endpoint_kafka_free(f->kafka);
	crew_free(f->crew);
	timer_free(f->limit);
	loop_free(f->loop);
	rd_kafka_mock_cluster_destroy(f->cluster);
	rd_kafka_destroy(f->rk);
}

static void run(struct fixture *f, unsigned wanted)
{
	f->wanted = f->results + wanted;
	timer_set(f->limit, 20 * DUR_S);
	loop_run(f->loop);
}

static void a_report_is_what_counts(struct fixture *f)
{
	const char *brokers = rd_kafka_mock_cluster_bootstraps(f->cluster);

	for (unsigned i = 0; i < 50; i++) {
		begin(brokers, i);
		endpoint_kafka_start(f->kafka, &push);
	}
	check_int(f->results, 0);
	run(f, 50);
	check_int(f->result.verdict, VERDICT_DELIVERED);
	check(strstr(f->result.text, "offset"));
}

/* The broker is away: never "delivered", and again later. */
static void a_broker_that_is_down_is_no_success(struct fixture *f)
{
	check(!rd_kafka_mock_broker_set_down(f->cluster, 1));
	begin(rd_kafka_mock_cluster_bootstraps(f->cluster), 100);
	push.timeout_ms = 1500;
	endpoint_kafka_start(f->kafka, &push);
	run(f, 1);
	check_int(f->result.verdict, VERDICT_RETRY);
	check_int(f->result.step, COURIER_STEP_CONNECT);
	check(!rd_kafka_mock_broker_set_up(f->cluster, 1));
}

static void a_test_does_not_wait_for_the_time_out(struct fixture *f)
{
	mono_t began = mono_now();

	begin("127.0.0.1:1", 101);
	push.event = COURIER_TEST;
	push.timeout_ms = 15000;
	endpoint_kafka_start(f->kafka, &push);
	run(f, 1);
	check_int(f->result.step, COURIER_STEP_CONNECT);
	check(mono_sub(mono_now(), began) < 10 * DUR_S);
}

static void a_forbidden_address_is_not_connected_to(struct fixture *f)
{
	begin("169.254.169.254:9092", 102);
	push.event = COURIER_TEST;
	endpoint_kafka_start(f->kafka, &push);
	run(f, 1);
	check(f->result.verdict != VERDICT_DELIVERED);
}

/* ---- properties (KFK-08: the default mechanism would be GSSAPI) ---- */

static const char *property(const struct kafka_property *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return list[i].text ? list[i].text : list[i].value;
	return "";
}

static void every_combination_is_explicit(void)
{
	static const char *const mechanisms[] = {"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
	static const char *const protocols[2][2] = {{"plaintext", "ssl"},
						    {"sasl_plaintext", "sasl_ssl"}};
	struct kafka_property list[KAFKA_PROPERTIES_MAX];

	for (uint32_t mechanism = 0; mechanism < 4; mechanism++) {
		for (uint32_t tls = 0; tls < 2; tls++) {
			size_t count;

			begin("b:1", 1);
			push.numbers[COURIER_MECHANISM] = mechanism;
			push.numbers[COURIER_TLS] = tls;
			courier_push_set(&push, COURIER_USER, "u");
			courier_push_set(&push, COURIER_SECRET, "s");
			count = kafka_settings_format(&push, &config, list);
			check_text(property(list, count, "security.protocol"),
				   protocols[mechanism > 0][tls]);
			check_text(property(list, count, "sasl.mechanisms"), mechanisms[mechanism]);
			check_text(property(list, count, "sasl.password"), mechanism ? "s" : "");
			check_text(property(list, count, "acks"), "all");
			check_text(property(list, count, "enable.idempotence"), "true");
		}
	}
}

static void codes_mean_what_they_say(void)
{
	check_int(kafka_settings_verdict(RD_KAFKA_RESP_ERR_NO_ERROR), VERDICT_DELIVERED);
	check_int(kafka_settings_verdict(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION), VERDICT_PERMANENT);
	check_int(kafka_settings_verdict(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), VERDICT_PERMANENT);
	check_int(kafka_settings_verdict(RD_KAFKA_RESP_ERR__QUEUE_FULL), VERDICT_RETRY);
	check_int(kafka_settings_verdict(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), VERDICT_RETRY);
	check_int(kafka_settings_step(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
				      RD_KAFKA_RESP_ERR__AUTHENTICATION),
		  COURIER_STEP_AUTH);
	check_int(kafka_settings_step(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__SSL),
		  COURIER_STEP_TLS);
	check_int(kafka_settings_step(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__RESOLVE),
		  COURIER_STEP_DNS);
}

/* ThreadSanitizer of gcc 12 does not know the threads of C11, which librdkafka starts: it crashes.
 */
#ifdef __SANITIZE_THREAD__
#define HAS_THREADS 0
#else
#define HAS_THREADS 1
#endif

int main(void)
{
	struct fixture f;

	every_combination_is_explicit();
	codes_mean_what_they_say();
	if (!HAS_THREADS)
		return 0;
	fixture_init(&f);
	a_report_is_what_counts(&f);
	a_broker_that_is_down_is_no_success(&f);
	a_test_does_not_wait_for_the_time_out(&f);
	a_forbidden_address_is_not_connected_to(&f);
	fixture_fini(&f);
	return 0;
}
