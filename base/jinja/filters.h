/* SPDX-License-Identifier: Apache-2.0 */
/* What `value|name(…)` and `value is name` call. */
#pragma once

#include "base/jinja/value.h"

#define ARGUMENTS_MAX 10

/* Arguments by their place in `params`; those not given are VALUE_ABSENT. */
struct filter {
	const char *name;
	/* names of the parameters, separated by blanks; behind a "|" those that must be named */
	const char *params;
	unsigned required; /* how many must be given */
	struct value (*run)(struct render *r, struct value v, const struct value *args);
};

struct predicate {
	const char *name;
	unsigned min, max; /* arguments */
	bool (*holds)(struct render *r, struct value v, const struct value *args);
};

extern const struct filter filters_text[], filters_list[], filters_number[], filters_select[];

const struct filter *filters_find(const char *name, size_t len);
const struct predicate *predicate_find(const char *name, size_t len);

/* The place of a named parameter, or -1; how many may be given without their name. */
int filters_parameter(const struct filter *filter, const char *name, size_t len);
int filters_positional(const struct filter *filter);

/* Arguments with a default; a wrong kind is a fault. */
int64_t argument_int(struct render *r, const struct value *arg, int64_t missing);
bool argument_truth(struct render *r, const struct value *arg);
struct value argument_text(struct render *r, const struct value *arg, const char *missing);

/* Calls a method or global function. */
struct keyword {
	const char *name;
	uint32_t len;
	struct value value;
};
struct call {
	const struct value *args; /* ARGUMENTS_MAX of them */
	size_t count;
	const struct keyword *keywords;
	size_t keyword_count;
};
struct value function_call(struct render *r, const struct function *function,
			   const struct call *call);
/* Is there a method of that name for this value? */
bool function_exists(struct value self, const char *name, size_t len);
bool function_is_global(const char *name, size_t len);
