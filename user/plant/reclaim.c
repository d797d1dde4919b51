// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reclaim over the leaves of a component or of all, and what a charge costs: reclaim at
 * memory.high, at memory.max of the pool and when the host has nothing free, the sleep of who is
 * over memory.high, and a victim where nothing more can go. A reclaim moves its bytes at once and
 * its time is owed by the one who asked: the task that charged, or the worker that pauses.
 */
#include "user/plant/memory.h"

#include "user/base/clock.h"
#include "user/policy/num.h"

/* MEMCG_CHARGE_BATCH of 64 pages: what is charged between two looks at memory.high. */
#define SWAP_FULL_PART 64 /* clusters that are not whole are left */
#define BATCH_BYTES    (64 * PLANT_PAGE)
/* What one return to user space reclaims at most: the kernel goes on while there is progress. */
#define DIRECT_MAX (16 * MIB)
/* Free pages that are not given out: min_free_kbytes is 4 * sqrt(lowmem KiB), 4.4 MiB of 1217. */
#define WATERMARK_DIVISOR 256
/* Without swap a group over memory.high grew by 0.5 MB/s; of the simple leaf. */
#define CREEP_PER_STEP (MIB / 2 / (US_PER_SEC / PLANT_STEP_US))
/* Rounds of doubling effort, as many as DEF_PRIORITY of mm/vmscan.c. */
#define ROUNDS     12
#define AGING_FROM 1
/* 120 to 350 instructions a page on 6.1 to 7.x, by instruction count; one a nanosecond. */
#define LOOK_NS_PER_PAGE 250

/* mem_cgroup_handle_over_high: 2^20 of precision, 2^14 of scaling, HZ = 1000, nothing under 10 ms,
 * 2 s at most. 159 ms at 5 % over, 639 ms at 10 %, 2 s from 18 %. */
#define THROTTLE_PRECISION  20
#define THROTTLE_SCALE      14
#define THROTTLE_LEAST_US   (10 * US_PER_MS)
#define THROTTLE_MOST_US    (2 * US_PER_SEC)
#define THROTTLE_SHARE_MOST (1U << THROTTLE_PRECISION)

uint64_t plant_throttle_us(uint64_t usage_bytes, uint64_t high_bytes, uint64_t charged_bytes)
{
	uint64_t over = sub_sat(usage_bytes, high_bytes), share, us;

	if (!over)
		return 0;
	share = mul_div(over, 1U << THROTTLE_PRECISION, max_u64(high_bytes, PLANT_PAGE));
	share = min_u64(share, THROTTLE_SHARE_MOST);
	us = ((share * share * 1000) >> THROTTLE_PRECISION >> THROTTLE_SCALE) * US_PER_MS;
	us = us * min_u64(charged_bytes, BATCH_BYTES) / BATCH_BYTES;
	return us <= THROTTLE_LEAST_US ? 0 : min_u64(us, THROTTLE_MOST_US);
}

/* ---- who may be taken from ---- */

static uint64_t protection_of(const struct plant_component *c, bool low_too)
{
	return low_too ? max_u64(c->min_bytes, c->low_bytes) : c->min_bytes;
}

static uint64_t leaf_protection(const struct plant_leaf *leaf, bool low_too)
{
	return low_too ? max_u64(leaf->min_bytes, leaf->low_bytes) : leaf->min_bytes;
}

/*
 * In a reclaim of its own group a leaf keeps what it was given itself. In one of all, its group's
 * protection bounds it, and what the leaves do not claim is theirs by use (memory_recursiveprot).
 */
static uint64_t kept_by(const struct plant *plant, const struct claim *claim,
			const struct plant_leaf *leaf, bool low_too)
{
	const struct plant_component *c = &plant->component[leaf->component];
	uint64_t own = leaf_protection(leaf, low_too), whole;

	if (claim->leaf)
		return 0;
	if (claim->component != COMPONENT_NONE)
		return own;
	whole = protection_of(c, low_too);
	if (!whole)
		return 0;
	if (whole >= c->current_bytes)
		return PLANT_ALL;
	return max_u64(min_u64(own, whole), mul_div(leaf_current(leaf), whole, c->current_bytes));
}

