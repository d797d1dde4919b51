// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who uses a ring, and whether it lives. A client is known by its process and when that began, so
 * that a pid which came again is not taken for it. What a dead one left behind is cleared by
 * whoever is kept waiting by it, or by who gets its place in the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/ring/inside.h"

uint64_t ring_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t ring_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 ? 0 : st.st_ino;
}

/* ---- who lives ---- */

/* The time field of /proc/PID/stat, 22 in proc(5), in clock ticks. Its second one is a name that
 * may hold anything, so that fields are counted from the last parenthesis. 0: it cannot be read. */
static uint32_t start_time(pid_t pid)
{
	char path[32], text[1024];
	const char *at;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? (uint32_t)strtoull(at + 1, NULL, 10) : 0;
}

static uint64_t own_identity(void)
{
	return (uint64_t)getpid() << 32 | start_time(getpid());
}

/* A zombie is dead: its pidfd is readable. Without access to /proc a pid that came again passes for
 * the one before. */
static bool has_ended(pid_t pid)
{
	struct pollfd ended = {.events = POLLIN};
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool has;

	if (fd < 0)
		return errno == ESRCH || errno == EINVAL;
	ended.fd = fd;
	has = poll(&ended, 1, 0) > 0;
	close(fd);
	return has;
}

static bool is_dead(uint64_t identity)
{
	pid_t pid = (pid_t)(identity >> 32);
	uint32_t began;

	if (pid <= 0 || has_ended(pid))
		return true;
	began = start_time(pid);
	return began && began != (uint32_t)identity;
}

bool ring_client_is_dead(const struct uw_ring *ring, uint32_t client)
{
	return client >= RING_CLIENTS || is_dead(atomic_load(&ring->control->client[client]));
}

/* ---- what the dead left ---- */

/* Clears a slot whose word names owner. */
static bool clear_slot(struct uw_ring *ring, struct ring_slot *slot, uint64_t word)
{
	uint64_t turn = ring_turn(word), cleared;

	if (ring_state(word) == RING_CLAIMED)
		cleared = ring_word(turn, RING_TOMB, 0);
	else if (ring_state(word) == RING_READING)
		cleared = ring_word(turn + 1, RING_FREE, 0);
	else
		return false;
	if (!atomic_compare_exchange_strong(&slot->word, &word, cleared))
		return false;
	atomic_fetch_add(&ring->control->abandoned, 1);
	ring_wake(ring, RING_READER, 1);
	ring_wake(ring, RING_WRITER, 1);
	return true;
}

static bool is_in_hand(uint64_t word)
{
	return ring_state(word) == RING_CLAIMED || ring_state(word) == RING_READING;
}

/* One that died has seldom one claim alone: the next ones are looked at without delay. */
bool ring_bury(struct uw_ring *ring, uint64_t position)
{
	struct ring_slot *slot = ring_slot_at(ring, position);
	uint64_t word = atomic_load(&slot->word);
	bool buried = is_in_hand(word) && ring_client_is_dead(ring, ring_owner(word)) &&
		      clear_slot(ring, slot, word);
	uint64_t next_us = buried ? 0 : ring_now_us() + RING_LOOK_US;

	atomic_store_explicit(&ring->look_us, next_us, memory_order_relaxed);
	return buried;
}

bool ring_bury_if_due(struct uw_ring *ring, uint64_t position)
{
	uint64_t word =
		atomic_load_explicit(&ring_slot_at(ring, position)->word, memory_order_relaxed);
	uint64_t due_us = atomic_load_explicit(&ring->look_us, memory_order_relaxed);

	/* Of a ring that is empty or full nobody has anything, and the time costs more than this.
	 */
	return is_in_hand(word) && ring_now_us() >= due_us && ring_bury(ring, position);
}

static void clear_client(struct uw_ring *ring, uint32_t client)
{
	struct ring_control *control = ring->control;

	for (int side = 0; side < RING_SIDE__COUNT; side++) {
		uint32_t role = atomic_load(&control->role[side]);

		if (ring_role_client(role) == client + 1)
			atomic_compare_exchange_strong(&control->role[side], &role,
						       role - (client + 1));
	}
	if (ring->kind != RING_MANY)
		return;
	for (uint32_t i = 0; i < ring->slot_count; i++) {
		struct ring_slot *slot = ring_slot_at(ring, i);
		uint64_t word = atomic_load(&slot->word);

		if (ring_owner(word) == client)
			clear_slot(ring, slot, word);
	}
}

/* ---- ours ---- */

int ring_enter(struct uw_ring *ring)
{
	uint64_t mine = own_identity();

	for (uint32_t i = 0; i < RING_CLIENTS; i++) {
		uint64_t there = atomic_load(&ring->control->client[i]);

		if (there && !is_dead(there))
			continue;
		if (!atomic_compare_exchange_strong(&ring->control->client[i], &there, mine))
			continue;
		ring->client = i;
		if (there)
			clear_client(ring, i);
		for (int side = 0; side < RING_SIDE__COUNT && ring->kind == RING_RUNS; side++)
			ring_write_down(ring, side, 0, 0);
		return 0;
	}
	return -EMFILE;
}

void ring_leave(struct uw_ring *ring)
{
	if (ring->client >= RING_CLIENTS)
		return;
	clear_client(ring, ring->client);
	atomic_store(&ring->control->client[ring->client], 0);
	ring->client = RING_CLIENTS;
}

int ring_take_role(struct uw_ring *ring, enum ring_side side)
{
	_Atomic uint32_t *role = &ring->control->role[side];
	uint32_t mine = ring->client + 1, there = atomic_load(role);
	uint32_t client = ring_role_client(there), taken = ((there >> 8) + 1) << 8 | mine;

	if (client == mine)
		return 0;
	if (client && !ring_client_is_dead(ring, client - 1))
		return -EBUSY;
	return atomic_compare_exchange_strong(role, &there, taken) ? 0 : -EBUSY;
}
