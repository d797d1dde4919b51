// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares rates of CPU time: of each leaf that runs, just before a breath of one that stands, and
 * in it. A leaf whose rate is four times as high in the breath, three breaths in a row and later
 * five and more, waits for the one that breathes: by chance, or because of the CPU that the other
 * takes, it would be lower. A rate from before the freeze, where one is known, brings breaths
 * forward as soon as it has fallen as much. Who works in bursts is told apart by breaths that come
 * unevenly.
 */
#include "user/policy/dependence.h"

#include "user/policy/contention.h"
#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/num.h"

#define POINT_US     (90 * US_PER_MS)  /* between two points of a rate */
#define SETTLE_US    (250 * US_PER_MS) /* what it could still do by itself after a breath is done */
#define BREATH_LEAST (60 * US_PER_MS)  /* less is too short to tell */
#define RATE_LEAST   100               /* permyriad: who does nothing waits for nobody */
#define FALL         4
#define TIMES        3 /* in a row, and two more after so many breaths, and four times as many */
#define MANY_BREATHS 8
#define SPARE_US     (300 * US_PER_SEC)
#define SPARES_MAX   4 /* then 40 minutes each */

/* Of one CPU; only of what lies at least a millisecond apart. */
static uint32_t rate_between(struct cpu_point from, struct cpu_point to)
{
	uint64_t us = to.at_us - from.at_us;

	if (us < US_PER_MS)
		return 0;
	return (uint32_t)min_u64(mul_div(to.used_us - from.used_us, PERMYRIAD_ONE, us),
				 UINT32_MAX - 1);
}

/* ---- points ---- */

static bool stands_still(const struct leaf_state *leaf)
{
	return leaf->cause != FREEZE_NOT || leaf->kernel_frozen || leaf->breath_until_us;
}

static bool anybody_stands(const struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		if (step->state->leaf[i].cgid && stands_still(&step->state->leaf[i]))
			return true;
	return false;
}

/* As it is while nobody stands still, half of it lately. */
static void learn(struct cpu_state *cpu)
{
	uint32_t rate = rate_between(cpu->mid, cpu->now);

	cpu->before_permyriad = cpu->before_permyriad ? (cpu->before_permyriad + rate) / 2 : rate;
}

static void add_point(struct cpu_state *cpu, struct cpu_point point, bool calm)
{
	if (point.used_us < cpu->now.used_us || !cpu->now.at_us)
		*cpu = (struct cpu_state){.mid = point, .old = point};
	cpu->now = point;
	if (point.at_us - cpu->mid.at_us < POINT_US)
		return;
	if (calm)
		learn(cpu);
	cpu->old = cpu->mid;
	cpu->mid = point;
}

/* Since the last freeze, thaw or breath has had its effect. */
static bool knows_rate(const struct step *step, const struct cpu_state *cpu)
{
	return cpu->old.at_us >= step->state->changed_us + SETTLE_US &&
	       cpu->now.at_us == step->now_us && cpu->old.at_us < cpu->now.at_us;
}

static bool has_fallen(const struct step *step, const struct cpu_state *cpu)
{
	return cpu->before_permyriad >= RATE_LEAST && knows_rate(step, cpu) &&
	       rate_between(cpu->old, cpu->now) <= cpu->before_permyriad / FALL;
}

void dependence_take(struct step *step)
{
	const struct frame *frame = step->frame;
	bool calm = !anybody_stands(step);

	for (uint32_t i = 0; frame->leaves_valid && i < frame->leaf_count && i < FRAME_LEAVES_MAX;
	     i++) {
		const struct leaf_sample *sample = &frame->leaf[i];
		struct cpu_point point = {step->now_us, sample->cpu_us};
		struct leaf_state *leaf = leaf_of(step, sample);

		if (!leaf)
			continue;
		leaf->lock_waiters = frame->locks_valid ? sample->lock_waiters : 0;
		if (sample->cpu_valid)
			add_point(&leaf->cpu, point,
				  calm && leaf->cpu.mid.at_us >= step->state->changed_us);
		step->fell |= has_fallen(step, &leaf->cpu);
	}
}

void dependence_forget(struct leaf_state *leaf)
{
	leaf->suspect = 0;
	leaf->came_back = 0;
}

/* ---- who waits for whom ---- */

/* A leaf of less account than the one that stands is no reason to let that go on. A sibling may
 * have got on by the limit that was raised for the breath. */
static bool is_of_account(const struct step *step, const struct leaf_state *leaf,
			  const struct leaf_state *frozen)
{
	const struct component *of = &step->config->component[leaf->component];

	if (leaf->component == frozen->component)
		return !frozen->breath.high_bytes;
	return component_is_protected(of) ||
	       of->priority >= step->config->component[frozen->component].priority;
}

