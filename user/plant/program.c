// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What leaves do in a step of time: pay what they owe, grow or shrink, touch their hot set, read
 * files, and go on to the next phase. A touch of a page that is out waits for the device, so
 * touches done are the progress of a job. What a leaf waited is its stall; a component's stalls
 * are those of its worst and of its best leaf.
 */
#include "user/plant/memory.h"

#include "user/base/clock.h"
#include "user/policy/num.h"

#define PS_PER_NS 1000ULL
#define PS_PER_S  (PS_PER_NS * NS_PER_US * US_PER_SEC)
/* page-cluster = 3: a sweep finds its neighbours read in with the page; random touches do not. */
#define READAHEAD_PAGES 8
/* read_ahead_kb = 128 of a block device. */
#define FILE_READAHEAD_PAGES 32

static bool is_stopped(const struct plant *plant, const struct plant_leaf *leaf)
{
	return !leaf->populated || (leaf->frozen && plant->now_us >= leaf->freeze_done_us);
}

static uint64_t pay_debt(struct plant_leaf *leaf)
{
	uint64_t paid = min_u64(leaf->debt_ns, PLANT_STEP_NS);

	leaf->debt_ns -= paid;
	return paid;
}

static uint64_t total_of(const struct plant_pages *pages)
{
	return pages->resident + pages->out;
}

static enum plant_part touched_part(const struct plant_leaf *leaf)
{
	return leaf->phase.shared ? PART_SHARED : PART_HOT;
}

/* ---- growth ---- */

/* HOT is what the phase touches, as far as the leaf has it. */
static void cut_hot_set(struct plant *plant, struct plant_leaf *leaf)
{
	uint64_t want = leaf->phase.hot_bytes, hot;

	if (leaf->hot_bytes == want)
		return;
	leaf->hot_bytes = want;
	hot = total_of(&leaf->part[PART_HOT]);
	if (hot < want)
		pages_relabel(plant, leaf, PART_REST, PART_HOT, want - hot);
	else
		pages_relabel(plant, leaf, PART_HOT, PART_REST, hot - want);
}

static enum plant_part growing_part(const struct plant_leaf *leaf)
{
	if (leaf->phase.shared)
		return PART_SHARED;
	if (leaf->part[PART_LOCKED].resident < leaf->phase.lock_bytes)
		return PART_LOCKED;
	return total_of(&leaf->part[PART_HOT]) < leaf->phase.hot_bytes ? PART_HOT : PART_REST;
}

static void shrink(struct plant *plant, struct plant_leaf *leaf, uint64_t bytes)
{
	static const enum plant_part order[] = {PART_REST, PART_HOT, PART_SHARED, PART_LOCKED};

	for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]) && bytes; i++) {
		uint64_t some = min_u64(bytes, total_of(&leaf->part[order[i]]));

		bytes -= pages_free(plant, leaf, order[i], some);
	}
}

/* True when it is where it wanted to be. */
static bool grow(struct plant *plant, struct plant_leaf *leaf, uint64_t ns)
{
	uint64_t holds = leaf->resident_bytes + leaf->swapped_bytes;
	uint64_t want = leaf->phase.target_bytes * leaf->processes, step;

	if (!leaf->phase.grow_per_s || holds == want)
		return true;
	step = leaf->phase.grow_per_s / US_PER_MS * (ns / NS_PER_US) / US_PER_MS * leaf->processes;
	if (holds < want)
		plant_charge(plant, leaf, growing_part(leaf), min_u64(step, want - holds), false);
	else
		shrink(plant, leaf, min_u64(step, holds - want));
	return false;
}

/* ---- touches ---- */

/* faults waits, each of which brings pages back. Queueing in the device is owed beside. */
static void fault_in(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		     uint64_t faults, uint64_t pages, uint64_t busy_ns)
{
	uint64_t bytes = min_u64(faults * pages * PLANT_PAGE, leaf->part[part].out);
	struct plant_component *c = &plant->component[leaf->component];

	leaf->faults += faults;
	bytes = plant_charge(plant, leaf, part, bytes, true);
	if (part_is_file(part)) {
		leaf->refault_file += bytes / PLANT_PAGE;
		c->refault_file += bytes / PLANT_PAGE;
		return;
	}
	leaf->refault_anon += bytes / PLANT_PAGE;
	c->refault_anon += bytes / PLANT_PAGE;
	plant->swap_backlog_ns +=
		max_u64(faults * NS_PER_US * US_PER_SEC / plant->swap_iops,
			bytes * NS_PER_US / (plant->swap_bytes_per_s / US_PER_SEC));
	if (!leaf->simple)
		leaf->debt_ns = max_u64(leaf->debt_ns, sub_sat(plant->swap_backlog_ns, busy_ns));
}

