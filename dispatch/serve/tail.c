/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/lines.h"
#include "storage/settings.h"

#define LOOK_EVERY	(250 * DUR_MS)
#define LOOK_IDLE	DUR_S	    /* no source reads a file */
#define NAMES_MAX	1000	    /* looked through for a file that was renamed */
#define QUIET_BYTES_MAX (1 << 20)   /* read without an alert before the position is written */
#define LAST_WORDS	(2 * DUR_S) /* a writer goes on for a moment in the file that was rotated */

/* In the settings table, kind "position", id = the source's, with the path it is about. */
struct position {
	uint64_t device;
	uint64_t inode;
	int64_t offset;
	bool skipping; /* it is in the rest of a line longer than the chunk */
};

enum tail_state {
	TAIL_LOADING, /* the position is being read from the store */
	TAIL_READY,
	TAIL_WRITING, /* a decision is on its way */
};

struct tail {
	LIST_ENTRY(tail) next;
	struct tails *tails;
	enum tail_state state;
	bool gone;  /* its source is; freed when nothing is on its way */
	bool known; /* position says something */
	char source[IDENT_SIZE];
	char path[512];
	int fd;
	struct position committed;
	struct position position; /* of fd */
	mono_t replaced_at;	  /* since when another file has the name; 0 = none has */
	char problem[160];
};

/* ---- position ---- */

static char *position_format(const struct tail *tail)
{
	const struct position *position = &tail->position;
	CLEANUP_JSON json_t *json = json_pack(
		"{s:s, s:I, s:I, s:I, s:b}", "path", tail->path, "device",
		(json_int_t)position->device, "inode", (json_int_t)position->inode, "offset",
		(json_int_t)position->offset, "skipping", (int)position->skipping);

	return json_format(json);
}

static int on_position(void *owner, const char *id, const char *text)
{
	struct tail *tail = owner;
	CLEANUP_JSON json_t *json = NULL;
	const char *path;

	if (strcmp(id, tail->source) != 0 ||
	    json_parse(text, strlen(text), JSON_BYTES_MAX, &json, NULL))
		return 0;
	path = json_string_value(json_object_get(json, "path"));
	if (path && strcmp(path, tail->path) != 0) /* its source named another file then */
		return 0;
	tail->committed =
		(struct position){(uint64_t)json_integer_value(json_object_get(json, "device")),
				  (uint64_t)json_integer_value(json_object_get(json, "inode")),
				  json_integer_value(json_object_get(json, "offset")),
				  json_is_true(json_object_get(json, "skipping"))};
	tail->known = true;
	return 0;
}

static int load_run(struct db *db, void *arg)
{
	return settings_list(db, "position", on_position, arg);
}

static struct tail *tail_free(struct tail *tail)
{
	if (tail->fd >= 0)
		close(tail->fd);
	free(tail);
	return NULL;
}

/* Takes it off the list; frees it, or leaves that to the job or decision that is on its way. */
static void drop(struct tail *tail)
{
	LIST_REMOVE(tail, next);
	tail->gone = true;
	if (tail->state == TAIL_READY)
		tail_free(tail);
}

static void load_done(void *arg, int result)
{
	struct tail *tail = arg;

	if (tail->gone) {
		tail_free(tail);
		return;
	}
	tail->state = TAIL_READY;
	if (result < 0) /* made anew, and tried again */
		drop(tail);
}

/* ---- the file ---- */

static void tail_close(struct tail *tail)
{
	if (tail->fd >= 0)
		close(tail->fd);
	tail->fd = -1;
	tail->replaced_at = (mono_t){0};
}

/* Says it once, not every time. */
static void set_problem(struct tail *tail, const char *problem)
{
	if (!strcmp(tail->problem, problem))
		return;
	snprintf(tail->problem, sizeof(tail->problem), "%s", problem);
	if (*problem)
		log_warning("alert", "%s: %s: cannot be followed", tail->path, problem);
	else
		log_info("alert", "%s: is followed", tail->path);
}

static int open_file(const char *path, struct stat *st)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st))
		return -errno;
	return S_ISREG(st->st_mode) ? take_fd(&fd) : -EINVAL;
}

