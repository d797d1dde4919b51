// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The admission core against seeded load on a machine of its own: tasks whose memory grows while
 * they run, wrong declarations, holds, cancellations, budgets and free memory that come and go.
 * What must hold: memory is never promised twice, everything ends, nobody starves past the stated
 * bound, classes are inverted no further than their delays, equal input gives equal decisions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/policy/admit/admit.h"
#include "user/policy/num.h"

#define COMPONENTS 3
#define JOBS       400
#define TICK_US    (5 * US_PER_SEC)
#define KEYS       12
#define BUDGET     (8 * GIB)
#define HOST       (20 * GIB)
#define RESERVE    (512 * MIB)

enum phase {
	PHASE_TO_COME,
	PHASE_WAITING,
	PHASE_GOING,
	PHASE_PAUSED,
	PHASE_OVER,
};

struct job {
	struct admit_task task;
	enum phase phase;
	bool held, cancelled, swaps;
	uint64_t run_us, peak_bytes, ramp_us; /* the truth */
	uint64_t done_us, current_bytes, swapped_bytes, limit_bytes;
	uint64_t start_us, end_us;
	uint32_t starts;
};

struct world {
	struct admit *admit;
	struct admit_supply supply;
	struct job job[JOBS];
	uint64_t now_us, random, hash;
	uint32_t over, preempted, grown;
	bool has_swap; /* then memory.current never passes the limit */
};

static uint64_t draw(struct world *w, uint64_t below)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % below;
}

static void mix(struct world *w, uint64_t value)
{
	w->hash = (w->hash ^ value) * 0x100000001b3ULL;
}

/* Of a key: peaks within a third of its own, runs within a factor of two. */
static void make_job(struct world *w, uint32_t i)
{
	struct job *job = &w->job[i];
	uint64_t key = draw(w, KEYS) + 1;
	uint64_t peak = (64 + key * key * 24) * MIB, run = (20 + key * 67) * US_PER_SEC;

	job->peak_bytes = peak + draw(w, peak / 3);
	job->run_us = run + draw(w, run);
	job->ramp_us = draw(w, 4) ? job->run_us * draw(w, 101) / 100 : 0;
	job->task = (struct admit_task){
		.id = i + 1,
		.key = key,
		.submit_us = (1 + draw(w, 20000)) * US_PER_SEC,
		.request_bytes = min_u64(peak * (2 + draw(w, 4)), 7 * GIB),
		.declared_us = draw(w, 8) ? job->run_us * (1 + draw(w, 20)) : job->run_us / 4,
		.component = (uint32_t)draw(w, COMPONENTS),
		.priority = (uint8_t)(1 + draw(w, 10)),
		.memory_priority = (uint8_t)(1 + draw(w, 10)),
		.flags = (uint8_t)((draw(w, 4) ? ADMIT_FREEZABLE : 0) |
				   (draw(w, 4) ? ADMIT_RESTARTABLE : 0)),
	};
	/* What may not run twice asks for enough. */
	if (!(job->task.flags & ADMIT_RESTARTABLE))
		job->task.request_bytes = max_u64(job->task.request_bytes, job->peak_bytes);
}

static void supply(struct world *w)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < JOBS; i++)
		used += w->job[i].current_bytes;
	w->supply.host_available_bytes = sub_sat(HOST, used + draw(w, 2 * GIB));
	admit_supply(w->admit, &w->supply, w->now_us);
}

static void world_init(struct world *w, uint64_t seed)
{
	const struct admit_limits limits = {.tasks = JOBS, .keys = KEYS / 2};
	struct admit_config config = {
		.component_count = COMPONENTS, .strategy = ADMIT_ADAPTIVE, .preempt = seed % 2};

	memset(w, 0, sizeof(*w));
	w->random = seed;
	w->has_swap = seed % 4 >= 2;
	w->admit = malloc(admit_size(&limits));
	assert_non_null(w->admit);
	assert_int_equal(admit_init(w->admit, &limits, &config), 0);
	for (uint32_t c = 0; c < COMPONENTS; c++)
		w->supply.component[c].budget_bytes = BUDGET;
	w->supply.host_valid = true;
	w->supply.host_reserve_bytes = RESERVE;
	w->supply.swap_free_bytes = 4 * GIB;
	w->supply.swap_bytes_per_s = 500 * MIB;
	for (uint32_t i = 0; i < JOBS; i++)
		make_job(w, i);
}

