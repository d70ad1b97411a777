/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "firmware/sandbox.h"
#include "storage/quarantine.h"
#include "storage/rebuild.h"

static void on_quarantined(void *owner, const char *where, const char *name, const char *reason)
{
	(void)owner;
	log_warning("rebuild", "\"%s%s%s\" moved to captures/" QUARANTINE_FOLDER ": %s", where,
		    *where ? "/" : "", name, reason);
}

static void print_unknown(const struct rebuild_report *report)
{
	const struct recover_report *folder = &report->folder;

	if (folder->made_up)
		printf("captures without a manifest, known by their packets only: %u\n",
		       folder->made_up);
	if (folder->ended)
		printf("captures that were running when their database was lost, now finished: "
		       "%u\n",
		       folder->ended);
	if (folder->missing)
		printf("segments whose file is gone: %u\n", folder->missing);
	if (report->forgotten)
		printf("captures whose folder is gone, forgotten: %u\n", report->forgotten);
	if (folder->skipped)
		printf("files or folders that could not be read or moved: %u\n", folder->skipped);
	if (report->was_absent)
		puts("there was no database: settings, tokens, alerts and pushes are not in the "
		     "captures folder, the next start makes new ones");
	if (report->set_aside[0])
		printf("the database was damaged and is now %s: settings and tokens carried over: "
		       "%u%s; alerts and pushes are lost\n",
		       report->set_aside, report->settings,
		       report->settings_damaged ? ", others could not be read" : "");
}

static void print_report(const struct rebuild_report *report)
{
	const struct recover_report *folder = &report->folder;

	printf("captures made anew: %u, left running: %u\n", folder->captures + folder->made_up,
	       report->running);
	printf("segments: %u, of them repaired: %u\n", folder->adopted, folder->repaired);
	printf("quarantined: %u\n", folder->quarantined);
	print_unknown(report);
}

static int enter(const struct config *config, const struct identity *control)
{
	int r = privileges_drop(control);

	if (r < 0) {
		log_error("rebuild", "cannot give up privileges: %s", strerrordesc_np(-r));
		return r;
	}
	umask(0007);
	return sandbox_enter(&(struct sandbox_options){
		.role = SYSCALL_CONTROL, .captures = config->captures, .state = config->state});
}

int offline_rebuild(const struct config *config, const struct identity *control)
{
	CLEANUP(signing_key_fini) struct signing_key key = {0};
	struct recover_calls calls = {.on_quarantined = on_quarantined, .key = &key};
	CLEANUP_CLOSE int captures = -1, state = -1;
	struct rebuild_report report;
	struct error err = {0};

	if (enter(config, control) < 0)
		return EXIT_FAILURE;
	captures = open(config->captures, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (captures < 0) {
		log_error("rebuild", "%s: %s", config->captures, strerrordesc_np(errno));
		return EXIT_FAILURE;
	}
	state = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state < 0 || signing_key_open(state, &key) < 0)
		log_warning("rebuild",
			    "%s/" SIGNING_KEY_NAME " cannot be read: manifests made anew "
			    "are not signed",
			    config->state);
	if (rebuild_run(config->state, captures, &calls, &report, &err) < 0) {
		log_error("rebuild", "%s", err.text);
		return EXIT_FAILURE;
	}
	print_report(&report);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
