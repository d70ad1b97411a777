/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/file.h"
#include "capture/ring.h"
#include "capture/ring_socket.h"
#include "dispatch/serve/listen.h"
#include "firmware/document.h"
#include "firmware/source_sockets.h"

#define SLICE_MIN 64

#define KIB	      1024LL
#define SLICE_MIN     64
#define MIB	      (1024 * KIB)
#define GIB	      (1024 * MIB)
#define TIB	      (1024 * GIB)
#define RETENTION_MAX (87600 * DUR_HOUR)

enum type {
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_BYTES, /* a number, or "256MiB" */
	TYPE_BOOL,
	TYPE_DURATION,
	TYPE_LEVEL,
	TYPE_TLS,
	TYPE_NICS,
	TYPE_FILES,
};

struct member {
	const char *path;
	enum type type;
	size_t offset; /* in struct config */
	size_t size;   /* of a text, with NUL */
	int64_t min;
	int64_t max;
	const char *allowed;
	bool power_of_two; /* a number must be one */
	/* further check of a text; 0 if it is fine */
	int (*check)(const char *text);
};

static int check_listen(const char *text)
{
	struct listen_address address;
	struct error err;

	return listen_parse(text, &address, &err);
}

static int check_url(const char *text)
{
	size_t len = strlen(text);
	const char *host = NULL;

	if (!strncmp(text, "http://", 7))
		host = text + 7;
	if (!strncmp(text, "https://", 8))
		host = text + 8;
	if (!host || !*host || *host == '/' || text[len - 1] == '/')
		return -EINVAL;
	return strcspn(text, " \"'<>?#\\\t\r\n") == len ? 0 : -EINVAL;
}

static int check_absolute(const char *text)
{
	return text[0] == '/' && text[1] ? 0 : -EINVAL;
}

/* A list of absolute paths, separated by commas. */
static int check_paths(const char *text)
{
	while (*(text += strspn(text, ", "))) {
		size_t len = strcspn(text, ",");

		if (*text != '/' || len < 2)
			return -EINVAL;
		text += len;
	}
	return 0;
}

static int check_sockets(const char *text)
{
	struct source_sockets_open sockets;

	return source_sockets_parse(text, &sockets) < 0 ? -EINVAL : 0;
}

/* A list of addresses, networks and ranges. */
static int check_networks(const char *text)
{
	while (*(text += strspn(text, ", "))) {
		int len = (int)strcspn(text, ", ");
		char item[ADDRESS_RANGE_TEXT_SIZE];
		struct address_range range;

		snprintf(item, sizeof(item), "%.*s", len, text);
		if (address_range_parse(item, &range))
			return -EINVAL;
		text += len;
	}
	return 0;
}

static int check_user(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	return text[strspn(text, allowed)] || text[0] == '-' ? -EINVAL : 0;
}

static int check_nic(const char *text)
{
	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return -EINVAL;
	return strcspn(text, "/: \t\r\n") == strlen(text) ? 0 : -EINVAL;
}

#define AT(member)   .offset = offsetof(struct config, member)
#define TEXT(member) AT(member), .size = sizeof(((struct config *)NULL)->member)

#define PATH_ALLOWED "an absolute path of at most 255 bytes"
#define USER_ALLOWED "a user name of lower-case letters, digits, _ and -"

