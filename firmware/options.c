/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

const char options_help[] =
	"Usage: ringbelld [OPTION]...\n"
	"The Ringbell appliance: records NICs into memory, captures when alerts say so.\n"
	"\n"
	"  --config FILE      read FILE instead of " CONFIG_FILE_DEFAULT "\n"
	"  -i, --nic NIC      record NIC; may be repeated\n"
	"  --replay FILE      replay a pcap file as NIC file0, file1, ...; may be repeated\n"
	"  --listen ADDR:PORT serve HTTP there (127.0.0.1:8470)\n"
	"  --state DIR        state folder (/var/lib/ringbell)\n"
	"  --captures DIR     captures folder (<state>/captures)\n"
	"  --log-level LEVEL  error, warning, info or debug (info)\n"
	"  --foreground       log to standard error and stay in the foreground (always so)\n"
	"  --check-config     check options and file, say what is wrong, and exit\n"
	"  --rebuild          make the catalogue anew from the captures folder, and exit; no\n"
	"                     daemon may be running\n"
	"  --version          say the version and exit\n"
	"  --help             say this and exit\n"
	"\n"
	"Options override the file, the file overrides the defaults.\n"
	"See ringbelld(8) and ringbell.yaml(5).\n";

enum option_id {
	OPTION_NIC = 'i',
	OPTION_CONFIG = 256,
	OPTION_REPLAY,
	OPTION_LISTEN,
	OPTION_STATE,
	OPTION_CAPTURES,
	OPTION_LOG_LEVEL,
	OPTION_FOREGROUND,
	OPTION_CHECK_CONFIG,
	OPTION_REBUILD,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"nic", required_argument, NULL, OPTION_NIC},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"replay", required_argument, NULL, OPTION_REPLAY},
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"state", required_argument, NULL, OPTION_STATE},
	{"captures", required_argument, NULL, OPTION_CAPTURES},
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"foreground", no_argument, NULL, OPTION_FOREGROUND},
	{"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
	{"rebuild", no_argument, NULL, OPTION_REBUILD},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

/* What the first look finds: it decides what the second one is put on. */
struct look {
	enum options_task task;
	const char *file; /* NULL = the default one, if it is there */
	bool has_nics;
	bool has_replays;
};

static int look_first(int argc, char *argv[], struct look *ret, struct buf *errors)
{
	int id, r = 0;

	*ret = (struct look){0};
	opterr = 0;
	optind = 0; /* start over, glibc */
	while ((id = getopt_long(argc, argv, ":i:", long_options, NULL)) != -1) {
		ret->has_nics |= id == OPTION_NIC;
		ret->has_replays |= id == OPTION_REPLAY;
		if (id == OPTION_CONFIG)
			ret->file = optarg;
		if ((id == OPTION_CHECK_CONFIG || id == OPTION_REBUILD) && !ret->task)
			ret->task = id == OPTION_REBUILD ? OPTIONS_REBUILD : OPTIONS_CHECK;
		if (id == OPTION_VERSION || id == OPTION_HELP)
			ret->task = id == OPTION_HELP ? OPTIONS_HELP : OPTIONS_VERSION;
		if (id != '?' && id != ':')
			continue;
		r = -EINVAL;
		buf_printf(errors, "%s: %s\n", argv[optind - 1],
			   id == ':' ? "a value must follow" : "unknown option; see --help");
	}
	if (optind == argc)
		return r;
	buf_printf(errors, "%s: only options are allowed; see --help\n", argv[optind]);
	return -EINVAL;
}

/* Names given to the shell are relative to its folder; the configuration's are absolute. */
static const char *absolute(const char *path, char ret[PATH_MAX])
{
	char folder[PATH_MAX];

	if (*path == '/' || !*path || !getcwd(folder, sizeof(folder)))
		return path;
	if (snprintf(ret, PATH_MAX, "%s/%s", folder, path) >= PATH_MAX)
		return path;
	return ret;
}

static int apply(int id, struct config *c, struct buf *errors)
{
	char path[PATH_MAX];

	switch (id) {
	case OPTION_NIC:
		return config_add(c, "/nics", optarg, "-i", errors);
	case OPTION_REPLAY:
		return config_add(c, "/replay/files", absolute(optarg, path), "--replay", errors);
	case OPTION_LISTEN:
		return config_set(c, "/listen", optarg, "--listen", errors);
	case OPTION_STATE:
		return config_set(c, "/state", absolute(optarg, path), "--state", errors);
	case OPTION_CAPTURES:
		return config_set(c, "/captures", absolute(optarg, path), "--captures", errors);
	case OPTION_LOG_LEVEL:
		return config_set(c, "/log_level", optarg, "--log-level", errors);
	default:
		return 0;
	}
}

static int apply_all(int argc, char *argv[], struct config *config, struct buf *errors)
{
	int id, r = 0;

	optind = 0;
	while ((id = getopt_long(argc, argv, ":i:", long_options, NULL)) != -1)
		if (apply(id, config, errors))
			r = -EINVAL;
	return r;
}

static int load_file(const struct look *look, struct config *config, struct buf *errors)
{
	if (look->file)
		return config_load(config, look->file, errors);
	if (access(CONFIG_FILE_DEFAULT, F_OK) && errno == ENOENT)
		return 0;
	return config_load(config, CONFIG_FILE_DEFAULT, errors);
}

int options_load(int argc, char *argv[], struct config *config, struct buf *errors)
{
	struct look look;
	int r = look_first(argc, argv, &look, errors);

	config_init(config);
	if (r || look.task == OPTIONS_HELP || look.task == OPTIONS_VERSION)
		return r ? r : (int)look.task;
	r = load_file(&look, config, errors);
	if (look.has_nics)
		config->nic_count = 0;
	if (look.has_replays)
		config->replay.file_count = 0;
	if (apply_all(argc, argv, config, errors))
		r = -EINVAL;
	/* what depends on several members makes sense only once each of them does */
	if (!r)
		r = look.task == OPTIONS_REBUILD ? config_complete(config, errors)
						 : config_check(config, errors);
	return r ? r : (int)look.task;
}
