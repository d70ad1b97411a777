/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver of each recorded NIC does to packets before the ring sees them (ethtool's ioctls;
 * linux/ethtool.h, unprivileged). */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "cli/doctor.h"
#include "cli/text.h"

/* 0 or -errno; `command` begins with the number of the question and is answered in place. */
static int ask(int fd, const char *nic, void *command)
{
	struct ifreq request = {.ifr_data = command};

	if (strlen(nic) >= sizeof(request.ifr_name))
		return -EINVAL;
	memcpy(request.ifr_name, nic, strlen(nic) + 1);
	return ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
}

/* Packets that were put together are none that were on the wire. */
static void check_offloads(struct doctor *doctor, int fd, const char *nic)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_GGRO}, flags = {.cmd = ETHTOOL_GFLAGS};
	int r = ask(fd, nic, &gro);
	bool lro = !ask(fd, nic, &flags) && (flags.data & ETH_FLAG_LRO);

	if (r) /* no such NIC here, or a driver without any */
		return;
	doctor_add(doctor, "offloads", nic, gro.data || lro ? DOCTOR_WARN : DOCTOR_OK,
		   "captures show packets put together by the kernel, longer than on the wire: "
		   "\"ethtool -K NIC gro off lro off\" if their sizes matter",
		   "gro %s, lro %s", gro.data ? "on" : "off", lro ? "on" : "off");
}

static void check_driver_ring(struct doctor *doctor, int fd, const char *nic, const json_t *ring)
{
	struct ethtool_ringparam sizes = {.cmd = ETHTOOL_GRINGPARAM};
	bool drops = json_integer_value(text_find_member(ring, "drops.nic")) > 0;

	if (ask(fd, nic, &sizes) || !sizes.rx_max_pending)
		return;
	doctor_add(doctor, "driver ring", nic,
		   drops && sizes.rx_pending < sizes.rx_max_pending ? DOCTOR_WARN : DOCTOR_OK,
		   "the NIC dropped packets and its own ring may be larger: \"ethtool -G NIC rx "
		   "MAX\"",
		   "%u of %u places", sizes.rx_pending, sizes.rx_max_pending);
}

void doctor_check_nics(struct doctor *doctor, const json_t *status)
{
	CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const json_t *ring;
	size_t i;

	json_array_foreach (json_object_get(status, "rings"), i, ring) {
		const char *nic = json_string_value(json_object_get(ring, "nic"));

		if (fd < 0 || !nic)
			continue;
		check_offloads(doctor, fd, nic);
		check_driver_ring(doctor, fd, nic, ring);
	}
}
