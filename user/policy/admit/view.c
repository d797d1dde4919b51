// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is told to those who ask: a task's place and predicted start, what would become of one that
 * is not submitted yet, the queue in order, sums by component, and when to decide next. Reads the
 * books and changes nothing, but for the preview, which submits a task and cancels it again.
 */
#include <errno.h>

#include "user/policy/admit/inside.h"
#include "user/policy/admit/predict.h"

static bool is_waiting(const struct ticket *ticket)
{
	return ticket->state == ADMIT_QUEUED || ticket->state == ADMIT_ONHOLD;
}

/* MiB * ms of work over the budget in MiB. */
static uint64_t time_for(const struct admit *admit, uint32_t component, uint64_t work)
{
	uint64_t mib = admit->supply.component[component].budget_bytes / MIB;

	return mib ? work / mib * US_PER_MS : 0;
}

/* 0: nobody knows. */
static uint64_t known_start(const struct reservation *reservation)
{
	if (reservation->guessed || reservation->start_us == UINT64_MAX)
		return 0;
	return reservation->start_us;
}

static uint64_t known_end(uint64_t start_us, uint64_t run_us)
{
	return start_us && run_us ? add_sat(start_us, run_us) : 0;
}

/* The head has its reservation; who stands behind it, the work of those before on top of it. */
static uint64_t predicted_start(const struct admit *admit, const struct ticket *ticket,
				uint64_t ahead, uint64_t now_us)
{
	const struct reservation *by = &admit->component[ticket->task.component].reservation;
	uint64_t at = by->head == NONE ? now_us : known_start(by);

	if (!at || ahead == UINT64_MAX)
		return 0;
	return add_sat(max_u64(at, now_us), time_for(admit, ticket->task.component, ahead));
}

/* Too wide for what its component may ever have, or only for what others hold of it now. */
static struct admit_why why_parked(const struct admit *admit, const struct ticket *ticket)
{
	uint32_t c = ticket->task.component;
	uint64_t budget = admit->supply.component[c].budget_bytes;

	if (ticket->bytes > budget)
		return (struct admit_why){ADMIT_WHY_NEVER_FITS, ticket->bytes, budget};
	return (struct admit_why){ADMIT_WHY_NO_ROOM_BUDGET, ticket->bytes,
				  free_of_component(admit, c)};
}

static void view_queued(const struct admit *admit, uint32_t i, uint64_t now_us,
			struct admit_view *ret)
{
	const struct ticket *ticket = &admit->ticket[i];
	const struct component_queue *queue = &admit->component[ticket->task.component];
	uint64_t ahead;

	if (ticket->place == PLACE_PARKED) {
		ret->why = why_parked(admit, ticket);
		return;
	}
	ret->position = btree_rank(&queue->turn, i, &ahead) + 1;
	ret->overtaken += btree_marks(&queue->turn, i);
	ret->start_us = predicted_start(admit, ticket, ahead, now_us);
	ret->end_us = known_end(ret->start_us, ticket->run_us);
	if (ret->position > 1)
		ret->why = (struct admit_why){ADMIT_WHY_TURN, ret->position - 1, 0};
}

static struct admit_told told_of(const struct admit_score *score, uint8_t peak_by, uint8_t run_by)
{
	struct admit_told told = {.peak_by = (enum admit_peak_by)peak_by,
				  .run_by = (enum admit_run_by)run_by,
				  .runs = score->tried};

	if (peak_by < ADMIT_PEAK__COUNT)
		told.peak_error = score->peak_error[peak_by];
	if (run_by < ADMIT_RUN__COUNT)
		told.run_error = score->run_error[run_by];
	return told;
}

void admit_key_told(const struct admit_key *key, struct admit_told *ret)
{
	struct admit_score score;

	admit_score_again(key, &score);
	*ret = key->count ? told_of(&score, score.peak_by, score.run_by)
			  : told_of(&score, ADMIT_PEAK_REQUEST, ADMIT_RUN_DECLARED);
}