/* Under which name is the file now that we were reading when it was renamed? -1 if under none. */
static int open_renamed(const char *path, const struct position *position, struct stat *st)
{
	CLEANUP_FREE char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	DIR *dir = opendir(*folder ? folder : "/");
	struct dirent *entry;
	int fd = -1;

	for (int i = 0; dir && fd < 0 && i < NAMES_MAX && (entry = readdir(dir)); i++) {
		CLEANUP_FREE char *name = NULL;

		if (entry->d_ino != position->inode)
			continue;
		name = xasprintf("%s/%s", folder, entry->d_name);
		fd = open_file(name, st);
	}
	if (dir)
		closedir(dir);
	return fd < 0 ? -1 : fd;
}

static bool is_at(const struct position *position, const struct stat *st)
{
	return position->device == st->st_dev && position->inode == st->st_ino;
}

/* Opens what is to be read next: the file we were in, or the one that has the name now. */
static bool tail_open(struct tail *tail)
{
	struct stat st;
	int fd = open_file(tail->path, &st), old = -1;

	if (fd < 0) {
		set_problem(tail,
			    fd == -EINVAL
				    ? "no regular file, nor in sources.sockets of ringbell.yaml"
				    : strerrordesc_np(-fd));
		return false;
	}
	set_problem(tail, "");
	tail->position = (struct position){st.st_dev, st.st_ino, 0, false};
	if (!tail->known) {
		tail->position.offset = st.st_size; /* what was before us is no news */
	} else if (is_at(&tail->committed, &st)) {
		tail->position = tail->committed;
	} else {
		old = open_renamed(tail->path, &tail->committed, &st);
		if (old >= 0) {
			close(fd);
			fd = old;
			tail->position = tail->committed;
		}
	}
	tail->fd = fd;
	return true;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcmp(name + n - m, end);
}

static bool is_packed(const char *name)
{
	return ends_in(name, ".gz") || ends_in(name, ".xz") || ends_in(name, ".zst") ||
	       ends_in(name, ".bz2");
}