static const struct member members[] = {
	{"/listen", TYPE_TEXT, TEXT(listen), .min = 1, .check = check_listen,
	 .allowed = "address and port, as 127.0.0.1:8470, 0.0.0.0:8470 or [::]:8470"},
	{"/state", TYPE_TEXT, TEXT(state), .min = 1, .check = check_absolute,
	 .allowed = PATH_ALLOWED},
	{"/captures", TYPE_TEXT, TEXT(captures), .min = 1, .check = check_absolute,
	 .allowed = PATH_ALLOWED},
	{"/public_url", TYPE_TEXT, TEXT(public_url), .min = 1, .check = check_url,
	 .allowed = "http://HOST[:PORT][/PATH] or https://…, without a final /"},
	{"/tls/mode", TYPE_TLS, AT(tls.mode), .allowed = "auto, on or off"},
	{"/tls/certificate_file", TYPE_TEXT, TEXT(tls.certificate_file), .min = 1,
	 .check = check_absolute, .allowed = PATH_ALLOWED},
	{"/tls/key_file", TYPE_TEXT, TEXT(tls.key_file), .min = 1, .check = check_absolute,
	 .allowed = PATH_ALLOWED},
	{"/http/connections", TYPE_NUMBER, AT(http.connections), .min = 16, .max = 15000,
	 .allowed = "16 to 15000"},
	{"/http/connections_per_address", TYPE_NUMBER, AT(http.connections_per_address), .min = 1,
	 .max = 15000, .allowed = "1 to 15000"},
	{"/http/request_timeout", TYPE_DURATION, AT(http.request_timeout_ns), .min = DUR_S,
	 .max = 5 * DUR_MIN, .allowed = "a duration from 1s to 5m, as 10s"},
	{"/http/idle_timeout", TYPE_DURATION, AT(http.idle_timeout_ns), .min = DUR_S,
	 .max = DUR_HOUR, .allowed = "a duration from 1s to 1h, as 10s"},
	{"/http/download_rate", TYPE_BYTES, AT(http.download_rate), .max = TIB,
	 .allowed = "bytes per second up to 1TiB, as 50MiB; 0 = no limit"},
	{"/http/download_rate_per_address", TYPE_BYTES, AT(http.download_rate_per_address),
	 .max = TIB, .allowed = "bytes per second up to 1TiB, as 10MiB; 0 = no limit"},
	{"/log_level", TYPE_LEVEL, AT(log_level), .allowed = "error, warning, info or debug"},
	{"/nics", TYPE_NICS, AT(nics), .allowed = "a NIC's name, at most 15 bytes",
	 .check = check_nic},
	{"/rings/memory_bytes", TYPE_BYTES, AT(rings.memory_bytes), .min = 4 * MIB, .max = TIB,
	 .allowed = "4MiB to 1TiB"},
	{"/rings/block_bytes", TYPE_BYTES, AT(rings.block_bytes), .min = RING_SOCKET_BLOCK_MIN,
	 .max = RING_SOCKET_BLOCK_MAX, .power_of_two = true, .allowed = "256KiB, 512KiB or 1MiB"},
	{"/rings/retire_ms", TYPE_NUMBER, AT(rings.retire_ms), .min = 10, .max = 10000,
	 .allowed = "10 to 10000"},
	{"/rings/idle_wake_ms", TYPE_NUMBER, AT(rings.idle_wake_ms), .min = 1, .max = 1000,
	 .allowed = "1 to 1000"},
	{"/rings/slice_bytes", TYPE_NUMBER, AT(rings.slice_bytes), .max = 65535,
	 .allowed = "0 (all of it) or 64 to 65535"},
	{"/rings/filter", TYPE_TEXT, TEXT(rings.filter),
	 .allowed = "a filter as of tcpdump, without \"vlan\", at most 255 bytes"},
	{"/replay/files", TYPE_FILES, AT(replay.files), .allowed = PATH_ALLOWED,
	 .check = check_absolute},
	{"/replay/speed_percent", TYPE_NUMBER, AT(replay.speed_percent), .max = 100000,
	 .allowed = "0 (as fast as possible) to 100000"},
	{"/replay/loop", TYPE_BOOL, AT(replay.loop), .allowed = "true or false"},
	{"/sources/folders", TYPE_TEXT, TEXT(sources.folders), .min = 1, .check = check_paths,
	 .allowed = "absolute paths, separated by commas"},
	{"/sources/sockets", TYPE_TEXT, TEXT(sources.sockets), .min = 1, .check = check_sockets,
	 .allowed =
		 "at most 8 absolute paths of at most 107 bytes, each once, separated by commas, "
		 "with \"dgram:\" before those of datagrams"},
	{"/sources/sockets_group", TYPE_TEXT, TEXT(sources.sockets_group), .min = 1,
	 .check = check_user, .allowed = "a group name of lower-case letters, digits, _ and -"},
	{"/storage/min_free_bytes", TYPE_BYTES, AT(storage.min_free_bytes), .max = 1024 * TIB,
	 .allowed = "0 to 1024TiB"},
	{"/storage/keep_free_bytes", TYPE_BYTES, AT(storage.keep_free_bytes), .max = 1024 * TIB,
	 .allowed = "0 (twice min_free_bytes) to 1024TiB"},
	{"/storage/max_bytes", TYPE_BYTES, AT(storage.max_bytes), .max = 1024 * TIB,
	 .allowed = "0 (no limit) to 1024TiB"},
	{"/storage/retention", TYPE_DURATION, AT(storage.retention_ns), .max = RETENTION_MAX,
	 .allowed = "a duration from 0 (for ever) to 87600h, as 168h"},
	{"/storage/sync_after", TYPE_DURATION, AT(storage.sync_after_ns), .max = DUR_MIN,
	 .allowed = "0s (only when a segment is sealed) to 1m"},
	{"/courier/ca_file", TYPE_TEXT, TEXT(courier.ca_file), .min = 1, .check = check_absolute,
	 .allowed = PATH_ALLOWED},
	{"/courier/connect_timeout", TYPE_DURATION, AT(courier.connect_timeout_ns),
	 .min = 100 * DUR_MS, .max = DUR_MIN, .allowed = "a duration from 100ms to 1m, as 5s"},
	{"/courier/allow", TYPE_TEXT, TEXT(courier.allow), .check = check_networks,
	 .allowed = "addresses and networks separated by commas, as \"127.0.0.1, fe80::/10\""},
	{"/users/recorder", TYPE_TEXT, TEXT(users.recorder), .min = 1, .check = check_user,
	 .allowed = USER_ALLOWED},
	{"/users/control", TYPE_TEXT, TEXT(users.control), .min = 1, .check = check_user,
	 .allowed = USER_ALLOWED},
	{"/users/courier", TYPE_TEXT, TEXT(users.courier), .min = 1, .check = check_user,
	 .allowed = USER_ALLOWED},
	{"/users/worker", TYPE_TEXT, TEXT(users.worker), .min = 1, .check = check_user,
	 .allowed = USER_ALLOWED},
	{"/users/group", TYPE_TEXT, TEXT(users.group), .min = 1, .check = check_user,
	 .allowed = "a group name of lower-case letters, digits, _ and -"},
	{"/test/hook", TYPE_TEXT, TEXT(test.hook), .allowed = "at most 63 bytes; only for tests"},
};

