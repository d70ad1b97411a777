/* SPDX-License-Identifier: Apache-2.0 */
/* What a control process that somebody owns may send to the recorder. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "capture/recorder.h"
#include "capture/shared.h"
#include "tests/fuzz/frames.h"

static struct recorder_config config;

static int run(int supervisor)
{
	return recorder_main(supervisor, &config);
}

/* One ring that has no socket: starts on it fail, starts elsewhere are refused. */
static int make_shared(void)
{
	static struct shared shared = {.magic = SHARED_MAGIC, .version = SHARED_VERSION};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	shared.ring_count = 1;
	fuzz_check(fd >= 0 && write(fd, &shared, sizeof(shared)) == sizeof(shared));
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct frame_kind kinds[] = {
		{REC_SYNC, 0},
		{REC_START, sizeof(struct rec_start)},
		{REC_EDIT, sizeof(struct rec_edit)},
		{REC_STOP, sizeof(struct rec_stop)},
		{REC_ACK, sizeof(struct rec_ack)},
		{REC_SEARCH, sizeof(struct rec_search)},
		{REC_SEARCH_FILE, sizeof(struct rec_search_head)},
		{REC_SEARCH_END, sizeof(struct rec_search_head)},
		{REC_TRACK, sizeof(struct rec_track)}, /* its own words */
		{0, 0},
	};
	struct frame_play play = {.run = run,
				  .peer = ROLE_CONTROL,
				  .shared = make_shared(),
				  .kinds = kinds,
				  .count = ARRAY_SIZE(kinds)};

	snprintf(config.captures, sizeof(config.captures), "/proc/self/fd/%d", fuzz_folder());
	config.buffer_bytes = 64 << 10;
	config.buffer_count = 4;
	config.idle_wake_ms = 10;
	frames_play(&play, data, size);
	close(play.shared);
	return 0;
}
