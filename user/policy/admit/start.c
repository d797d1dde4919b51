// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One round of starts. The heads of the components start in turn for as long as they fit; the
 * first that does not gets a reservation of the earliest time at which it will. Behind it, others
 * start out of turn if they end before that time or fit beside it, until the patience with which a
 * head lets itself be overtaken is over.
 */
#include "user/policy/admit/inside.h"

/* So many that there is room for are asked for their limit, for a start. */
#define LOOKS 64

/* Of the wait that a head was promised: so much more is no reason to close the way to others. */
#define LATE_PART 2

/* One round of starts: what is blocked by now, and what may still be given out. */
struct round {
	struct admit *admit;
	struct admit_decisions *ret;
	uint64_t now_us;
	uint32_t done;       /* a bit a component: its head has been seen to be blocked */
	uint32_t blocked;    /* those with a reservation */
	uint32_t growing;    /* of them those that hold a reservation for growth */
	uint32_t closed;     /* and those in which nothing starts out of turn */
	uint32_t parked;     /* tasks, in this round */
	uint64_t kept_bytes; /* on the host, for heads whose patience is over */
};

/* What the strategy keeps free for classes above NORMAL. */
static uint64_t headroom(const struct admit *admit, uint32_t c)
{
	const struct strategy_rule *rule = strategy_rule_of(admit);

	if (!rule->headroom_permyriad || !admit->component[c].started)
		return 0;
	return mul_div(admit->supply.component[c].budget_bytes, rule->headroom_permyriad,
		       PERMYRIAD_ONE);
}

static uint64_t room_in(const struct round *round, uint32_t component)
{
	return min_u64(free_of_component(round->admit, component),
		       sub_sat(free_of_host(round->admit), round->kept_bytes));
}

uint64_t start_patience_us(const struct admit *admit, const struct ticket *ticket)
{
	uint64_t wait = sub_sat(ticket->promised_start_us, ticket->task.submit_us);
	uint64_t late = max_u64(admit->config.bypass_us, ticket->overdue ? 0 : wait / LATE_PART);

	return add_sat(ticket->promised_start_us, late / 2 * strategy_rule_of(admit)->patience);
}

static bool is_patient(const struct round *round, const struct ticket *ticket)
{
	const struct admit *admit = round->admit;

	return admit->config.order != ADMIT_ORDER_TURN ||
	       round->now_us < start_patience_us(admit, ticket);
}

static uint64_t end_of(const struct ticket *ticket, uint64_t now_us)
{
	return add_sat(now_us, run_of(ticket));
}

static bool push_start(struct round *round, uint32_t i, uint64_t bytes, struct admit_why why)
{
	const struct ticket *ticket = &round->admit->ticket[i];
	struct admit_decision decision = {
		.verdict = ADMIT_START,
		.id = ticket->task.id,
		.amount = bytes,
		.until_us = ticket->run_us ? round->now_us + ticket->run_us : 0,
		.why = why,
	};

	return decide_push(round->ret, &decision);
}

static bool start(struct round *round, uint32_t i, uint64_t bytes, struct admit_why why)
{
	struct admit *admit = round->admit;
	struct ticket *ticket = &admit->ticket[i];
	struct btree *turn = &component_of(admit, ticket)->turn;

	if (!push_start(round, i, bytes, why))
		return false;
	btree_mark_before(turn, btree_key(turn, i), ticket->task.id);
	queue_remove(admit, i);
	ticket->bytes = bytes;
	ticket_set_why(ticket, why);
	admit->queued--;
	run_begin(admit, i, round->now_us);
	return true;
}

/* It is over by the time that a reservation is of. */
static bool ends_before(const struct round *round, const struct reservation *reservation,
			const struct ticket *ticket)
{
	uint64_t limit_us = ticket->task.limit_us;

	if (reservation->head == NONE)
		return true;
	if (reservation->by == ENDS_PREDICTED)
		return end_of(ticket, round->now_us) <= reservation->until_us;
	return limit_us && add_sat(round->now_us, limit_us) <= reservation->until_us;
}