static bool is_started(const struct job *job)
{
	return job->phase == PHASE_GOING || job->phase == PHASE_PAUSED;
}

/* More was given out: it must have been there, in the component and on the host. */
static void check_promise(const struct world *w, const struct job *more)
{
	uint64_t sum = 0, unused = 0;

	for (uint32_t i = 0; i < JOBS; i++) {
		const struct job *job = &w->job[i];

		if (!is_started(job))
			continue;
		unused += sub_sat(job->limit_bytes, job->current_bytes);
		if (job->task.component == more->task.component)
			sum += job->limit_bytes;
	}
	assert_true(sum <= w->supply.component[more->task.component].budget_bytes);
	assert_true(unused + RESERVE <= w->supply.host_available_bytes);
}

static void set_limit(struct world *w, struct job *job, uint64_t bytes)
{
	bool more = bytes > job->limit_bytes;

	job->limit_bytes = bytes;
	if (more)
		check_promise(w, job);
}

static void on_start(struct world *w, struct job *job, uint64_t bytes)
{
	assert_int_equal(job->phase, PHASE_WAITING);
	assert_false(job->held);
	job->phase = PHASE_GOING;
	job->done_us = job->current_bytes = job->swapped_bytes = job->limit_bytes = 0;
	job->start_us = w->now_us;
	job->starts++;
	set_limit(w, job, bytes);
	assert_int_equal(admit_started(w->admit, job->task.id, 0, w->now_us), 0);
}

static void on_restart(struct world *w, struct job *job)
{
	assert_true(is_started(job));
	assert_true(job->task.flags & ADMIT_RESTARTABLE);
	assert_int_equal(admit_exit(w->admit, job->task.id, ADMIT_EXIT_RESTART, job->current_bytes,
				    w->now_us),
			 ADMIT_REQUEUED);
	job->phase = PHASE_WAITING;
	job->current_bytes = job->limit_bytes = 0;
}

static void carry_out(struct world *w, const struct admit_decision *d)
{
	struct job *job = d->id ? &w->job[d->id - 1] : NULL;

	mix(w, d->verdict);
	mix(w, d->id);
	mix(w, d->amount);
	mix(w, d->until_us);
	switch (d->verdict) {
	case ADMIT_START:
		on_start(w, job, d->amount);
		break;
	case ADMIT_GROW:
	case ADMIT_SHRINK:
		w->grown += d->verdict == ADMIT_GROW && w->has_swap;
		assert_true(is_started(job));
		set_limit(w, job, d->amount);
		break;
	case ADMIT_FREEZE:
		assert_true(job->task.flags & ADMIT_FREEZABLE);
		assert_int_equal(job->phase, PHASE_GOING);
		job->phase = PHASE_PAUSED;
		job->swaps = d->for_id != 0;
		w->preempted += job->swaps;
		if (job->swaps)
			job->limit_bytes = job->current_bytes;
		break;
	case ADMIT_THAW:
		assert_int_equal(job->phase, PHASE_PAUSED);
		job->phase = PHASE_GOING;
		set_limit(w, job, d->amount);
		break;
	case ADMIT_RESTART:
		on_restart(w, job);
		break;
	default:
		break;
	}
}

static void decide(struct world *w)
{
	struct admit_decisions got;

	do {
		admit_decide(w->admit, w->now_us, &got);
		for (uint32_t i = 0; i < got.count; i++)
			carry_out(w, &got.decision[i]);
	} while (got.more);
}

