/* SPDX-License-Identifier: Apache-2.0 */
/* Errors a person caused and must be able to mend, and the stop for our own bugs.
 *
 * Functions that read human input take `struct error *err` last: a buffer the caller owns, filled
 * only when the function fails. No allocation, no ownership. Everything else returns -errno. */
#pragma once

struct error {
	char code[40];	/* stable machine word, e.g. "invalid_value" */
	char field[96]; /* JSON pointer, option or key the complaint is about; "" if none */
	char text[320]; /* one sentence that quotes the value and says what is allowed */
};

/* Fills err (which may be NULL) and returns -EINVAL, so that callers can `return error_set(…)`.
 * What does not fit is cut; field and text are valid UTF-8 whatever is quoted in them. */
__attribute__((format(printf, 4, 5))) int error_set(struct error *err, const char *code,
						    const char *field, const char *format, ...);

/* Aborts with file and line if cond holds: a bug of ours, never the world's fault. Always on. */
#define bug_on(cond)                                                                               \
	do {                                                                                       \
		if (__builtin_expect(!!(cond), 0))                                                 \
			bug_fatal(__FILE__, __LINE__, #cond);                                      \
	} while (0)

__attribute__((noreturn)) void bug_fatal(const char *file, int line, const char *what);