static uint64_t spare_of(const struct plant *plant, const struct claim *claim,
			 const struct plant_leaf *leaf, bool low_too)
{
	bool anon = claim->kinds != KINDS_FILE && plant_swap_free(plant) >= PLANT_PAGE;
	uint64_t current = leaf_current(leaf);

	if (claim->leaf ? leaf != claim->leaf
			: claim->component != COMPONENT_NONE && leaf->component != claim->component)
		return 0;
	if (!current)
		return 0;
	return min_u64(sub_sat(current, kept_by(plant, claim, leaf, low_too)),
		       pages_evictable(leaf, anon));
}

/* ---- taking ---- */

static void scan_leaf(struct plant *plant, struct plant_leaf *leaf, uint64_t scan, enum kinds kinds,
		      bool may_age, struct effort *effort)
{
	struct plant_component *c = &plant->component[leaf->component];
	uint64_t scanned = effort->scanned, stolen = effort->stolen;

	pages_scan(plant, leaf, scan, plant_swap_free(plant) >= PLANT_PAGE ? kinds : KINDS_FILE,
		   may_age, effort);
	c->pgscan += (effort->scanned - scanned) / PLANT_PAGE;
	c->pgsteal += (effort->stolen - stolen) / PLANT_PAGE;
}

/* While files that were read once are enough, hardly anybody is aged for more. */
static bool may_age(const struct claim *claim, uint32_t round, uint64_t read_once)
{
	return round >= (read_once >= claim->bytes ? AGING_FROM + 1 : AGING_FROM);
}

/*
 * Each leaf is scanned by what it has to spare, as the kernel does it, not the coldest first. The
 * first round takes from whoever has old pages and ages nobody (get_nr_to_scan in mm/vmscan.c).
 */
static bool take_round(struct plant *plant, const struct claim *claim, uint32_t round, bool low_too,
		       struct effort *effort)
{
	uint64_t spare[PLANT_LEAVES_MAX], sum = 0, want = claim->bytes - effort->stolen, once = 0;
	uint32_t leaves = plant->leaf_count;

	for (uint32_t i = 0; i < leaves; i++) {
		spare[i] = spare_of(plant, claim, &plant->leaf[i], low_too);
		sum += spare[i];
		once += spare[i] ? plant->leaf[i].part[PART_FILE].resident : 0;
	}
	if (sum < PLANT_PAGE)
		return false;
	for (uint32_t i = 0; i < leaves && effort->stolen < claim->bytes; i++) {
		uint64_t scan = max_u64(mul_div(want << round, spare[i], sum), PLANT_PAGE);

		if (spare[i])
			scan_leaf(plant, &plant->leaf[i], min_u64(scan, spare[i]), claim->kinds,
				  may_age(claim, round, once), effort);
	}
	return true;
}

void plant_reclaim(struct plant *plant, const struct claim *claim, struct effort *ret_effort)
{
	*ret_effort = (struct effort){.most = claim->exact ? claim->bytes : PLANT_ALL};
	for (int low_too = 1; low_too >= 0; low_too--)
		for (uint32_t round = 0; round < ROUNDS && ret_effort->stolen < claim->bytes;
		     round++)
			if (!take_round(plant, claim, round, low_too, ret_effort))
				break;
	plant->swap_backlog_ns += ret_effort->swap_ns;
}

/* The task did the work, and waits for what the device has queued, which it has waited for but
 * once. */
static void owe(const struct plant *plant, struct plant_leaf *leaf, const struct effort *effort)
{
	uint64_t looked = (effort->scanned + effort->aged) / PLANT_PAGE * LOOK_NS_PER_PAGE;

	leaf->debt_ns += looked + effort->written * NS_PER_US /
					  max_u64(plant->reclaim_per_s / US_PER_SEC, 1);
	if (effort->written)
		leaf->debt_ns = max_u64(leaf->debt_ns, plant->swap_backlog_ns);
}

