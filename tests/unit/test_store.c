/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "storage/db_internal.h"
#include "storage/settings.h"
#include "storage/store.h"
#include "tests/unit/scratch.h"

#define KILLS	 30
#define IN_QUEUE 100 /* jobs the crashing child keeps under way */

/* --- jobs that write a numbered row --- */

struct rig {
	struct loop *loop;
	struct store *store;
	int done;	  /* calls so far */
	int last;	  /* number of the last one done */
	int expected;	  /* the loop stops after so many */
	int results[512]; /* by number */
	sem_t gate;
};

struct note {
	struct rig *rig;
	int number;
	int result; /* of the run itself */
};

static int save_number(struct db *db, int number)
{
	char id[16];

	snprintf(id, sizeof(id), "%d", number);
	return settings_save(db, "number", id, "{}");
}

static int write_run(struct db *db, void *arg)
{
	struct note *note = arg;
	int r = save_number(db, note->number);

	return r ? r : note->result;
}

static void count_done(void *arg, int result)
{
	struct note *note = arg;
	struct rig *rig = note->rig;

	check(note->number > rig->last);
	rig->last = note->number;
	rig->results[note->number] = result;
	if (++rig->done == rig->expected)
		loop_stop(rig->loop);
	free(note);
}

static void post(struct rig *rig, int number, store_run run, int result)
{
	struct note *note = xmalloc(sizeof(*note));

	*note = (struct note){.rig = rig, .number = number, .result = result};
	store_post(rig->store, STORE_WRITE, run, count_done, note);
}

/* The first job waits until everything else is in the mailbox. */
static int gate_run(struct db *db, void *arg)
{
	struct note *note = arg;

	check(!sem_wait(&note->rig->gate));
	return write_run(db, arg);
}

static void rig_init(struct rig *rig, const struct scratch *scratch, const char *name)
{
	const char *folder = scratch_path(scratch, name);

	*rig = (struct rig){.last = -1};
	check(!sem_init(&rig->gate, 0, 0));
	check(!mkdir(folder, 0700) || errno == EEXIST);
	rig->loop = loop_new();
	check_int(store_open(rig->loop, folder, &rig->store), 0);
}

static void rig_run(struct rig *rig, int expected)
{
	rig->expected = expected;
	sem_post(&rig->gate);
	loop_run(rig->loop);
	check_int(rig->done, expected);
}

static void rig_fini(struct rig *rig)
{
	check(!store_close(rig->store));
	loop_free(rig->loop);
	sem_destroy(&rig->gate);
}

static bool has_number(struct db *db, int number)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	char id[16];
	int r;

	snprintf(id, sizeof(id), "%d", number);
	check(!db_query(db, &rows, "SELECT 1 FROM settings WHERE kind = 'number' AND id = ?",
			db_text(id)));
	r = db_next(&rows);
	check(r >= 0);
	return r == DB_ROW;
}

static struct db *reopened(const struct scratch *scratch, const char *folder)
{
	char path[300];
	struct db *db;

	snprintf(path, sizeof(path), "%s/ringbell.db", scratch_path(scratch, folder));
	check_int(db_open(path, &db), 0);
	return db;
}

/* --- tests --- */

static int commit_count; /* store thread; read after the join */

static int on_commit(void *owner)
{
	(void)owner;
	commit_count++;
	return 0;
}

static void waiting_jobs_share_a_commit(const struct scratch *scratch)
{
	struct rig rig;
	struct db *db;

	rig_init(&rig, scratch, "group");
	sqlite3_commit_hook(store_db(rig.store)->sqlite, on_commit, NULL);
	post(&rig, 0, gate_run, 0);
	for (int i = 1; i <= 200; i++)
		post(&rig, i, write_run, 0);
	rig_run(&rig, 201);
	rig_fini(&rig);
	/* the gate may have used up the first group's 5 ms; a slow machine those of others */
	check(commit_count >= 4);
	check(commit_count < 100);
	db = reopened(scratch, "group");
	for (int i = 0; i <= 200; i++)
		check(has_number(db, i));
	db_close(db);
}

static void failing_job_undoes_only_itself(const struct scratch *scratch)
{
	struct rig rig;
	struct db *db;

	rig_init(&rig, scratch, "failing");
	post(&rig, 0, gate_run, 0);
	post(&rig, 1, write_run, -EINVAL);
	post(&rig, 2, write_run, 42); /* an outcome */
	post(&rig, 3, write_run, -EIO);
	post(&rig, 4, write_run, 0);
	rig_run(&rig, 5);
	check_int(rig.results[0], 0);
	check_int(rig.results[1], -EINVAL);
	check_int(rig.results[2], 42);
	check_int(rig.results[3], -EIO);
	check_int(rig.results[4], 0);
	rig_fini(&rig);
	db = reopened(scratch, "failing");
	for (int i = 0; i < 5; i++)
		check_int(has_number(db, i), i != 1 && i != 3);
	db_close(db);
}

static _Atomic int refuse_commit;

static int refuse(void *owner)
{
	(void)owner;
	return refuse_commit;
}