/* Of a million touches, how many wait. A sweep meets what is out first: that was oldest. */
static uint64_t miss_ppm(const struct plant_pages *pages, bool in_order, uint64_t readahead)
{
	if (!pages->out)
		return 0;
	if (in_order)
		return PLANT_ONE_PPM / readahead;
	return pages->out / PLANT_PAGE * PLANT_ONE_PPM / max_u64(total_of(pages) / PLANT_PAGE, 1);
}

/* Touches of ns at per_s that are done, at most most; returns what of ns was waited in faults. */
static uint64_t touch(struct plant *plant, struct plant_leaf *leaf, uint64_t ns, uint64_t most)
{
	enum plant_part part = touched_part(leaf);
	struct plant_pages *pages = &leaf->part[part];
	uint64_t readahead = leaf->phase.in_order ? READAHEAD_PAGES : 1;
	uint64_t miss = miss_ppm(pages, leaf->phase.in_order, readahead), wait_ps, cost_ps, count;

	if (!total_of(pages) || !leaf->phase.touches_per_s)
		return 0;
	/* A ppm of a us is a ps. Processes wait beside each other. */
	wait_ps = leaf->simple ? 0 : plant->fault_us * miss / leaf->processes;
	cost_ps = PS_PER_S / leaf->phase.touches_per_s + wait_ps;
	leaf->ahead_ps += ns * PS_PER_NS;
	count = min_u64(leaf->ahead_ps / cost_ps, most);
	leaf->ahead_ps = count == most ? 0 : leaf->ahead_ps - count * cost_ps;
	leaf->touches += count;
	leaf->phase_touches += count;
	if (!count)
		return wait_ps > cost_ps / 2 ? ns : 0;
	pages_touch(pages, count, total_of(pages), leaf->phase.in_order);
	leaf->miss_part += count * miss;
	if (leaf->miss_part >= PLANT_ONE_PPM)
		fault_in(plant, leaf, part, leaf->miss_part / PLANT_ONE_PPM, readahead, ns);
	leaf->miss_part %= PLANT_ONE_PPM;
	return min_u64(count * wait_ps / PS_PER_NS, ns);
}

/* ---- files ---- */

/* Pages of the set that were never read come in new; those that were dropped are refaults. */
static uint64_t read_files(struct plant *plant, struct plant_leaf *leaf, uint64_t ns)
{
	struct plant_pages *pages = &leaf->part[PART_FILE_HOT];
	uint64_t count = leaf->phase.reads_per_s * (ns / NS_PER_US) / US_PER_SEC, known, fresh,
		 missed;

	if (!count || !leaf->phase.file_bytes)
		return 0;
	known = total_of(pages);
	fresh = min_u64(sub_sat(leaf->phase.file_bytes, known),
			mul_div(count * PLANT_PAGE, sub_sat(leaf->phase.file_bytes, known),
				leaf->phase.file_bytes));
	fresh = plant_charge(plant, leaf, PART_FILE_HOT, fresh, false);
	if (!known)
		return 0;
	leaf->file_part += count * miss_ppm(pages, false, 1);
	missed = leaf->file_part / PLANT_ONE_PPM;
	leaf->file_part %= PLANT_ONE_PPM;
	pages_touch(pages, count, known + fresh, false);
	if (missed)
		fault_in(plant, leaf, PART_FILE_HOT,
			 (missed + FILE_READAHEAD_PAGES - 1) / FILE_READAHEAD_PAGES,
			 FILE_READAHEAD_PAGES, ns);
	return min_u64(missed / FILE_READAHEAD_PAGES * plant->fault_us * NS_PER_US, ns);
}

static void stream_files(struct plant *plant, struct plant_leaf *leaf, uint64_t ns)
{
	uint64_t bytes = leaf->phase.stream_per_s / US_PER_MS * (ns / NS_PER_US) / US_PER_MS;

	if (bytes)
		plant_charge(plant, leaf, PART_FILE, bytes, false);
}

/* ---- phases ---- */

static void begin_phase(struct plant *plant, struct plant_leaf *leaf)
{
	leaf->phase = leaf->program[leaf->phase_index];
	leaf->phase_began_us = plant->now_us;
	leaf->phase_touches = 0;
}

static void end_phase(struct plant *plant, struct plant_leaf *leaf)
{
	if (++leaf->phase_index < leaf->phase_count) {
		begin_phase(plant, leaf);
		return;
	}
	plant_exit_leaf(plant, leaf);
}

