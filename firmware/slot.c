/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "capture/ring.h"
#include "capture/ring_kept.h"

static void add(_Atomic uint64_t *sum, uint64_t n)
{
	if (n)
		atomic_fetch_add_explicit(sum, n, memory_order_relaxed);
}

static void slot_init(struct slot *slot, const struct slot_options *options, enum ring_kind kind,
		      const char *nic)
{
	*slot = (struct slot){.ring = {.index = options->index, .kind = kind},
			      .geometry = options->geometry,
			      .kept = options->kept,
			      .fd = -1,
			      .file = -1,
			      .shared = options->shared};
	snprintf(slot->ring.nic, sizeof(slot->ring.nic), "%s", nic);
	snprintf(slot->shared->nic, sizeof(slot->shared->nic), "%s", nic);
}

/* Makes the ring visible to everybody but the recorder. */
static void publish(struct slot *slot)
{
	slot->is_fresh = 1;
	slot->shared->link_type = slot->ring.link_type;
	slot->shared->block_bytes = slot->ring.block_bytes;
	slot->shared->block_count = slot->ring.block_count;
	slot->shared->retire_ms = slot->ring.retire_ms;
	slot->shared->reach_blocks = ring_reach_blocks(slot->ring.block_count);
}

static void log_failure(struct slot *slot, int error)
{
	if (error == slot->error)
		return;
	slot->error = error;
	if (error == -ENODEV)
		log_warning("supervisor", "%s: no such NIC: nothing is recorded until it appears",
			    slot->ring.nic);
	else
		log_error("supervisor", "%s: no ring of %u blocks of %u bytes: %s", slot->ring.nic,
			  slot->geometry.block_count, slot->geometry.block_bytes,
			  strerrordesc_np(-error));
}

/* Opens the NIC's ring. Returns 0 or -errno. */
static int open_nic(struct slot *slot)
{
	/* not from the shared memory: a recorder can write there */
	const struct child_ring known = slot->ring;
	unsigned index = if_nametoindex(known.nic);
	mono_t begun = mono_now();
	int fd = index ? ring_socket_open(known.nic, &slot->geometry, slot->kept, &slot->ring)
		       : -ENODEV;

	if (fd < 0) {
		slot->ring = known;
		log_failure(slot, fd);
		return fd;
	}
	slot->fd = fd;
	slot->nic_index = index;
	memcpy(slot->known_as, slot->ring.nic, sizeof(slot->known_as));
	slot->error = 0;
	publish(slot);
	/* from zero: what it counted before the ring began is not ours */
	if (ring_socket_load_nic(slot->known_as, &slot->counted) < 0)
		slot->counted = (struct ring_nic){0};
	slot->shared->allocation_ms = (uint32_t)(mono_sub(mono_now(), begun) / DUR_MS);
	log_info("supervisor", "%s: recording into %u blocks of %u KiB, allocated in %u ms",
		 slot->ring.nic, slot->ring.block_count, slot->ring.block_bytes >> 10,
		 slot->shared->allocation_ms);
	return 0;
}

/* Its name may be another NIC's by now: a renamed one went, and the name was taken again. */
static int is_there(const struct slot *slot)
{
	return slot->fd >= 0 && if_nametoindex(slot->known_as) == slot->nic_index;
}

static enum nic_state look(const struct slot *slot)
{
	return is_there(slot) ? ring_socket_nic_state(slot->known_as) : NIC_ABSENT;
}

/* An outage is published whole when it is over; its end last. */
static void set_state(struct slot *slot, enum nic_state state)
{
	int64_t now = wall_now().ns;

	if (state != NIC_UP && !slot->down_ns)
		slot->down_ns = now;
	slot->state = state;
	atomic_store(&slot->shared->state, state);
	if (state != NIC_UP) {
		atomic_store(&slot->shared->down_since_wall_ns, slot->down_ns);
		return;
	}
	if (!slot->down_ns)
		return;
	atomic_store(&slot->shared->down_wall_ns, slot->down_ns);
	atomic_store(&slot->shared->up_wall_ns, now);
	/* last: a track that ends in between hears of it one way or the other */
	atomic_store(&slot->shared->down_since_wall_ns, 0);
	slot->down_ns = 0;
}

void slot_init_nic(struct slot *slot, const struct slot_options *options, const char *nic)
{
	slot_init(slot, options, RING_PACKET_SOCKET, nic);
	slot->shared->slice_bytes = slot->kept->slice_bytes;
	snprintf(slot->shared->filter, sizeof(slot->shared->filter), "%s", slot->kept->filter);
	(void)open_nic(slot);
	set_state(slot, look(slot));
}

