/* SPDX-License-Identifier: Apache-2.0 */
/* Asks this machine's kernel; meaningful on the probe itself. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/doctor.h"
#include "cli/text.h"

#define LANDLOCK_ASK_ABI  1u
#define LANDLOCK_ABI_GOOD 6 /* Linux 6.12: all that ringbelld asks of it */
#define PROC_BYTES_MAX	  65536
#define TRY_BYTES	  (32u << 20)
#define TRY_PIECE	  (1u << 20)
#define SLOW_BYTES_S	  (50 * 1e6)

static void check_clock(struct doctor *doctor)
{
	struct clock_state clock;

	clock_state_get(&clock);
	doctor_add(doctor, "clock", "", clock.synchronised ? DOCTOR_OK : DOCTOR_WARN,
		   "run chrony or systemd-timesyncd: captures and alerts are brought together by "
		   "wall-clock time",
		   clock.synchronised ? "is synchronised, error at most %lld ms"
				      : "is not synchronised (error up to %lld ms)",
		   (long long)(clock.error_max / DUR_MS));
}

/* "MemAvailable:  123 kB" → bytes; 0 if there is no such line. */
static uint64_t read_memory(const char *name)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	const char *line;

	if (file_read(AT_FDCWD, "/proc/meminfo", PROC_BYTES_MAX, &text) || !text.data)
		return 0;
	line = strstr(text.data, name);
	return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

static void check_memory(struct doctor *doctor, const json_t *status)
{
	uint64_t total = read_memory("MemTotal:"), available = read_memory("MemAvailable:");
	char ring_text[TEXT_BYTES_SIZE], total_text[TEXT_BYTES_SIZE], free_text[TEXT_BYTES_SIZE];
	uint64_t rings = 0;
	const json_t *ring;
	size_t i;

	json_array_foreach (json_object_get(status, "rings"), i, ring)
		rings += (uint64_t)json_integer_value(json_object_get(ring, "ring_bytes"));
	doctor_add(doctor, "memory", "", available < total / 20 ? DOCTOR_WARN : DOCTOR_OK,
		   "rings cannot be swapped out: lower rings.memory_bytes or give the machine more",
		   "rings take %s of %s, %s are available", text_format_bytes(rings, ring_text),
		   text_format_bytes(total, total_text), text_format_bytes(available, free_text));
}

/* Writes a file that never has a name; 0 = could not be tried. */
static double measure_writes(const char *folder)
{
	CLEANUP_CLOSE int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	CLEANUP_FREE char *piece = xcalloc(1, TRY_PIECE);
	mono_t start = mono_now();

	memset(piece, 0x5a, TRY_PIECE);
	for (unsigned done = 0; fd >= 0 && done < TRY_BYTES; done += TRY_PIECE)
		if (file_write_all(fd, piece, TRY_PIECE))
			return 0;
	if (fd < 0 || fdatasync(fd))
		return 0;
	return TRY_BYTES / ((double)(mono_sub(mono_now(), start) + 1) / 1e9);
}

static void check_disk(struct doctor *doctor, const json_t *status)
{
	const char *folder = json_string_value(text_find_member(status, "storage.captures"));
	double rate = folder ? measure_writes(folder) : 0;
	char text[TEXT_BYTES_SIZE];

	if (rate <= 0)
		doctor_add(doctor, "disk", "", DOCTOR_WARN, "run this as root to have it tried",
			   "writing to %s could not be tried", folder ? folder : "the folder");
	else
		doctor_add(doctor, "disk", "", rate < SLOW_BYTES_S ? DOCTOR_WARN : DOCTOR_OK,
			   "captures of busy links lose packets when the disk is slower than the "
			   "link for longer than the ring's memory lasts",
			   "writes %s per second", text_format_bytes((uint64_t)rate, text));
}

static void check_landlock(struct doctor *doctor)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_ASK_ABI);

	doctor_add(doctor, "landlock", "", abi >= LANDLOCK_ABI_GOOD ? DOCTOR_OK : DOCTOR_WARN,
		   "a newer kernel restricts more (docs/security.md has the table); seccomp and "
		   "users protect as before",
		   abi > 0 ? "ABI %ld" : "not in this kernel (%ld)", abi);
}

static int has_line(const struct buf *text, const char *line)
{
	return text->data && strstr(text->data, line) != NULL;
}

static void check_sandbox(struct doctor *doctor, const json_t *status)
{
	const json_t *process;
	size_t i;

	json_array_foreach (json_object_get(status, "processes"), i, process) {
		const char *role = json_string_value(json_object_get(process, "role"));
		CLEANUP_FREE char *path =
			xasprintf("/proc/%" PRId64 "/status",
				  (int64_t)json_integer_value(json_object_get(process, "pid")));
		CLEANUP_BUF struct buf text = BUF_INIT;
		int supervisor = role && !strcmp(role, "supervisor"), shut_in;

		if (!role || file_read(AT_FDCWD, path, PROC_BYTES_MAX, &text))
			continue;
		shut_in = has_line(&text, "\nSeccomp:\t2\n") &&
			  has_line(&text, "\nNoNewPrivs:\t1\n") &&
			  (supervisor || has_line(&text, "\nCapEff:\t0000000000000000\n"));
		doctor_add(doctor, "sandbox", role, shut_in ? DOCTOR_OK : DOCTOR_FAIL,
			   "only builds for a sanitizer have no sandbox: install a release build",
			   shut_in ? "system calls filtered, no new privileges%s"
				   : "is not shut in%s",
			   shut_in && !supervisor ? ", no capability" : "");
	}
}

void doctor_check_machine(struct doctor *doctor, const json_t *status)
{
	check_clock(doctor);
	check_memory(doctor, status);
	check_disk(doctor, status);
	check_landlock(doctor);
	check_sandbox(doctor, status);
}
