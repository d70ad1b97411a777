/* SPDX-License-Identifier: Apache-2.0 */
/* Field readers that the three kinds of settings share. All take absent keys as "keep". */
#pragma once

#include "base/json.h"
#include "policy/settings.h"

#define SETTING_SECRET "***"

/* Frees *field, which becomes a copy of text. */
void setting_set(char **field, const char *text);

/* Refuses what is no object, and keys that are neither in `allowed` nor what GET shows beside the
 * settings (`shown`); both NULL-terminated. The common read-only members are checked for type. */
int setting_check_keys(const json_t *object, const char *const allowed[], const char *const shown[],
		       struct error *err);

/* The name: 1 to SETTING_NAME_MAX bytes, no control characters, no blank at the ends, not of the
 * form of an id (the API finds by either). After reading it must not be empty. */
int setting_read_name(const json_t *object, char **name, struct error *err);
/* The same of up to max bytes. */
int setting_read_long_name(const json_t *object, size_t max, char **name, struct error *err);

/* A text of min..max bytes without control characters. */
int setting_read_text(const json_t *object, const char *key, size_t min, size_t max, char **ret,
		      struct error *err);

/* The same, empty or of several lines: line ends and tabs are allowed. */
int setting_read_lines(const json_t *object, const char *key, size_t max, char **ret,
		       struct error *err);

/* One of the NULL-terminated words: its position. */
int setting_read_word(const json_t *object, const char *key, const char *const words[],
		      unsigned *ret, struct error *err);

/* A list of different texts, at most `max`, into a NULL-terminated array with room for max + 1;
 * `check` says what is wrong with one, or NULL. */
typedef const char *(*setting_check)(const char *text);
int setting_read_list(const json_t *object, const char *key, size_t max, setting_check check,
		      char **ret, struct error *err);

/* A list of levels (words or numbers). */
int setting_read_levels(const json_t *object, const char *key, level_set *ret, struct error *err);
json_t *setting_format_levels(level_set levels);

json_t *setting_format_list(char *const *list);
json_t *setting_format_dur(dur_t d);
/* A time, or null. */
json_t *setting_format_wall(wall_t t);
/* Deep copy and release of a NULL-terminated array's texts. */
void setting_copy_list(char **list);
void setting_free_list(char **list);

/* Is text a source's name: 1–64 of [a-z0-9_-]? NULL or what is wrong. */
const char *setting_check_source(const char *text);

/* settings_limits.c: a part of struct pcap_policy. Copy makes the texts its own after a memdup;
 * format adds to the object. */
#define PCAP_POLICY_LIMIT_KEYS                                                                     \
	"description", "team", "location", "enabled", "always", "schedule", "max_duration",        \
		"max_packets", "sampling", "budget_levels", "captures_max", "captures_span",       \
		"retention", "priority"
void pcap_policy_limits_default(struct pcap_policy *policy);
int pcap_policy_limits_read(struct pcap_policy *policy, const json_t *object, struct error *err);
void pcap_policy_limits_format(const struct pcap_policy *policy, json_t *object);
void pcap_policy_limits_copy(struct pcap_policy *policy);
void pcap_policy_limits_fini(struct pcap_policy *policy);