static bool counts(const struct step *step, const struct leaf_state *leaf,
		   const struct leaf_state *frozen)
{
	return leaf->cgid && leaf != frozen && leaf->populated && !stands_still(leaf) &&
	       is_of_account(step, leaf, frozen);
}

bool dependence_suspects(const struct step *step, const struct leaf_state *frozen)
{
	for (uint32_t i = 0; step->fell && i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (counts(step, leaf, frozen) && has_fallen(step, &leaf->cpu))
			return true;
	}
	return false;
}

void dependence_begin(struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct cpu_state *cpu = &step->state->leaf[i].cpu;

		cpu->then = (struct cpu_point){0};
		if (!knows_rate(step, cpu))
			continue;
		cpu->then = cpu->now;
		cpu->frozen_permyriad = rate_between(cpu->old, cpu->now);
	}
}

static bool was_measured(const struct step *step, const struct leaf_state *leaf)
{
	return leaf->cpu.then.at_us && leaf->cpu.now.at_us == step->now_us &&
	       leaf->cpu.now.at_us - leaf->cpu.then.at_us >= BREATH_LEAST;
}

static uint32_t rate_in_breath(const struct leaf_state *leaf)
{
	return rate_between(leaf->cpu.then, leaf->cpu.now);
}

static bool has_come_back(const struct step *step, const struct leaf_state *leaf)
{
	uint32_t rate = rate_in_breath(leaf);

	return was_measured(step, leaf) && rate >= RATE_LEAST &&
	       leaf->cpu.frozen_permyriad <= rate / FALL;
}

/* Who gained most. */
static const struct leaf_state *first_suspect(const struct step *step,
					      const struct leaf_state *frozen)
{
	const struct leaf_state *best = NULL;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (counts(step, leaf, frozen) && has_come_back(step, leaf) &&
		    (!best || rate_in_breath(leaf) > rate_in_breath(best)))
			best = leaf;
	}
	return best;
}

/* NULL when the one that is suspected did not gain this time. */
static const struct leaf_state *who_came_back(struct step *step, struct leaf_state *frozen)
{
	const struct leaf_state *leaf =
		frozen->suspect ? leaf_find(step->state, frozen->suspect) : NULL;

	if (leaf && counts(step, leaf, frozen) && !was_measured(step, leaf))
		return NULL;
	if (leaf && counts(step, leaf, frozen) && has_come_back(step, leaf))
		return leaf;
	frozen->came_back = 0;
	leaf = first_suspect(step, frozen);
	frozen->suspect = leaf ? leaf->cgid : 0;
	return leaf;
}

/* ---- what follows ---- */

static void say_who_waits(struct step *step, const struct leaf_state *leaf, struct why why)
{
	struct action action = {
		.kind = ACTION_NOTICE,
		.tier = step->state->component[leaf->component].tier,
		.component = leaf->component,
		.leaf = leaf->cgid,
		.swappiness = -1,
		.why = why,
	};

	emit_action(step, &action);
}

/* It runs already: the thaw says so, and is the end of its freeze. */
static void spare(struct step *step, struct leaf_state *frozen, const struct leaf_state *waiting)
{
	struct why why = {REASON_DEPENDENCE, waiting->cpu.frozen_permyriad,
			  rate_in_breath(waiting)};

	if (!thaw_leaf(step, frozen, why))
		return;
	say_who_waits(step, waiting, why);
	frozen->needed_until_us = step->now_us + (SPARE_US << frozen->needed);
	frozen->spared_until_us = frozen->needed_until_us;
	frozen->needed += frozen->needed < SPARES_MAX - 1;
	dependence_forget(frozen);
}

/* The longer one looks the more often chance gets three in a row: of one that works in a fifth of
 * all tenths of a second every few minutes. */
static uint32_t times_needed(const struct leaf_state *leaf)
{
	uint32_t times = TIMES;

	for (uint32_t many = MANY_BREATHS; leaf->breath.count >= many; many *= 4)
		times += 2;
	return times;
}

bool dependence_judge(struct step *step, struct leaf_state *leaf)
{
	const struct leaf_state *waiting = who_came_back(step, leaf);

	if (!waiting)
		return false;
	if (++leaf->came_back >= times_needed(leaf))
		spare(step, leaf, waiting);
	return true;
}

const struct leaf_state *dependence_spared(const struct step *step, uint32_t component)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == component && leaf->populated &&
		    leaf->cause == FREEZE_NOT && step->now_us < leaf->needed_until_us)
			return leaf;
	}
	return NULL;
}

bool dependence_is_near_freeze(const struct step *step)
{
	if (step->state->host_wants)
		return true;
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];

		if (step->config->component[i].freeze && cs->level.seen >= LEVEL_HIGH &&
		    contention_grows(step, i))
			return true;
	}
	return false;
}
