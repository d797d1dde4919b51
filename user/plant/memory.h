/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the plant: pages of a leaf (pages.c), reclaim over leaves and charges
 * (reclaim.c), what leaves do (program.c), plans (actions.c) and frames
 * (frame.c) with ages (ages.c). Tests go by plant.h.
 */
#ifndef UW_PLANT_MEMORY_H
#define UW_PLANT_MEMORY_H

#include "user/plant/plant.h"

/* ---- pages.c: each call keeps the sums of leaf, component and plant ---- */

static inline bool part_is_file(enum plant_part part)
{
	return part >= PART_FILE_HOT;
}

static inline uint64_t leaf_current(const struct plant_leaf *leaf)
{
	return leaf->resident_bytes + leaf->cache_bytes;
}

/* New pages: touched just now and youngest, but files that were read once, which come in oldest. */
void pages_add(struct plant *plant, struct plant_leaf *leaf, enum plant_part part, uint64_t bytes);

/* Of what is out, so much comes back as youngest. At most what is out; seen as it is touched. */
void pages_return(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		  uint64_t bytes, bool touched);

/* Given back to the system, resident ones first. Returns how much. */
uint64_t pages_free(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		    uint64_t bytes);

/* Pages change their part, evenly of all generations and of those that are out. */
void pages_relabel(struct plant *plant, struct plant_leaf *leaf, enum plant_part from,
		   enum plant_part to, uint64_t bytes);

/* count touches fell on these pages, which with those that are out are all_bytes. */
void pages_touch(struct plant_pages *pages, uint64_t count, uint64_t all_bytes, bool in_order);

/* What a scan may take, as swappiness= of memory.reclaim has it. */
enum kinds {
	KINDS_BOTH,
	KINDS_FILE,       /* 0 */
	KINDS_ANON_FIRST, /* 200: files when nothing anonymous is left */
};

/* What a scan cost and brought, summed over calls. */
struct effort {
	uint64_t scanned, stolen, written; /* bytes; written to swap */
	uint64_t aged;                     /* bytes that an aging walked over */
	uint64_t swap_ns;                  /* of the device */
	uint64_t most; /* stolen: as much ends it (mm/vmscan.c, should_abort_scan) */
};

/*
 * Looks at scan bytes of the leaf's two oldest generations, files first unless kinds says
 * otherwise: what was touched since the last look goes to the youngest, the rest out. Where these
 * generations hold nothing that can go, it may age the leaf.
 */
void pages_scan(struct plant *plant, struct plant_leaf *leaf, uint64_t scan, enum kinds kinds,
		bool may_age, struct effort *effort);

/* What could go at all. */
uint64_t pages_evictable(const struct plant_leaf *leaf, bool anon);

/* ---- reclaim.c ---- */

struct claim {
	uint64_t bytes;
	enum kinds kinds;
	bool exact;              /* as memory.reclaim: ends when so much is taken */
	uint32_t component;      /* or COMPONENT_NONE: all of them, a protection bars */
	struct plant_leaf *leaf; /* or NULL */
};

/* Reclaims at once and says what it took; the caller lets the time pass. */
void plant_reclaim(struct plant *plant, const struct claim *claim, struct effort *ret_effort);

/*
 * bytes more of part for the leaf, of those that are out (back) or new. Reclaim at the limits and
 * what the kernel makes the task wait are added to its debt. Returns what it got: less when the
 * step's time is used up or a victim was chosen.
 */
uint64_t plant_charge(struct plant *plant, struct plant_leaf *leaf, enum plant_part part,
		      uint64_t bytes, bool back);

/* The sleep on return to user space of who charged bytes while its group is over high. */
uint64_t plant_throttle_us(uint64_t usage_bytes, uint64_t high_bytes, uint64_t charged_bytes);

/* The reclaims of plans and of lowered limits, one step. */
void plant_reclaim_step(struct plant *plant);

/* ---- program.c ---- */
void program_step(struct plant *plant, struct plant_leaf *leaf);

/* ---- actions.c ---- */
void actions_do(struct plant *plant);

/* ---- outcomes.c ---- */
struct outcome *outcomes_add(struct plant *plant, const struct action *action,
			     enum outcome_result result, uint64_t done, uint64_t began_us);
/* A page-in has ended. */
void outcomes_paged_in(struct plant *plant, struct plant_leaf *leaf);

/* ---- ages.c ---- */

/* Has the ages read that the last plan wants, and pages aged, as the thread of sense does. */
void ages_step(struct plant *plant);
struct ages_sample ages_of(const struct plant *plant, const struct plant_leaf *leaf);

/* ---- frame.c ---- */
void frame_make(struct plant *plant, bool full);

/* Takes marks that were reached and makes events of them. */
bool frame_take_marks(struct plant *plant);

/* Bytes of files that memory.stat counts as inactive. */
uint64_t frame_inactive_files(const struct plant_leaf *leaf);

#endif
