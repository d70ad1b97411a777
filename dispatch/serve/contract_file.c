/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.json as it is, in the program's read-only data: CMake tells where the file is. C and
 * not an assembler file, so that the object carries the notes of the hardened build. */
#include "dispatch/serve/contract_file.h"

__asm__(".pushsection .rodata, \"a\", %progbits\n"
	".global contract_file\n"
	".global contract_file_end\n"
	".type contract_file, %object\n"
	"contract_file:\n"
	".incbin \"" CONTRACT_FILE "\"\n"
	"contract_file_end:\n"
	".size contract_file, . - contract_file\n"
	".popsection\n");
