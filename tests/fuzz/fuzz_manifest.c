/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.json, as recovery finds it. What it tells, written and read again, is the same. */
#include "base/json.h"
#include "storage/manifest.h"
#include "tests/fuzz/fuzz.h"

#define ID "01940000-0000-7000-8000-000000000001"

static json_t *format(const struct manifest *m)
{
	json_t *json = manifest_format(&m->capture, m->segments, m->segment_count, m->gaps,
				       m->gap_count, m->timeline);

	fuzz_check(json);
	return json;
}

static void check_rows(const struct manifest *m)
{
	struct segment_name name;
	bool hidden;

	for (size_t i = 0; i < m->segment_count; i++) {
		/* recovery opens what is named here */
		fuzz_check(!segment_name_parse(m->segments[i].name, &name, &hidden) && !hidden);
		fuzz_check(!strchr(m->segments[i].name, '/'));
		fuzz_check(!strcmp(m->segments[i].capture, ID));
	}
	for (size_t i = 0; i < m->gap_count; i++)
		fuzz_check(!strcmp(m->gaps[i].capture, ID));
}

static void check_again(const struct manifest *manifest)
{
	CLEANUP_JSON json_t *json = format(manifest), *json_again = NULL;
	CLEANUP_FREE char *text = json_format(json);
	struct manifest again;

	fuzz_folder_save(MANIFEST_NAME, text, strlen(text));
	fuzz_check(!manifest_load(fuzz_folder(), ID, &again));
	json_again = format(&again);
	fuzz_check(json_equal(json, json_again));
	fuzz_check(!strcmp(manifest->capture.rings, again.capture.rings));
	manifest_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest manifest;
	int r;

	fuzz_folder_save(MANIFEST_NAME, data, size);
	r = manifest_load(fuzz_folder(), ID, &manifest);
	fuzz_check(r == 0 || r == MANIFEST_ABSENT);
	if (r) {
		fuzz_check(!manifest.segments && !manifest.gaps && !manifest.timeline);
		return 0;
	}
	fuzz_check(!strcmp(manifest.capture.id, ID) && !strcmp(manifest.capture.folder, ID));
	check_rows(&manifest);
	check_again(&manifest);
	manifest_fini(&manifest);
	return 0;
}
