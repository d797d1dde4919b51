// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "user/policy/admit/inside.h"

static bool is_waiting(const struct slot *slot)
{
	return slot->state == ADMIT_QUEUED || slot->state == ADMIT_ONHOLD;
}

/* MiB * ms of work over the budget in MiB. */
static uint64_t time_for(const struct admit *admit, uint32_t component, uint64_t work)
{
	uint64_t mib = admit->supply.component[component].budget_bytes / MIB;

	return mib ? work / mib * US_PER_MS : 0;
}

/* The head has its reservation; who stands behind it, the work of those before on top of it. */
static uint64_t predicted_start(const struct admit *admit, const struct slot *slot, uint64_t ahead,
				uint64_t now_us)
{
	const struct reservation *by = &admit->component[slot->task.component].reservation;
	uint64_t at = by->head == NONE ? now_us : max_u64(by->start_us, now_us);

	return at == UINT64_MAX ? 0 : add_sat(at, time_for(admit, slot->task.component, ahead));
}

static void view_queued(const struct admit *admit, uint32_t i, uint64_t now_us,
			struct admit_view *ret)
{
	const struct slot *slot = &admit->slot[i];
	const struct component_queue *queue = &admit->component[slot->task.component];
	uint64_t ahead;

	if (slot->place == PLACE_PARKED) {
		ret->why = (struct admit_why){
			ADMIT_WHY_NEVER_FITS, slot->bytes,
			admit->supply.component[slot->task.component].budget_bytes};
		return;
	}
	ret->position = tree_rank(&queue->turn, i, &ahead) + 1;
	ret->overtaken += tree_marks(&queue->turn, i);
	ret->start_us = predicted_start(admit, slot, ahead, now_us);
	ret->end_us = ret->start_us ? add_sat(ret->start_us, slot->run_us) : 0;
	if (ret->position > 1)
		ret->why = (struct admit_why){ADMIT_WHY_TURN, ret->position - 1, 0};
}

int admit_view(const struct admit *admit, uint64_t id, uint64_t now_us, struct admit_view *ret)
{
	uint32_t i = slot_find(admit, id);
	const struct slot *slot;

	if (i == NONE)
		return -ENOENT;
	slot = &admit->slot[i];
	*ret = (struct admit_view){
		.state = slot->state,
		.class = admit_class_of(slot->task.priority),
		.task = slot->task,
		.footprint_bytes = slot->bytes,
		.current_bytes = slot->current_bytes,
		.peak_bytes = slot->peak_bytes,
		.run_us = slot->run_us,
		.why = {slot->why, slot->why_observed, slot->why_threshold},
		.overtaken = slot->overtaken,
		.canary = slot->canary,
	};
	if (slot->state == ADMIT_QUEUED)
		view_queued(admit, i, now_us, ret);
	if (is_waiting(slot))
		return 0;
	ret->start_us = slot->since_us;
	ret->outgrown = slot_is_outgrown(slot) || grow_is_pressing(slot);
	if (slot->place == PLACE_ENDS)
		ret->end_us = tree_key(&admit->host_ends, i);
	return 0;
}

/* First in its component it is the next head, as which no reservation was made for it. */
static void preview_head(const struct admit *admit, uint32_t component, uint64_t now_us,
			 struct admit_view *view)
{
	uint64_t spare, host_spare, bytes = view->footprint_bytes;
	uint64_t free = free_of_component(admit, component), host = free_of_host(admit);
	uint64_t at = run_room_at(admit, component, bytes, now_us, &spare, &host_spare);

	view->start_us = at == UINT64_MAX ? 0 : at;
	view->end_us = view->start_us ? add_sat(at, view->run_us) : 0;
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
		.head_id = host->head == NONE ? 0 : admit->slot[host->head].task.id,
		.head_start_us =
			host->head == NONE || host->start_us == UINT64_MAX ? 0 : host->start_us,
		.strategy = admit->strategy,
		.strategy_since_us = admit->strategy_us,
		.strategy_why = admit->strategy_why,
	};
	for (uint32_t c = 0; c < admit->config.component_count; c++) {
		const struct component_queue *queue = &admit->component[c];

		ret->component[c].reserved_bytes = queue->reserved_bytes;
		ret->component[c].free_bytes =
			min_u64(free_of_component(admit, c), free_of_host(admit));
		ret->component[c].queued = tree_count(&queue->turn) + tree_count(&queue->parked);
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
		if (next[c] == TREE_NONE)
			continue;
		if (best == NONE || tree_precedes(&admit->space[SPACE_TURN], next[c], next[best]))
			best = c;
	}
	return best;
}

uint32_t admit_queue(const struct admit *admit, uint32_t from, uint64_t *ret_ids, uint32_t count)
{
	uint32_t next[UW_COMPONENTS_MAX], n = 0, c;

	for (c = 0; c < admit->config.component_count; c++)
		next[c] = tree_first(&admit->component[c].turn);
	while (n < count && (c = earliest(admit, next)) != NONE) {
		if (from)
			from--;
		else
			ret_ids[n++] = admit->slot[next[c]].task.id;
		next[c] = tree_next(&admit->component[c].turn, next[c]);
	}
	return n;
}

uint32_t admit_running(const struct admit *admit, uint32_t from, uint64_t *ret_ids, uint32_t count)
{
	uint32_t n = 0;

	while (n < count) {
		uint32_t i = tree_nth(&admit->host_ends, from + n);

		if (i == TREE_NONE)
			break;
		ret_ids[n++] = admit->slot[i].task.id;
	}
	return n;
}

static uint64_t head_patience_us(const struct admit *admit, const struct reservation *reservation)
{
	if (reservation->head == NONE)
		return UINT64_MAX;
	return add_sat(admit->slot[reservation->head].until_us,
		       admit->config.bypass_us / 2 * strategy_rule_of(admit)->patience);
}

uint64_t admit_next_us(const struct admit *admit, uint64_t now_us)
{
	uint32_t first = tree_first(&admit->host_ends);
	uint64_t next = UINT64_MAX;

	if (admit->queued && first != TREE_NONE)
		next = tree_key(&admit->host_ends, first);
	for (uint32_t i = admit->needs.first; i != NONE; i = admit->slot[i].next)
		next = min_u64(next, max_u64(admit->slot[i].until_us, now_us + US_PER_SEC));
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
