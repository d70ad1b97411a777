/* SPDX-License-Identifier: Apache-2.0 */
/* What the outbox's own files share. */
#pragma once

/* Rows `o` that may be leased, but for their time and their endpoint's limit: the oldest open one
 * of its pair. */
#define LEASABLE                                                                                   \
	"o.state = 'pending' AND NOT EXISTS ("                                                     \
	"  SELECT 1 FROM outbox AS p WHERE p.endpoint = o.endpoint AND"                            \
	"    p.fingerprint = o.fingerprint AND p.seq < o.seq AND"                                  \
	"    p.state IN ('pending', 'leased'))"