/* What the reservation leaves beside it is less by what has started, where that goes on after it.
 */
static void take_spare(const struct round *round, struct reservation *reservation,
		       const struct ticket *ticket)
{
	if (!ends_before(round, reservation, ticket))
		reservation->spare_bytes = sub_sat(reservation->spare_bytes, ticket->bytes);
}

/* What it may take at most beside a reservation. */
static uint64_t spare_of(const struct round *round, const struct reservation *reservation,
			 const struct ticket *ticket)
{
	if (ends_before(round, reservation, ticket))
		return UINT64_MAX;
	return strategy_rule_of(round->admit)->beside ? reservation->spare_bytes : 0;
}

static bool start_aside(struct round *round, uint32_t i)
{
	struct admit *admit = round->admit;
	struct ticket *ticket = &admit->ticket[i];
	struct component_queue *queue = component_of(admit, ticket);
	const struct reservation *by =
		queue->reservation.head != NONE ? &queue->reservation : &admit->host;
	struct admit_why why = {ADMIT_WHY_ENDS_BEFORE, end_of(ticket, round->now_us), by->until_us};

	if (!ends_before(round, by, ticket))
		why = (struct admit_why){ADMIT_WHY_BESIDE, ticket->bytes, by->spare_bytes};
	if (!start(round, i, ticket->bytes, why))
		return false;
	take_spare(round, &queue->reservation, ticket);
	take_spare(round, &admit->host, ticket);
	return true;
}

static void announce_wait(struct round *round, struct component_queue *queue, struct ticket *ticket,
			  struct admit_why why)
{
	struct admit_decision decision = {
		.verdict = ADMIT_WAIT,
		.id = ticket->task.id,
		.amount = ticket->bytes,
		.until_us =
			queue->reservation.start_us == UINT64_MAX ? 0 : queue->reservation.start_us,
		.why = why,
	};

	ticket_set_why(ticket, why);
	if (queue->announced_id == ticket->task.id && queue->announced == why.reason)
		return;
	if (!decide_push(round->ret, &decision))
		return;
	queue->announced_id = ticket->task.id;
	queue->announced = why.reason;
}

static void reserve(struct round *round, uint32_t i, uint64_t bytes)
{
	struct admit *admit = round->admit;
	uint32_t c = admit->ticket[i].task.component;
	struct reservation *own = &admit->component[c].reservation;
	uint64_t host_spare;

	own->head = i;
	own->by = ENDS_PREDICTED;
	own->start_us = run_room_at(admit, c, bytes, ENDS_PREDICTED, round->now_us,
				    &own->spare_bytes, &host_spare);
	own->until_us = own->start_us;
	own->guessed = run_room_is_guessed(admit, c, bytes);
	if (admit->host.head == NONE) {
		admit->host = *own;
		admit->host.spare_bytes = host_spare;
	} else {
		own->until_us = own->start_us = max_u64(own->start_us, admit->host.start_us);
		own->guessed = own->guessed || admit->host.guessed;
	}
	round->blocked |= 1U << c;
}

/*
 * Who has been overtaken for long enough: predictions count no more, and nothing starts that could,
 * by its limit, make it later than it is by the limits of what runs. Where those say nothing, or it
 * is not the first on the host, nothing starts that could take its memory.
 */
