// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A head of high class that waits may have a running task of much lower class frozen for it. The
 * gain is the wait saved and the cost is swapping the victim out and in and its standing still,
 * both weighed by class; without twice the gain, and swap to hold the victim, nothing happens.
 */
#include "user/policy/admit/inside.h"

/* What a second of waiting weighs. */
static const uint32_t weight[ADMIT_CLASS__COUNT] = {
	[ADMIT_CRITICAL] = 16, [ADMIT_HIGH] = 8,     [ADMIT_NORMAL] = 4,
	[ADMIT_LOW] = 2,       [ADMIT_DEFERRED] = 1,
};

#define CLASSES_BELOW  2   /* a victim is at least so many classes lower */
#define GAIN_FACTOR    2   /* and what is gained at least so many times what it costs */
#define SWAP_PERCENT   120 /* of its memory is free in swap */
#define VICTIMS_LOOKED 64  /* of those that end last */

struct bargain {
	uint32_t victim;
	uint64_t gain_us, cost_us;
};

/* Out and in again, and it stands for as long as the other runs. */
static uint64_t cost_of(const struct admit *admit, const struct ticket *victim,
			const struct ticket *head)
{
	uint64_t moved_us =
		mul_div(2 * victim->current_bytes, US_PER_SEC, admit->supply.swap_bytes_per_s);

	return add_sat(moved_us, run_of(head)) * weight[admit_class_of(victim->task.priority)];
}

static bool may_pause(const struct admit *admit, const struct ticket *victim,
		      const struct ticket *head, uint64_t now_us)
{
	return victim->state == ADMIT_RUNNING && victim->need == NEED_NOTHING && !victim->ending &&
	       now_us >= victim->spared_us && victim->task.flags & ADMIT_FREEZABLE &&
	       victim->task.component == head->task.component &&
	       admit_class_of(victim->task.priority) >=
		       admit_class_of(head->task.priority) + CLASSES_BELOW &&
	       admit->supply.swap_free_bytes >= percent_of(victim->current_bytes, SWAP_PERCENT);
}

/* Ties go to the higher id: the one that came last. */
static struct bargain best_victim(const struct admit *admit, const struct ticket *head,
				  uint64_t now_us)
{
	const struct component_queue *queue = &admit->component[head->task.component];
	uint64_t missing = sub_sat(head->bytes, free_of_component(admit, head->task.component));
	uint32_t count = btree_count(&queue->ends);
	struct bargain best = {NONE, 0, UINT64_MAX};

	best.gain_us = queue->reservation.start_us - now_us;
	best.gain_us = best.gain_us > UINT64_MAX / 16
			       ? UINT64_MAX / 16
			       : best.gain_us * weight[admit_class_of(head->task.priority)];
	for (uint32_t k = 0; k < count && k < VICTIMS_LOOKED; k++) {
		uint32_t i = btree_nth(&queue->ends, count - 1 - k);
		const struct ticket *victim = &admit->ticket[i];
		uint64_t cost;

		if (!may_pause(admit, victim, head, now_us) || victim->bytes < missing)
			continue;
		cost = cost_of(admit, victim, head);
		if (cost < best.cost_us || (cost == best.cost_us &&
					    victim->task.id > admit->ticket[best.victim].task.id)) {
			best.victim = i;
			best.cost_us = cost;
		}
	}
	return best;
}

static bool has_paused(const struct admit *admit, uint32_t component)
{
	for (uint32_t i = admit->needs.first; i != NONE; i = admit->ticket[i].next)
		if (admit->ticket[i].need == NEED_BACK &&
		    admit->ticket[i].task.component == component)
			return true;
	return false;
}

static bool pause_for(struct admit *admit, const struct ticket *head, const struct bargain *bargain,
		      uint64_t now_us, struct admit_decisions *ret)
{
	struct ticket *victim = &admit->ticket[bargain->victim];
	struct admit_decision decision = {
		.verdict = ADMIT_FREEZE,
		.id = victim->task.id,
		.for_id = head->task.id,
		.amount = victim->current_bytes,
		.why = {ADMIT_WHY_PREEMPTED, bargain->gain_us, bargain->cost_us},
	};

	if (!decide_push(ret, &decision))
		return false;
	run_pause(admit, bargain->victim);
	victim->for_id = head->task.id;
	victim->paused_since_us = now_us;
	victim->kept_bytes = victim->bytes;
	need_add(admit, bargain->victim, NEED_BACK);
	return true;
}

bool pause_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	if (!admit->config.preempt || !admit->supply.swap_bytes_per_s)
		return true;
	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		const struct reservation *reservation = &admit->component[c].reservation;
		const struct ticket *head;
		struct bargain bargain;

		if (reservation->head == NONE || has_paused(admit, c))
			continue;
		head = &admit->ticket[reservation->head];
		if (head->place != PLACE_QUEUE ||
		    admit_class_of(head->task.priority) > ADMIT_HIGH ||
		    reservation->start_us <= now_us)
			continue;
		bargain = best_victim(admit, head, now_us);
		if (bargain.victim == NONE || bargain.gain_us / GAIN_FACTOR < bargain.cost_us)
			continue;
		if (!pause_for(admit, head, &bargain, now_us, ret))
			return false;
	}
	return true;
}
