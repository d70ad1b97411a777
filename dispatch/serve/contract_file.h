/* SPDX-License-Identifier: Apache-2.0 */
/* The API's own description, docs/openapi.json, as bytes. */
#pragma once

extern const char contract_file[], contract_file_end[]; /* not NUL-terminated */
