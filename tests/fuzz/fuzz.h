/* SPDX-License-Identifier: Apache-2.0 */
/* What all fuzz targets share. A target is one file with one function, called with hostile bytes:
 * by libFuzzer (tests/fuzz/run), or once per kept corpus file (standalone.c, ctest "fuzz.…"). It
 * checks what must hold for any bytes, not only that nothing crashes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what does not hold, and aborts. */
#define fuzz_check(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct error;
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/* The next number of 1 to 8 bytes, little endian; missing bytes are zero. */
uint64_t fuzz_take(struct fuzz_input *input, size_t bytes);
/* The rest as a text of its own, cut at the first NUL; the caller frees it. */
char *fuzz_take_text(struct fuzz_input *input);

/* By the letter of RFC 3629. */
bool fuzz_is_utf8(const char *text);
/* A complaint that can be shown: code and text are there, all of it is UTF-8. */
void fuzz_check_error(const struct error *err);

/* A scratch folder in memory, made at the first call and empty; removed at exit. Its descriptor. */
int fuzz_folder(void);
/* Replaces the file `name` of that folder. */
void fuzz_folder_save(const char *name, const void *data, size_t size);
