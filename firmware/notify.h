/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the service manager how we are: sd_notify(3) by hand, it is one datagram. */
#pragma once

/* Sends e.g. "READY=1" to $NOTIFY_SOCKET; does nothing without one. A lost message is not worth an
 * error: the manager has its own timeout. */
void notify_send(const char *state);
