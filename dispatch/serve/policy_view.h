/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as the API shows it: settings, state, holds, and what is wrong with it. */
#pragma once

#include "policy/engine.h"

struct control;

/* New reference: pcap_policy_format's members plus state, since, capture, reason, veto, holds,
 * problems. */
json_t *policy_view(const struct control *control, const struct pcap_policy *policy);

/* Appends {object, id, name, problem} for each thing wrong with the policy. */
void policy_view_problems(const struct control *control, const struct pcap_policy *policy,
			  json_t *problems);