/* A value and where it stands. */
struct value {
	const char *where; /* "file:1:2" or an option */
	const char *text;
	bool plain; /* may be a number or a boolean */
};

void config_init(struct config *config)
{
	*config = (struct config){
		.listen = "127.0.0.1:8470",
		.state = "/var/lib/ringbell",
		.log_level = LOG_LEVEL_INFO,
		.http = {.connections = 2048,
			 .connections_per_address = 64,
			 .request_timeout_ns = 10 * DUR_S,
			 .idle_timeout_ns = 10 * DUR_S},
		.rings = {.memory_bytes = 256 * MIB,
			  .retire_ms = RING_SOCKET_RETIRE_MS,
			  .idle_wake_ms = 1000},
		.replay = {.speed_percent = 100},
		.storage = {.min_free_bytes = 512 * MIB,
			    .retention_ns = 7 * 24 * DUR_HOUR,
			    .sync_after_ns = DUR_S},
		.courier = {.connect_timeout_ns = 5 * DUR_S},
		.users = {.recorder = "ringbell-recorder",
			  .control = "ringbell-control",
			  .courier = "ringbell-courier",
			  .worker = "ringbell-worker",
			  .group = "ringbell"},
	};
}

static const struct member *find_member(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!strcmp(members[i].path, path))
			return &members[i];
	return NULL;
}

static int refuse(const struct member *m, const struct value *v, struct buf *errors)
{
	buf_printf(errors, "%s: %s: \"%.80s\": %s\n", v->where, m->path, v->text, m->allowed);
	return -EINVAL;
}

static int check_text(const struct member *m, const struct value *v, size_t size,
		      struct buf *errors)
{
	size_t len = strlen(v->text);
	int missing = v->plain && (!len || !strcmp(v->text, "~") || !strcmp(v->text, "null"));

	if (missing || len < (size_t)m->min || len >= size)
		return refuse(m, v, errors);
	for (const char *c = v->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return refuse(m, v, errors);
	return m->check && m->check(v->text) ? refuse(m, v, errors) : 0;
}

static int set_text(struct config *config, const struct member *m, const struct value *v,
		    struct buf *errors)
{
	int r = check_text(m, v, m->size, errors);

