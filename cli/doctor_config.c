/* SPDX-License-Identifier: Apache-2.0 */
/* The options and the configuration file the next start will read, judged by ringbelld itself
 * (--check-config): those of the daemon that runs, else the default file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/doctor.h"
#include "cli/text.h"

#define FILE_DEFAULT  "/etc/ringbell/ringbell.yaml" /* CONFIG_FILE_DEFAULT of firmware/config.h */
#define PROGRAM	      "ringbelld"
#define PROGRAM_PATHS "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
#define WORDS_MAX     64
#define SAID_MAX      300

/* A command line, its words one after the other, each with a NUL. */
struct command_line {
	struct buf text;
	char *words[WORDS_MAX + 2]; /* one more for --check-config, and NULL */
	size_t count;
	int process; /* its folder in /proc, -1: it does not run */
};

static void command_line_fini(struct command_line *line)
{
	buf_fini(&line->text);
	if (line->process >= 0)
		close(line->process);
}

static pid_t find_supervisor(const json_t *status)
{
	const json_t *process;
	size_t i;

	json_array_foreach (json_object_get(status, "processes"), i, process) {
		const char *role = json_string_value(json_object_get(process, "role"));

		if (role && !strcmp(role, "supervisor"))
			return (pid_t)json_integer_value(json_object_get(process, "pid"));
	}
	return 0;
}

static void read_words(struct command_line *line)
{
	char *end = line->text.data + line->text.len;

	for (char *word = line->text.data; word < end && line->count < WORDS_MAX;
	     word += strlen(word) + 1)
		line->words[line->count++] = word;
}

/* It runs as root or as who asks: no other user's process is run again, whatever the status names.
 * The folder's owner would not do: that of a process that may not be dumped is root. */