/* ---- victims ---- */

static struct plant_leaf *largest_leaf(struct plant *plant)
{
	struct plant_leaf *victim = &plant->leaf[0];

	for (uint32_t i = 1; i < plant->leaf_count; i++)
		if (plant->leaf[i].resident_bytes + plant->leaf[i].swapped_bytes >
		    victim->resident_bytes + victim->swapped_bytes)
			victim = &plant->leaf[i];
	return victim;
}

static void kill_largest(struct plant *plant, uint64_t *count)
{
	struct plant_leaf *victim = largest_leaf(plant);

	(*count)++;
	plant->counts.oom_early += plant_swap_free(plant) > plant->swap_bytes / SWAP_FULL_PART;
	plant->component[victim->component].ev_oom_kill++;
	victim->killed = true;
	plant_exit_leaf(plant, victim);
}

/* ---- charges ---- */

static uint64_t room_of(const struct plant *plant, uint32_t component)
{
	const struct plant_component *c = &plant->component[component];
	uint64_t room = sub_sat(plant_free(plant), plant->total_bytes / WATERMARK_DIVISOR);

	room = min_u64(room, sub_sat(plant->pool_max_bytes, plant->pool_bytes));
	return min_u64(room, sub_sat(c->high_bytes, c->current_bytes));
}

/* The task reclaims by itself and waits for it. Returns what is lacking still. */
static uint64_t reclaim_directly(struct plant *plant, struct plant_leaf *leaf, uint32_t component,
				 uint64_t bytes)
{
	struct claim claim = {.bytes = bytes, .component = component};
	struct effort effort;

	plant_reclaim(plant, &claim, &effort);
	owe(plant, leaf, &effort);
	return sub_sat(bytes, effort.stolen);
}

/* Free memory for bytes more, of the pool and the host; false when a victim was chosen. */
static bool make_room(struct plant *plant, struct plant_leaf *leaf, uint64_t bytes)
{
	uint64_t keep = plant->total_bytes / WATERMARK_DIVISOR, lacking;

	lacking = sub_sat(plant->pool_bytes + bytes, plant->pool_max_bytes);
	if (lacking && reclaim_directly(plant, leaf, COMPONENT_NONE, lacking)) {
		kill_largest(plant, &plant->counts.oom_pool);
		return false;
	}
	lacking = sub_sat(bytes + keep, plant_free(plant));
	if (lacking && reclaim_directly(plant, leaf, COMPONENT_NONE, lacking) > keep) {
		kill_largest(plant, &plant->counts.oom);
		return false;
	}
	return true;
}

static void pay_at_high(struct plant *plant, struct plant_leaf *leaf, uint64_t charged)
{
	struct plant_component *c = &plant->component[leaf->component];
	uint64_t over = sub_sat(c->current_bytes, c->high_bytes);

	if (!over)
		return;
	c->ev_high++;
	reclaim_directly(plant, leaf, leaf->component, min_u64(max_u64(over, charged), DIRECT_MAX));
	leaf->debt_ns += plant_throttle_us(c->current_bytes, c->high_bytes, charged) * NS_PER_US;
}

static void give(struct plant *plant, struct plant_leaf *leaf, enum plant_part part, uint64_t bytes,
		 bool back)
{
	if (back)
		pages_return(plant, leaf, part, bytes, true);
	else
		pages_add(plant, leaf, part, bytes);
}

static uint64_t charge_batches(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
			       uint64_t bytes, bool back)
{
	uint64_t got = 0;

	while (got < bytes && leaf->debt_ns < PLANT_STEP_NS) {
		uint64_t batch = min_u64(bytes - got, BATCH_BYTES);

		if (!make_room(plant, leaf, batch))
			break;
		if (back)
			batch = min_u64(batch, leaf->part[part].out);
		if (!batch)
			break;
		give(plant, leaf, part, batch, back);
		got += batch;
		pay_at_high(plant, leaf, batch);
	}
	return got;
}

