/* SPDX-License-Identifier: Apache-2.0 */
/* The gate before evhttp: one byte of how to cut the stream, then what a connection sends. The
 * verdict does not depend on the pieces the bytes come in, and what was passed on stands by itself.
 */
#include "dispatch/serve/gate.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX 1000

/* The whole stream in pieces of at most `piece` bytes. Returns how many bytes were passed on. */
static size_t feed(struct gate *gate, const uint8_t *data, size_t size, size_t piece)
{
	size_t done = 0;

	gate_init(gate, BODY_MAX);
	while (done < size) {
		size_t n = size - done < piece ? size - done : piece;
		size_t passed = gate_step(gate, data + done, n);

		fuzz_check(passed <= n);
		done += passed;
		if (passed < n)
			break;
	}
	return done;
}

static void check_same(const struct gate *a, const struct gate *b)
{
	fuzz_check(a->state == b->state);
	fuzz_check(a->status == b->status);
	fuzz_check(a->reason == b->reason);
	fuzz_check(a->requests == b->requests);
	fuzz_check(a->remaining == b->remaining);
}

static void check_refused(struct gate *gate, const uint8_t *data, size_t passed)
{
	struct gate again;

	fuzz_check(gate->status >= 400 && gate->status <= 599 && gate->reason);
	fuzz_check(!gate_is_idle(gate));
	fuzz_check(gate_step(gate, "x", 1) == 0);
	/* the bytes before are fine without those that follow */
	fuzz_check(feed(&again, data, passed, SIZE_MAX) == passed);
	fuzz_check(again.state != GATE_REFUSED && again.requests == gate->requests);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	size_t piece = 1 + fuzz_take(&input, 1), passed;
	struct gate whole, cut, single;

	passed = feed(&whole, input.data, input.size, SIZE_MAX);
	fuzz_check(feed(&single, input.data, input.size, 1) == passed);
	fuzz_check(feed(&cut, input.data, input.size, piece) == passed);
	check_same(&whole, &single);
	check_same(&whole, &cut);
	fuzz_check((passed < input.size) == (whole.state == GATE_REFUSED));
	if (whole.state == GATE_REFUSED)
		check_refused(&whole, input.data, passed);
	else
		fuzz_check(!whole.status && !whole.reason);
	return 0;
}
