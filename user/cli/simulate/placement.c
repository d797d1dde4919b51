// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue is a list through the jobs. A node has its jobs by their declared ends, the earliest
 * first, so that one walk tells when it will have how much. Where a pass of backfill has promised a
 * place to one that waits the node has steps of what is free when, which are forgotten with the
 * pass. Those places are only worked out once somebody behind could start: mostly nobody can.
 */
#include "user/cli/simulate/placement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

#define NONE      UINT32_MAX
#define NEVER     UINT64_MAX
#define MOMENT_US 1000000ULL /* Slurm's clock: what is over its time ends a second from now */

struct placed_job {
	uint64_t bytes, declared_us, end_us;
	uint32_t prev, next; /* of the queue */
	uint32_t node;
};

/* So much is free from then on, until the next one. */
struct outlook_step {
	uint64_t at_us, free_bytes;
};

/* What a node will have free, by the ends that are expected and what was promised in this pass. */
struct outlook {
	struct outlook_step *step; /* the first is of now */
	uint32_t count, room;
};

struct node {
	uint64_t free_bytes;
	uint32_t count;
	struct outlook outlook; /* count 0: nobody was promised anything here */
	uint32_t job[PLACEMENT_JOBS_MAX];
};

struct placement {
	struct placement_options options;
	struct placed_job *job;
	struct node *node;
	uint32_t *waiting;    /* of this pass: those that found no node and have no promise yet */
	uint32_t first, last; /* of the queue */
	bool changed;         /* since the last pass of backfill */
	bool head_waits;      /* nothing has changed since it found no node */
	/* The pass that is going on. */
	bool passing;
	uint32_t at, tested, promises, waits;
	uint64_t due_us; /* the next pass */
};

void placement_free(struct placement *placement)
{
	if (!placement)
		return;
	for (uint32_t n = 0; placement->node && n < placement->options.nodes; n++)
		free(placement->node[n].outlook.step);
	free(placement->job);
	free(placement->node);
	free(placement->waiting);
	free(placement);
}

struct placement *placement_new(const struct placement_options *options, uint32_t jobs)
{
	struct placement *placement = calloc(1, sizeof(*placement));

	if (!placement)
		return NULL;
	placement->options = *options;
	placement->first = placement->last = NONE;
	placement->job = calloc(jobs, sizeof(*placement->job));
	placement->node = calloc(options->nodes, sizeof(*placement->node));
	placement->waiting = calloc((size_t)options->tests + 1, sizeof(*placement->waiting));
	if (!placement->job || !placement->node || !placement->waiting) {
		placement_free(placement);
		return NULL;
	}
	for (uint32_t n = 0; n < options->nodes; n++)
		placement->node[n].free_bytes = options->node_bytes;
	return placement;
}

/* ---- the queue ---- */

void placement_submit(struct placement *placement, uint32_t job, uint64_t bytes,
		      uint64_t declared_us)
{
	placement->job[job] = (struct placed_job){
		.bytes = bytes,
		.declared_us = declared_us,
		.prev = placement->last,
		.next = NONE,
		.node = NONE,
	};
	if (placement->last == NONE) {
		placement->first = job;
		placement->head_waits = false;
	} else {
		placement->job[placement->last].next = job;
	}
	placement->last = job;
	placement->changed = true;
}

static void leave_queue(struct placement *placement, uint32_t job)
{
	struct placed_job *placed = &placement->job[job];

	if (placed->prev == NONE)
		placement->first = placed->next;
	else
		placement->job[placed->prev].next = placed->next;
	if (placed->next == NONE)
		placement->last = placed->prev;
	else
		placement->job[placed->next].prev = placed->prev;
}

/* ---- nodes ---- */

static uint64_t end_of(uint64_t now_us, uint64_t declared_us)
{
	return declared_us ? now_us + declared_us : NEVER;
}

/* As it is seen now; before_us is that of who ends before it, and who is over its time may be
 * behind in that who is not quite. */
static uint64_t expected_end(const struct placement *placement, uint32_t job, uint64_t now_us,
			     uint64_t before_us)
{
	uint64_t end = placement->job[job].end_us;

	end = end > now_us ? end : now_us + MOMENT_US;
	return end > before_us ? end : before_us;
}

static void put_on(struct placement *placement, uint32_t job, uint32_t n, uint64_t now_us)
{
	struct placed_job *placed = &placement->job[job];
	struct node *node = &placement->node[n];
	uint32_t at = node->count++;

	leave_queue(placement, job);
	placed->node = n;
	placed->end_us = end_of(now_us, placed->declared_us);
	for (; at && placement->job[node->job[at - 1]].end_us > placed->end_us; at--)
		node->job[at] = node->job[at - 1];
	node->job[at] = job;
	node->free_bytes -= placed->bytes;
	/* What a pass itself starts is no reason for another one. */
	placement->changed |= !placement->passing;
	placement->head_waits = false;
}

