// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "user/policy/admit/inside.h"

#define GROWN_PERCENT   102 /* a peak that rose by more has not settled */
#define DECLARED_MAX_US (100ULL * 365 * 24 * 3600 * US_PER_SEC)
#define SETTLE_LEAST_US (10 * US_PER_SEC)
#define CANARY_LOOK_US  (300 * US_PER_SEC)
#define SPARE_US        (600 * US_PER_SEC)
#define OUTGROWN_PART   64 /* within 1/64 of what it was given, below its request */

static bool task_is_sane(const struct admit *admit, const struct admit_task *task, uint64_t now_us)
{
	return task->id && task->request_bytes && task->request_bytes <= BYTES_SANE &&
	       task->least_bytes <= BYTES_SANE && task->submit_us <= now_us &&
	       task->declared_us <= DECLARED_MAX_US &&
	       task->component < admit->config.component_count && task->priority >= PRIORITY_MIN &&
	       task->priority <= PRIORITY_MAX && task->memory_priority <= PRIORITY_MAX;
}

static void enter(struct admit *admit, uint32_t i)
{
	struct slot *slot = &admit->slot[i];

	slot->until_us = 0;
	if (slot->task.flags & ADMIT_HELD) {
		slot->state = ADMIT_ONHOLD;
		slot->place = PLACE_ASIDE;
		slot_estimate(admit, i);
		slot_set_why(slot, (struct admit_why){ADMIT_WHY_HELD, 0, 0});
		admit->held++;
		return;
	}
	slot->state = ADMIT_QUEUED;
	slot_set_why(slot, (struct admit_why){ADMIT_WHY_NONE, 0, 0});
	admit->queued++;
	queue_add(admit, i);
}

static void leave(struct admit *admit, uint32_t i)
{
	if (admit->slot[i].state == ADMIT_ONHOLD) {
		admit->held--;
		return;
	}
	queue_remove(admit, i);
	admit->queued--;
}

static void forget(struct admit *admit, uint32_t i)
{
	if (admit->slot[i].key != NONE)
		admit->key[admit->slot[i].key].waiting--;
	slot_give(admit, i);
}

int admit_submit(struct admit *admit, const struct admit_task *task, uint64_t now_us)
{
	uint32_t i;

	if (!task_is_sane(admit, task, now_us))
		return -EINVAL;
	if (slot_find(admit, task->id) != NONE)
		return -EEXIST;
	i = slot_take(admit, task->id);
	if (i == NONE)
		return -ENOSPC;
	admit->slot[i].task = *task;
	if (task->key)
		admit->slot[i].key = key_use(admit, task->key);
	if (admit->slot[i].key != NONE)
		admit->key[admit->slot[i].key].waiting++;
	enter(admit, i);
	return 0;
}

int admit_started(struct admit *admit, uint64_t id, uint64_t reserved_bytes, uint64_t now_us)
{
	uint32_t i = slot_find(admit, id);
	struct slot *slot;

	if (i == NONE)
		return -ENOENT;
	slot = &admit->slot[i];
	if (slot->state == ADMIT_QUEUED || slot->state == ADMIT_ONHOLD) {
		leave(admit, i);
		if (reserved_bytes)
			slot->bytes = reserved_bytes;
		run_begin(admit, i, now_us);
		slot_set_why(slot, (struct admit_why){ADMIT_WHY_NONE, 0, 0});
	}
	if (slot->state == ADMIT_STARTING)
		slot->state = ADMIT_RUNNING;
	return 0;
}

static bool has_settled(const struct slot *slot, uint64_t now_us)
{
	uint64_t rising = slot->grown_us - slot->since_us, still = now_us - slot->grown_us;

	return slot->peak_bytes && still >= SETTLE_LEAST_US && still >= rising;
}

static void look_at_peak(struct admit *admit, uint32_t i, uint64_t peak_bytes, uint64_t now_us)
{
	struct slot *slot = &admit->slot[i];

	if (peak_bytes > percent_of(slot->grown_bytes, GROWN_PERCENT)) {
		slot->grown_us = now_us;
		slot->grown_bytes = peak_bytes;
		slot->settled = false;
	}
	slot->peak_bytes = max_u64(slot->peak_bytes, peak_bytes);
	if (slot->state != ADMIT_RUNNING)
		return;
	slot->settled = slot->settled || has_settled(slot, now_us);
	key_show(admit, i);
}

/*
 * The reservation follows what it really uses once it is half through and has stopped growing. The
 * first of a key holds its whole request only for as long as it takes to see where it goes.
 */
static bool may_give_back(const struct admit *admit, const struct slot *slot, uint64_t now_us)
{
	uint64_t ran = now_us - slot->since_us;

	if (admit->config.trust != ADMIT_TRUST_LEARNED || !slot->peak_bytes)
		return false;
	return (slot->settled && ran >= slot->run_us / 2) ||
	       (slot->canary && ran >= CANARY_LOOK_US);
}

bool slot_is_outgrown(const struct slot *slot)
{
	if (slot->bytes >= slot->task.request_bytes)
		return slot_used(slot) > slot->bytes;
	return slot_used(slot) >= slot->bytes - slot->bytes / OUTGROWN_PART;
}