	if (!r)
		snprintf((char *)config + m->offset, m->size, "%s", v->text);
	return r;
}

/* The factor a unit stands for; 0 = no such unit. */
static int64_t unit_factor(const char *unit, enum type type)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {"TiB", TIB}};

	if (!*unit)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(units) && type == TYPE_BYTES; i++)
		if (!strcmp(unit, units[i].unit))
			return units[i].factor;
	return 0;
}

static int set_number(struct config *config, const struct member *m, const struct value *v,
		      struct buf *errors)
{
	int64_t *ret = (int64_t *)((char *)config + m->offset);
	int64_t factor, number;
	char *end;

	if (!v->plain || *v->text < '0' || *v->text > '9')
		return refuse(m, v, errors);
	errno = 0;
	number = strtoll(v->text, &end, 10);
	factor = unit_factor(end, m->type);
	if (errno || !factor || number > m->max / factor)
		return refuse(m, v, errors);
	number *= factor;
	if (number < m->min || (m->power_of_two && (number & (number - 1))))
		return refuse(m, v, errors);
	*ret = number;
	return 0;
}

static int set_bool(struct config *config, const struct member *m, const struct value *v,
		    struct buf *errors)
{
	int64_t *ret = (int64_t *)((char *)config + m->offset);

	if (!v->plain || (strcmp(v->text, "true") && strcmp(v->text, "false")))
		return refuse(m, v, errors);
	*ret = *v->text == 't';
	return 0;
}

static int set_duration(struct config *config, const struct member *m, const struct value *v,
			struct buf *errors)
{
	dur_t duration;

	if (dur_parse(v->text, &duration) || duration < m->min || duration > m->max)
		return refuse(m, v, errors);
	*(int64_t *)((char *)config + m->offset) = duration;
	return 0;
}

static int set_level(struct config *config, const struct member *m, const struct value *v,
		     struct buf *errors)
{
	return log_level_parse(v->text, &config->log_level) ? refuse(m, v, errors) : 0;
}

static int set_tls(struct config *config, const struct member *m, const struct value *v,
		   struct buf *errors)
{
	static const char *const names[] = {
		[TLS_AUTO] = "auto", [TLS_ON] = "on", [TLS_OFF] = "off"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(v->text, names[i]))
			continue;
		config->tls.mode = (enum tls_mode)i;
		return 0;
	}
	return refuse(m, v, errors);
}

static int set_value(struct config *config, const struct member *m, const struct value *v,
		     struct buf *errors)
{
	switch (m->type) {
	case TYPE_TEXT:
		return set_text(config, m, v, errors);
	case TYPE_NUMBER:
	case TYPE_BYTES:
		return set_number(config, m, v, errors);
	case TYPE_BOOL:
		return set_bool(config, m, v, errors);
	case TYPE_DURATION:
		return set_duration(config, m, v, errors);
	case TYPE_LEVEL:
		return set_level(config, m, v, errors);
	case TYPE_TLS:
		return set_tls(config, m, v, errors);
	default:
		buf_printf(errors, "%s: %s: \"%.80s\": a list is expected, as [%.80s]\n", v->where,
			   m->path, v->text, v->text);
		return -EINVAL;
	}
}

static int refuse_list(const struct member *m, const struct value *v, const char *why,
		       struct buf *errors)
{
	buf_printf(errors, "%s: %s: \"%.80s\": %s\n", v->where, m->path, v->text, why);
	return -EINVAL;
}

/* Adds to an array of `*count` texts of `size` bytes each. */
static int add_text(const struct member *m, const struct value *v, char *texts, size_t size,
		    uint32_t *count, struct buf *errors)
{
	int r = check_text(m, v, size, errors);

	if (r)
		return r;
	if (!*v->text)
		return refuse(m, v, errors);
	for (uint32_t i = 0; i < *count; i++)
		if (!strcmp(texts + i * size, v->text))
			return refuse_list(m, v, "is there twice", errors);
	if (*count == CHILD_RINGS_MAX)
		return refuse_list(m, v, "at most 16 are allowed", errors);
	snprintf(texts + *count * size, size, "%s", v->text);
	++*count;
	return 0;
}

static int add_value(struct config *config, const struct member *m, const struct value *v,
		     struct buf *errors)
{
	if (m->type == TYPE_NICS)
		return add_text(m, v, config->nics[0], sizeof(config->nics[0]), &config->nic_count,
				errors);
	return add_text(m, v, config->replay.files[0], sizeof(config->replay.files[0]),
			&config->replay.file_count, errors);
}

