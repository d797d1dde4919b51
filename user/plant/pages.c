// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of one leaf: bytes of each part and generation, and those that are out. Aging opens a
 * new generation for what was touched since the last scan, as the multi-generational LRU does; a
 * scan for reclaim takes the two oldest generations and gives what was touched a new life. How hot
 * pages differ from cold ones is known only by the touched share of each generation, so aging is
 * as good as its last scan.
 */
#include "user/plant/memory.h"

#include "user/base/clock.h"
#include "user/policy/num.h"

#define OLDEST (PLANT_GENERATIONS - 1)
/* MIN_NR_GENS of include/linux/mmzone.h: the two youngest generations are not evicted. */
#define EVICTED_FROM 2

static void account(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		    int64_t resident, int64_t out)
{
	struct plant_component *c = &plant->component[leaf->component];
	struct plant_pages *pages = &leaf->part[part];

	pages->resident += (uint64_t)resident;
	pages->out += (uint64_t)out;
	c->current_bytes += (uint64_t)resident;
	plant->pool_bytes += (uint64_t)resident;
	if (part_is_file(part)) {
		leaf->cache_bytes += (uint64_t)resident;
		return;
	}
	leaf->resident_bytes += (uint64_t)resident;
	leaf->swapped_bytes += (uint64_t)out;
	c->swapped_bytes += (uint64_t)out;
	plant->swapped_bytes += (uint64_t)out;
}

/* bytes come into a generation; seen is the share of them that was touched since. */
static void put(struct plant_pages *pages, uint32_t generation, uint64_t bytes, uint32_t seen)
{
	uint64_t before = pages->in[generation];

	if (!bytes)
		return;
	pages->in[generation] = before + bytes;
	pages->seen[generation] = (uint32_t)((before / PLANT_PAGE * pages->seen[generation] +
					      bytes / PLANT_PAGE * seen) /
					     max_u64((before + bytes) / PLANT_PAGE, 1));
	if (pages->seen[generation] > PLANT_ONE_PPM)
		pages->seen[generation] = PLANT_ONE_PPM;
}

void pages_add(struct plant *plant, struct plant_leaf *leaf, enum plant_part part, uint64_t bytes)
{
	if (part == PART_FILE)
		put(&leaf->part[part], OLDEST, bytes, 0);
	else
		put(&leaf->part[part], 0, bytes, PLANT_ONE_PPM);
	account(plant, leaf, part, (int64_t)bytes, 0);
}

void pages_return(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		  uint64_t bytes, bool touched)
{
	put(&leaf->part[part], 0, bytes, touched ? PLANT_ONE_PPM : 0);
	account(plant, leaf, part, (int64_t)bytes, -(int64_t)bytes);
	if (!part_is_file(part))
		plant->counts.swapped_in_bytes += bytes;
}

uint64_t pages_free(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		    uint64_t bytes)
{
	struct plant_pages *pages = &leaf->part[part];
	uint64_t left = bytes, out;

	for (uint32_t g = 0; g < PLANT_GENERATIONS && left; g++) {
		uint64_t some = min_u64(left, pages->in[g]);

		pages->in[g] -= some;
		left -= some;
	}
	out = min_u64(left, pages->out);
	account(plant, leaf, part, -(int64_t)(bytes - left), -(int64_t)out);
	return bytes - left + out;
}

void pages_relabel(struct plant *plant, struct plant_leaf *leaf, enum plant_part from,
		   enum plant_part to, uint64_t bytes)
{
	struct plant_pages *a = &leaf->part[from], *b = &leaf->part[to];
	uint64_t all = a->resident + a->out, resident = 0, out;

	bytes = min_u64(bytes, all);
	if (!bytes)
		return;
	for (uint32_t g = 0; g < PLANT_GENERATIONS; g++) {
		uint64_t some = min_u64(mul_div(a->in[g], bytes, all), a->in[g]);

		a->in[g] -= some;
		put(b, g, some, a->seen[g]);
		resident += some;
	}
	out = min_u64(mul_div(a->out, bytes, all), a->out);
	account(plant, leaf, from, -(int64_t)resident, -(int64_t)out);
	account(plant, leaf, to, (int64_t)resident, (int64_t)out);
}

void pages_touch(struct plant_pages *pages, uint64_t count, uint64_t all_bytes, bool in_order)
{
	uint64_t share = min_u64(count * PLANT_PAGE * PLANT_ONE_PPM / all_bytes, PLANT_ONE_PPM);

	for (uint32_t g = 0; g < PLANT_GENERATIONS; g++) {
		uint64_t seen = pages->seen[g], left = PLANT_ONE_PPM - seen;

		if (!pages->in[g] || !left)
			continue;
		seen += in_order ? min_u64(share, left) : left * share / PLANT_ONE_PPM;
		pages->seen[g] = (uint32_t)seen;
	}
}

/* A new youngest generation holds what was touched since the last scan; the rest moves up by one.
 */
static void age_pages(struct plant_pages *pages)
{
	uint64_t young = 0, stays, above = 0;

	if (!pages->resident)
		return;
	for (uint32_t g = 0; g < PLANT_GENERATIONS; g++) {
		uint64_t touched = pages->in[g] / PLANT_ONE_PPM * pages->seen[g] +
				   pages->in[g] % PLANT_ONE_PPM * pages->seen[g] / PLANT_ONE_PPM;

		stays = pages->in[g] - touched;
		young += touched;
		pages->in[g] = above;
		pages->seen[g] = 0;
		above = stays;
	}
	pages->in[OLDEST] += above;
	pages->in[0] = young;
}