int admit_usage(struct admit *admit, uint64_t id, uint64_t current_bytes, uint64_t swapped_bytes,
		uint64_t peak_bytes, uint64_t now_us)
{
	uint32_t i = slot_find(admit, id);
	struct slot *slot;

	if (i == NONE)
		return -ENOENT;
	slot = &admit->slot[i];
	if (slot->state == ADMIT_QUEUED || slot->state == ADMIT_ONHOLD)
		return -ENOENT;
	run_use(admit, i, min_u64(current_bytes, BYTES_SANE));
	slot->swapped_bytes = min_u64(swapped_bytes, BYTES_SANE);
	look_at_peak(admit, i, min_u64(max_u64(peak_bytes, slot_used(slot)), BYTES_SANE), now_us);
	/* Its reservation goes as it is swapped out, and no sooner. */
	if (slot->need == NEED_BACK && slot->current_bytes != slot->bytes)
		run_reserve(admit, i, slot->current_bytes);
	if (slot->state == ADMIT_PAUSED || slot->ending)
		return 0;
	if (slot_is_outgrown(slot)) {
		if (!grow_is_pressing(slot) && grow_target(admit, slot) > slot->bytes) {
			slot->outgrew = true;
			need_add(admit, i, NEED_ROOM);
		}
	} else if (grow_is_pressing(slot)) {
		need_remove(admit, i);
	} else if (may_give_back(admit, slot, now_us)) {
		need_add(admit, i, NEED_LESS);
	}
	return 0;
}

int admit_frozen(struct admit *admit, uint64_t id, uint64_t now_us)
{
	uint32_t i = slot_find(admit, id);
	struct slot *slot = i == NONE ? NULL : &admit->slot[i];

	(void)now_us;
	if (!slot)
		return -ENOENT;
	if (slot->state == ADMIT_PAUSED)
		return 0;
	if (slot->state != ADMIT_RUNNING && slot->state != ADMIT_STARTING)
		return -EINVAL;
	run_pause(admit, i);
	return 0;
}

int admit_thawed(struct admit *admit, uint64_t id, uint64_t now_us)
{
	uint32_t i = slot_find(admit, id);
	struct slot *slot;

	if (i == NONE)
		return -ENOENT;
	slot = &admit->slot[i];
	if (slot->place != PLACE_PAUSED)
		return slot->state == ADMIT_RUNNING ? 0 : -EINVAL;
	/* Not as decided here: it may grow back to its limit at once, and is not paused again soon.
	 */
	if (slot->need == NEED_BACK && slot->kept_bytes > slot->bytes)
		run_reserve(admit, i, slot->kept_bytes);
	slot->spared_us = now_us + SPARE_US;
	need_remove(admit, i);
	run_resume(admit, i, now_us);
	return 0;
}

static bool goes_again(const struct slot *slot, enum admit_exit_how how)
{
	if (how == ADMIT_EXIT_AGAIN)
		return true;
	return (how == ADMIT_EXIT_MEMORY || how == ADMIT_EXIT_RESTART) &&
	       slot->task.flags & ADMIT_RESTARTABLE;
}

int admit_exit(struct admit *admit, uint64_t id, enum admit_exit_how how, uint64_t peak_bytes,
	       uint64_t now_us)
{
	uint32_t i = slot_find(admit, id);
	struct slot *slot;
	bool again;

	if (i == NONE)
		return -ENOENT;
	slot = &admit->slot[i];
	if (slot->state == ADMIT_QUEUED || slot->state == ADMIT_ONHOLD) {
		leave(admit, i);
		forget(admit, i);
		return ADMIT_GONE;
	}
	again = goes_again(slot, how);
	slot->peak_bytes = max_u64(slot->peak_bytes, min_u64(peak_bytes, BYTES_SANE));
	key_learn(admit, i, how, now_us);
	if (again && how != ADMIT_EXIT_AGAIN) {
		slot->task.least_bytes = grow_restart_bytes(admit, slot);
		if (slot->task.attempts < UINT8_MAX)
			slot->task.attempts++;
	}
	run_end(admit, i);
	if (again)
		enter(admit, i);
	else
		forget(admit, i);
	return again ? ADMIT_REQUEUED : ADMIT_GONE;
}

/* Slot of a task that has not started, or an error. */
static int find_waiting(const struct admit *admit, uint64_t id, uint32_t *ret_i)
{
	uint32_t i = slot_find(admit, id);

	if (i == NONE)
		return -ENOENT;
	if (admit->slot[i].state != ADMIT_QUEUED && admit->slot[i].state != ADMIT_ONHOLD)
		return -EBUSY;
	*ret_i = i;
	return 0;
}

static int set_held(struct admit *admit, uint64_t id, bool held)
{
	uint32_t i;
	int r = find_waiting(admit, id, &i);

	if (r < 0 || held == (admit->slot[i].state == ADMIT_ONHOLD))
		return r;
	leave(admit, i);
	admit->slot[i].task.flags ^= ADMIT_HELD;
	enter(admit, i);
	return 0;
}

int admit_hold(struct admit *admit, uint64_t id)
{
	return set_held(admit, id, true);
}

int admit_release(struct admit *admit, uint64_t id)
{
	return set_held(admit, id, false);
}

int admit_cancel(struct admit *admit, uint64_t id)
{
	uint32_t i;
	int r = find_waiting(admit, id, &i);

	if (r < 0)
		return r;
	leave(admit, i);
	forget(admit, i);
	return 0;
}

void admit_decide(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	ret->count = 0;
	ret->more = false;
	queue_refresh(admit, false);
	run_expire(admit, now_us);
	if (strategy_step(admit, now_us, ret) && grow_step(admit, now_us, ret) &&
	    start_step(admit, now_us, ret))
		pause_step(admit, now_us, ret);
}
