/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/resume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "capture/report.h"
#include "storage/repair.h"

#define FILES_MAX 100000 /* more segments than a capture can sensibly have */

static void close_folder(DIR *folder)
{
	closedir(folder);
}

DEFINE_CLEANUP(DIR *, close_folder)

static uint64_t size_of(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : (uint64_t)st.st_size;
}

/* `found` is the name in the folder, hidden or not. */
static void add_file(struct resume *r, const char *found, const struct segment_name *name,
		     bool hidden)
{
	uint64_t bytes = size_of(r->folder, found);
	struct resume_file *file;

	if (hidden && r->has_mark && name->number == r->mark.segment && bytes > r->mark.offset)
		bytes = r->mark.offset;
	r->bytes += bytes;
	if (name->number >= r->next_segment)
		r->next_segment = name->number + 1;
	r->files = xreallocarray(r->files, r->count + 1, sizeof(*r->files));
	file = &r->files[r->count++];
	*file = (struct resume_file){.number = name->number, .hidden = hidden};
	strncpy(file->name, found + hidden, sizeof(file->name) - 1);
}

static int list_files(struct resume *r, const char *policy, const char *nic)
{
	int fd = openat(r->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_folder_ptr) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder)) && r->count < FILES_MAX) {
		struct segment_name name;
		bool hidden;

		if (segment_name_parse(entry->d_name, &name, &hidden) < 0)
			continue;
		if (!strncmp(name.policy, policy, sizeof(name.policy) - 1) &&
		    !strcmp(name.nic, nic))
			add_file(r, entry->d_name, &name, hidden);
	}
	return 0;
}

int resume_scan(int folder, const struct rec_start *start, const char *nic,
		const struct shared_mark *mark, struct resume **ret)
{
	struct resume *r = xcalloc(1, sizeof(*r));
	int result;

	memcpy(r->head.capture, start->capture, sizeof(r->head.capture));
	r->head.ring = start->ring;
	r->next_segment = start->first_segment;
	if (mark) {
		r->has_mark = 1;
		r->mark = *mark;
		if (r->next_segment <= mark->segment)
			r->next_segment = (uint32_t)mark->segment + 1;
	}
	r->folder = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	result = r->folder < 0 ? -errno : list_files(r, start->policy, nic);
	if (result < 0)
		r = resume_free(r);
	*ret = r;
	return result;
}

struct resume *resume_free(struct resume *resume)
{
	if (!resume)
		return NULL;
	if (resume->folder >= 0)
		close(resume->folder);
	free(resume->files);
	free(resume);
	return NULL;
}

/* Bytes of the section header and the interface block, which is where an empty segment ends; 0 if
 * they are not in the file. */
static uint64_t header_bytes(int folder, const char *name)
{
	char hidden[SEGMENT_NAME_SIZE + 1];
	CLEANUP_CLOSE int fd = -1;
	uint32_t block[2];
	uint64_t at = 0, size;

	snprintf(hidden, sizeof(hidden), ".%s", name);
	size = size_of(folder, hidden);
	fd = openat(folder, hidden, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	for (int i = 0; i < 2; i++) {
		if (fd < 0 || pread(fd, block, sizeof(block), (off_t)at) != sizeof(block))
			return 0;
		if (block[1] < 12 || block[1] > size - at)
			return 0;
		at += block[1];
	}
	return at;
}

/* Returns 0, REPAIR_REMOVED (not even its headers had been written) or -errno. */
static int repair_hidden(const struct resume *r, const struct resume_file *file,
			 struct segment_facts *facts)
{
	uint64_t cut = 0; /* all of it is good */

	if (file->number == r->mark.segment && r->mark.offset) {
		cut = r->mark.offset;
	} else if (file->number >= r->mark.segment) {
		cut = header_bytes(r->folder, file->name);
		if (!cut) {
			segment_remove_hidden(r->folder, file->name);
			return REPAIR_REMOVED;
		}
	}
	return repair_segment(r->folder, file->name, cut, facts);
}

static int inspect_sealed(const struct resume *r, const struct resume_file *file,
			  struct segment_facts *facts)
{
	CLEANUP_CLOSE int fd = openat(r->folder, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : repair_inspect(fd, 0, facts);
}

static void tell_sealed(const struct resume *r, const struct resume_file *file,
			const struct segment_facts *facts, struct mailbox *box)
{
	struct rec_segment report = {.head = r->head,
				     .segment = file->number,
				     .state = SEGMENT_SEALED,
				     .file_bytes = facts->file_bytes,
				     .packets = facts->packets,
				     .bytes = facts->bytes,
				     .first_wall_ns = facts->first.ns,
				     .last_wall_ns = facts->last.ns};

	strncpy(report.name, file->name, sizeof(report.name) - 1);
	report_put(box, REC_SEGMENT, &report, sizeof(report));
}

/* So many segments before the mark's may still have been with the syncer: one that was rotated for
 * its size, and one for each edit meanwhile, since an edit does not wait. */
#define SEALING_MAX 8

/* Hidden segments are repaired. Of sealed ones the last before the mark, and what came after it,
 * may have been sealed without control having heard of it; it takes a report twice. */
static void repair_file(const struct resume *r, const struct resume_file *file, struct mailbox *box)
{
	struct segment_facts facts;
	int result;

	if (!file->hidden && file->number + SEALING_MAX < r->mark.segment)
		return;
	result = file->hidden ? repair_hidden(r, file, &facts) : inspect_sealed(r, file, &facts);
	if (result == REPAIR_REMOVED)
		return;
	if (result < 0) {
		log_error("capture", "%s: segment \"%s\" cannot be repaired: %s", r->head.capture,
			  file->name, strerror(-result));
		return;
	}
	/* repairing adds a statistics block */
	inspect_sealed(r, file, &facts);
	tell_sealed(r, file, &facts, box);
}

struct job {
	struct resume *resume;
	struct mailbox *box;
};

static void *job_main(void *arg)
{
	CLEANUP_FREE struct job *job = arg;
	struct resume_done done = {.head = job->resume->head, .thread = pthread_self()};

	for (uint32_t i = 0; i < job->resume->count; i++)
		repair_file(job->resume, &job->resume->files[i], job->box);
	resume_free(job->resume);
	report_put(job->box, REPORT_JOB_DONE, &done, sizeof(done));
	return NULL;
}

int resume_start(struct resume *resume, struct mailbox *box)
{
	struct job *job = xcalloc(1, sizeof(*job));
	pthread_t thread;
	int r;

	job->resume = resume;
	job->box = box;
	r = pthread_create(&thread, NULL, job_main, job);
	if (r)
		free(job);
	return -r;
}
