/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "dispatch/serve/listen.h"

#define LOCK_NAME "ringbelld.lock"

static int refuse(const char *path, const char *what, int r, struct error *err)
{
	error_set(err, "environment", "", "%s: %s: %s", path, what, strerrordesc_np(-r));
	return r;
}

/* Makes path with its parents; the parents are the system's: 0755. */
static int make(const char *path, mode_t mode, struct error *err)
{
	char parent[CONFIG_PATH_SIZE];
	char *slash;
	mode_t mask = umask(0022);
	int r = 0;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	*slash = '\0';
	if (*parent)
		r = file_mkdirs(parent, 0755);
	if (!r && mkdir(path, mode) && errno != EEXIST)
		r = -errno;
	umask(mask);
	return r ? refuse(path, "cannot make the folder", r, err) : 0;
}

/* Gives the folder to user and group. Opened first and checked: its parent may be someone else's.
 */
static int give(const char *path, uid_t uid, gid_t gid, mode_t mode, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return refuse(path, "cannot open the folder", -errno, err);
	if (st.st_uid != uid && st.st_uid != 0) {
		error_set(
			err, "environment", "",
			"%s: belongs to uid %u, not to uid %u: choose another folder, or chown -R "
			"it",
			path, st.st_uid, uid);
		return -EPERM;
	}
	if (fchown(fd, uid, gid) || fchmod(fd, mode))
		return refuse(path, "cannot give the folder away", -errno, err);
	return 0;
}

int folder_prepare(const struct config *config, const struct identity identities[USER_COUNT],
		   struct error *err)
{
	const struct identity *control = &identities[USER_CONTROL];
	int r = make(config->state, 0700, err);

	if (!r && control->is_changed)
		r = give(config->state, control->uid, control->shared_gid, 0710, err);
	if (!r)
		r = make(config->captures, 0700, err);
	if (!r && control->is_changed)
		r = give(config->captures, control->uid, control->shared_gid, 02770, err);
	return r;
}

int folder_lock(const char *state, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CLEANUP_CLOSE int folder = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;

	if (folder >= 0)
		fd = openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return refuse(state, "cannot lock the folder", -errno, err);
	if (!fcntl(fd, F_SETLK, &lock))
		return take_fd(&fd);
	if ((errno != EACCES && errno != EAGAIN) || fcntl(fd, F_GETLK, &lock))
		return refuse(state, "cannot lock the folder", -errno, err);
	error_set(err, "in_use", "/state", "%s: in use by another ringbelld, pid %d", state,
		  lock.l_pid);
	return -EBUSY;
}

/* What a probe found, from the child. */
struct finding {
	int r;
	char text[300];
};

static void find(struct finding *f, const char *what, const char *user, int r)
{
	f->r = r;
	snprintf(f->text, sizeof(f->text), "%s: user %s: %s", what, user, strerrordesc_np(-r));
}

static void try_folder(struct finding *f, const char *path, const char *user)
{
	if (!f->r && faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS))
		find(f, path, user, -errno);
}

static void try_listen(struct finding *f, const char *listen_text, const char *user)
{
	struct listen_address address;
	CLEANUP_CLOSE int fd = -1;
	int on = 1;

	if (f->r || listen_parse(listen_text, &address, NULL))
		return;
	fd = socket(address.socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address.socket, address.size))
		find(f, listen_text, user, -errno);
	/* two sockets may be bound to one port as long as nobody listens */
	else if (listen(fd, 1))
		find(f, listen_text, user, -errno);
}

static void probe(const struct config *config, const struct identity *identity,
		  enum privileges_user user, struct finding *f)
{
	int r = privileges_drop(identity);
	const char *name;

	if (r < 0) {
		find(f, "cannot give up privileges", "", r);
		return;
	}
	name = user == USER_RECORDER ? config->users.recorder : config->users.control;
	if (!identity->is_changed)
		name = "(this one)";
	if (user == USER_CONTROL)
		try_folder(f, config->state, name);
	try_folder(f, config->captures, name);
	if (user == USER_CONTROL)
		try_listen(f, config->listen, name);
}

static int probe_as(const struct config *config, const struct identity *identity,
		    enum privileges_user user, struct error *err)
{
	struct finding f = {0};
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		probe(config, identity, user, &f);
		_exit(write(ends[1], &f, sizeof(f)) != sizeof(f));
	}
	close(ends[1]);
	if (read(ends[0], &f, sizeof(f)) != sizeof(f)) {
		f.r = -ECHILD;
		snprintf(f.text, sizeof(f.text), "cannot try out the users' rights");
	}
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (f.r)
		error_set(err, "environment", "", "%s", f.text);
	return f.r;
}

int folder_probe(const struct config *config, const struct identity identities[USER_COUNT],
		 struct error *err)
{
	static const enum privileges_user users[] = {USER_CONTROL, USER_RECORDER};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(users) && !r; i++)
		r = probe_as(config, &identities[users[i]], users[i], err);
	return r;
}
