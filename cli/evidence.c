/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/signed_json.h"

#define MANIFEST_BYTES_MAX (32 << 20)
#define CHUNK_BYTES	   (1 << 20)

DEFINE_CLEANUP(DIR *, closedir)

struct check {
	struct evidence *evidence;
	const char *key;
	int folder;
	json_t *manifest;
};

static void check_fini(struct check *check)
{
	if (check->folder >= 0)
		close(check->folder);
	json_decref(check->manifest);
}

const char *evidence_result_name(enum evidence_result result)
{
	static const char *const names[] = {"genuine", "incomplete", "unreadable", "altered"};

	return names[result];
}

__attribute__((format(printf, 5, 6))) static void finding_add(struct check *check,
							      enum evidence_result result,
							      const char *file, const char *code,
							      const char *format, ...)
{
	struct evidence *evidence = check->evidence;
	CLEANUP_FREE char *text = NULL;
	va_list args;

	va_start(args, format);
	bug_on(vasprintf(&text, format, args) < 0);
	va_end(args);
	/* a name may be no UTF-8: then it is shown without the bytes that are not ASCII */
	if (json_array_append_new(evidence->findings, json_pack("{s:s, s:s, s:s}", "file", file,
								"code", code, "text", text)))
		json_array_append_new(evidence->findings,
				      json_pack("{s:s, s:s, s:s}", "file", "?", "code", code,
						"text", "a name or a text that is no UTF-8"));
	if (result > evidence->result)
		evidence->result = result;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool is_finished(const struct check *check)
{
	return !strcmp(text_of(check->manifest, "state"), "finished");
}

/* ---- the manifest ---- */

static void check_signer(struct check *check, int outcome)
{
	const char *public_key = check->evidence->public_key;

	if (outcome == SIGNED_JSON_UNSIGNED)
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "unsigned",
			    "is not signed");
	else if (outcome == SIGNED_JSON_MISMATCH)
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "signature",
			    "does not fit its signature (by key %s)",
			    *public_key ? public_key : "unknown");
	else if (check->key && strcasecmp(check->key, public_key))
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "key",
			    "is signed by key %s, not by the one expected", public_key);
}

/* False: there is nothing to compare the files with. */
static bool load_manifest(struct check *check, const char *name)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	struct evidence *evidence = check->evidence;
	int r = file_read(check->folder, EVIDENCE_MANIFEST, MANIFEST_BYTES_MAX, &text);
	const char *id;

	if (r == -ENOENT)
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "missing", "is missing");
	else if (r)
		finding_add(check, EVIDENCE_UNREADABLE, EVIDENCE_MANIFEST, "unreadable", "%s",
			    strerrordesc_np(-r));
	if (r)
		return false;
	r = signed_json_parse(text.data ? text.data : "", text.len, &check->manifest,
			      evidence->public_key);
	if (r < 0) {
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "altered",
			    "is no JSON object");
		return false;
	}
	check_signer(check, r);
	id = text_of(check->manifest, "id");
	if (ident_valid(name) && strcmp(id, name))
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "folder",
			    "is of capture %.60s, not of this folder", id);
	if (*id)
		snprintf(evidence->capture, sizeof(evidence->capture), "%s", id);
	return true;
}

/* ---- the segments ---- */

static int hash_file(int fd, char hex[SHA256_HEX_SIZE])
{
	CLEANUP_FREE unsigned char *chunk = xmalloc(CHUNK_BYTES);
	struct sha256 hash;
	ssize_t n;

	sha256_init(&hash);
	while ((n = read(fd, chunk, CHUNK_BYTES)) > 0 || (n < 0 && errno == EINTR))
		sha256_add(&hash, chunk, n > 0 ? (size_t)n : 0);
	sha256_format(&hash, hex);
	return n < 0 ? -errno : 0;
}

static bool compare_file(struct check *check, int fd, const char *name, const json_t *segment)
{
	json_int_t bytes = json_integer_value(json_object_get(segment, "file_bytes"));
	char hex[SHA256_HEX_SIZE];
	struct stat st;
	int r;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		finding_add(check, EVIDENCE_ALTERED, name, "altered", "is no regular file");
		return false;
	}
	r = hash_file(fd, hex);
	if (r) {
		finding_add(check, EVIDENCE_UNREADABLE, name, "unreadable", "%s",
			    strerrordesc_np(-r));
		return false;
	}
	if (!strcmp(hex, text_of(segment, "sha256")) && st.st_size == bytes)
		return true;
	finding_add(check, EVIDENCE_ALTERED, name, "altered",
		    "SHA-256 is %s of %jd bytes, signed was %.70s of %" JSON_INTEGER_FORMAT, hex,
		    (intmax_t)st.st_size, text_of(segment, "sha256"), bytes);
	return false;
}