static bool phase_is_over(const struct plant *plant, const struct plant_leaf *leaf, bool grown)
{
	const struct plant_phase *phase = &leaf->phase;

	if (!leaf->program)
		return false;
	if (phase->us)
		return phase->us != PLANT_FOREVER &&
		       plant->now_us + PLANT_STEP_US - leaf->phase_began_us >= phase->us;
	return phase->touches ? leaf->phase_touches >= phase->touches : grown;
}

static void fork_some(struct plant_leaf *leaf)
{
	if (leaf->processes < leaf->phase.processes)
		leaf->processes = (uint32_t)min_u64(leaf->processes * 2ULL, leaf->phase.processes);
}

/* Returns what of ns the leaf waited. */
static uint64_t run_phase(struct plant *plant, struct plant_leaf *leaf, uint64_t ns)
{
	uint64_t most = leaf->phase.touches ? leaf->phase.touches - leaf->phase_touches : PLANT_ALL;
	uint64_t waited;
	bool grown;

	fork_some(leaf);
	cut_hot_set(plant, leaf);
	grown = grow(plant, leaf, ns);
	waited = touch(plant, leaf, ns, most);
	waited += read_files(plant, leaf, ns);
	stream_files(plant, leaf, ns);
	if (leaf->populated && phase_is_over(plant, leaf, grown))
		end_phase(plant, leaf);
	return min_u64(waited, ns);
}

static bool is_idle(const struct plant_leaf *leaf)
{
	const struct plant_phase *phase = &leaf->phase;

	return !leaf->program && !leaf->debt_ns && !phase->touches_per_s && !phase->reads_per_s &&
	       !phase->stream_per_s && leaf->processes >= phase->processes &&
	       leaf->hot_bytes == phase->hot_bytes &&
	       (!phase->grow_per_s || leaf->resident_bytes + leaf->swapped_bytes ==
					      phase->target_bytes * leaf->processes);
}

static void note_stall(struct plant *plant, struct plant_leaf *leaf, uint64_t ns)
{
	struct plant_component *c = &plant->component[leaf->component];

	leaf->stalled_us += ns / NS_PER_US;
	c->worst_ns = max_u64(c->worst_ns, ns);
	c->least_ns = c->running ? min_u64(c->least_ns, ns) : ns;
	c->running++;
	if (ns && leaf->component == plant->protected_component && !plant->counts.first_stall_us)
		plant->counts.first_stall_us = plant->now_us;
}

/* The worker that reads it back, as fast as the device goes and while there is room. */
static void page_in(struct plant *plant, struct plant_leaf *leaf)
{
	uint64_t step = plant->swap_bytes_per_s / (US_PER_SEC / PLANT_STEP_US);

	if (plant->swap_backlog_ns >= PLANT_STEP_NS)
		return;
	for (enum plant_part part = PART_HOT; part <= PART_REST && step; part++) {
		uint64_t bytes = min_u64(step, leaf->part[part].out), debt_ns = leaf->debt_ns;

		if (bytes > plant_free(plant))
			return;
		bytes = plant_charge(plant, leaf, part, bytes, true);
		leaf->debt_ns = debt_ns;
		plant->swap_backlog_ns +=
			bytes * NS_PER_US / (plant->swap_bytes_per_s / US_PER_SEC);
		step -= min_u64(bytes, step);
	}
	if (leaf->part[PART_HOT].out + leaf->part[PART_REST].out)
		return;
	leaf->paging_in = false;
	outcomes_paged_in(plant, leaf);
	leaf->page_in_ended_us = plant->now_us + PLANT_STEP_US;
}

/* For what the other owes it, which is no stall of memory. */
static bool waits_for_other(const struct plant *plant, struct plant_leaf *leaf)
{
	uint64_t waits_us;

	if (!leaf->depends_on || !leaf->depends_on->populated ||
	    !is_stopped(plant, leaf->depends_on)) {
		leaf->without_us = 0;
		return false;
	}
	leaf->without_us += PLANT_STEP_US;
	waits_us = sub_sat(leaf->without_us, leaf->alone_us);
	leaf->longest_wait_us = max_u64(leaf->longest_wait_us, waits_us);
	return waits_us > 0;
}

void program_step(struct plant *plant, struct plant_leaf *leaf)
{
	uint64_t paid;

	if (leaf->paging_in)
		page_in(plant, leaf);
	if (is_stopped(plant, leaf) || is_idle(leaf) || waits_for_other(plant, leaf))
		return;
	paid = pay_debt(leaf);
	if (paid < PLANT_STEP_NS)
		paid += run_phase(plant, leaf, PLANT_STEP_NS - paid);
	leaf->cpu_us += (PLANT_STEP_NS - min_u64(paid, PLANT_STEP_NS)) / NS_PER_US;
	note_stall(plant, leaf, paid);
}