static bool is_later(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
						      : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* The file may have been rotated more than once since we looked: of those whose name begins with
 * its own (eve.json.1, eve.json-20261125), the first one that was written to after the one in hand.
 * *st is the newest, which has the name itself; it is what is left if there is no such file. */
static int open_successor(const struct tail *tail, const struct stat *here, struct stat *st)
{
	const char *name = strrchr(tail->path, '/') + 1;
	CLEANUP_FREE char *folder = strndup(tail->path, (size_t)(name - tail->path));
	CLEANUP_CLOSE int best = open_file(tail->path, st);
	DIR *dir = best >= 0 ? opendir(folder) : NULL;
	struct dirent *entry;

	for (int i = 0; dir && i < NAMES_MAX && (entry = readdir(dir)); i++) {
		struct stat there;

		if (strncmp(entry->d_name, name, strlen(name)) != 0 || is_packed(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &there, 0) || !is_later(&there, here) ||
		    !is_later(st, &there))
			continue;
		CLEANUP_FREE char *path = xasprintf("%s%s", folder, entry->d_name);
		int fd = open_file(path, &there);

		if (fd < 0)
			continue;
		close(best);
		best = fd;
		*st = there;
	}
	if (dir)
		closedir(dir);
	return take_fd(&best);
}

static void switch_file(struct tail *tail, const struct stat *here)
{
	struct stat st;
	int fd = open_successor(tail, here, &st);

	if (fd < 0)
		return;
	tail_close(tail);
	tail->fd = fd;
	tail->position = (struct position){st.st_dev, st.st_ino, 0, false};
}

/* At the end of what is there: was it shortened, or does another file have the name? */
static void look_for_change(struct tail *tail)
{
	struct stat here, there;
	mono_t now = mono_now();

	if (fstat(tail->fd, &here))
		return;
	if (here.st_size < tail->position.offset) {
		log_info("alert", "%s: was shortened, read from its beginning", tail->path);
		tail->position.offset = 0;
		tail->position.skipping = false;
	} else if (stat(tail->path, &there) || is_at(&tail->position, &there)) {
		tail->replaced_at = (mono_t){0};
	} else if (!tail->replaced_at.ns) {
		tail->replaced_at = now;
	} else if (mono_sub(now, tail->replaced_at) >= LAST_WORDS) {
		switch_file(tail, &here);
	}
}

/* ---- lines ---- */

static void on_committed(void *owner, struct decision *decision, int result)
{
	struct tail *tail = owner;

	(void)decision;
	tail->state = TAIL_READY;
	if (tail->gone) {
		tail_free(tail);
	} else if (result < 0) { /* read again from what is durable */
		tail_close(tail);
	} else {
		tail->committed = tail->position;
		tail->known = true;
		timer_set(tail->tails->timer, 0);
	}
}

static void decide(struct tail *tail, struct lines *lines)
{
	fact_add_setting(&lines->decision->facts, "position", tail->source, position_format(tail));
	tail->state = TAIL_WRITING;
	lines_commit(lines, on_committed, tail);
}

/* Returns true if there may be more at once. */
static bool tail_read(struct tail *tail, const struct source *source)
{
	ssize_t n = pread(tail->fd, tail->tails->chunk, LINES_BYTES_MAX, tail->position.offset);
	struct lines lines;
	size_t done;

	if (n <= 0) {
		if (n < 0)
			set_problem(tail, strerrordesc_np(errno));
		look_for_change(tail);
		return false;
	}
	lines_start(&lines, tail->tails->control, source);
	done = lines_parse(&lines, tail->tails->chunk, (size_t)n, &tail->position.skipping);
	tail->position.offset += (int64_t)done;
	if (lines_count(&lines) ||
	    tail->position.offset - tail->committed.offset > QUIET_BYTES_MAX || !tail->known) {
		decide(tail, &lines);
		return false; /* goes on when it is durable */
	}
	lines_abort(&lines);
	if (!done) /* half a line, which its writer may never end */
		look_for_change(tail);
	return done && done == LINES_BYTES_MAX;
}

/* ---- all of them ---- */

static struct tail *find(const struct tails *tails, const char *source)
{
	struct tail *tail;

	LIST_FOREACH (tail, &tails->list, next)
		if (!strcmp(tail->source, source))
			return tail;
	return NULL;
}

static struct tail *tail_new(struct tails *tails, const struct source *source)
{
	struct tail *tail = xcalloc(1, sizeof(*tail));

	tail->tails = tails;
	tail->fd = -1;
	snprintf(tail->source, sizeof(tail->source), "%s", source->id);
	snprintf(tail->path, sizeof(tail->path), "%s", source->file);
	LIST_INSERT_HEAD(&tails->list, tail, next);
	store_post(tails->control->store, STORE_READ, load_run, load_done, tail);
	return tail;
}

static void drop_strangers(struct tails *tails)
{
	struct tail *tail = LIST_FIRST(&tails->list);

	while (tail) {
		struct tail *after = LIST_NEXT(tail, next);
		const struct source *source = engine_source(tails->control->engine, tail->source);

		if (!source || strcmp(source->file, tail->path) != 0)
			drop(tail);
		tail = after;
	}
}

static void follow(struct tails *tails, const struct source *source)
{
	struct tail *tail = find(tails, source->id);
	struct lines lines;

	if (!tail)
		tail = tail_new(tails, source);
	if (tail->state != TAIL_READY || (tail->fd < 0 && !tail_open(tail)))
		return;
	if (!tail->known) { /* where we began is a fact too */
		lines_start(&lines, tails->control, source);
		decide(tail, &lines);
		return;
	}
	for (int i = 0; i < 4 && tail_read(tail, source); i++)
		;
}

static void on_time(void *owner)
{
	struct tails *tails = owner;
	struct control *control = tails->control;
	const struct source *source;
	char text[200];

	timer_set(tails->timer, LIST_EMPTY(&tails->list) ? LOOK_IDLE : LOOK_EVERY);
	if (!control->engine || control->draining || control->stopping)
		return;
	drop_strangers(tails);
	for (size_t i = 0; (source = engine_source_at(control->engine, i)); i++)
		if (*source->file && !source_sockets_state(&control->source_sockets, source, text))
			follow(tails, source);
}

void tails_init(struct tails *tails, struct control *control)
{
	tails->control = control;
	LIST_INIT(&tails->list);
	tails->chunk = xmalloc(LINES_BYTES_MAX);
	tails->timer = timer_new(control->loop, on_time, tails);
	timer_set(tails->timer, LOOK_EVERY);
}

void tails_fini(struct tails *tails)
{
	struct tail *tail;

	while ((tail = LIST_FIRST(&tails->list))) {
		LIST_REMOVE(tail, next);
		tail_free(tail);
	}
	tails->timer = timer_free(tails->timer);
	free(tails->chunk);
}

const char *tails_state(const struct tails *tails, const struct source *source, char text[200])
{
	const struct tail *tail = find(tails, source->id);

	text[0] = '\0';
	if (tail && *tail->problem)
		snprintf(text, 200, "%s", tail->problem);
	else if (tail && tail->known)
		snprintf(text, 200, "position %" PRId64, tail->committed.offset);
	return text;
}
