// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens to tasks from outside: they are submitted, start, use memory, are frozen and
 * thawed, exit, are held, released and cancelled. Each event brings the ticket, the queue and the
 * books up to date and decides nothing; admit_decide then does, in one round.
 */
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
	       task->declared_us <= DECLARED_MAX_US && task->limit_us <= DECLARED_MAX_US &&
	       task->component < admit->config.component_count && task->priority >= PRIORITY_MIN &&
	       task->priority <= PRIORITY_MAX && task->memory_priority <= PRIORITY_MAX;
}

static void enter(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];

	if (ticket->task.flags & ADMIT_HELD) {
		ticket->state = ADMIT_ONHOLD;
		ticket->place = PLACE_ASIDE;
		ticket_estimate(admit, i);
		ticket_set_why(ticket, (struct admit_why){ADMIT_WHY_HELD, 0, 0});
		admit->held++;
		return;
	}
	ticket->state = ADMIT_QUEUED;
	ticket_set_why(ticket, (struct admit_why){ADMIT_WHY_NONE, 0, 0});
	admit->queued++;
	queue_add(admit, i);
}

static void leave(struct admit *admit, uint32_t i)
{
	if (admit->ticket[i].state == ADMIT_ONHOLD) {
		admit->held--;
		return;
	}
	queue_remove(admit, i);
	admit->queued--;
}

static void forget(struct admit *admit, uint32_t i)
{
	uint32_t k = admit->ticket[i].key;

	if (k != NONE)
		admit->key[k].waiting--;
	ticket_give(admit, i);
	queue_next_scout(admit, k);
}

int admit_submit(struct admit *admit, const struct admit_task *task, uint64_t now_us)
{
	uint32_t i;

	if (!task_is_sane(admit, task, now_us))
		return -EINVAL;
	if (ticket_find(admit, task->id) != NONE)
		return -EEXIST;
	i = ticket_take(admit, task->id);
	if (i == NONE)
		return -ENOSPC;
	admit->ticket[i].task = *task;
	if (task->key)
		admit->ticket[i].key = key_use(admit, task->key);
	if (admit->ticket[i].key != NONE)
		admit->key[admit->ticket[i].key].waiting++;
	enter(admit, i);
	queue_next_scout(admit, admit->ticket[i].key);
	return 0;
}

int admit_started(struct admit *admit, uint64_t id, uint64_t reserved_bytes, uint64_t now_us)
{
	uint32_t i = ticket_find(admit, id);
	struct ticket *ticket;

	if (i == NONE)
		return -ENOENT;
	ticket = &admit->ticket[i];
	if (ticket->state == ADMIT_QUEUED || ticket->state == ADMIT_ONHOLD) {
		leave(admit, i);
		if (reserved_bytes)
			ticket->bytes = reserved_bytes;
		run_begin(admit, i, now_us);
		ticket_set_why(ticket, (struct admit_why){ADMIT_WHY_NONE, 0, 0});
	}
	if (ticket->state == ADMIT_STARTING)
		ticket->state = ADMIT_RUNNING;
	return 0;
}

static bool has_settled(const struct ticket *ticket, uint64_t now_us)
{
	uint64_t rising = ticket->grown_us - ticket->since_us, still = now_us - ticket->grown_us;

	return ticket->peak_bytes && still >= SETTLE_LEAST_US && still >= rising;
}

static void look_at_peak(struct admit *admit, uint32_t i, uint64_t peak_bytes, uint64_t now_us)
{
	struct ticket *ticket = &admit->ticket[i];

	if (peak_bytes > percent_of(ticket->grown_bytes, GROWN_PERCENT)) {
		ticket->grown_us = now_us;
		ticket->grown_bytes = peak_bytes;
		ticket->settled = false;
	}
	ticket->peak_bytes = max_u64(ticket->peak_bytes, peak_bytes);
	if (ticket->state != ADMIT_RUNNING)
		return;
	ticket->settled = ticket->settled || has_settled(ticket, now_us);
	key_show(admit, i);
}

/*
 * The reservation follows what it really uses once it is half through and has stopped growing. The
 * first of a key holds its whole request only for as long as it takes to see where it goes.
 */
static bool may_give_back(const struct admit *admit, const struct ticket *ticket, uint64_t now_us)
{
	uint64_t ran = now_us - ticket->since_us;

	if (admit->config.trust != ADMIT_TRUST_LEARNED || !ticket->peak_bytes)
		return false;
	return (ticket->settled && ran >= ticket->run_us / 2) ||
	       (ticket->canary && ran >= CANARY_LOOK_US);
}

bool ticket_is_outgrown(const struct ticket *ticket)
{
	if (ticket->bytes >= ticket->task.request_bytes)
		return ticket_holds(ticket) > ticket->bytes;
	return ticket_holds(ticket) >= ticket->bytes - ticket->bytes / OUTGROWN_PART;
}

