/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated machine in steps of 10 ms around policy_step: plans are carried out, frames are made
 * of what came of them. Leaves run programs over memory that has hot and cold parts, ages as the
 * multi-generational LRU has it, goes out to a swap device of given speed and is missed there.
 * Deterministic, in integers; nothing is allocated while it runs. How far it is from measured
 * kernels stands in test_plant.c. Not in it: kswapd, huge pages, compressed swap, several nodes;
 * slots of pages that came back are free at once.
 */
#ifndef UW_PLANT_PLANT_H
#define UW_PLANT_PLANT_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"
#include "user/policy/step.h"

#define PLANT_STEP_US     10000ULL
#define PLANT_STEP_NS     (PLANT_STEP_US * 1000)
#define PLANT_PAGE        4096ULL
#define PLANT_LEAVES_MAX  64
#define PLANT_GENERATIONS 4 /* of the multi-generational LRU; 0 is the youngest */
#define PLANT_ONE_PPM     1000000ULL
#define PLANT_FOREVER     UINT64_MAX
#define PLANT_ALL         UINT64_MAX

/* What the pages of a leaf are, by what the program does with them. */
enum plant_part {
	PART_HOT,      /* anonymous, touched by the present phase */
	PART_REST,     /* anonymous, not touched */
	PART_SHARED,   /* shared memory, touched when the phase is about it; swaps as anonymous */
	PART_LOCKED,   /* mlock: never taken */
	PART_FILE_HOT, /* file pages that are read again and again */
	PART_FILE,     /* file pages that were read once */
	PART__COUNT
};

struct plant_pages {
	uint64_t in[PLANT_GENERATIONS];   /* resident bytes */
	uint32_t seen[PLANT_GENERATIONS]; /* share in ppm touched since the last scan of it */
	uint64_t resident, out;           /* sum of in; in swap, or dropped and read again */
};

/*
 * What a leaf does until the phase ends: when its touches are done, or target is reached where
 * there are none, or after us. All of it at once; what is 0 does not happen. After the last phase
 * the leaf exits.
 */
struct plant_phase {
	uint64_t target_bytes, grow_per_s; /* grows or shrinks to it, of one process */
	uint64_t hot_bytes, touches_per_s; /* of its anonymous memory, 4 KiB each */
	uint64_t touches;                  /* the work */
	bool in_order;                     /* sweeps the hot set; else uniform */
	bool shared;                       /* target and touches are of shared memory */
	uint64_t lock_bytes;               /* mlock of so much */
	uint64_t file_bytes, reads_per_s;  /* reads a set of files, uniform, in pages */
	uint64_t stream_per_s;             /* reads files once, bytes */
	uint32_t processes;                /* forks up to so many, doubling every step */
	uint64_t us;                       /* lasts no longer; PLANT_FOREVER, or 0: until done */
};

struct plant_leaf {
	uint64_t cgid;
	uint32_t component;
	bool populated, frozen, thrown_out;
	uint64_t born_us, ended_us, frozen_us, freeze_done_us;

	uint64_t resident_bytes, swapped_bytes, cache_bytes; /* sums of part */
	uint64_t min_bytes, low_bytes;
	struct plant_pages part[PART__COUNT];
	uint64_t hot_bytes;                    /* what HOT was cut to */
	uint64_t aged;                         /* how often */
	uint64_t looked_us[PLANT_GENERATIONS]; /* by the last agings, the latest first */

	const struct plant_phase *program; /* of the caller; NULL: phase for ever */
	uint32_t phase_count, phase_index, processes;
	struct plant_phase phase; /* the present one; may be changed between runs */
	uint64_t phase_began_us, phase_touches;

	uint64_t touches; /* done in all */
	uint64_t faults;  /* waits for a page that was out */
	uint64_t refault_anon, refault_file;
	uint64_t stalled_us;
	uint64_t debt_ns;             /* it waits for so long before it goes on */
	uint64_t ahead_ps, miss_part; /* of a touch, of a fault */
	uint64_t file_part;
	bool killed;
	bool simple; /* memory takes it no time and over high it creeps: for limits alone */
	bool paging_in;
	struct action page_in;               /* that asked for it; id 0: none did */
	const struct plant_leaf *depends_on; /* while that stands still its work stops, */
	uint64_t alone_us;                   /* after it has gone on by itself for so long */
	bool by_lock;                        /* and it waits for a lock of it; else unseen */
	uint64_t without_us, longest_wait_us;
	uint64_t cpu_us;
	uint64_t page_in_began_us, page_in_ended_us;
};

struct plant_component {
	uint64_t current_bytes, swapped_bytes;
	uint64_t min_bytes, low_bytes, high_bytes;
	uint64_t mark_bytes;
	bool mark_armed;
	uint64_t stall_some_us, stall_full_us;
	uint64_t worst_ns, least_ns; /* stalls of this step */
	uint32_t running;            /* leaves that ran in this step */
	uint64_t ev_high, ev_oom_kill;
	uint64_t pgscan, pgsteal, refault_anon, refault_file; /* pages */
	bool lowering;                                        /* a write of memory.high reclaims */
	/* one reclaim at a time */
	struct action reclaim;
	bool reclaiming;
	uint64_t reclaim_began_us, reclaimed_bytes;
};