/* Over memory.high it gets what reclaim frees at once, or creeps; nothing takes it time. */
static uint64_t charge_simply(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
			      uint64_t bytes, bool back)
{
	struct plant_component *c = &plant->component[leaf->component];
	uint64_t over = sub_sat(c->current_bytes + bytes, c->high_bytes), took;

	over = min_u64(over, bytes);
	if (over) {
		c->ev_high++;
		took = over - reclaim_directly(plant, leaf, leaf->component, over);
		bytes -= over - (took ? took : min_u64(over, CREEP_PER_STEP));
	}
	if (back)
		bytes = min_u64(bytes, leaf->part[part].out);
	if (!make_room(plant, leaf, bytes))
		bytes = 0;
	give(plant, leaf, part, bytes, back);
	leaf->debt_ns = 0;
	return bytes;
}

uint64_t plant_charge(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		      uint64_t bytes, bool back)
{
	if (bytes <= room_of(plant, leaf->component)) {
		give(plant, leaf, part, bytes, back);
		return bytes;
	}
	return leaf->simple ? charge_simply(plant, leaf, part, bytes, back)
			    : charge_batches(plant, leaf, part, bytes, back);
}

/* ---- reclaims of plans ---- */

static uint64_t worker_takes(struct plant *plant, const struct claim *claim)
{
	struct effort effort;

	plant_reclaim(plant, claim, &effort);
	return effort.stolen;
}

static enum kinds kinds_of(int32_t swappiness)
{
	return swappiness == 0 ? KINDS_FILE : swappiness == 200 ? KINDS_ANON_FIRST : KINDS_BOTH;
}

static void reclaim_of_plan(struct plant *plant, struct plant_component *c, uint64_t step)
{
	struct claim claim = {.bytes = min_u64(step, c->reclaim.amount - c->reclaimed_bytes),
			      .kinds = kinds_of(c->reclaim.swappiness),
			      .exact = true,
			      .component = c->reclaim.component};
	uint64_t took;

	for (uint32_t i = 0; c->reclaim.leaf && i < plant->leaf_count; i++)
		if (plant->leaf[i].cgid == c->reclaim.leaf)
			claim.leaf = &plant->leaf[i];
	took = worker_takes(plant, &claim);
	c->reclaimed_bytes += took;
	if (took >= claim.bytes && c->reclaimed_bytes < c->reclaim.amount &&
	    plant->now_us < c->reclaim.deadline_us)
		return;
	c->reclaiming = false;
	outcomes_add(plant, &c->reclaim,
		     c->reclaimed_bytes >= c->reclaim.amount ? OUTCOME_DONE : OUTCOME_SHORT,
		     c->reclaimed_bytes, c->reclaim_began_us);
}

/* What a write of memory.high does before it returns. */
static void reclaim_to_high(struct plant *plant, uint32_t component, uint64_t step)
{
	struct plant_component *c = &plant->component[component];
	uint64_t over = sub_sat(c->current_bytes, c->high_bytes);
	struct claim claim = {.bytes = min_u64(step, over), .component = component};

	c->lowering = over && worker_takes(plant, &claim);
}

void plant_reclaim_step(struct plant *plant)
{
	uint64_t step = plant->reclaim_per_s / (US_PER_SEC / PLANT_STEP_US);

	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		struct plant_component *c = &plant->component[i];

		/* It writes no faster than the device, which others use too. */
		if (plant->swap_backlog_ns >= PLANT_STEP_NS &&
		    plant->now_us < c->reclaim.deadline_us)
			continue;
		if (c->reclaiming)
			reclaim_of_plan(plant, c, step);
		if (c->lowering)
			reclaim_to_high(plant, i, step);
	}
}