static void lose_patience(struct round *round, uint32_t i)
{
	struct admit *admit = round->admit;
	const struct ticket *ticket = &admit->ticket[i];
	uint32_t c = ticket->task.component;
	struct reservation *own = &admit->component[c].reservation;
	uint64_t at, spare, host_spare;

	if (is_patient(round, ticket))
		return;
	at = run_room_at(admit, c, ticket->bytes, ENDS_LIMIT, round->now_us, &spare, &host_spare);
	if (own->head != i || at == UINT64_MAX) {
		round->closed |= 1U << c;
	} else {
		own->by = ENDS_LIMIT;
		own->until_us = at;
		own->spare_bytes = spare;
	}
	if (admit->host.head != i || at == UINT64_MAX) {
		round->kept_bytes = add_sat(round->kept_bytes, ticket->bytes);
	} else {
		admit->host.by = ENDS_LIMIT;
		admit->host.until_us = at;
		admit->host.spare_bytes = host_spare;
	}
}

/* The first that waits to grow in a component is served like a head: what fits beside it may
 * start. Where no end is in sight that would make room for it, nothing may. */
static void reserve_growth(struct round *round)
{
	struct admit *admit = round->admit;

	for (uint32_t i = admit->needs.first; i != NONE; i = admit->ticket[i].next) {
		const struct ticket *ticket = &admit->ticket[i];
		uint32_t bit = 1U << ticket->task.component;

		if (round->growing & bit || !grow_is_first(admit, ticket, round->now_us))
			continue;
		reserve(round, i, grow_target(admit, ticket) - ticket->bytes);
		round->growing |= bit;
		if (component_of(admit, ticket)->reservation.start_us == UINT64_MAX)
			round->closed |= bit;
	}
}

/* The start that a head can count on; where no end is in sight that would make room, now. */
static uint64_t promise_of(const struct round *round, const struct reservation *reservation)
{
	return reservation->start_us == UINT64_MAX ? round->now_us : reservation->start_us;
}

/* The head of its component cannot start: it gets a reservation, and the first of all one on the
 * host too. */
static void block(struct round *round, uint32_t i, struct admit_why why)
{
	struct admit *admit = round->admit;
	struct ticket *ticket = &admit->ticket[i];
	struct component_queue *queue = component_of(admit, ticket);

	if (!(round->growing & 1U << ticket->task.component))
		reserve(round, i, ticket->bytes);
	if (!ticket->promised_start_us)
		ticket->promised_start_us = promise_of(round, &queue->reservation);
	round->done |= 1U << ticket->task.component;
	lose_patience(round, i);
	announce_wait(round, queue, ticket, why);
}

/* The head with the earliest turn among components that are not blocked. */
static uint32_t next_head(const struct round *round)
{
	const struct admit *admit = round->admit;
	uint32_t best = NONE;

	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		uint32_t i = btree_first(&admit->component[c].turn);

		if (i == BTREE_NONE || round->done & 1U << c)
			continue;
		if (best == NONE || btree_precedes(&admit->space[SPACE_FIRST], i, best))
			best = i;
	}
	return best;
}

static bool never_fits(const struct admit *admit, const struct ticket *ticket)
{
	uint32_t c = ticket->task.component;

	return ticket->bytes > sub_sat(admit->supply.component[c].budget_bytes,
				       admit->supply.component[c].other_bytes);
}

/*
 * A budget that shrank may leave a queued task too wide for ever: it must not block the others.
 * Where that is so of thousands, the rest of its component is looked at in the next rounds.
 */
static void park(struct round *round, uint32_t i)
{
	struct admit *admit = round->admit;

	if (round->parked++ == ADMIT_PARK_MAX) {
		round->done |= 1U << admit->ticket[i].task.component;
		round->parked = 0;
		return;
	}
	queue_remove(admit, i);
	queue_add(admit, i);
}

/*
 * A scout for which there is no room begins with a part of its request where that has: its siblings
 * wait for what it teaches, and what it lacks it gets as any other that outgrows what it has. One
 * that did is none any more: it has a least that it needs.
 */
