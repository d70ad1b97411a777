/* SPDX-License-Identifier: Apache-2.0 */
/* What content.c takes from the texts we ship. */
#pragma once

#include "policy/content.h"

/* Templates; the JSON form has none, its default is content_default_document. */
const char *content_default_body(enum content_form form, enum content_language language);
const char *content_default_title(enum content_language language);
/* {version, event, alert, outcome, endpoint, captures, probe}: a new reference. */
json_t *content_default_document(const json_t *variables);
/* A group of one alert, as Alertmanager's webhook sends it: a new reference. With `whole` false
 * without what the sender may have made too long. */
json_t *content_alertmanager_document(const json_t *variables, bool whole);

/* "critical" → "致命"; our own word in English. */
const char *content_level_text(enum level level, enum content_language language);
