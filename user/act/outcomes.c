// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the ring of outcomes. The loop and the workers put into it what became of an action, the
 * loop takes it out for the next frame, and an eventfd wakes the loop for what it has not done
 * itself. A full ring drops the newest outcome and counts it.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/act/internal.h"

int act_outcomes_init(struct act_outcomes *outcomes)
{
	outcomes->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (outcomes->eventfd < 0)
		return -errno;
	return -pthread_mutex_init(&outcomes->lock, NULL);
}

void act_outcomes_done(struct act_outcomes *outcomes)
{
	if (outcomes->eventfd < 0)
		return;
	close(outcomes->eventfd);
	outcomes->eventfd = -1;
	pthread_mutex_destroy(&outcomes->lock);
}

void act_outcomes_put(struct act_outcomes *outcomes, const struct outcome *outcome, bool wake)
{
	pthread_mutex_lock(&outcomes->lock);
	if (outcomes->count == ACT_OUTCOMES) {
		outcomes->dropped++;
	} else {
		outcomes->ring[(outcomes->head + outcomes->count) % ACT_OUTCOMES] = *outcome;
		outcomes->count++;
	}
	pthread_mutex_unlock(&outcomes->lock);
	/* Fails only when 2^64 - 1 wakes are waiting; then it is readable anyway. */
	if (wake)
		eventfd_write(outcomes->eventfd, 1);
}

static enum outcome_result result_of(int error)
{
	switch (error) {
	case 0:
		return OUTCOME_DONE;
	case -ENOENT:
	case -ENODEV:
		return OUTCOME_GONE;
	default:
		return OUTCOME_FAILED;
	}
}

struct outcome act_outcome_of(const struct action *action, uint64_t began_us, int error)
{
	return (struct outcome){
		.id = action->id,
		.kind = action->kind,
		.tier = action->tier,
		.component = action->component,
		.leaf = action->leaf,
		.result = result_of(error),
		.error = -error,
		.asked = action->amount,
		.began_us = began_us,
		.ended_us = began_us,
	};
}

int act_outcomes_fd(const struct act *act)
{
	return act->outcomes.eventfd;
}

uint32_t act_outcomes_take(struct act *act, struct outcome *ret_outcome, uint32_t max)
{
	struct act_outcomes *outcomes = &act->outcomes;
	eventfd_t wakes;
	uint32_t taken = 0;

	pthread_mutex_lock(&outcomes->lock);
	while (taken < max && outcomes->count) {
		ret_outcome[taken++] = outcomes->ring[outcomes->head];
		outcomes->head = (outcomes->head + 1) % ACT_OUTCOMES;
		outcomes->count--;
	}
	/* Under the lock, so that no wake for an outcome that is still in the ring is lost. */
	if (!outcomes->count)
		eventfd_read(outcomes->eventfd, &wakes);
	pthread_mutex_unlock(&outcomes->lock);
	return taken;
}