static void failing_commit_fails_the_group(const struct scratch *scratch)
{
	struct rig rig;
	struct db *db;

	rig_init(&rig, scratch, "refused");
	sqlite3_commit_hook(store_db(rig.store)->sqlite, refuse, NULL);
	refuse_commit = 1;
	post(&rig, 0, gate_run, 0);
	for (int i = 1; i < 10; i++)
		post(&rig, i, write_run, i == 5 ? -EDOM : 0);
	rig_run(&rig, 10);
	for (int i = 0; i < 10; i++)
		check(i == 5 ? rig.results[i] == -EDOM : rig.results[i] < 0);
	refuse_commit = 0;
	post(&rig, 10, write_run, 0);
	rig_run(&rig, 11);
	check_int(rig.results[10], 0);
	rig_fini(&rig);
	db = reopened(scratch, "refused");
	for (int i = 0; i <= 10; i++)
		check_int(has_number(db, i), i == 10);
	db_close(db);
}

/* As SQLite does after some errors. */
static int undo_all_run(struct db *db, void *arg)
{
	check(!write_run(db, arg));
	check(!db_run(db, "ROLLBACK"));
	return -ENOSPC;
}

static void undone_transaction_acknowledges_nothing(const struct scratch *scratch)
{
	struct rig rig;
	struct db *db;

	rig_init(&rig, scratch, "undone");
	for (int i = 0; i < 3; i++)
		post(&rig, i, i == 0 ? gate_run : i == 2 ? undo_all_run : write_run, 0);
	post(&rig, 3, write_run, 0);
	rig_run(&rig, 4);
	check_int(rig.results[2], -ENOSPC);
	check_int(rig.results[3], 0);
	rig_fini(&rig);
	db = reopened(scratch, "undone");
	for (int i = 0; i < 4; i++) /* what was acknowledged is there, and nothing else */
		check_int(has_number(db, i), rig.results[i] == 0);
	check(!has_number(db, 2));
	db_close(db);
}

static int read_run(struct db *db, void *arg)
{
	struct note *note = arg;

	check(sqlite3_get_autocommit(db->sqlite)); /* only what is committed */
	for (int i = 0; i < note->number; i++)
		check_int(has_number(db, i), i != 3);
	return 0;
}

static void reads_see_what_was_posted_before(const struct scratch *scratch)
{
	struct note *note = xmalloc(sizeof(*note));
	struct rig rig;

	rig_init(&rig, scratch, "reads");
	*note = (struct note){.rig = &rig, .number = 3};
	post(&rig, 0, gate_run, 0);
	post(&rig, 1, write_run, 0);
	post(&rig, 2, write_run, 0);
	store_post(rig.store, STORE_READ, read_run, count_done, note);
	post(&rig, 4, write_run, 0);
	rig_run(&rig, 5);
	rig_fini(&rig);
}

static void post_again(void *arg, int result)
{
	struct note *note = arg;

	check_int(result, 0);
	if (++note->number < 20)
		store_post(note->rig->store, STORE_WRITE, write_run, post_again, note);
	else
		note->rig->done = 1;
}

static void closing_finishes_what_is_posted(const struct scratch *scratch)
{
	struct note note;
	struct rig rig;
	struct db *db;

	rig_init(&rig, scratch, "closing");
	note = (struct note){.rig = &rig, .number = 0};
	store_post(rig.store, STORE_WRITE, write_run, post_again, &note);
	rig_fini(&rig); /* the loop never ran */
	check_int(rig.done, 1);
	db = reopened(scratch, "closing");
	for (int i = 0; i < 20; i++)
		check(has_number(db, i));
	db_close(db);
}

static int big_run(struct db *db, void *arg)
{
	static char big[200000];
	const struct note *note = arg;

	/* always another text: SQLite does not write what is there already */
	memset(big, '0' + note->number % 10, sizeof(big) - 1);
	return settings_save(db, "big", "1", big);
}

static void log_is_checkpointed(const struct scratch *scratch)
{
	struct stat st;
	struct rig rig;
	char path[300];

	rig_init(&rig, scratch, "log");
	for (int i = 0; i < 100; i++) {
		struct note *note = xmalloc(sizeof(*note));

		*note = (struct note){.rig = &rig, .number = i};
		store_post(rig.store, STORE_WRITE, big_run, count_done, note);
		rig_run(&rig, i + 1);
	}
	snprintf(path, sizeof(path), "%s/log/ringbell.db-wal", scratch->path);
	check(!stat(path, &st));
	check(st.st_size < 8 << 20); /* of 20 MB written */
	rig_fini(&rig);
	check(stat(path, &st) && errno == ENOENT); /* all of it is in the database */
}

static int fill_run(struct db *db, void *arg)
{
	static char big[100000];
	const struct note *note = arg;
	char id[16];
	int r;

	memset(big, 'f', sizeof(big) - 1);
	snprintf(id, sizeof(id), "%d", note->number);
	r = settings_save(db, "big", id, big);
	return r ? r : write_run(db, arg);
}