static struct admit_told told_of_ticket(const struct admit *admit, const struct ticket *ticket)
{
	static const struct admit_score unknown;

	return told_of(ticket->key == NONE ? &unknown : &admit->key[ticket->key].score,
		       ticket->peak_by, ticket->run_by);
}

int admit_view(const struct admit *admit, uint64_t id, uint64_t now_us, struct admit_view *ret)
{
	uint32_t i = ticket_find(admit, id);
	const struct ticket *ticket;

	if (i == NONE)
		return -ENOENT;
	ticket = &admit->ticket[i];
	*ret = (struct admit_view){
		.state = ticket->state,
		.class = admit_class_of(ticket->task.priority),
		.task = ticket->task,
		.footprint_bytes = ticket->bytes,
		.current_bytes = ticket->current_bytes,
		.peak_bytes = ticket->peak_bytes,
		.run_us = ticket->run_us,
		.why = {ticket->why, ticket->why_observed, ticket->why_threshold},
		.overtaken = ticket->overtaken,
		.canary = ticket->canary,
		.told = told_of_ticket(admit, ticket),
	};
	if (ticket->state == ADMIT_QUEUED)
		view_queued(admit, i, now_us, ret);
	if (is_waiting(ticket))
		return 0;
	ret->start_us = ticket->since_us;
	ret->outgrown = ticket_is_outgrown(ticket) || grow_is_pressing(ticket);
	if (ticket->place == PLACE_ENDS && ticket->run_us)
		ret->end_us = btree_key(&admit->host_ends, i);
	return 0;
}

/* First in its component it is the next head, as which no reservation was made for it. */
static void preview_head(const struct admit *admit, uint32_t component, uint64_t now_us,
			 struct admit_view *view)
{
	uint64_t spare, host_spare, bytes = view->footprint_bytes;
	uint64_t free = free_of_component(admit, component), host = free_of_host(admit);
	uint64_t at =
		run_room_at(admit, component, bytes, ENDS_PREDICTED, now_us, &spare, &host_spare);

	view->start_us = at == UINT64_MAX || run_room_is_guessed(admit, component, bytes) ? 0 : at;
	view->end_us = known_end(view->start_us, view->run_us);
	if (free < bytes)
		view->why = (struct admit_why){ADMIT_WHY_NO_ROOM_BUDGET, bytes, free};
	else if (host < bytes)
		view->why = (struct admit_why){ADMIT_WHY_NO_ROOM_HOST, bytes, host};
	else
		view->why = (struct admit_why){ADMIT_WHY_FITS, bytes, min_u64(free, host)};
}

int admit_preview(struct admit *admit, const struct admit_task *task, uint64_t now_us,
		  struct admit_view *ret)
{
	int r = admit_submit(admit, task, now_us);

	if (r < 0)
		return r;
	r = admit_view(admit, task->id, now_us, ret);
	admit_cancel(admit, task->id);
	if (!r && ret->position == 1)
		preview_head(admit, task->component, now_us, ret);
	return r;
}

void admit_summary(const struct admit *admit, uint64_t now_us, struct admit_summary *ret)
{
	const struct reservation *host = &admit->host;

	(void)now_us;
	*ret = (struct admit_summary){
		.queued = admit->queued,
		.on_hold = admit->held,
		.running = admit->started - admit->paused,
		.paused = admit->paused,
		.reserved_bytes = admit->reserved_bytes,
		.head_id = host->head == NONE ? 0 : admit->ticket[host->head].task.id,
		.head_start_us = host->head == NONE ? 0 : known_start(host),
		.strategy = admit->strategy,
		.strategy_since_us = admit->strategy_us,
		.strategy_why = admit->strategy_why,
	};
	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		const struct component_queue *queue = &admit->component[c];

		ret->component[c].reserved_bytes = queue->reserved_bytes;
		ret->component[c].free_bytes =
			min_u64(free_of_component(admit, c), free_of_host(admit));
		ret->never_fit += btree_count(&queue->parked);
		ret->component[c].queued = btree_count(&queue->turn) + btree_count(&queue->parked);
		ret->component[c].running = queue->started;
		ret->free_bytes = add_sat(ret->free_bytes, free_of_component(admit, c));
	}
	ret->free_bytes = min_u64(ret->free_bytes, free_of_host(admit));
}

