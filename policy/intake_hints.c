/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/intake_internal.h"

/* Names of labels as senders and their conventions (ECS, DeepFlow, Splunk CIM, Wazuh) have them. */
static const struct {
	enum alert_hint kind;
	const char *const names[16];
} known[] = {
	{ALERT_HINT_ADDRESS,
	 {"ip", "src_ip", "srcip", "source_ip", "source.ip", "src", "client_ip", "client.ip",
	  "ip_0", "pod_ip", "host_ip", "host.ip", "local_ip", "vip", "instance"}},
	{ALERT_HINT_PORT,
	 {"src_port", "srcport", "source_port", "source.port", "client_port", "client.port",
	  "port_0", "vport", "port"}},
	{ALERT_HINT_PEER_ADDRESS,
	 {"dst_ip", "dstip", "dest_ip", "destination_ip", "destination.ip", "dest", "dst",
	  "server_ip", "server.ip", "ip_1", "peer_ip", "remote_ip"}},
	{ALERT_HINT_PEER_PORT,
	 {"dst_port", "dstport", "dest_port", "destination_port", "destination.port", "server_port",
	  "server.port", "port_1"}},
	{ALERT_HINT_PROTOCOL, {"protocol", "proto", "l4proto", "transport", "network.transport"}},
	{ALERT_HINT_VLAN, {"vlan", "vlan_id", "vlan.id"}},
};

/* How many bytes of text are the address. */
static size_t address_size(const char **text)
{
	const char *start = *text;

	if (*start == '[') {
		*text = start + 1;
		return strcspn(start + 1, "]");
	}
	/* a colon is the end of IPv4 alone */
	return strchr(start, '.') ? strspn(start, "0123456789.") : strcspn(start, "#(");
}

static void add_address(struct alert *alert, enum alert_hint kind, const char *text)
{
	CLEANUP_FREE char *address = NULL;
	const char *rest;
	size_t len = address_size(&text);

	rest = text + len;
	address = strndup(text, len);
	/* "10.0.0.1.example.com" is a name */
	if (*rest && !strchr(":]#(", *rest))
		return;
	alert_hints_add(&alert->hints, kind, address);
}

void intake_add_hint(struct alert *alert, enum alert_hint kind, const char *text)
{
	/* what a load balancer speaks to its clients (TCO-02) */
	bool over_tcp = !strcasecmp(text, "http") || !strcasecmp(text, "https");

	if (kind == ALERT_HINT_ADDRESS || kind == ALERT_HINT_PEER_ADDRESS)
		add_address(alert, kind, text);
	else
		alert_hints_add(&alert->hints, kind, over_tcp ? "tcp" : text);
}

void intake_hint_labels(struct alert *alert)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		for (const char *const *name = known[i].names; *name; name++)
			if (*intake_label(alert, *name))
				intake_add_hint(alert, known[i].kind, intake_label(alert, *name));
}