static bool is_ours(int process)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	const char *line;
	unsigned ids[4];

	if (file_read(process, "status", 65536, &text))
		return false;
	line = strstr(text.data ? text.data : "", "\nUid:");
	if (!line || sscanf(line, "\nUid: %u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] != ids[0])
			return false;
	return ids[0] == 0 || ids[0] == geteuid();
}

/* Its program is a ringbelld that only root, or who asks, can have put there. */
static bool is_ringbelld(int process)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(process, "exe", target, sizeof(target) - 1);
	const char *name;
	struct stat st;

	if (n < 0 || fstatat(process, "exe", &st, 0))
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return name && !strcmp(name + 1, PROGRAM) && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* Everything is asked through the one descriptor: the pid may have another process by then. */
static int open_process(pid_t pid)
{
	CLEANUP_FREE char *path = xasprintf("/proc/%d", (int)pid);
	CLEANUP_CLOSE int process = pid > 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return process >= 0 && is_ours(process) && is_ringbelld(process) ? take_fd(&process) : -1;
}

static void command_line_read(struct command_line *line, const json_t *status)
{
	line->process = open_process(find_supervisor(status));
	if (line->process < 0 || file_read(line->process, "cmdline", 65536, &line->text) ||
	    !line->text.len)
		buf_append(&line->text, PROGRAM, sizeof(PROGRAM));
	buf_append(&line->text, "", 1); /* whatever it is, it ends */
	line->text.len--;
	read_words(line);
}

/* The file it names, or the default one. */
static const char *find_file(const struct command_line *line)
{
	static const char option[] = "--config";
	const char *file = FILE_DEFAULT;

	for (size_t i = 1; i < line->count; i++) {
		const char *word = line->words[i];

		if (!strcmp(word, option) && i + 1 < line->count)
			file = line->words[i + 1];
		else if (!strncmp(word, option, strlen(option)) && word[strlen(option)] == '=')
			file = word + strlen(option) + 1;
	}
	return file;
}

/* ---- what ringbelld says of it ---- */

/* The very program that runs, from where it runs: paths may be relative. */
static int spawn_check(struct command_line *line, int out, pid_t *ret)
{
	CLEANUP_FREE char *program = xasprintf("/proc/self/fd/%d/exe", line->process);
	CLEANUP_FREE char *folder = xasprintf("/proc/self/fd/%d/cwd", line->process);
	CLEANUP_FREE char *path = xasprintf("PATH=%s:" PROGRAM_PATHS, getenv("PATH") ?: "");
	char *const environment[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (line->process >= 0)
		posix_spawn_file_actions_addchdir_np(&actions, folder);
	r = line->process >= 0
		    ? posix_spawn(ret, program, &actions, NULL, line->words, environment)
		    : posix_spawnp(ret, PROGRAM, &actions, NULL, line->words, environment);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static void read_said(int fd, char said[SAID_MAX])
{
	size_t len = 0;
	char piece[512];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n && len + 1 < SAID_MAX; i++)
			said[len++] = piece[i] == '\n' ? ' ' : piece[i];
	while (len && said[len - 1] == ' ')
		len--;
	said[len] = '\0';
}

/* Its exit status, or -errno if it could not be asked. */
static int check_line(struct command_line *line, char said[SAID_MAX])
{
	int ends[2], r, status = 0;
	pid_t pid;

	/* in front: at the end it could become the value of an option */
	memmove(line->words + 2, line->words + 1, (line->count - 1) * sizeof(line->words[0]));
	line->words[1] = (char *)"--check-config";
	line->words[line->count + 1] = NULL;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	r = spawn_check(line, ends[1], &pid);
	close(ends[1]);
	if (!r)
		read_said(ends[0], said);
	close(ends[0]);
	if (r)
		return r;
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

static void check_content(struct doctor *doctor, struct command_line *line)
{
	char said[SAID_MAX] = "";
	int r = check_line(line, said);

	if (r < 0)
		doctor_add(doctor, "configuration", "content", DOCTOR_WARN,
			   "run this as root on the probe, where ringbelld is installed",
			   "ringbelld could not be asked: %s", strerrordesc_np(-r));
	else
		doctor_add(doctor, "configuration", "content", r ? DOCTOR_FAIL : DOCTOR_OK,
			   "mend the line; \"ringbelld --check-config --config FILE\" names all of "
			   "them. Until then ringbelld will not start again",
			   "%s%s", r ? said : "ringbelld takes it",
			   r && !*said ? "ringbelld refuses it" : "");
}

/* ---- the file ---- */

/* Who can write to it decides what root does. */
static void check_rights(struct doctor *doctor, const char *file, const struct stat *st)
{
	int foreign = st->st_uid != 0 && st->st_uid != geteuid();
	int open = (st->st_mode & 0022) != 0;

	doctor_add(doctor, "configuration", "rights", foreign || open ? DOCTOR_FAIL : DOCTOR_OK,
		   "whoever can write to it decides what root runs: chown root:root and chmod "
		   "go-w",
		   "%s belongs to user %u, mode %04o", file, (unsigned)st->st_uid,
		   (unsigned)st->st_mode & 07777);
}

static void check_age(struct doctor *doctor, const json_t *status, const struct stat *st)
{
	const char *text = json_string_value(json_object_get(status, "started_at"));
	wall_t started, changed = {st->st_mtim.tv_sec * DUR_S + st->st_mtim.tv_nsec};
	char at[WALL_TEXT_SIZE];

	if (!text || wall_parse(text, &started))
		return;
	doctor_add(doctor, "configuration", "age",
		   wall_sub(changed, started) > 0 ? DOCTOR_WARN : DOCTOR_OK,
		   "systemctl restart ringbelld: what is in it now counts from then on",
		   "changed at %s, ringbelld has run since %s", wall_format(changed, at), text);
}

void doctor_check_config(struct doctor *doctor, const json_t *status)
{
	CLEANUP(command_line_fini) struct command_line line = {.process = -1};
	CLEANUP_FREE char *path = NULL;
	const char *file;
	struct stat st;

	command_line_read(&line, status);
	file = find_file(&line);
	path = line.process >= 0 && *file != '/'
		       ? xasprintf("/proc/self/fd/%d/cwd/%s", line.process, file)
		       : xstrdup(file);
	if (stat(path, &st) == 0) {
		check_rights(doctor, file, &st);
		check_age(doctor, status, &st);
	} else {
		int absent = errno == ENOENT && !strcmp(file, FILE_DEFAULT);

		doctor_add(doctor, "configuration", "rights", absent ? DOCTOR_OK : DOCTOR_FAIL,
			   "make the file, or let ringbelld's --config name the one there is",
			   "%s: %s%s", file, strerror(errno),
			   absent ? ", defaults and options count" : "");
	}
	check_content(doctor, &line);
}