static bool check_file(struct check *check, const char *name, const json_t *segment)
{
	CLEANUP_CLOSE int fd =
		openat(check->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0)
		return compare_file(check, fd, name, segment);
	if (errno == ENOENT && json_is_true(json_object_get(segment, "missing")))
		finding_add(check, EVIDENCE_INCOMPLETE, name, "gone",
			    "was already gone when the manifest was signed");
	else if (errno == ENOENT)
		finding_add(check, EVIDENCE_ALTERED, name, "missing", "is missing");
	else if (errno == ELOOP)
		finding_add(check, EVIDENCE_ALTERED, name, "altered", "is a link");
	else
		finding_add(check, EVIDENCE_UNREADABLE, name, "unreadable", "%s", strerror(errno));
	return false;
}

static void check_segment(struct check *check, const json_t *segment)
{
	struct evidence *evidence = check->evidence;
	const char *name = text_of(segment, "name");
	const char *sha256 = text_of(segment, "sha256");

	if (!*name || strchr(name, '/')) {
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "altered",
			    "names a segment that is none");
		return;
	}
	if (!*sha256) {
		finding_add(check, EVIDENCE_INCOMPLETE, name, "open",
			    "was still open, or not yet hashed, when the manifest was signed");
		return;
	}
	sha256_chain(evidence->chain, name,
		     (uint64_t)json_integer_value(json_object_get(segment, "file_bytes")), sha256);
	evidence->segments += check_file(check, name, segment);
}

static void check_segments(struct check *check)
{
	struct evidence *evidence = check->evidence;
	const json_t *segment;
	size_t i;

	sha256_chain_init(evidence->chain, evidence->capture);
	json_array_foreach (json_object_get(check->manifest, "segments"), i, segment)
		check_segment(check, segment);
	if (strcmp(evidence->chain, text_of(check->manifest, "chain")))
		finding_add(check, EVIDENCE_ALTERED, EVIDENCE_MANIFEST, "chain",
			    "the chain over the segments' hashes does not end in what it says");
}

/* ---- what is there beside them ---- */

/* The names of all segments, as the members of an object: there may be 10^5. */
static json_t *list_names(const struct check *check)
{
	json_t *names = json_object();
	const json_t *segment;
	size_t i;

	json_array_foreach (json_object_get(check->manifest, "segments"), i, segment)
		json_object_set_new_nocheck(names, text_of(segment, "name"), json_true());
	return names;
}

static bool is_listed(const json_t *names, const char *name)
{
	return json_object_get(names, name) || !strcmp(name, EVIDENCE_MANIFEST) ||
	       !strcmp(name, "." EVIDENCE_MANIFEST ".tmp") || !strcmp(name, ".") ||
	       !strcmp(name, "..");
}

static bool is_hidden_segment(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > 7 && !strcmp(name + len - 7, ".pcapng");
}

/* The index beside a listed segment: no evidence, and made anew at any time. */
static bool is_index(const json_t *names, const char *name)
{
	size_t len = strlen(name);
	CLEANUP_FREE char *segment = len > 4 ? xasprintf("%.*s", (int)(len - 4), name) : NULL;

	return segment && !strcmp(name + len - 4, ".idx") && is_listed(names, segment);
}

static void check_names(struct check *check)
{
	CLEANUP_CLOSE int copy = openat(check->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedir_ptr) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	CLEANUP_JSON json_t *names = list_names(check);
	const struct dirent *entry;

	if (dir)
		take_fd(&copy); /* the folder's now */
	while (errno = 0, dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (is_listed(names, name) || is_index(names, name))
			continue;
		if (is_hidden_segment(name) && !is_finished(check) && is_listed(names, name + 1))
			continue;
		finding_add(check, EVIDENCE_ALTERED, name, "added", "is not in the manifest");
	}
	if (!dir || errno)
		finding_add(check, EVIDENCE_UNREADABLE, ".", "unreadable",
			    "what else is in the folder cannot be told: %s",
			    errno ? strerror(errno) : "it cannot be opened");
}

void evidence_check(const char *path, const char *key, struct evidence *ret)
{
	CLEANUP_FREE char *whole = realpath(path, NULL);
	const char *name = whole ? strrchr(whole, '/') + 1 : path;
	CLEANUP(check_fini)
	struct check check = {
		.evidence = ret,
		.key = key,
		.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};

	*ret = (struct evidence){.findings = json_array()};
	snprintf(ret->capture, sizeof(ret->capture), "%s", name);
	if (check.folder < 0) {
		finding_add(&check, EVIDENCE_UNREADABLE, ".", "unreadable", "%s", strerror(errno));
		return;
	}
	if (!load_manifest(&check, name))
		return;
	check_segments(&check);
	check_names(&check);
	if (!is_finished(&check))
		finding_add(&check, EVIDENCE_INCOMPLETE, EVIDENCE_MANIFEST, "running",
			    "the capture was still running when it was signed");
}

void evidence_fini(struct evidence *evidence)
{
	json_decref(evidence->findings);
	*evidence = (struct evidence){0};
}