static void end_job(struct world *w, struct job *job)
{
	assert_int_equal(
		admit_exit(w->admit, job->task.id, ADMIT_EXIT_DONE, job->peak_bytes, w->now_us),
		ADMIT_GONE);
	job->phase = PHASE_OVER;
	job->end_us = w->now_us;
	job->current_bytes = job->limit_bytes = 0;
	w->over++;
}

/* A tick of its run; at its limit it stands still, and what may not grow swaps on. */
static void advance(struct world *w, struct job *job)
{
	uint64_t done = job->done_us + TICK_US;
	uint64_t use = done >= job->ramp_us ? job->peak_bytes
					    : mul_div(job->peak_bytes, done, job->ramp_us);

	if (job->phase != PHASE_GOING) {
		if (job->swaps) { /* half of what is left, a tick */
			job->swapped_bytes += job->current_bytes - job->current_bytes / 2;
			job->limit_bytes = job->current_bytes /= 2;
		}
		admit_usage(w->admit, job->task.id, job->current_bytes, job->swapped_bytes, 0,
			    w->now_us);
		return;
	}
	if (use <= job->limit_bytes || job->limit_bytes >= BUDGET)
		job->done_us = done;
	/* memory.high lets it get a little past, or with swap swaps out what is more. */
	job->current_bytes = min_u64(use, job->limit_bytes + !w->has_swap);
	job->swapped_bytes = w->has_swap ? use - job->current_bytes : 0;
	if (job->done_us >= job->run_us) {
		end_job(w, job);
		return;
	}
	admit_usage(w->admit, job->task.id, job->current_bytes, job->swapped_bytes,
		    w->has_swap ? job->current_bytes : use, w->now_us);
}

static void disturb(struct world *w)
{
	struct job *job = &w->job[draw(w, JOBS)];

	if (job->phase != PHASE_WAITING)
		return;
	if (!draw(w, 16)) {
		assert_int_equal(admit_cancel(w->admit, job->task.id), 0);
		job->phase = PHASE_OVER;
		job->cancelled = true;
		w->over++;
	} else if (job->held || !draw(w, 4)) {
		job->held = !job->held;
		assert_int_equal(job->held ? admit_hold(w->admit, job->task.id)
					   : admit_release(w->admit, job->task.id),
				 0);
	}
}

static void tick(struct world *w)
{
	w->now_us += TICK_US;
	for (uint32_t i = 0; i < JOBS; i++) {
		struct job *job = &w->job[i];

		if (is_started(job))
			advance(w, job);
		if (job->phase == PHASE_TO_COME && job->task.submit_us <= w->now_us) {
			assert_int_equal(admit_submit(w->admit, &job->task, w->now_us), 0);
			job->phase = PHASE_WAITING;
		}
	}
	if (!draw(w, 8))
		disturb(w);
	if (!draw(w, 50))
		w->supply.level = (enum level)draw(w, LEVEL__COUNT);
	supply(w);
	decide(w);
}

static void release_all(struct world *w)
{
	for (uint32_t i = 0; i < JOBS; i++) {
		if (!w->job[i].held)
			continue;
		admit_release(w->admit, w->job[i].task.id);
		w->job[i].held = false;
	}
}

/* 20000 s of submits, and as long as it then takes: all that ever fits ends. */
static uint64_t play(struct world *w, uint64_t seed)
{
	struct admit_summary summary;

	world_init(w, seed);
	while (w->over < JOBS) {
		tick(w);
		if (w->now_us > 25000 * US_PER_SEC)
			release_all(w);
		assert_true(w->now_us < 400000 * US_PER_SEC);
	}
	admit_summary(w->admit, w->now_us, &summary);
	assert_int_equal(summary.reserved_bytes, 0);
	assert_int_equal(summary.queued + summary.running + summary.paused + summary.on_hold, 0);
	free(w->admit);
	return w->hash;
}

