/* SPDX-License-Identifier: Apache-2.0 */
/* A push as a mail message (RFC 5322, MIME), CRLF ends, no line longer than 998 bytes. Pure. */
#pragma once

#include "base/buf.h"
#include "dispatch/push/courier.h"

/* Appends the message to `to` (a list as in COURIER_TO). The subject is COURIER_TITLE; a mail about
 * an alert that a mail was sent about before (COURIER_REFERENCE) refers to that one. */
void mail_format(struct buf *b, const struct courier_push *push, const char *to, wall_t now);

/* "<id@domain>": constant over attempts. */
void mail_append_id(struct buf *b, const struct courier_push *push);

/* Appends text as a header's value from column `used` on: as it is, or as encoded words (RFC 2047)
 * of at most 75 characters, each of whole characters. Control characters become blanks. */
void mail_append_words(struct buf *b, const char *text, size_t used);

/* The address of "Name <address>" or of an address, into ret. */
void mail_address(const char *mailbox, char ret[256]);
/* The next address of a list; moves on. 0 at the end. */
int mail_next(const char **list, char ret[256]);