int admit_usage(struct admit *admit, uint64_t id, uint64_t current_bytes, uint64_t swapped_bytes,
		uint64_t peak_bytes, uint64_t now_us)
{
	uint32_t i = ticket_find(admit, id);
	struct ticket *ticket;

	if (i == NONE)
		return -ENOENT;
	ticket = &admit->ticket[i];
	if (ticket->state == ADMIT_QUEUED || ticket->state == ADMIT_ONHOLD)
		return -ENOENT;
	run_use(admit, i, min_u64(current_bytes, BYTES_SANE));
	ticket->swapped_bytes = min_u64(swapped_bytes, BYTES_SANE);
	look_at_peak(admit, i, min_u64(max_u64(peak_bytes, ticket_holds(ticket)), BYTES_SANE),
		     now_us);
	/* Its reservation goes as it is swapped out, and no sooner. */
	if (ticket->need == NEED_BACK && ticket->current_bytes != ticket->bytes)
		run_reserve(admit, i, ticket->current_bytes);
	if (ticket->state == ADMIT_PAUSED || ticket->ending)
		return 0;
	if (ticket_is_outgrown(ticket)) {
		if (!grow_is_pressing(ticket) && grow_target(admit, ticket) > ticket->bytes) {
			ticket->outgrew = true;
			need_add(admit, i, NEED_ROOM);
		}
	} else if (grow_is_pressing(ticket)) {
		need_remove(admit, i);
	} else if (may_give_back(admit, ticket, now_us)) {
		need_add(admit, i, NEED_LESS);
	}
	return 0;
}

int admit_frozen(struct admit *admit, uint64_t id, uint64_t now_us)
{
	uint32_t i = ticket_find(admit, id);
	struct ticket *ticket = i == NONE ? NULL : &admit->ticket[i];

	(void)now_us;
	if (!ticket)
		return -ENOENT;
	if (ticket->state == ADMIT_PAUSED)
		return 0;
	if (ticket->state != ADMIT_RUNNING && ticket->state != ADMIT_STARTING)
		return -EINVAL;
	run_pause(admit, i);
	return 0;
}

int admit_thawed(struct admit *admit, uint64_t id, uint64_t now_us)
{
	uint32_t i = ticket_find(admit, id);
	struct ticket *ticket;

	if (i == NONE)
		return -ENOENT;
	ticket = &admit->ticket[i];
	if (ticket->place != PLACE_PAUSED)
		return ticket->state == ADMIT_RUNNING ? 0 : -EINVAL;
	/* Not as decided here: it may grow back to its limit at once, and is not paused again soon.
	 */
	if (ticket->need == NEED_BACK && ticket->kept_bytes > ticket->bytes)
		run_reserve(admit, i, ticket->kept_bytes);
	ticket->spared_us = now_us + SPARE_US;
	need_remove(admit, i);
	run_resume(admit, i, now_us);
	return 0;
}

static bool goes_again(const struct ticket *ticket, enum admit_exit_how how)
{
	if (how == ADMIT_EXIT_AGAIN)
		return true;
	return (how == ADMIT_EXIT_MEMORY || how == ADMIT_EXIT_RESTART) &&
	       ticket->task.flags & ADMIT_RESTARTABLE;
}

int admit_exit(struct admit *admit, uint64_t id, enum admit_exit_how how, uint64_t peak_bytes,
	       uint64_t now_us)
{
	uint32_t i = ticket_find(admit, id);
	struct ticket *ticket;
	bool again;

	if (i == NONE)
		return -ENOENT;
	ticket = &admit->ticket[i];
	if (ticket->state == ADMIT_QUEUED || ticket->state == ADMIT_ONHOLD) {
		leave(admit, i);
		forget(admit, i);
		return ADMIT_GONE;
	}
	again = goes_again(ticket, how);
	ticket->peak_bytes = max_u64(ticket->peak_bytes, min_u64(peak_bytes, BYTES_SANE));
	key_learn(admit, i, how, now_us);
	if (again && how != ADMIT_EXIT_AGAIN) {
		ticket->task.least_bytes = grow_restart_bytes(admit, ticket);
		if (ticket->task.attempts < UINT8_MAX)
			ticket->task.attempts++;
	}
	run_end(admit, i);
	if (how != ADMIT_EXIT_AGAIN)
		ticket->promised_start_us = 0; /* it was kept */
	if (again) {
		enter(admit, i);
		queue_next_scout(admit, ticket->key);
	} else {
		forget(admit, i);
	}
	return again ? ADMIT_REQUEUED : ADMIT_GONE;
}

/* Ticket of a task that has not started, or an error. */
static int find_waiting(const struct admit *admit, uint64_t id, uint32_t *ret_i)
{
	uint32_t i = ticket_find(admit, id);

	if (i == NONE)
		return -ENOENT;
	if (admit->ticket[i].state != ADMIT_QUEUED && admit->ticket[i].state != ADMIT_ONHOLD)
		return -EBUSY;
	*ret_i = i;
	return 0;
}

static int set_held(struct admit *admit, uint64_t id, bool held)
{
	uint32_t i;
	int r = find_waiting(admit, id, &i);

	if (r < 0 || held == (admit->ticket[i].state == ADMIT_ONHOLD))
		return r;
	leave(admit, i);
	admit->ticket[i].task.flags ^= ADMIT_HELD;
	admit->ticket[i].promised_start_us = 0;
	enter(admit, i);
	queue_next_scout(admit, admit->ticket[i].key);
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

/* Those that run are looked at once a round: beside what it starts growth looks farther off. */
static bool run_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	if (admit->part == ROUND_STARTS)
		return true;
	admit->part = ROUND_GROWTH;
	if (!grow_step(admit, now_us, ret))
		return false;
	admit->part = ROUND_STARTS;
	return true;
}

void admit_decide(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	ret->count = 0;
	ret->room = admit->config.answer_max;
	ret->more = false;
	if (admit->part == ROUND_FRESH) {
		queue_refresh(admit, false);
		queue_age(admit, now_us);
	}
	run_expire(admit, now_us);
	if (strategy_step(admit, now_us, ret) && run_step(admit, now_us, ret) &&
	    start_step(admit, now_us, ret))
		pause_step(admit, now_us, ret);
	if (!ret->more)
		admit->part = ROUND_FRESH;
}