static struct world world; /* too large for the stack */

static void test_nothing_is_promised_twice_and_all_ends(void **data)
{
	uint32_t restarted = 0, preempted = 0, grown = 0;

	(void)data;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		play(&world, seed);
		preempted += world.preempted;
		grown += world.grown;
		for (uint32_t i = 0; i < JOBS; i++)
			restarted += world.job[i].starts > 1;
	}
	/* Or the load is too tame to say anything. */
	assert_true(restarted > 0);
	assert_true(preempted > 0);
	assert_true(grown > 0);
}

static void test_equal_input_gives_equal_decisions(void **data)
{
	uint64_t first = play(&world, 77), other = play(&world, 78);

	(void)data;
	assert_true(play(&world, 77) == first);
	assert_true(other != first);
}

static const struct admit_limits small = {.tasks = 4096, .keys = 4};

static struct admit *one_component(uint64_t budget)
{
	struct admit_config config = {.component_count = 1};
	struct admit_supply given = {.component[0].budget_bytes = budget};
	struct admit *admit = malloc(admit_size(&small));

	assert_non_null(admit);
	assert_int_equal(admit_init(admit, &small, &config), 0);
	admit_supply(admit, &given, 0);
	return admit;
}

static void submit(struct admit *admit, uint64_t id, uint64_t now_us, uint64_t bytes,
		   uint64_t declared_us, uint8_t priority)
{
	struct admit_task task = {.id = id,
				  .submit_us = now_us,
				  .request_bytes = bytes,
				  .declared_us = declared_us,
				  .priority = priority};

	assert_int_equal(admit_submit(admit, &task, now_us), 0);
}

/*
 * A wide task among narrow ones without end that say 10 s and run for 900: each backfill is
 * predicted to be over in time and is not. The bound: from the promise 2 * bypass, then what runs
 * ends. Narrow ones of a higher class keep their turn, so they are of its own class here.
 */
static void test_a_wide_task_starts_within_the_bound(void **data)
{
	const uint64_t run_us = 900 * US_PER_SEC, bypass_us = 3600 * US_PER_SEC;
	struct admit *admit = one_component(GIB);
	uint64_t ends[4096] = {0}, promised = 0, started = 0, next = 3;
	struct admit_decisions got;

	(void)data;
	submit(admit, 1, 0, 64 * MIB, 10 * US_PER_SEC, 5);
	submit(admit, 2, 0, GIB, 10 * US_PER_SEC, 5);
	for (uint64_t now = 0; !started && now < 40000 * US_PER_SEC; now += 10 * US_PER_SEC) {
		for (uint64_t id = 1; id < next; id++) {
			if (!ends[id] || ends[id] > now)
				continue;
			admit_exit(admit, id, ADMIT_EXIT_DONE, 64 * MIB, now);
			ends[id] = 0;
		}
		if (next < 4000)
			submit(admit, next++, now, 64 * MIB, 10 * US_PER_SEC, 5);
		admit_decide(admit, now, &got);
		for (uint32_t i = 0; i < got.count; i++) {
			const struct admit_decision *d = &got.decision[i];

			if (d->id == 2 && d->verdict == ADMIT_WAIT && !promised)
				promised = d->until_us;
			if (d->id == 2 && d->verdict == ADMIT_START)
				started = now;
			if (d->id != 2 && d->verdict == ADMIT_START)
				ends[d->id] = now + run_us;
		}
	}
	assert_true(promised > 0);
	assert_true(started > promised); /* or nobody overtook it and nothing was tested */
	assert_true(started <= promised + 2 * bypass_us + run_us + 10 * US_PER_SEC);
	free(admit);
}

