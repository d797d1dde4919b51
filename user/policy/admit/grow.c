// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Serves the running tasks that need a change, in the order in which they came: who uses less
 * gives back, and who outgrew its reservation gets more. Where there is no room it is throttled
 * for a while, then paused, and restarted if room is farther off than what it has done. Where all
 * are paused, one gives way.
 */
#include "user/policy/admit/inside.h"

#define THROTTLE_US     (10 * US_PER_SEC)
#define PAUSE_LIMIT_US  (600 * US_PER_SEC) /* for another; then it has the next room */
#define STEP_PERCENT    125
#define SEEN_PERCENT    102
#define CURRENT_PERCENT 110
#define PEAK_PERCENT    115
#define CANARY_PERCENT                                                                      \
	200           /* of the peak of one that still grows, and of which nothing is known \
		       */
#define NOTICEABLE 20 /* a change under 1/20 is not worth a write */
#define LEAST_STEP 16 /* growth under 1/16 only delays the next one */

static uint64_t most_seen(const struct admit *admit, const struct ticket *ticket)
{
	return ticket->key == NONE ? 0 : admit->key[ticket->key].digest.most_bytes;
}

uint64_t grow_target(const struct admit *admit, const struct ticket *ticket)
{
	uint64_t seen = percent_of(most_seen(admit, ticket), SEEN_PERCENT);
	uint64_t target = percent_of(max_u64(ticket->bytes, ticket_holds(ticket)), STEP_PERCENT);
	uint64_t budget = admit->supply.component[ticket->task.component].budget_bytes;

	if (seen > ticket->bytes + ticket->bytes / NOTICEABLE)
		target = seen;
	if (ticket->bytes < ticket->task.request_bytes)
		target = min_u64(target, ticket->task.request_bytes);
	return max_u64(min_u64(target, budget), ticket->bytes);
}

uint64_t grow_restart_bytes(const struct admit *admit, const struct ticket *ticket)
{
	const struct admit_task *task = &ticket->task;
	uint64_t seen = percent_of(most_seen(admit, ticket), SEEN_PERCENT);
	uint64_t more = max_u64(2 * ticket->bytes, min_u64(task->request_bytes, seen));

	/* Within the request, as long as that was not outgrown. */
	if (ticket->bytes < task->request_bytes)
		more = min_u64(more, task->request_bytes);
	return min_u64(more, max_u64(admit->supply.component[task->component].budget_bytes,
				     task->request_bytes));
}

static bool is_overdue(const struct admit *admit, const struct ticket *ticket, uint64_t now_us)
{
	return now_us - ticket->paused_since_us >= PAUSE_LIMIT_US ||
	       ticket_find(admit, ticket->for_id) == NONE;
}

static struct admit_decision decision_of(const struct ticket *ticket, enum admit_verdict verdict,
					 uint64_t amount, struct admit_why why)
{
	return (struct admit_decision){
		.verdict = verdict, .id = ticket->task.id, .amount = amount, .why = why};
}

static bool give_back(struct admit *admit, uint32_t i, struct admit_decisions *ret)
{
	struct ticket *ticket = &admit->ticket[i];
	uint32_t peak_percent = ticket->settled ? PEAK_PERCENT : CANARY_PERCENT;
	uint64_t keep = max_u64(percent_of(ticket_holds(ticket), CURRENT_PERCENT),
				percent_of(ticket->peak_bytes, peak_percent));
	struct admit_decision decision = decision_of(
		ticket, ADMIT_SHRINK, keep,
		(struct admit_why){ADMIT_WHY_PLATEAU, ticket->peak_bytes, ticket->bytes});

	if (keep + ticket->bytes / NOTICEABLE < ticket->bytes) {
		if (!decide_push(ret, &decision))
			return false;
		run_reserve(admit, i, keep);
	}
	need_remove(admit, i);
	return true;
}

static bool is_paused(const struct ticket *ticket)
{
	return ticket->place == PLACE_PAUSED;
}

static uint64_t room_for(const struct admit *admit, const struct ticket *ticket)
{
	return min_u64(free_of_component(admit, ticket->task.component), free_of_host(admit));
}

/* What it has to get to go on: all it wants where a pause would only be repeated. */
static uint64_t least_of(const struct ticket *ticket, uint64_t target)
{
	return is_paused(ticket) ? target
				 : min_u64(target, ticket->bytes + ticket->bytes / LEAST_STEP);
}

static bool try_grow(struct admit *admit, uint32_t i, uint64_t now_us, struct admit_decisions *ret,
		     bool *ret_done)
{
	struct ticket *ticket = &admit->ticket[i];
	uint64_t target = grow_target(admit, ticket), room = room_for(admit, ticket);
	uint64_t amount = min_u64(target, ticket->bytes + room);
	bool paused = is_paused(ticket);
	struct admit_decision decision = decision_of(
		ticket, paused ? ADMIT_THAW : ADMIT_GROW, amount,
		paused ? (struct admit_why){ADMIT_WHY_ROOM, room, target - ticket->bytes}
		       : (struct admit_why){ADMIT_WHY_OUTGREW, ticket_holds(ticket),
					    ticket->bytes});

	*ret_done = amount >= least_of(ticket, target);
	if (!*ret_done)
		return true;
	if (amount > ticket->bytes || paused) {
		if (!decide_push(ret, &decision))
			return false;
		run_reserve(admit, i, amount);
		if (paused)
			run_resume(admit, i, now_us);
	}
	need_remove(admit, i);
	return true;
}

