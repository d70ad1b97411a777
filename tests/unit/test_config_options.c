/* SPDX-License-Identifier: Apache-2.0 */
/* Options over file over defaults. */
#include "base/cleanup.h"
#include "firmware/options.h"
#include "tests/unit/test.h"

static char path[] = "/tmp/ringbell-test-options-XXXXXX";

#define LOAD(...)                                                                                  \
	load((const char *[]){"ringbelld", __VA_ARGS__, NULL}, &config,                            \
	     (buf_clear(&errors), &errors))

static int load(const char *argv[], struct config *config, struct buf *errors)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return options_load(argc, (char **)argv, config, errors);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	check(file && fputs(text, file) >= 0 && !fclose(file));
}

static void tasks(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config config;

	check_int(LOAD("-i", "lo"), OPTIONS_RUN);
	check_int(LOAD("-i", "lo", "--foreground"), OPTIONS_RUN);
	check_int(LOAD("--check-config", "-i", "lo"), OPTIONS_CHECK);
	check_int(LOAD("--version"), OPTIONS_VERSION);
	check_int(LOAD("--help", "--check-config"), OPTIONS_HELP);
}

static void precedence(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config config;

	write_file("listen: 127.0.0.1:1\nstate: /file\nnics: [a, b]\nlog_level: error\n");
	check_int(LOAD("--config", path), OPTIONS_RUN);
	check_text(config.state, "/file");
	check_text(config.captures, "/file/captures");
	check_int(config.nic_count, 2);
	/* wherever --config stands */
	check_int(LOAD("-i", "c", "--state", "/option", "--config", path), OPTIONS_RUN);
	check_text(config.state, "/option");
	check_text(config.listen, "127.0.0.1:1");
	check_int(config.nic_count, 1);
	check_text(config.nics[0], "c");
	check_int(config.log_level, LOG_LEVEL_ERROR);
}

static void relative_paths(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config config;

	check_int(chdir("/tmp"), 0);
	check_int(LOAD("--replay", "x.pcap", "--state", "s"), OPTIONS_RUN);
	check_text(config.replay.files[0], "/tmp/x.pcap");
	check_text(config.state, "/tmp/s");
}

static void mistakes(void)
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct config config;

	check(LOAD("--bogus") < 0);
	check_text(errors.data, "--bogus: unknown option; see --help\n");
	check(LOAD("-i") < 0);
	check_text(errors.data, "-i: a value must follow\n");
	check(LOAD("-i", "lo", "extra") < 0);
	check_text(errors.data, "extra: only options are allowed; see --help\n");
	check(LOAD("--config", "/nonexistent/x", "-i", "lo") < 0);
	check_text(errors.data, "/nonexistent/x: No such file or directory\n");
	check(LOAD("--listen", "x", "-i", "a/b") < 0);
	check_text(errors.data, "--listen: /listen: \"x\": address and port, as 127.0.0.1:8470, "
				"0.0.0.0:8470 or [::]:8470\n"
				"-i: /nics: \"a/b\": a NIC's name, at most 15 bytes\n");
}

int main(void)
{
	int fd = mkstemp(path);

	check(fd >= 0);
	close(fd);
	tasks();
	precedence();
	relative_paths();
	mistakes();
	unlink(path);
	return 0;
}
