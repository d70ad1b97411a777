/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/push_queue.h"
#include "tests/unit/test.h"

static const struct push_queue_limits slow = {.rate = 20, .concurrency = 1};
static const struct push_queue_limits fast = {.concurrency = 8};

static mono_t at(int64_t ms)
{
	return (mono_t){(1000000 + ms) * DUR_MS};
}

static void result(struct push_queue *queue, enum courier_verdict verdict, int64_t retry_ms,
		   mono_t now)
{
	struct courier_result r = {.verdict = verdict, .retry_after_ms = retry_ms};

	push_queue_on_result(queue, &r, now, 0.5);
}

/* Never more than the rate in any minute, whatever the pattern. */
static void a_vendor_is_never_sent_more_than_its_rate(void)
{
	struct push_queue queue = {0};
	int64_t sent[4000];
	int count = 0;

	for (int64_t ms = 0; ms < 600000; ms += 137) {
		if (!push_queue_room(&queue, &slow, at(ms)))
			continue;
		push_queue_on_lease(&queue, at(ms));
		result(&queue, VERDICT_DELIVERED, 0, at(ms));
		sent[count++] = ms;
	}
	for (int i = 20; i < count; i++)
		check(sent[i] - sent[i - 20] >= 60000);
	check(count > 180);
	check(push_queue_wait(&queue, &slow, at(sent[count - 1])) >= 0);
}

static void test_concurrency(void)
{
	struct push_queue queue = {0};

	check_int(push_queue_room(&queue, &fast, at(0)), 8);
	for (int i = 0; i < 8; i++)
		push_queue_on_lease(&queue, at(0));
	check_int(push_queue_room(&queue, &fast, at(0)), 0);
	check_int(push_queue_wait(&queue, &fast, at(0)), 0); /* a result is what brings room */
	result(&queue, VERDICT_PERMANENT, 0, at(1));
	check_int(push_queue_room(&queue, &fast, at(1)), 1);
}

static void digests_wait_after_a_refusal(void)
{
	struct push_queue queue = {0};

	check(push_queue_rate_room(&queue, &fast, at(0)) == INT64_MAX);
	check_int(push_queue_rate_room(&queue, &slow, at(0)), 20);
	for (int i = 0; i < 21; i++)
		push_queue_on_lease(&queue, at(0));
	check_int(push_queue_rate_room(&queue, &slow, at(0)), 0);
	check_int(push_queue_rate_room(&queue, &slow, at(61000)), 20);
	check(push_queue_digests(&queue, at(0)));
	push_queue_on_digest_refused(&queue, at(0));
	check(!push_queue_digests(&queue, at(0)));
	check(!push_queue_digests(&queue, at(PUSH_QUEUE_SINGLE / DUR_MS - 1)));
	check(push_queue_digests(&queue, at(PUSH_QUEUE_SINGLE / DUR_MS)));
}

static void fail(struct push_queue *queue, int64_t ms)
{
	push_queue_on_lease(queue, at(ms));
	result(queue, VERDICT_RETRY, 0, at(ms));
}

static void the_circuit_opens_and_one_push_finds_out(void)
{
	struct push_queue queue = {0};

	for (int i = 0; i < 4; i++)
		fail(&queue, i);
	check_text(push_queue_state(&queue, at(10)), "closed");
	fail(&queue, 10);
	check_text(push_queue_state(&queue, at(10)), "open");
	check_int(push_queue_room(&queue, &fast, at(10)), 0);
	check_int(push_queue_wait(&queue, &fast, at(10)), 3750 * DUR_MS);
	check_text(push_queue_state(&queue, at(3800)), "half-open");
	check_int(push_queue_room(&queue, &fast, at(3800)), 1);
	push_queue_on_lease(&queue, at(3800));
	check_int(push_queue_room(&queue, &fast, at(3800)), 0);
	result(&queue, VERDICT_RETRY, 0, at(3900)); /* twice as long */
	check_int(push_queue_wait(&queue, &fast, at(3900)), 7500 * DUR_MS);
	push_queue_on_lease(&queue, at(12000));
	result(&queue, VERDICT_DELIVERED, 0, at(12000));
	check_text(push_queue_state(&queue, at(12000)), "closed");
	check_int(push_queue_room(&queue, &fast, at(12000)), 8);
}

static void a_vendors_ban_holds_the_whole_queue(void)
{
	struct push_queue queue = {0};

	push_queue_on_lease(&queue, at(0));
	result(&queue, VERDICT_RETRY, 600000, at(0));
	check_int(push_queue_room(&queue, &fast, at(599000)), 0);
	check_int(push_queue_room(&queue, &fast, at(600001)), 1);
}

int main(void)
{
	a_vendor_is_never_sent_more_than_its_rate();
	test_concurrency();
	digests_wait_after_a_refusal();
	the_circuit_opens_and_one_push_finds_out();
	a_vendors_ban_holds_the_whole_queue();
	return 0;
}
