/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (jansson) with bounds checked before the parser, and field readers that name what is wrong.
 *
 * Readers take the object and a key and fill *ret only on success. A missing key gives JSON_ABSENT
 * with *ret untouched, so callers set the default first; a wrong value fills err (field =
 * "<prefix>/<key>") and gives -EINVAL. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 32
#define JSON_BYTES_MAX (256 * 1024)
#define JSON_NODE_BYTES                                                                            \
	25 /* so many bytes per value are allowed for, hence the limit of values                   \
	    */

enum json_outcome {
	JSON_ABSENT = 1,
};

static inline void json_decref_ptr(json_t **p)
{
	json_decref(*p);
}
#define CLEANUP_JSON CLEANUP(json_decref_ptr)

/* Parses one JSON text of at most max bytes; depth and node count (at most max / JSON_NODE_BYTES:
 * a value costs up to a hundred bytes of memory) are checked on the bytes first; duplicate keys,
 * U+0000 and invalid UTF-8 are refused. *ret is a new reference. Returns 0 or -EINVAL with err
 * (code "too_large", "too_deep", "invalid_json"). */
int json_parse(const char *text, size_t len, size_t max, json_t **ret, struct error *err);

/* Compact text without spaces, object keys sorted; the caller frees it. */
char *json_format(const json_t *json);

/* A string of min..max bytes. *ret is borrowed from object. */
int json_read_text(const json_t *object, const char *prefix, const char *key, size_t min,
		   size_t max, const char **ret, struct error *err);
int json_read_int(const json_t *object, const char *prefix, const char *key, int64_t min,
		  int64_t max, int64_t *ret, struct error *err);
int json_read_bool(const json_t *object, const char *prefix, const char *key, bool *ret,
		   struct error *err);
/* A duration text as in dur_parse, between min and max. */
int json_read_dur(const json_t *object, const char *prefix, const char *key, dur_t min, dur_t max,
		  dur_t *ret, struct error *err);
/* An RFC 3339 text. */
int json_read_wall(const json_t *object, const char *prefix, const char *key, wall_t *ret,
		   struct error *err);
/* An array or object; *ret is borrowed. */
int json_read_array(const json_t *object, const char *prefix, const char *key, size_t max,
		    json_t **ret, struct error *err);
int json_read_object(const json_t *object, const char *prefix, const char *key, json_t **ret,
		     struct error *err);
/* Refuses keys that are not in the NULL-terminated list (err names the key and the allowed ones).
 */
int json_check_keys(const json_t *object, const char *prefix, const char *const allowed[],
		    struct error *err);