static uint64_t first_of_two(uint64_t apart_us)
{
	struct admit *admit = one_component(GIB);
	struct admit_decisions got;
	uint64_t first = 0;

	submit(admit, 1, 0, GIB, US_PER_SEC, 5);
	admit_decide(admit, 0, &got);
	submit(admit, 2, 0, GIB, 100 * US_PER_SEC, 3);
	submit(admit, 3, apart_us, GIB, 100 * US_PER_SEC, 10);
	admit_exit(admit, 1, ADMIT_EXIT_DONE, MIB, apart_us);
	admit_decide(admit, apart_us, &got);
	for (uint32_t i = 0; i < got.count; i++)
		if (got.decision[i].verdict == ADMIT_START)
			first = got.decision[i].id;
	free(admit);
	return first;
}

/* LOW has 90 min more delay than CRITICAL, and 10 times the run: so long before it goes first. */
static void test_a_lower_class_goes_first_only_by_its_delay_and_weight(void **data)
{
	const uint64_t apart = (5400 + 10 * 100) * US_PER_SEC;

	(void)data;
	assert_int_equal(first_of_two(1), 3);
	assert_int_equal(first_of_two(apart - 1), 3);
	assert_int_equal(first_of_two(apart + 1), 2);
}

static void test_equals_start_in_the_order_of_their_classes(void **data)
{
	struct admit *admit = one_component(GIB);
	struct admit_decisions got;
	uint64_t now = 0, id = 1, last_class = 0, seen = 0;

	(void)data;
	submit(admit, 1000, 0, GIB, 100 * US_PER_SEC, 5);
	admit_decide(admit, 0, &got);
	for (uint8_t priority = 10; priority; priority--)
		for (int k = 0; k < 20; k++)
			submit(admit, id++, 1, 300 * MIB, 100 * US_PER_SEC, priority);
	admit_exit(admit, 1000, ADMIT_EXIT_DONE, MIB, 1);
	while (seen < 200) {
		now += 100 * US_PER_SEC;
		admit_decide(admit, now, &got);
		for (uint32_t i = 0; i < got.count; i++) {
			if (got.decision[i].verdict != ADMIT_START)
				continue;
			uint64_t class = (got.decision[i].id - 1) / 40;

			assert_true(class >= last_class);
			last_class = class;
			seen++;
		}
		for (uint32_t i = 0; i < got.count; i++)
			if (got.decision[i].verdict == ADMIT_START)
				admit_exit(admit, got.decision[i].id, ADMIT_EXIT_DONE, MIB, now);
	}
	free(admit);
}

static void test_turns_lie_within_their_span(void **data)
{
	struct admit_config config = {.component_count = 1};
	struct admit *admit = one_component(GIB);
	uint64_t declared = 600 * US_PER_SEC, span = admit_turn_span(&config, declared);
	struct admit_view old;

	(void)data;
	assert_int_equal(span, 29 * declared + (10800 + 540) * US_PER_SEC);
	submit(admit, 1, 0, GIB, declared, 5);
	admit_started(admit, 1, 0, 0);
	/* The worst there is, and the best, submitted once the span is over. */
	struct admit_task task = {.id = 2,
				  .request_bytes = GIB,
				  .declared_us = declared,
				  .priority = 1,
				  .memory_priority = 1};
	assert_int_equal(admit_submit(admit, &task, 0), 0);
	task = (struct admit_task){.id = 3,
				   .submit_us = span + 1,
				   .request_bytes = GIB,
				   .declared_us = 1,
				   .priority = 10,
				   .memory_priority = 10};
	assert_int_equal(admit_submit(admit, &task, span + 1), 0);
	assert_int_equal(admit_view(admit, 2, span + 1, &old), 0);
	assert_int_equal(old.position, 1);
	free(admit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_promised_twice_and_all_ends),
		cmocka_unit_test(test_equal_input_gives_equal_decisions),
		cmocka_unit_test(test_a_wide_task_starts_within_the_bound),
		cmocka_unit_test(test_a_lower_class_goes_first_only_by_its_delay_and_weight),
		cmocka_unit_test(test_equals_start_in_the_order_of_their_classes),
		cmocka_unit_test(test_turns_lie_within_their_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
