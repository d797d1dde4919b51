// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waking who sleeps on a ring. Whoever publishes looks at one word of shared memory, and comes here
 * only if it says that somebody may be asleep. The kernel orders the two for all that have asked
 * for it once, so that publishing needs no fence.
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/lib/ring/inside.h"

bool ring_fences;
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;

static void ask_kernel(void)
{
	ring_fences = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) < 0;
}

void ring_prepare_waits(void)
{
	pthread_once(&prepare_once, ask_kernel);
}

/* The mark is taken away first, and put back if there may be more: who falls asleep meanwhile puts
 * it there again by itself. */
void ring_wake_slow(struct uw_ring *ring, enum ring_side side, uint32_t count)
{
	struct ring_waits *waits = &ring->control->waits[side];
	int limit = count < 1024 ? (int)count : 1024;

	if (!atomic_exchange(&waits->sleeps, 0))
		return;
	atomic_fetch_add(&waits->event, 1);
	if (syscall(SYS_futex, &waits->event, FUTEX_WAKE, limit, NULL, NULL, 0) >= limit)
		atomic_store(&waits->sleeps, 1);
}