static bool end_it(struct admit *admit, uint32_t i, uint64_t now_us, struct admit_why why,
		   struct admit_decisions *ret)
{
	struct ticket *ticket = &admit->ticket[i];
	struct admit_decision decision =
		decision_of(ticket, ADMIT_RESTART, grow_restart_bytes(admit, ticket), why);

	if (!decide_push(ret, &decision))
		return false;
	ticket->ending = true;
	if (is_paused(ticket))
		run_resume(admit, i, now_us);
	need_remove(admit, i);
	return true;
}

/* Of those that wait for room in its component: the youngest that may be restarted. */
static uint32_t youngest_stuck(const struct admit *admit, const struct ticket *ticket)
{
	uint32_t found = NONE;

	for (uint32_t i = admit->needs.first; i != NONE; i = admit->ticket[i].next) {
		const struct ticket *s = &admit->ticket[i];

		if (s->task.component != ticket->task.component || s->need != NEED_PAUSED ||
		    !(s->task.flags & ADMIT_RESTARTABLE))
			continue;
		if (found == NONE || s->since_us > admit->ticket[found].since_us ||
		    (s->since_us == admit->ticket[found].since_us &&
		     s->task.id > admit->ticket[found].task.id))
			found = i;
	}
	return found;
}

/* Everything there is paused: one has to give way, or else the first goes on within its limit. */
static bool break_deadlock(struct admit *admit, uint32_t i, uint64_t now_us,
			   struct admit_decisions *ret)
{
	struct ticket *ticket = &admit->ticket[i];
	uint32_t victim = youngest_stuck(admit, ticket);
	struct admit_why why = {ADMIT_WHY_DEADLOCK, ticket_holds(ticket),
				grow_target(admit, ticket)};
	struct admit_decision thaw = decision_of(ticket, ADMIT_THAW, ticket->bytes, why);

	if (victim != NONE)
		return end_it(admit, victim, now_us, why, ret);
	if (!decide_push(ret, &thaw))
		return false;
	run_resume(admit, i, now_us);
	need_remove(admit, i);
	return true;
}

/* No room yet: throttled for a while, then paused, until room is farther off than what a restart
 * would lose. */
static bool wait_for_room(struct admit *admit, uint32_t i, uint64_t now_us,
			  struct admit_decisions *ret)
{
	struct ticket *ticket = &admit->ticket[i];
	uint64_t wanted = grow_target(admit, ticket) - ticket->bytes, spare, host_spare, at;
	struct admit_why why = {ADMIT_WHY_NO_ROOM_TO_GROW, wanted, room_for(admit, ticket)};
	struct admit_decision decision = decision_of(ticket, ADMIT_THROTTLE, ticket->bytes, why);
	bool freezable = ticket->task.flags & ADMIT_FREEZABLE;

	if (ticket->need == NEED_ROOM) {
		decision.until_us = now_us + THROTTLE_US;
		if (!decide_push(ret, &decision))
			return false;
		need_add(admit, i, NEED_THROTTLE);
		ticket->throttled_until_us = decision.until_us;
		return true;
	}
	if (ticket->need == NEED_THROTTLE && now_us < ticket->throttled_until_us)
		return true;
	if (ticket->need == NEED_THROTTLE && freezable) {
		decision.verdict = ADMIT_FREEZE;
		if (!decide_push(ret, &decision))
			return false;
		need_add(admit, i, NEED_PAUSED);
		run_pause(admit, i);
		return true;
	}
	at = run_room_at(admit, ticket->task.component, wanted, ENDS_PREDICTED, now_us, &spare,
			 &host_spare);
	if (at == UINT64_MAX && is_paused(ticket) &&
	    !btree_count(&component_of(admit, ticket)->ends))
		return break_deadlock(admit, i, now_us, ret);
	if (ticket->task.flags & ADMIT_RESTARTABLE && at != UINT64_MAX &&
	    at - now_us > now_us - ticket->since_us)
		return end_it(admit, i, now_us, why, ret);
	return true;
}

bool grow_is_pressing(const struct ticket *ticket)
{
	return ticket->need == NEED_ROOM || ticket->need == NEED_THROTTLE ||
	       ticket->need == NEED_PAUSED;
}

bool grow_is_first(const struct admit *admit, const struct ticket *ticket, uint64_t now_us)
{
	return grow_is_pressing(ticket) ||
	       (ticket->need == NEED_BACK && is_overdue(admit, ticket, now_us));
}

static bool serve(struct admit *admit, uint32_t i, uint64_t now_us, struct admit_decisions *ret)
{
	struct ticket *ticket = &admit->ticket[i];
	bool done = false, pressing;

	if (ticket->need == NEED_LESS)
		return give_back(admit, i, ret);
	pressing = grow_is_first(admit, ticket, now_us);
	if ((pressing || admit->host.head == NONE) && !try_grow(admit, i, now_us, ret, &done))
		return false;
	if (done || !pressing)
		return true;
	return ticket->need == NEED_BACK || wait_for_room(admit, i, now_us, ret);
}

bool grow_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	uint32_t next;

	for (uint32_t i = admit->needs.first; i != NONE; i = next) {
		next = admit->ticket[i].next;
		if (!serve(admit, i, now_us, ret))
			return false;
		/* Where it had to wait, a neighbour may have been ended for it. */
		if (admit->ticket[i].need != NEED_NOTHING)
			next = admit->ticket[i].next;
	}
	return true;
}