static uint64_t bytes_of_head(const struct admit *admit, const struct ticket *ticket, uint64_t room)
{
	uint64_t part = ticket->bytes / CANARY_PART;

	if (ticket->bytes <= room || part > room || !ticket->canary ||
	    !queue_is_scout(admit, ticket) || admit->config.order != ADMIT_ORDER_TURN)
		return ticket->bytes;
	if (!(ticket->task.flags & ADMIT_RESTARTABLE) || ticket->task.least_bytes)
		return ticket->bytes;
	return admit_pace_of(&admit->pace.peaks) <= PERMYRIAD_ONE / CANARY_PART ? part
										: ticket->bytes;
}

/* Heads in turn, as long as they fit. */
static bool start_heads(struct round *round)
{
	struct admit *admit = round->admit;
	uint32_t i;

	while ((i = next_head(round)) != NONE) {
		struct ticket *ticket = &admit->ticket[i];
		uint32_t c = ticket->task.component;
		uint64_t own = free_of_component(admit, c), room = room_in(round, c);
		bool urgent = admit_class_of(ticket->task.priority) < ADMIT_NORMAL;
		uint64_t kept = urgent ? 0 : headroom(admit, c);
		uint64_t bytes = bytes_of_head(admit, ticket, sub_sat(room, kept));
		struct admit_why why = {ticket->canary ? ADMIT_WHY_CANARY : ADMIT_WHY_FITS, bytes,
					room};

		if (never_fits(admit, ticket)) {
			park(round, i);
			continue;
		}
		if (round->growing & 1U << c) {
			why.reason = ADMIT_WHY_GROWTH_FIRST;
			block(round, i, why);
		} else if (add_sat(bytes, kept) > room) {
			why.reason =
				own <= room ? ADMIT_WHY_NO_ROOM_BUDGET : ADMIT_WHY_NO_ROOM_HOST;
			block(round, i, why);
		} else if (bytes > spare_of(round, &admit->host, ticket)) {
			why = (struct admit_why){ADMIT_WHY_HEAD_FIRST, bytes,
						 admit->host.spare_bytes};
			block(round, i, why);
		} else if (!start(round, i, bytes, why)) {
			return false;
		} else {
			take_spare(round, &admit->host, ticket);
		}
	}
	return true;
}

/* The shortest of a component that is within the room and what both reservations leave. */
static uint32_t shortest(const struct round *round, uint32_t c)
{
	const struct admit *admit = round->admit;
	const struct component_queue *queue = &admit->component[c];
	const struct reservation *by[2] = {&queue->reservation, &admit->host};
	uint64_t room = sub_sat(room_in(round, c), headroom(admit, c)), from = 0;

	if (by[0]->until_us > by[1]->until_us) {
		by[0] = &admit->host;
		by[1] = &queue->reservation;
	}
	for (int k = 0; k < 3; k++) {
		/* Runs of up to `until` end before the k-th reservation, later ones after it. */
		uint64_t until = k < 2 ? sub_sat(by[k]->until_us, round->now_us) : UINT64_MAX;
		uint32_t i = btree_first_within(&queue->by_runtime, from, 0, room);

		if (i == BTREE_NONE || run_of(&admit->ticket[i]) <= until)
			return i;
		from = add_sat(until, 1);
		room = min_u64(room, strategy_rule_of(admit)->beside ? by[k]->spare_bytes : 0);
	}
	return NONE;
}

static bool fits_beside(const struct round *round, const struct ticket *ticket)
{
	const struct admit *admit = round->admit;
	const struct component_queue *queue = &admit->component[ticket->task.component];

	return ticket->bytes <= spare_of(round, &queue->reservation, ticket) &&
	       ticket->bytes <= spare_of(round, &admit->host, ticket);
}

/* The same where a reservation is by limits: the order is by predictions, so that the first few
 * that are within the room are asked one by one. */
