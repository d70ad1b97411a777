/* SPDX-License-Identifier: Apache-2.0 */
/* Captures narrowed to what the alerts that hold them are about. A capture of a policy that asks
 * for it keeps packets that pass the policy's own filter and meet the hints of one of these alerts.
 * Whatever cannot be narrowed (an operator's hold, more alerts than fit) leaves the policy's own
 * filter: never more than that. What narrows is written in the transaction of the alert. */
#pragma once

struct alert;
struct decision;
struct live_capture;
struct pcap_policy;

/* One more holds the capture: an alert, or NULL for an operator. Says so in the timeline. To be
 * followed by narrow_apply. */
void narrow_add(struct decision *decision, struct live_capture *capture,
		const struct pcap_policy *policy, const struct alert *alert);

/* The capture is over. */
void narrow_forget(struct decision *decision, const struct live_capture *capture);

/* What was written of a capture that goes on after a restart. Pure. -EINVAL: it is wide. */
int narrow_parse(struct live_capture *capture, const char *text);

/* The policy's filter and all that narrows it become what the capture's next row stands for. */
void narrow_apply(struct live_capture *capture, const struct pcap_policy *policy);