void placement_end(struct placement *placement, uint32_t job)
{
	struct placed_job *placed = &placement->job[job];
	struct node *node = &placement->node[placed->node];
	uint32_t at = 0;

	while (node->job[at] != job)
		at++;
	node->count--;
	memmove(&node->job[at], &node->job[at + 1], (node->count - at) * sizeof(node->job[0]));
	node->free_bytes += placed->bytes;
	placed->node = NONE;
	placement->changed = true;
	placement->head_waits = false;
}

uint64_t placement_given(const struct placement *placement, uint32_t node)
{
	return placement->options.node_bytes - placement->node[node].free_bytes;
}

/* ---- what waits has been promised ---- */

static int make_room(struct outlook *outlook, uint32_t steps)
{
	uint32_t room = 2 * (outlook->count + steps);
	struct outlook_step *step;

	if (outlook->count + steps <= outlook->room)
		return 0;
	step = reallocarray(outlook->step, room, sizeof(*step));
	if (!step)
		return -ENOMEM;
	outlook->step = step;
	outlook->room = room;
	return 0;
}

/* Of those that run. */
static int look_out(const struct placement *placement, struct node *node, uint64_t now_us)
{
	struct outlook *outlook = &node->outlook;
	uint64_t free_bytes = node->free_bytes;

	if (make_room(outlook, node->count + 1) < 0)
		return -ENOMEM;
	outlook->step[0] = (struct outlook_step){now_us, free_bytes};
	outlook->count = 1;
	for (uint32_t i = 0; i < node->count; i++) {
		uint64_t end_us = expected_end(placement, node->job[i], now_us,
					       outlook->step[outlook->count - 1].at_us);

		free_bytes += placement->job[node->job[i]].bytes;
		if (outlook->step[outlook->count - 1].at_us == end_us)
			outlook->step[outlook->count - 1].free_bytes = free_bytes;
		else
			outlook->step[outlook->count++] = (struct outlook_step){end_us, free_bytes};
	}
	return 0;
}

/* The first step from at_us on, made where there is none; there is room for it. */
static uint32_t step_at(struct outlook *outlook, uint64_t at_us)
{
	uint32_t i = 0;

	while (i < outlook->count && outlook->step[i].at_us < at_us)
		i++;
	if (i < outlook->count && outlook->step[i].at_us == at_us)
		return i;
	memmove(&outlook->step[i + 1], &outlook->step[i],
		(outlook->count - i) * sizeof(outlook->step[0]));
	outlook->step[i] = (struct outlook_step){at_us, outlook->step[i - 1].free_bytes};
	outlook->count++;
	return i;
}

static void take(struct outlook *outlook, uint64_t from_us, uint64_t to_us, uint64_t bytes)
{
	uint32_t from, to;

	if (make_room(outlook, 2) < 0)
		return;
	from = step_at(outlook, from_us);
	to = to_us == NEVER ? outlook->count : step_at(outlook, to_us);
	for (uint32_t i = from; i < to; i++)
		outlook->step[i].free_bytes -= bytes;
}

/* From when on so much is free for so long; NEVER. */
static uint64_t earliest_in(const struct outlook *outlook, uint64_t bytes, uint64_t declared_us)
{
	uint64_t since_us = NEVER;

	for (uint32_t i = 0; i < outlook->count; i++) {
		const struct outlook_step *step = &outlook->step[i];

		if (since_us != NEVER && declared_us && step->at_us - since_us >= declared_us)
			break;
		if (step->free_bytes < bytes)
			since_us = NEVER;
		else if (since_us == NEVER)
			since_us = step->at_us;
	}
	return since_us;
}

/* Where nobody was promised anything: the walk along the ends until enough is free. */
static uint64_t earliest_by_ends(const struct placement *placement, const struct node *node,
				 uint64_t bytes, uint64_t now_us, uint64_t best_us)
{
	uint64_t free_bytes = node->free_bytes;
	uint64_t at_us = now_us;

	for (uint32_t i = 0; free_bytes < bytes && i < node->count && at_us < best_us; i++) {
		at_us = expected_end(placement, node->job[i], now_us, at_us);
		free_bytes += placement->job[node->job[i]].bytes;
	}
	return at_us;
}

static uint64_t earliest_on(const struct placement *placement, const struct node *node,
			    const struct placed_job *job, uint64_t now_us, uint64_t best_us)
{
	if (node->outlook.count)
		return earliest_in(&node->outlook, job->bytes, job->declared_us);
	return earliest_by_ends(placement, node, job->bytes, now_us, best_us);
}

static void promise_place(struct placement *placement, uint32_t job, uint64_t now_us)
{
	const struct placed_job *placed = &placement->job[job];
	struct node *best = NULL;
	uint64_t best_us = NEVER;

	for (uint32_t n = 0; n < placement->options.nodes; n++) {
		struct node *node = &placement->node[n];
		uint64_t at_us = earliest_on(placement, node, placed, now_us, best_us);

		if (at_us >= best_us)
			continue;
		best_us = at_us;
		best = node;
	}
	if (!best) /* behind what may run for ever */
		return;
	if (!best->outlook.count && look_out(placement, best, now_us) < 0)
		return;
	take(&best->outlook, best_us, end_of(best_us, placed->declared_us), placed->bytes);
	placement->promises++;
}

