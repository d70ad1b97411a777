/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.json as it is, in the program's read-only data. CONTRACT_FILE comes from CMake. */
	.section .rodata, "a", %progbits
	.global contract_file
	.global contract_file_end
	.type contract_file, %object
contract_file:
	.incbin CONTRACT_FILE
contract_file_end:
	.size contract_file, . - contract_file
	.section .note.GNU-stack, "", %progbits
