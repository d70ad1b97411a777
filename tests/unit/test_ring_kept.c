/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring_kept.h"

#include "base/alloc.h"
#include "tests/unit/test.h"

static struct ring_kept kept;

static void check_refused(const char *filter, const char *words)
{
	struct error err;

	check(ring_kept_init(&kept, 0, filter, &err) < 0);
	check_text(err.field, "/rings/filter");
	check(strstr(err.text, words) != NULL);
}

/* Every accepting instruction returns the slice, and none of the refusing ones does. */
static void check_returns(const struct rec_program *program, uint32_t slice, int refusing)
{
	int accepting = 0, others = 0;

	for (uint32_t i = 0; i < program->count; i++) {
		if (program->insns[i].code != (BPF_RET | BPF_K))
			continue;
		accepting += program->insns[i].k == slice;
		others += program->insns[i].k == 0;
	}
	check(accepting > 0);
	check_int(others > 0, refusing);
}

int main(void)
{
	char text[RING_KEPT_TEXT_SIZE];
	struct shared_ring ring = {0};
	struct error err;

	check_int(ring_kept_init(&kept, 0, "", &err), 0);
	check_int(ring_kept_get(&kept, 1)->count, 0);
	check_int(ring_kept_get(&kept, 101)->count, 0);

	check_int(ring_kept_init(&kept, 128, "", &err), 0);
	check_int(kept.ethernet.count, 1);
	check_returns(&kept.ethernet, 128, 0);

	check_int(ring_kept_init(&kept, 96, "tcp port 80", &err), 0);
	check_returns(ring_kept_get(&kept, 1), 96, 1);
	check_returns(ring_kept_get(&kept, 101), 96, 1);
	check(kept.ethernet.count != kept.raw.count);

	/* a ring without link headers cannot be asked for them */
	check_int(ring_kept_init(&kept, 0, "ether host 02:00:00:00:00:01", &err), 0);
	check(ring_kept_get(&kept, 1) != NULL);
	check(ring_kept_get(&kept, 101) == NULL);

	check_refused("tcp port", "syntax error");
	check_refused("vlan 7", "VLAN");
	check_refused("tcp and (vlan and ip)", "VLAN");
	check_int(ring_kept_init(&kept, 0, "ip host 10.0.0.1 and not port 80", &err), 0);

	ring_kept_describe(&ring, text);
	check_text(text, "");
	ring.slice_bytes = 96;
	ring_kept_describe(&ring, text);
	check_text(text, "of this NIC only the first 96 bytes of packets are recorded");
	snprintf(ring.filter, sizeof(ring.filter), "tcp");
	ring_kept_describe(&ring, text);
	check_text(
		text,
		"of this NIC only the first 96 bytes of packets that match \"tcp\" are recorded");
	return 0;
}
