/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when a NIC appeared, went, or changed its state (rtnetlink(7)). What changed is not said:
 * it is looked up, so a lost event costs nothing but time. */
#pragma once

/* Returns a descriptor that becomes readable with each event, or -errno. */
int nic_events_open(void);
/* Makes it quiet until the next one. */
void nic_events_clear(int fd);