struct plant_counts {
	uint64_t actions[ACTION__COUNT]; /* but those of breaths */
	uint64_t dropped;                /* actions, of plans that were full */
	uint64_t outcomes_lost;          /* of more than a frame has room for */
	uint64_t oom, oom_pool;          /* by the host, at memory.max of the pool */
	uint64_t oom_early;              /* of both, while swap would have held more */
	uint64_t frames, urgent_frames;
	uint64_t lowered_under_growth; /* memory.high lowered below use of an active component
					* that may be frozen instead */
	uint64_t second_reclaim;       /* a reclaim begun beside one that was outstanding */
	uint64_t longest_freeze_us;
	uint64_t first_freeze_us, first_stall_us;
	uint64_t swapped_out_bytes, swapped_in_bytes;
	uint64_t agings, aging_us; /* that were asked for, and the CPU time of these */
	uint64_t plan_hash;
};

struct plant {
	struct config config;
	bool without_policy; /* the kernel alone */
	bool without_ages;   /* the kernel tells none */
	uint64_t now_us, next_full_us;
	uint64_t total_bytes, system_bytes, swap_bytes;
	uint64_t pool_max_bytes;                        /* memory.max of the pool */
	uint64_t reclaim_per_s;                         /* one reclaimer's pace */
	uint64_t swap_bytes_per_s, swap_iops, fault_us; /* the swap device */
	uint64_t pool_bytes, swapped_bytes;             /* in use */
	uint64_t swap_backlog_ns;                       /* work that the device has queued */
	uint64_t stall_some_us, stall_full_us;
	uint32_t protected_component; /* whose first stall is noted */
	struct plant_component component[UW_COMPONENTS_MAX];
	uint32_t leaf_count;
	struct plant_leaf leaf[PLANT_LEAVES_MAX];
	struct policy_state *state;
	struct frame *frame;
	struct ages *ages;
	uint64_t ages_next_us; /* the next reading of them */
	struct plan plan;
	struct outcome outcome[FRAME_OUTCOMES_MAX];
	uint32_t outcome_count;
	bool worker_is_done; /* a reclaim or a page-in has ended, which wakes the loop */
	struct plant_counts counts;
	/* called before and after each step of the policy, and for each action but marks */
	void (*before)(struct plant *plant);
	void (*check)(struct plant *plant);
	void (*acted)(const struct plant *plant, const struct action *action);
	void *data; /* the caller's */
};

/* A machine with an empty configuration and the defaults of the policy. 0 or -ENOMEM; plant_done
 * in either case. */
int plant_init(struct plant *plant, uint64_t total_bytes, uint64_t system_bytes,
	       uint64_t swap_bytes);
void plant_done(struct plant *plant);

/* Adds a component; call plant_start after the last one. Returns its index. */
uint32_t plant_add_component(struct plant *plant, const char *name, uint32_t share_permyriad,
			     uint32_t priority, enum protect protect);

/* Limits are set as uwd sets them at its start; without_policy: there are none. -EINVAL where the
 * budgets do not fit. */
int plant_start(struct plant *plant, uint64_t usable_bytes);

/* Adds a running leaf that holds bytes already, untouched; phase is what it does, for ever. NULL
 * when there are PLANT_LEAVES_MAX. */
struct plant_leaf *plant_add_leaf(struct plant *plant, uint32_t component, uint64_t bytes);

/* Adds a leaf that holds nothing and runs count phases, which stay the caller's, then exits; or
 * NULL, as above. */
struct plant_leaf *plant_add_job(struct plant *plant, uint32_t component,
				 const struct plant_phase *program, uint32_t count);

/* File pages that were read once, as far as memory is free. */
void plant_add_cache(struct plant *plant, struct plant_leaf *leaf, uint64_t bytes);

/* From now on it sweeps all that it has at the rate at which it grows. */
void plant_sweep(struct plant_leaf *leaf);

void plant_exit_leaf(struct plant *plant, struct plant_leaf *leaf);

/* Lets us pass. */
void plant_run(struct plant *plant, uint64_t us);

/* Lets time pass until the leaf ended, but at most us. Returns whether it ended. */
bool plant_run_until_end(struct plant *plant, const struct plant_leaf *leaf, uint64_t us);

/* What the kernel offers: one aging of a leaf (lru_gen "+"); eviction of its oldest generation
 * (lru_gen "-"), which returns the bytes freed; and page-in of its private anonymous memory as a
 * whole (process_madvise MADV_WILLNEED), which takes its time. */
void plant_age(struct plant_leaf *leaf, uint64_t now_us);
uint64_t plant_evict_oldest(struct plant *plant, struct plant_leaf *leaf);
void plant_page_in(struct plant *plant, struct plant_leaf *leaf);

/* Resident bytes of a generation, 0 the youngest; files or anonymous. */
uint64_t plant_generation(const struct plant_leaf *leaf, uint32_t generation, bool file);

uint64_t plant_current(const struct plant *plant, uint32_t component);
uint64_t plant_swapped(const struct plant *plant, uint32_t component);
uint64_t plant_free(const struct plant *plant);
uint64_t plant_available(const struct plant *plant);
uint64_t plant_swap_free(const struct plant *plant);

#endif
