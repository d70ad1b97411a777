/* SPDX-License-Identifier: Apache-2.0 */
/* A topic as a source, with the test as the courier: each record is decided once, whoever dies. */
#include <stddef.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/control_lab.h"

static void send_part(struct lab *lab, uint32_t flags, int64_t offset, const char *text)
{
	CLEANUP_FREE struct courier_record *part = xcalloc(1, sizeof(*part));

	memcpy(part->source, lab->consumed, sizeof(part->source));
	part->flags = flags;
	part->partition = flags == COURIER_RECORD_LAST ? 0 : 3;
	part->offset = offset;
	part->used = (uint32_t)strlen(text);
	memcpy(part->data, text, part->used);
	check(!ipc_send_wait(lab->courier, COURIER_RECORD, part,
			     offsetof(struct courier_record, data) + part->used, -1, 1000));
}

static void send_alert(struct lab *lab, int64_t offset, const char *object)
{
	CLEANUP_FREE char *text = xasprintf(
		"{\"level\": \"critical\", \"policy\": \"p\", \"object\": \"%s\"}", object);
	char rest[128];

	snprintf(rest, sizeof(rest), "%s", text + 10);
	text[10] = '\0';
	send_part(lab, COURIER_RECORD_MORE, offset, text);
	send_part(lab, 0, offset, rest);
}

static void send_last(struct lab *lab, uint64_t batch)
{
	send_part(lab, COURIER_RECORD_LAST, (int64_t)batch, "");
}

static size_t alerts(struct lab *lab)
{
	CLEANUP_JSON json_t *page =
		lab_call(lab, 200, "GET", "/api/v1/alerts?source=bus&limit=200", NULL);

	return json_array_size(json_object_get(page, "items"));
}

static void add_source(struct lab *lab)
{
	json_decref(lab_call(lab, 201, "POST", "/api/v1/sources",
			     "{\"name\": \"bus\", \"kind\": \"native\", \"kafka\": "
			     "{\"brokers\": \"127.0.0.1:9092\", \"topic\": \"alerts\"}}"));
	lab_wait(lab, lab->consume_count == 1, 20);
}

static void test_batches(struct lab *lab)
{
	send_alert(lab, 7, "a");
	send_part(lab, 0, 8, "no alert");
	send_part(lab, COURIER_RECORD_LONG, 9, "");
	send_alert(lab, 10, "b");
	send_last(lab, 1);
	lab_wait(lab, lab->taken == 1, 20);
	check_int(alerts(lab), 2);
	/* a batch without any alert is done with, too */
	send_part(lab, 0, 11, "nothing");
	send_last(lab, 2);
	lab_wait(lab, lab->taken == 2, 20);
	check_int(alerts(lab), 2);
}

/* The offsets were not committed: what was decided comes again, and more. */
static void test_again(struct lab *lab)
{
	lab_kill(lab);
	lab->consume_count = 0;
	lab_start(lab);
	lab_wait(lab, lab->consume_count == 1, 20);
	send_alert(lab, 7, "a");
	send_alert(lab, 10, "b");
	send_alert(lab, 12, "c");
	send_last(lab, 1);
	lab_wait(lab, lab->taken == 1, 20);
	check_int(alerts(lab), 3);
	/* the same offset with other content is another record: the topic was made anew */
	send_alert(lab, 7, "d");
	send_last(lab, 2);
	lab_wait(lab, lab->taken == 2, 20);
	check_int(alerts(lab), 4);
}

/* Another courier begins anew; what the one before had not finished is forgotten. */
static void test_new_courier(struct lab *lab)
{
	send_alert(lab, 20, "half");
	lab->consume_count = 0;
	lab_new_courier(lab);
	lab_wait(lab, lab->consume_count == 1, 20);
	send_alert(lab, 20, "whole");
	send_last(lab, 1);
	lab_wait(lab, lab->taken == 1, 20);
	check_int(alerts(lab), 5);
}

/* Two batches at once: of a consumer before. The second is not taken, and the courier told anew. */
static void test_out_of_turn(struct lab *lab)
{
	size_t taken = lab->taken_count;

	lab->consume_count = 0;
	send_alert(lab, 30, "first");
	send_last(lab, 2);
	send_alert(lab, 31, "second");
	send_last(lab, 3);
	lab_wait(lab, lab->taken_count > taken, 20);
	lab_wait(lab, lab->consume_count == 1 || lab->taken == 3, 20);
	if (lab->taken == 2) { /* else control was quicker than the test */
		send_alert(lab, 31, "second");
		send_last(lab, 4);
		lab_wait(lab, lab->taken == 4, 20);
	}
	check_int(alerts(lab), 7);
}

static void test_end(struct lab *lab)
{
	json_decref(lab_call(lab, 200, "PATCH", "/api/v1/sources/bus", "{\"kafka\": null}"));
	lab_wait(lab, lab->consume_end_count == 1, 20);
}

/* What breaks the protocol ends the link. */
static void test_nonsense(struct lab *lab)
{
	lab->consume_count = 0;
	json_decref(lab_call(lab, 200, "PATCH", "/api/v1/sources/bus",
			     "{\"kafka\": {\"brokers\": \"127.0.0.1:9092\", \"topic\": \"x\"}}"));
	lab_wait(lab, lab->consume_count == 1, 20);
	send_part(lab, COURIER_RECORD_MORE, 1, "{");
	send_last(lab, 1);
	lab_wait(lab, lab->courier < 0, 20);
}

int main(void)
{
	struct lab lab;

	lab_init(&lab);
	add_source(&lab);
	test_batches(&lab);
	test_again(&lab);
	test_new_courier(&lab);
	test_out_of_turn(&lab);
	test_end(&lab);
	test_nonsense(&lab);
	lab_fini(&lab);
	return 0;
}