static void promise_all(struct placement *placement, uint64_t now_us)
{
	for (uint32_t i = 0; i < placement->waits; i++)
		if (placement->promises < placement->options.reserved)
			promise_place(placement, placement->waiting[i], now_us);
	placement->waits = 0;
}

/* ---- who starts ---- */

static bool has_room(const struct node *node, uint64_t bytes)
{
	return node->free_bytes >= bytes && node->count < PLACEMENT_JOBS_MAX;
}

/* By the rule, of those on which no promise is moved; NONE. */
static uint32_t find_node(const struct placement *placement, const struct placed_job *job,
			  uint64_t now_us)
{
	uint32_t best = NONE;

	for (uint32_t n = 0; n < placement->options.nodes; n++) {
		const struct node *node = &placement->node[n];

		if (!has_room(node, job->bytes) ||
		    (best != NONE && node->free_bytes <= placement->node[best].free_bytes))
			continue;
		if (node->outlook.count &&
		    earliest_in(&node->outlook, job->bytes, job->declared_us) != now_us)
			continue;
		best = n;
		if (placement->options.rule == PLACEMENT_FIRST)
			break;
	}
	return best;
}

static bool start_head(struct placement *placement, uint64_t now_us, uint32_t *ret_job,
		       uint32_t *ret_node)
{
	uint32_t job = placement->first, n;

	if (job == NONE || placement->head_waits)
		return false;
	n = find_node(placement, &placement->job[job], now_us);
	placement->head_waits = n == NONE;
	if (n == NONE)
		return false;
	put_on(placement, job, n, now_us);
	*ret_job = job;
	*ret_node = n;
	return true;
}

static void end_pass(struct placement *placement)
{
	if (placement->promises)
		for (uint32_t n = 0; n < placement->options.nodes; n++)
			placement->node[n].outlook.count = 0;
	placement->promises = placement->waits = placement->tested = 0;
	placement->passing = false;
}

static bool begin_pass(struct placement *placement, uint64_t now_us)
{
	if (!placement->changed || now_us < placement->due_us || !placement->options.tests ||
	    placement->first == NONE)
		return false;
	placement->changed = false;
	placement->passing = true;
	placement->at = placement->first;
	placement->due_us = now_us + placement->options.backfill_us;
	return true;
}

/* The next of the pass. true: it has started; false: nobody does any more. */
static bool go_through(struct placement *placement, uint64_t now_us, uint32_t *ret_job,
		       uint32_t *ret_node)
{
	while (placement->at != NONE && placement->tested < placement->options.tests) {
		uint32_t job = placement->at, n;

		placement->at = placement->job[job].next;
		placement->tested++;
		n = find_node(placement, &placement->job[job], now_us);
		if (n != NONE && placement->waits) {
			promise_all(placement, now_us);
			n = find_node(placement, &placement->job[job], now_us);
		}
		if (n == NONE) {
			placement->waiting[placement->waits++] = job;
			continue;
		}
		put_on(placement, job, n, now_us);
		if (placement->node[n].outlook.count)
			take(&placement->node[n].outlook, now_us, placement->job[job].end_us,
			     placement->job[job].bytes);
		*ret_job = job;
		*ret_node = n;
		return true;
	}
	return false;
}

bool placement_next(struct placement *placement, uint64_t now_us, uint32_t *ret_job,
		    uint32_t *ret_node)
{
	if (!placement->passing) {
		if (start_head(placement, now_us, ret_job, ret_node))
			return true;
		if (!begin_pass(placement, now_us))
			return false;
	}
	if (go_through(placement, now_us, ret_job, ret_node))
		return true;
	end_pass(placement);
	/* One may have left its node because of whom the pass has started there. */
	return start_head(placement, now_us, ret_job, ret_node);
}

uint64_t placement_next_us(const struct placement *placement)
{
	return placement->changed && placement->options.tests && placement->first != NONE
		       ? placement->due_us
		       : NEVER;
}

/* ---- words ---- */

static const char *const rule_names[PLACEMENT_RULE__COUNT] = {
	[PLACEMENT_FIRST] = "first",
	[PLACEMENT_LEAST] = "least",
};

const char *placement_rule_name(enum placement_rule rule)
{
	return (unsigned int)rule < PLACEMENT_RULE__COUNT ? rule_names[rule] : "?";
}

int placement_rule_parse(const char *text, enum placement_rule *ret_rule)
{
	for (int i = 0; i < PLACEMENT_RULE__COUNT; i++) {
		if (strcmp(rule_names[i], text) != 0)
			continue;
		*ret_rule = (enum placement_rule)i;
		return 0;
	}
	return -EINVAL;
}