int config_set(struct config *config, const char *path, const char *text, const char *option,
	       struct buf *errors)
{
	const struct member *m = find_member(path);

	bug_on(!m);
	return set_value(config, m, &(struct value){option, text, true}, errors);
}

int config_add(struct config *config, const char *path, const char *text, const char *option,
	       struct buf *errors)
{
	const struct member *m = find_member(path);

	bug_on(!m || (m->type != TYPE_NICS && m->type != TYPE_FILES));
	return add_value(config, m, &(struct value){option, text, false}, errors);
}

/* Reading the tree of a file. */
struct loading {
	struct config *config;
	const char *file;
	struct buf *errors;
};

#define WHERE_SIZE (PATH_MAX + 32)

static const char *where_of(const struct loading *l, const struct document_node *node,
			    char where[WHERE_SIZE])
{
	snprintf(where, WHERE_SIZE, "%s:%d:%d", l->file, node->line, node->column);
	return where;
}

__attribute__((format(printf, 4, 5))) static int complain(const struct loading *l,
							  const struct document_node *node,
							  const char *path, const char *format, ...)
{
	char where[WHERE_SIZE], text[400];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_printf(l->errors, "%s: %s: %s\n", where_of(l, node, where), path, text);
	return -EINVAL;
}

/* The keys allowed below `section` ("" or "/rings"), in one line. */
static void list_keys(const char *section, struct buf *out)
{
	size_t len = strlen(section), last_len = 0;
	const char *last = "";

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *key;
		size_t key_len;

		if (strncmp(members[i].path, section, len) || members[i].path[len] != '/')
			continue;
		key = members[i].path + len + 1;
		key_len = strcspn(key, "/");
		if (key_len == last_len && !strncmp(key, last, key_len))
			continue;
		buf_printf(out, "%s%.*s", out->len ? ", " : "", (int)key_len, key);
		last = key;
		last_len = key_len;
	}
}

static bool is_section(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!strncmp(members[i].path, path, len) && members[i].path[len] == '/')
			return true;
	return false;
}

static int load_list(const struct loading *l, const struct member *m,
		     const struct document_node *node)
{
	const struct document_node *child;
	char where[WHERE_SIZE];
	int r = 0;

	if (node->kind != DOCUMENT_LIST)
		return complain(l, node, m->path, "a list is expected, each %s", m->allowed);
	TAILQ_FOREACH (child, &node->children, next) {
		struct value v = {where_of(l, child, where), child->text, child->plain};

		if (child->kind != DOCUMENT_SCALAR)
			r = complain(l, child, m->path, "%s is expected", m->allowed);
		else if (add_value(l->config, m, &v, l->errors))
			r = -EINVAL;
	}
	return r;
}

static int load_member(const struct loading *l, const struct member *m,
		       const struct document_node *node)
{
	char where[WHERE_SIZE];

	if (m->type == TYPE_NICS || m->type == TYPE_FILES)
		return load_list(l, m, node);
	if (node->kind != DOCUMENT_SCALAR)
		return complain(l, node, m->path, "one value is expected: %s", m->allowed);
	return set_value(l->config, m,
			 &(struct value){where_of(l, node, where), node->text, node->plain},
			 l->errors);
}

static int load_section(const struct loading *l, const char *section,
			const struct document_node *map);

static int load_key(const struct loading *l, const char *section, const struct document_node *node)
{
	CLEANUP_BUF struct buf keys = BUF_INIT;
	const struct member *m;
	char path[128];

	snprintf(path, sizeof(path), "%s/%.60s", section, node->key);
	m = find_member(path);
	if (m && strlen(node->key) <= 60)
		return load_member(l, m, node);
	if (is_section(path))
		return load_section(l, path, node);
	list_keys(section, &keys);
	return complain(l, node, path, "unknown key; allowed: %s", keys.data);
}

static int load_section(const struct loading *l, const char *section,
			const struct document_node *map)
{
	CLEANUP_BUF struct buf keys = BUF_INIT;
	const struct document_node *child;
	int r = 0;

	if (map->kind != DOCUMENT_MAP) {
		list_keys(section, &keys);
		return complain(l, map, *section ? section : "/",
				"keys with values are expected; allowed: %s", keys.data);
	}
	TAILQ_FOREACH (child, &map->children, next)
		if (load_key(l, section, child))
			r = -EINVAL;
	return r;
}

