/* SPDX-License-Identifier: Apache-2.0 */
/* Between intake.c and the parsers of the source kinds. */
#pragma once

#include "policy/intake.h"

#define INTAKE_LABELS_MAX  256
#define INTAKE_POINTER_MAX 96

/* One element of a delivery on its way to an alert. */
struct intake_element {
	const struct intake *intake;
	const json_t *object;
	char pointer[INTAKE_POINTER_MAX]; /* JSON pointer to object, "" = the whole body */
};

/* Replaces *field by value, cut at max bytes. */
void intake_set(char **field, const char *value, size_t max);

/* Reads the object of texts (numbers and booleans become text) at key into *ret, which stays as it
 * was if the key is absent. */
int intake_read_labels(const struct intake_element *element, const char *key, json_t *ret,
		       struct error *err);

/* Reads an optional text, cut at ALERT_TEXT_MAX. 0, JSON_ABSENT or -EINVAL. */
int intake_read_text(const struct intake_element *element, const char *key, char **ret,
		     struct error *err);

/* "k=v&k2=v2" of the object's members that are not in the NULL-terminated list, by key; %, ;, &
 * and = are percent-encoded. More than ALERT_NAME_MAX bytes become "sha256:<hash of it>". The
 * caller frees it; "" if nothing is left. */
char *intake_format_labels(const json_t *labels, const char *const without[]);
/* The same of the named members alone, in the list's order. */
char *intake_format_members(const json_t *labels, const char *const keys[]);

/* Both parsers fill everything but id, source, received_at, fingerprint, and what intake_finish
 * derives. event_at stays 0 unless the sender stamped the event. */
int intake_native_parse(const struct intake_element *element, struct alert *alert,
			struct error *err);
int intake_alertmanager_parse(const struct intake_element *element, struct alert *alert,
			      struct error *err);
/* After all elements: alerts that differ only in severity become one (see the .c file). */
void intake_alertmanager_merge(struct alert_list *list);