static uint32_t shortest_by_limit(const struct round *round, uint32_t c)
{
	const struct admit *admit = round->admit;
	const struct btree *by_runtime = &admit->component[c].by_runtime;
	uint64_t room = sub_sat(room_in(round, c), headroom(admit, c));
	uint64_t spare = strategy_rule_of(admit)->beside
				 ? min_u64(admit->component[c].reservation.spare_bytes,
					   admit->host.spare_bytes)
				 : 0;
	uint32_t beside = btree_first_within(by_runtime, 0, 0, min_u64(room, spare));
	uint32_t i = btree_first_within(by_runtime, 0, 0, room);

	for (int n = 0; n < LOOKS && i != beside; n++) {
		if (fits_beside(round, &admit->ticket[i]))
			return i;
		i = btree_first_within(by_runtime, btree_key(by_runtime, i),
				       admit->ticket[i].task.id + 1, room);
	}
	return beside;
}

/* Of ADMIT_ORDER_EASY: the first in the order of submits. O(n) at worst. */
static uint32_t earliest(const struct round *round, uint32_t c)
{
	const struct admit *admit = round->admit;
	const struct component_queue *queue = &admit->component[c];
	uint64_t room = room_in(round, c);
	uint32_t i = btree_first_within(&queue->by_runtime, 0, 0, room);

	while (i != BTREE_NONE) {
		const struct ticket *ticket = &admit->ticket[i];

		if (fits_beside(round, ticket))
			return i;
		i = btree_first_within(&queue->by_runtime, btree_key(&queue->by_runtime, i),
				       ticket->task.id + 1, room);
	}
	return NONE;
}

static uint32_t candidate(const struct round *round, uint32_t c)
{
	const struct admit *admit = round->admit;

	switch (admit->config.order) {
	case ADMIT_ORDER_TURN:
		if (admit->component[c].reservation.by == ENDS_LIMIT ||
		    admit->host.by == ENDS_LIMIT)
			return shortest_by_limit(round, c);
		return shortest(round, c);
	case ADMIT_ORDER_EASY:
		return earliest(round, c);
	default:
		return NONE;
	}
}

/* The room only shrinks: a candidate stays the first of its component for as long as it fits. */
static bool still_fits(const struct round *round, uint32_t i)
{
	const struct admit *admit = round->admit;
	const struct ticket *ticket = &admit->ticket[i];
	uint32_t c = ticket->task.component;
	uint64_t room = room_in(round, c);

	if (admit->config.order == ADMIT_ORDER_TURN)
		room = sub_sat(room, headroom(admit, c));
	return ticket->place == PLACE_QUEUE && ticket->bytes <= room && fits_beside(round, ticket);
}

/* The shortest of the components' candidates; one that does not fit any more is replaced. */
static uint32_t best_candidate(const struct round *round, uint32_t *open, uint32_t *found)
{
	const struct admit *admit = round->admit;
	uint32_t best = NONE;

	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		if (!(*open & 1U << c))
			continue;
		if (found[c] == NONE || !still_fits(round, found[c]))
			found[c] = candidate(round, c);
		if (found[c] == NONE) {
			*open &= ~(1U << c);
			continue;
		}
		if (best == NONE || btree_precedes(&admit->space[SPACE_SECOND], found[c], best))
			best = found[c];
	}
	return best;
}

/* Out of turn, in components whose head is blocked. */
static bool backfill(struct round *round)
{
	uint32_t open = round->blocked & ~round->closed, found[UW_COMPONENTS_MAX], i;

	for (uint32_t c = 0; c < UW_COMPONENTS_MAX; c++)
		found[c] = NONE;
	while ((i = best_candidate(round, &open, found)) != NONE)
		if (!start_aside(round, i))
			return false;
	return true;
}

bool start_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	static const struct reservation none = {
		.head = NONE, .start_us = UINT64_MAX, .until_us = UINT64_MAX};
	struct round round = {.admit = admit, .ret = ret, .now_us = now_us};

	admit->host = none;
	for (uint32_t c = 0; c < admit->config.component_count; c++)
		admit->component[c].reservation = none;
	reserve_growth(&round);
	return start_heads(&round) && backfill(&round);
}
