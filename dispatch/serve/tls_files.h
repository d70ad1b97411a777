/* SPDX-License-Identifier: Apache-2.0 */
/* Where the listener's key and certificate come from, and where others find the certificate.
 *
 * Configured ones are opened by the supervisor and arrive as descriptors, so that the key may be
 * readable to root alone. Without them <state>/tls.pem (0600: key, then certificate) is used, and
 * made if it is not there. <state>/tls.crt (0644) always has the certificate in use: the local tool
 * trusts it. */
#pragma once

struct control;
struct tls;

/* Reads what is in the descriptor, which is put. *text (freed first) is the caller's. */
void tls_files_take(char **text, int fd);

/* Returns 0 or -errno after having logged why. */
int tls_files_load(const struct control *control, struct tls **ret);