static int open_pcap(const char *path, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return error_set(err, "no_file", "/replay/files", "\"%s\": %s", path,
				 strerrordesc_np(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return error_set(err, "no_file", "/replay/files", "\"%s\": not a regular file",
				 path);
	return take_fd(&fd);
}

int slot_init_file(struct slot *slot, const struct slot_options *options, const char *nic,
		   const char *path, struct error *err)
{
	slot_init(slot, options, RING_FILE, nic);
	slot->file = open_pcap(path, err);
	if (slot->file < 0)
		return -EINVAL;
	slot->fd = ring_socket_open_memory(nic, &slot->geometry, &slot->ring);
	if (slot->fd < 0)
		return error_set(err, "no_memory", "/rings/memory_bytes", "%s: %s", nic,
				 strerrordesc_np(-slot->fd));
	publish(slot);
	slot->state = NIC_UP;
	atomic_store(&slot->shared->state, slot->state);
	log_info("supervisor", "%s: replays \"%s\"", nic, path);
	return 0;
}

void slot_fini(struct slot *slot)
{
	if (slot->fd >= 0)
		close(slot->fd);
	if (slot->file >= 0)
		close(slot->file);
}

static void log_state(const struct slot *slot, enum nic_state state)
{
	static const char *const texts[] = {
		[NIC_ABSENT] = "the NIC is gone; its history stays until it comes back",
		[NIC_DOWN] = "the link is down",
		[NIC_UP] = "the link is up",
	};

	log_info("supervisor", "%s: %s", slot->ring.nic, texts[state]);
}

/* A packet socket stays with its NIC whatever that is called; the ring keeps the configured name.
 */
static void follow_name(struct slot *slot)
{
	char name[IF_NAMESIZE];

	if (slot->fd < 0 || !if_indextoname(slot->nic_index, name) || !strcmp(name, slot->known_as))
		return;
	log_info("supervisor", "%s: the NIC is called \"%s\" now; it is recorded as before",
		 slot->ring.nic, name);
	snprintf(slot->known_as, sizeof(slot->known_as), "%s", name);
}

int slot_check(struct slot *slot)
{
	enum nic_state state;
	unsigned index;
	int changed = 0;

	if (slot->ring.kind != RING_PACKET_SOCKET)
		return 0;
	index = if_nametoindex(slot->ring.nic);
	if (slot->fd >= 0 && index && index != slot->nic_index) {
		log_info("supervisor", "%s: another NIC has this name now", slot->ring.nic);
		slot_count(slot);
		close(slot->fd);
		slot->fd = -1;
		changed = SLOT_CHANGED;
	}
	if (slot->fd < 0 && index && !open_nic(slot))
		changed = SLOT_CHANGED;
	follow_name(slot);
	state = look(slot);
	if (state != slot->state) {
		set_state(slot, state);
		log_state(slot, state);
	}
	return changed;
}

void slot_count(struct slot *slot)
{
	struct ring_statistics s;

	/* a replay counts for itself */
	if (slot->ring.kind != RING_PACKET_SOCKET || slot->fd < 0)
		return;
	if (ring_socket_take_statistics(slot->fd, &s) < 0)
		return;
	add(&slot->shared->kernel_packets, s.packets);
	add(&slot->shared->kernel_drops, s.drops);
	add(&slot->shared->kernel_freezes, s.freezes);
}

void slot_count_nic(struct slot *slot)
{
	struct ring_nic now;

	if (slot->ring.kind != RING_PACKET_SOCKET || !is_there(slot))
		return;
	if (ring_socket_load_nic(slot->known_as, &now) < 0)
		return;
	/* a driver may start over at zero */
	if (now.packets >= slot->counted.packets)
		add(&slot->shared->nic_packets, now.packets - slot->counted.packets);
	if (now.drops >= slot->counted.drops)
		add(&slot->shared->nic_drops, now.drops - slot->counted.drops);
	slot->counted = now;
}

static void clear_recorders_part(struct shared_ring *shared)
{
	atomic_store(&shared->head_seq, 0);
	atomic_store(&shared->taken_drops, atomic_load(&shared->kernel_drops));
	atomic_store(&shared->oldest_wall_ns, 0);
	atomic_store(&shared->newest_wall_ns, 0);
}

void slot_hand_over(struct slot *slot, struct ipc_link *recorder)
{
	if (slot->fd < 0)
		return;
	if (slot->is_fresh)
		clear_recorders_part(slot->shared);
	slot->is_fresh = 0;
	ipc_link_send(recorder, CHILD_RING, &slot->ring, sizeof(slot->ring), slot->fd);
	if (slot->file >= 0)
		ipc_link_send(recorder, CHILD_RING_FILE, &slot->ring, sizeof(slot->ring),
			      slot->file);
}