static int read_text(const char *file, struct buf *text, struct buf *errors)
{
	char real[PATH_MAX];
	int r;

	/* a link is fine here: the administrator chose the name */
	r = realpath(file, real) ? file_read(AT_FDCWD, real, CONFIG_BYTES_MAX, text) : -errno;
	if (r)
		buf_printf(errors, "%s: %s\n", file,
			   r == -EFBIG ? "at most 64 KiB are allowed" : strerrordesc_np(-r));
	return r ? -EINVAL : 0;
}

int config_load(struct config *config, const char *file, struct buf *errors)
{
	struct loading l = {config, file, errors};
	CLEANUP_BUF struct buf text = BUF_INIT;
	struct document_node *root;
	int q, r = read_text(file, &text, errors);

	if (r)
		return r;
	r = document_parse(text.data, text.len, file, &root, errors);
	q = root ? load_section(&l, "", root) : 0;
	document_free(root);
	return r ? r : q;
}

static int check_blocks(const struct config *config, struct buf *errors)
{
	int64_t block = config->rings.block_bytes; /* 0 = planned from the memory */
	int64_t memory = config->rings.memory_bytes;

	if (!block || memory / block >= RING_BLOCKS_MIN)
		return 0;
	buf_printf(errors,
		   "/rings/memory_bytes: \"%" PRId64 "\": at least %d blocks of /rings/block_bytes "
		   "(%" PRId64 ") are needed\n",
		   memory, RING_BLOCKS_MIN, block);
	return -EINVAL;
}

/* Less than the headers of one packet would be no packet. */
static int check_slice(const struct config *config, struct buf *errors)
{
	int64_t slice = config->rings.slice_bytes;

	if (!slice || slice >= SLICE_MIN)
		return 0;
	buf_printf(errors,
		   "/rings/slice_bytes: \"%" PRId64 "\": 0 (all of it) or %d to 65535 expected\n",
		   slice, SLICE_MIN);
	return -EINVAL;
}

static int check_rings(const struct config *config, struct buf *errors)
{
	uint32_t count = config->nic_count + config->replay.file_count;

	if (count >= 1 && count <= CHILD_RINGS_MAX)
		return 0;
	if (!count)
		buf_printf(errors,
			   "/nics: nothing to record: name a NIC (-i NIC, or nics: in the "
			   "file) or a pcap file (--replay FILE, or replay: in the file)\n");
	else
		buf_printf(errors, "/nics: \"%u\": at most %d NICs and replayed files together\n",
			   count, CHILD_RINGS_MAX);
	return -EINVAL;
}

/* Whatever lies in the captures folder and is no capture is moved aside at start. */
static int check_folders(const struct config *config, struct buf *errors)
{
	size_t n = strlen(config->captures);

	while (n > 1 && config->captures[n - 1] == '/')
		n--;
	if (strncmp(config->state, config->captures, n) ||
	    (config->state[n] && config->state[n] != '/' && n > 1))
		return 0;
	buf_printf(errors,
		   "/captures: \"%s\": must not be the state folder \"%s\", nor contain it\n",
		   config->captures, config->state);
	return -EINVAL;
}

int config_complete(struct config *config, struct buf *errors)
{
	int n;

	if (*config->captures)
		return check_folders(config, errors);
	n = snprintf(config->captures, sizeof(config->captures), "%s/captures", config->state);
	if (n < (int)sizeof(config->captures))
		return 0;
	buf_printf(errors, "/state: \"%.80s…\": too long for <state>/captures\n", config->state);
	return -EINVAL;
}

static int check_tls(const struct config *config, struct buf *errors)
{
	const char *missing = *config->tls.key_file ? "/tls/certificate_file" : "/tls/key_file";

	if (!*config->tls.certificate_file == !*config->tls.key_file)
		return 0;
	buf_printf(errors, "%s: missing: certificate and key are needed together\n", missing);
	return -EINVAL;
}

int config_check(struct config *config, struct buf *errors)
{
	int r = check_blocks(config, errors);
	if (check_slice(config, errors) || check_rings(config, errors))
		r = -EINVAL;
	if (check_tls(config, errors))
		r = -EINVAL;
	return config_complete(config, errors) ? -EINVAL : r;
}
