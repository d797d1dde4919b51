// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sleeping until the other side has done something. Who sleeps says so in shared memory, has the
 * kernel order that against what others are about to load, looks once more and sleeps on a futex;
 * who publishes looks only at that word. A waker may die between the two, or mean no good, so that
 * no sleep is long, and after each one who is in the way is asked whether it lives.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/ring/inside.h"

/* A dead client is noticed after one sleep, and the ring must not stand for 100 ms. */
#define SLEEP_US 40000ULL
/* The same without the kernel's ordering, where a waker may miss who is falling asleep. */
#define SLEEP_UNORDERED_US 1000ULL
#define SPINS              64

static bool is_ready(struct uw_ring *ring, enum ring_side side)
{
	if (ring->kind == RING_ONE)
		return side == RING_READER ? ring_one_has_record(ring) : ring_one_has_room(ring);
	if (ring->kind == RING_FIXED)
		return side == RING_READER ? ring_fixed_has_record(ring)
					   : ring_fixed_has_room(ring);
	if (ring->kind == RING_RUNS)
		return ring_runs_is_ready(ring, side);
	return side == RING_READER ? ring_many_has_record(ring) : ring_many_has_room(ring);
}

static bool spin(struct uw_ring *ring, enum ring_side side)
{
	for (int i = 0; i < SPINS; i++) {
		if (is_ready(ring, side))
			return true;
		for (int pause = 0; pause < 1 + i / 4; pause++)
			ring_relax();
	}
	return false;
}

/* An observer can tell nobody that it sleeps. */
static void sleep_unseen(uint64_t us)
{
	struct timespec time = {
		.tv_nsec = (long)(us < SLEEP_UNORDERED_US ? us : SLEEP_UNORDERED_US) * 1000};

	nanosleep(&time, NULL);
}

/* Up to us; less when something was published. */
static void sleep_once(struct uw_ring *ring, enum ring_side side, uint64_t us)
{
	struct ring_waits *waits = &ring->control->waits[side];
	uint32_t event = atomic_load(&waits->event);
	bool ordered;
	struct timespec timeout;

	if (!ring->writable) {
		sleep_unseen(us);
		return;
	}
	atomic_store(&waits->sleeps, 1);
	ordered = syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
	if (!ordered && us > SLEEP_UNORDERED_US)
		us = SLEEP_UNORDERED_US;
	if (is_ready(ring, side))
		return;
	timeout = (struct timespec){.tv_nsec = (long)us * 1000};
	syscall(SYS_futex, &waits->event, FUTEX_WAIT, event, &timeout, NULL, 0);
}

/* Whether who held this side up was dead. */
static bool look_for_dead(struct uw_ring *ring, enum ring_side side)
{
	const struct ring_control *control = ring->control;

	if (ring->kind == RING_RUNS)
		return ring_runs_bury(ring, side);
	if (ring->kind != RING_MANY)
		return false;
	return ring_bury(ring, atomic_load(side == RING_READER ? &control->head : &control->tail));
}

int ring_wait(struct uw_ring *ring, enum ring_side side, uint64_t timeout_us)
{
	uint64_t began_us;

	if (timeout_us ? spin(ring, side) : is_ready(ring, side))
		return 0;
	began_us = ring_now_us();
	for (;;) {
		uint64_t gone_us = ring_now_us() - began_us, left_us = timeout_us - gone_us;

		if (gone_us >= timeout_us)
			return UW_TIMED_OUT;
		sleep_once(ring, side, left_us < SLEEP_US ? left_us : SLEEP_US);
		if (is_ready(ring, side) || look_for_dead(ring, side))
			return 0;
	}
}
