/* SPDX-License-Identifier: Apache-2.0 */
/* Plain asserts: a failed one prints where and what, and ends the program with status 1.
 * Wait for conditions with wait_for, never sleep. */
#pragma once

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);       \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define check_text(got, want)                                                                      \
	do {                                                                                       \
		const char *got_ = (got), *want_ = (want);                                         \
		if (!got_ || strcmp(got_, want_)) {                                                \
			fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__,   \
				#got, got_ ? got_ : "(null)", want_);                              \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define check_int(got, want)                                                                       \
	do {                                                                                       \
		int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                            \
		if (got_ != want_) {                                                               \
			fprintf(stderr, "%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", __FILE__,   \
				__LINE__, #got, got_, want_);                                      \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* Copies text into a char array member, cut to fit. */
#define fill_text(array, text) snprintf((array), sizeof(array), "%s", (text))

/* Looks at cond every 2 ms for at most `seconds`; fails the test after that. */
#define wait_for(cond, seconds)                                                                    \
	do {                                                                                       \
		mono_t end_ = mono_add(mono_now(), (seconds)*DUR_S);                               \
		while (!(cond)) {                                                                  \
			if (mono_sub(end_, mono_now()) < 0) {                                      \
				fprintf(stderr, "%s:%d: waited %d s for: %s\n", __FILE__,          \
					__LINE__, (int)(seconds), #cond);                          \
				exit(1);                                                           \
			}                                                                          \
			poll(NULL, 0, 2);                                                          \
		}                                                                                  \
	} while (0)
