/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.json beside the segments: what the capture is, covers and lacks; enough to rebuild its
 * catalogue rows. Rewritten atomically at each change. */
#pragma once

#include <jansson.h>

#include "storage/catalogue.h"

/* capture + coverage + segments + gaps (+ timeline: journal notes, may be NULL) as one object, the
 * same the API's capture detail shows. New reference. Pure. */
json_t *manifest_format(const struct capture_row *capture, const struct segment_row segments[],
			size_t segment_count, const struct gap_row gaps[], size_t gap_count,
			const json_t *timeline);
/* Reads the rows of `capture` from db and replaces manifest.json in its folder. */
int manifest_save(struct db *db, int captures_fd, const char *capture);
