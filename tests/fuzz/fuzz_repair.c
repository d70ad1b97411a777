/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery of a pcapng file that a power cut, or anybody, left behind: four bytes of where to cut
 * (0 = nowhere), then the file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "storage/repair.h"
#include "tests/fuzz/fuzz.h"

#define NAME "20261120T153000.123Z_web_eth0_000000.pcapng"

static void check_same(const struct segment_facts *a, const struct segment_facts *b)
{
	fuzz_check(a->valid_bytes == b->valid_bytes);
	fuzz_check(a->packets == b->packets && a->bytes == b->bytes);
	fuzz_check(a->first.ns == b->first.ns && a->last.ns == b->last.ns);
	fuzz_check(a->drops == b->drops && a->sealed == b->sealed);
}

static void check_facts(const struct segment_facts *facts, size_t size, uint64_t cut_at)
{
	fuzz_check(facts->file_bytes == size && facts->valid_bytes <= size);
	fuzz_check(!cut_at || facts->valid_bytes <= cut_at);
	fuzz_check(facts->valid_bytes % 4 == 0);
	fuzz_check(facts->packets <= facts->valid_bytes / 32);
	fuzz_check(facts->first.ns <= facts->last.ns && facts->first.ns >= 0);
	fuzz_check(!facts->sealed || facts->valid_bytes >= 28 + 24);
}

/* The file cut at its last whole block says the same, with nothing left to cut. */
static void check_inspect(const struct fuzz_input *file, uint64_t cut_at)
{
	CLEANUP_CLOSE int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct segment_facts facts, again;

	fuzz_check(fd >= 0 && !file_write_all(fd, file->data, file->size));
	fuzz_check(!repair_inspect(fd, cut_at, &facts));
	check_facts(&facts, file->size, cut_at);
	fuzz_check(!ftruncate(fd, (off_t)facts.valid_bytes));
	fuzz_check(!repair_inspect(fd, 0, &again));
	fuzz_check(again.file_bytes == again.valid_bytes);
	check_same(&facts, &again);
}

static void check_repair(const struct fuzz_input *file, uint64_t cut_at)
{
	struct segment_facts facts, again;
	CLEANUP_CLOSE int fd = -1;
	int r;

	unlinkat(fuzz_folder(), NAME, 0);
	fuzz_folder_save("." NAME, file->data, file->size);
	r = repair_segment(fuzz_folder(), NAME, cut_at, &facts);
	fuzz_check(faccessat(fuzz_folder(), "." NAME, F_OK, 0) && errno == ENOENT);
	if (r == REPAIR_REMOVED) {
		fuzz_check(facts.valid_bytes == 0);
		fuzz_check(faccessat(fuzz_folder(), NAME ".bad", F_OK, 0) && errno == ENOENT);
		return;
	}
	if (r) {
		fuzz_check(r == -EBADMSG && facts.valid_bytes == 0);
		fuzz_check(!unlinkat(fuzz_folder(), NAME ".bad", 0));
		return;
	}
	fd = openat(fuzz_folder(), NAME, O_RDONLY | O_CLOEXEC);
	fuzz_check(fd >= 0 && !repair_inspect(fd, 0, &again));
	/* a sealed file is whole from end to end */
	fuzz_check(again.file_bytes == facts.valid_bytes);
	fuzz_check(again.valid_bytes == facts.valid_bytes);
	fuzz_check(again.packets == facts.packets && again.bytes == facts.bytes);
	fuzz_check(again.first.ns == facts.first.ns && again.last.ns == facts.last.ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint64_t cut_at = fuzz_take(&input, 4);

	check_inspect(&input, cut_at);
	check_repair(&input, cut_at);
	return 0;
}