/* The component whose next queued task has the earliest turn. */
static uint32_t earliest(const struct admit *admit, const uint32_t next[UW_COMPONENTS_MAX])
{
	uint32_t best = NONE;

	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		if (next[c] == BTREE_NONE)
			continue;
		if (best == NONE || btree_precedes(&admit->space[SPACE_FIRST], next[c], next[best]))
			best = c;
	}
	return best;
}

uint32_t admit_queue(const struct admit *admit, uint32_t from, uint64_t *ret_ids, uint32_t count)
{
	uint32_t next[UW_COMPONENTS_MAX], n = 0, c;

	for (c = 0; c < admit->config.component_count; c++)
		next[c] = btree_first(&admit->component[c].turn);
	while (n < count && (c = earliest(admit, next)) != NONE) {
		if (from)
			from--;
		else
			ret_ids[n++] = admit->ticket[next[c]].task.id;
		next[c] = btree_next(&admit->component[c].turn, next[c]);
	}
	return n;
}

uint32_t admit_queue_next(const struct admit *admit, struct admit_place *place, uint64_t *ret_ids,
			  uint32_t count)
{
	uint32_t next[UW_COMPONENTS_MAX], n, c;

	for (c = 0; c < admit->config.component_count; c++)
		next[c] = btree_nth(&admit->component[c].turn, place->passed[c]);
	for (n = 0; n < count && (c = earliest(admit, next)) != NONE; n++) {
		ret_ids[n] = admit->ticket[next[c]].task.id;
		next[c] = btree_next(&admit->component[c].turn, next[c]);
		place->passed[c]++;
	}
	return n;
}

uint32_t admit_running(const struct admit *admit, uint32_t from, uint64_t *ret_ids, uint32_t count)
{
	uint32_t n = 0;

	while (n < count) {
		uint32_t i = btree_nth(&admit->host_ends, from + n);

		if (i == BTREE_NONE)
			break;
		ret_ids[n++] = admit->ticket[i].task.id;
	}
	return n;
}

/* Up to when it waits for what is next for it, or since when it has. */
static uint64_t waits_from_us(const struct ticket *ticket)
{
	if (ticket->place == PLACE_QUEUE)
		return ticket->promised_start_us;
	return ticket->need == NEED_BACK ? ticket->paused_since_us : ticket->throttled_until_us;
}

static uint64_t head_patience_us(const struct admit *admit, const struct reservation *reservation)
{
	const struct ticket *head;

	if (reservation->head == NONE)
		return UINT64_MAX;
	head = &admit->ticket[reservation->head];
	return head->place == PLACE_QUEUE ? start_patience_us(admit, head) : UINT64_MAX;
}

uint64_t admit_next_us(const struct admit *admit, uint64_t now_us)
{
	uint32_t first = btree_first(&admit->host_ends);
	uint64_t next = UINT64_MAX;

	if (admit->queued && first != BTREE_NONE)
		next = btree_key(&admit->host_ends, first);
	for (uint32_t i = admit->needs.first; i != NONE; i = admit->ticket[i].next)
		next = min_u64(next,
			       max_u64(waits_from_us(&admit->ticket[i]), now_us + US_PER_SEC));
	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		uint64_t at = head_patience_us(admit, &admit->component[c].reservation);

		if (at > now_us)
			next = min_u64(next, at);
	}
	if (admit->dirty.first != NONE ||
	    (admit->config.strategy == ADMIT_ADAPTIVE && admit->level_us))
		next = min_u64(next, now_us + US_PER_SEC);
	return next;
}