static void put_ballast(const char *path)
{
	static const char zeros[3 << 20];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	check(write(fd, zeros, sizeof(zeros)) == sizeof(zeros));
	close(fd);
}

/* What was refused is not there, what was acknowledged is, and with space it goes on by itself. */
static void full_disk_refuses_and_recovers(const struct scratch *scratch)
{
	const char *disk = scratch_path(scratch, "disk");
	char ballast[300];
	struct rig rig;
	struct db *db;
	int refused = 0;

	snprintf(ballast, sizeof(ballast), "%s/ballast", disk);
	check(!mkdir(disk, 0700));
	if (mount("tmpfs", disk, "tmpfs", 0, "size=6m")) {
		fprintf(stderr, "full disk: skipped, mounting needs root\n");
		return;
	}
	put_ballast(ballast);
	rig_init(&rig, scratch, "disk");
	post(&rig, 0, gate_run, 0);
	for (int i = 1; i < 100; i++)
		post(&rig, i, fill_run, 0);
	rig_run(&rig, 100);
	for (int i = 0; i < 100; i++) {
		check(rig.results[i] == 0 || rig.results[i] == -ENOSPC);
		refused += rig.results[i] != 0;
	}
	check(refused > 0);
	check(!unlink(ballast));
	post(&rig, 100, write_run, 0);
	rig_run(&rig, 101);
	check_int(rig.results[100], 0);
	rig_fini(&rig);
	db = reopened(scratch, "disk");
	for (int i = 0; i <= 100; i++)
		check_int(has_number(db, i), rig.results[i] == 0);
	db_close(db);
	check(!umount(scratch_path(scratch, "disk")));
}

/* --- kill -9 --- */

struct crash {
	struct rig rig;
	int next;
	int pipe;
};

struct crash_job {
	struct crash *crash;
	int number;
};

static void crash_post(struct crash *crash);

static int crash_run(struct db *db, void *arg)
{
	return save_number(db, ((struct crash_job *)arg)->number);
}

static void crash_done(void *arg, int result)
{
	struct crash_job *job = arg;
	struct crash *crash = job->crash;

	if (result ||
	    write(crash->pipe, &job->number, sizeof(job->number)) != (ssize_t)sizeof(job->number))
		_exit(3);
	free(job);
	crash_post(crash);
}

static void crash_post(struct crash *crash)
{
	struct crash_job *job = xmalloc(sizeof(*job));

	*job = (struct crash_job){.crash = crash, .number = crash->next++};
	store_post(crash->rig.store, STORE_WRITE, crash_run, crash_done, job);
}

static void crash_child(const struct scratch *scratch, int first, int out)
{
	struct crash crash = {.next = first, .pipe = out};

	rig_init(&crash.rig, scratch, "crash");
	for (int i = 0; i < IN_QUEUE; i++)
		crash_post(&crash);
	loop_run(crash.rig.loop);
	_exit(3);
}

/* Returns the first number that was not acknowledged. */
static int crash_once(const struct scratch *scratch, int first)
{
	int fds[2], number, status, expected = first;
	pid_t pid;

	check(!pipe(fds));
	pid = fork();
	check(pid >= 0);
	if (pid == 0)
		crash_child(scratch, first, fds[1]);
	close(fds[1]);
	check(read(fds[0], &number, sizeof(number)) == sizeof(number));
	check_int(number, expected++);
	poll(NULL, 0, rand() % 20); /* the moment is the point, nothing is waited for */
	check(!kill(pid, SIGKILL));
	while (read(fds[0], &number, sizeof(number)) == sizeof(number))
		check_int(number, expected++);
	close(fds[0]);
	check(waitpid(pid, &status, 0) == pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return expected;
}

/* Beyond the acknowledged ones there may be some that were committed but not told, without a hole.
 */
static int check_crash(const struct scratch *scratch, int acknowledged)
{
	struct db *db = reopened(scratch, "crash");
	int i;

	for (i = 0; i < acknowledged; i++)
		check(has_number(db, i));
	while (has_number(db, i))
		i++;
	for (int j = i; j < i + 2 * IN_QUEUE; j++)
		check(!has_number(db, j));
	db_close(db);
	return i;
}

static void killed_at_any_moment_nothing_acknowledged_is_lost(const struct scratch *scratch)
{
	int first = 0;

	srand(20261120);
	for (int i = 0; i < KILLS; i++)
		first = check_crash(scratch, crash_once(scratch, first));
}

int main(void)
{
	struct scratch scratch;

	scratch_init(&scratch);
	/* before this program has threads: it forks */
	killed_at_any_moment_nothing_acknowledged_is_lost(&scratch);
	waiting_jobs_share_a_commit(&scratch);
	failing_job_undoes_only_itself(&scratch);
	failing_commit_fails_the_group(&scratch);
	undone_transaction_acknowledges_nothing(&scratch);
	reads_see_what_was_posted_before(&scratch);
	closing_finishes_what_is_posted(&scratch);
	log_is_checkpointed(&scratch);
	full_disk_refuses_and_recovers(&scratch);
	scratch_fini(&scratch);
	return 0;
}