void plant_age(struct plant_leaf *leaf, uint64_t now_us)
{
	for (enum plant_part part = 0; part < PART__COUNT; part++)
		age_pages(&leaf->part[part]);
	for (uint32_t g = OLDEST; g > 0; g--)
		leaf->looked_us[g] = leaf->looked_us[g - 1];
	leaf->looked_us[0] = now_us;
	leaf->aged++;
}

uint64_t plant_generation(const struct plant_leaf *leaf, uint32_t generation, bool file)
{
	uint64_t sum = 0;

	if (file && !leaf->cache_bytes)
		return 0;
	for (enum plant_part part = 0; part < PART__COUNT; part++)
		if (part != PART_LOCKED && part_is_file(part) == file)
			sum += leaf->part[part].in[generation];
	return sum;
}

uint64_t pages_evictable(const struct plant_leaf *leaf, bool anon)
{
	return leaf->cache_bytes +
	       (anon ? leaf->resident_bytes - leaf->part[PART_LOCKED].resident : 0);
}

/* Pages in use come out of a scan one here and one there, and are written so; what stands still or
 * is cold goes in one piece. */
static uint64_t write_ns(const struct plant *plant, const struct plant_leaf *leaf,
			 enum plant_part part, uint64_t bytes)
{
	bool in_use = part == PART_HOT && !leaf->frozen;

	if (in_use)
		return bytes / PLANT_PAGE * NS_PER_US * US_PER_SEC / plant->swap_iops;
	return bytes * NS_PER_US / (plant->swap_bytes_per_s / US_PER_SEC);
}

/* scan bytes of one part and generation: those touched go to the youngest, the others out. */
static void scan_part(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		      uint32_t generation, uint64_t scan, struct effort *effort)
{
	struct plant_pages *pages = &leaf->part[part];
	bool file = part_is_file(part);
	uint64_t rotated, stolen;

	scan = min_u64(scan, pages->in[generation]);
	rotated = scan / PLANT_PAGE * pages->seen[generation] / PLANT_ONE_PPM * PLANT_PAGE;
	stolen = min_u64(scan - rotated, sub_sat(effort->most, effort->stolen));
	if (!file)
		stolen = min_u64(stolen, plant_swap_free(plant));
	pages->in[generation] -= rotated + stolen;
	put(pages, 0, rotated, 0);
	account(plant, leaf, part, -(int64_t)stolen, part == PART_FILE ? 0 : (int64_t)stolen);
	effort->scanned += scan;
	effort->stolen += stolen;
	if (file)
		return;
	effort->written += stolen;
	effort->swap_ns += write_ns(plant, leaf, part, stolen);
	plant->counts.swapped_out_bytes += stolen;
}

/* Parts of one kind share a scan by what they have in the generation: nobody tells them apart. */
static uint64_t scan_kind(struct plant *plant, struct plant_leaf *leaf, bool file,
			  uint32_t generation, uint64_t scan, struct effort *effort)
{
	uint64_t there = plant_generation(leaf, generation, file), before = effort->scanned;

	scan = min_u64(scan, there);
	for (enum plant_part part = 0; part < PART__COUNT && scan; part++)
		if (part != PART_LOCKED && part_is_file(part) == file &&
		    leaf->part[part].in[generation])
			scan_part(plant, leaf, part, generation,
				  scan == there
					  ? scan
					  : mul_div(scan, leaf->part[part].in[generation], there),
				  effort);
	return effort->scanned - before;
}

static uint64_t scan_anon(struct plant *plant, struct plant_leaf *leaf, uint64_t scan,
			  struct effort *effort)
{
	uint64_t left = scan;

	for (uint32_t g = OLDEST; g >= EVICTED_FROM && left; g--)
		left -= scan_kind(plant, leaf, false, g, left, effort);
	return scan - left;
}

static uint64_t scan_old(struct plant *plant, struct plant_leaf *leaf, uint64_t scan,
			 enum kinds kinds, struct effort *effort)
{
	uint64_t left = scan;

	if (kinds == KINDS_ANON_FIRST)
		left -= scan_anon(plant, leaf, left, effort);
	for (uint32_t g = OLDEST; g >= EVICTED_FROM && left; g--) {
		if (leaf->cache_bytes)
			left -= scan_kind(plant, leaf, true, g, left, effort);
		if (kinds == KINDS_BOTH && left)
			left -= scan_kind(plant, leaf, false, g, left, effort);
	}
	return scan - left;
}

void pages_scan(struct plant *plant, struct plant_leaf *leaf, uint64_t scan, enum kinds kinds,
		bool may_age, struct effort *effort)
{
	if (scan_old(plant, leaf, scan, kinds, effort) || !may_age)
		return;
	plant_age(leaf, plant->now_us);
	effort->aged += leaf_current(leaf);
	scan_old(plant, leaf, scan, kinds, effort);
}

uint64_t plant_evict_oldest(struct plant *plant, struct plant_leaf *leaf)
{
	struct effort effort = {.most = PLANT_ALL};

	scan_kind(plant, leaf, true, OLDEST, PLANT_ALL, &effort);
	scan_kind(plant, leaf, false, OLDEST, PLANT_ALL, &effort);
	plant->swap_backlog_ns += effort.swap_ns;
	return effort.stolen;
}
