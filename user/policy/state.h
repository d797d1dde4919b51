/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policy remembers between two frames, for its own files only. Fixed size and plain
 * values: equal states are equal bytes. Components stand at their index in the configuration of the
 * last step; leaves are found by cgroup id.
 */
#ifndef UW_POLICY_STATE_H
#define UW_POLICY_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/leaf_index.h"
#include "user/model/plan.h"
#include "user/model/view.h"

#define STALL_HISTORY 64 /* samples at least 90 ms apart: more than 5 s at 10 Hz */
#define FREEZES_KEPT  32 /* freezes of one component that are counted against its budget */
#define ID_NONE       0  /* no action outstanding */

/* ---- signal.c ---- */

struct stall_sample {
	uint64_t at_us, some_us, full_us;
};

struct signal {
	bool seen; /* a usage sample was ever taken */
	uint64_t usage_at_us;
	uint64_t current_bytes, ws_bytes, swap_bytes;
	uint64_t held_bytes; /* current, less files that the kernel drops at once and nobody misses
			      */
	uint64_t step_at_us, step_from_bytes;       /* a sample at least 20 ms old, */
	int64_t step_per_s;                         /* and the growth since then */
	uint64_t charged_at_us, charged_from_bytes; /* the same of current_bytes, files and all, */
	int64_t charged_per_s;                      /* by one at least 200 ms old */
	bool holds_trend; /* what comes back in this frame is not known: neither is what grows */

	uint64_t holt_at_us;
	int64_t holt_bytes, slope_per_s;
	uint64_t rise_from_bytes; /* working set when it began to grow */

	bool stat_seen;
	uint64_t files_counted_bytes; /* of files that would be spare, in held_bytes */
	uint64_t stat_at_us, stat_current_bytes;
	uint64_t cold_bytes; /* inactive file and reclaimable slab: not working set */
	uint64_t inactive_file_bytes, active_file_bytes, anon_bytes, unreclaimable_bytes;
	uint64_t dirty_bytes;     /* of files */
	uint64_t mapped_bytes;    /* of files that are not active */
	uint64_t files_missed_us; /* when files were read again that had been dropped; 0 = never */
	uint64_t files_missed_bytes;    /* how much of that lately, until then */
	uint32_t file_growth_permyriad; /* how much of recent growth was page cache */
	uint64_t rate_at_us, pgscan, pgsteal, refaults, file_refaults, rate_swap_bytes;
	uint64_t refaults_per_s, scans_per_s;
	uint64_t stalled_us;      /* by some task, in all */
	uint32_t steal_permyriad; /* of what was scanned; all when nothing was */

	uint32_t stall_count, stall_next;
	struct stall_sample stall[STALL_HISTORY];
	uint64_t some_permyriad, full_permyriad; /* 2 s and 5 s windows */
	uint64_t full_short_permyriad;           /* 2 s window */
	uint64_t full_since_us;                  /* full has been over 60 % since; 0 = is not */

	bool high_seen;
	uint64_t still_at_us, still_bytes,
		still_ev_high; /* where and when use came to stand still */
	uint64_t high_events_per_s;
};

/* ---- level.c ---- */

struct level_state {
	enum level level;
	uint64_t since_us;
	enum level rising; /* seen once, taken when seen again */
	enum level seen;   /* what the last sample says, without hysteresis */
	uint64_t calm_since_us;
	uint64_t use_permyriad; /* of the last sample */
	uint8_t forecast_hits;  /* the last three samples, newest in bit 0 */
	uint64_t emergency_since_us;
	struct why why;      /* what set the level */
	struct why seen_why; /* of the last sample */
};

/* ---- loans.c ---- */

struct loan_state {
	uint64_t loan_bytes, lent_bytes; /* in force = budget + loan - lent */
	uint64_t since_us;               /* holds more than its budget */
	uint64_t owes_since_us;       /* holds more than is in force, because an owner takes back */
	uint64_t most_bytes, most_us; /* held at most of late, and when */
};

/* What borrowers are to give back now: for an owner, or for the host. */
struct payback_state {
	bool for_host;
	uint64_t bytes;
};

/* ---- margin.c ---- */

/* How an owner outran the margin. */
struct margin_state {
	uint64_t largest_bytes; /* taken in one burst, fading, */
	uint64_t largest_us;    /* and within this */
	uint64_t faded_us;
	uint64_t from_us, from_bytes; /* where the burst that is watched began, */
	uint64_t began_bytes;         /* and the growth that it is part of, */
	uint64_t before_bytes;        /* and the largest burst before that growth */
	uint64_t burst_bytes;         /* taken in it, if it outran the margin, */
	uint64_t burst_us;            /* until then */
	uint64_t hot_until_us;        /* as a borrower it reads back what it has no room for */
};

/* ---- limits.c ---- */

enum limit {
	LIMIT_MIN,
	LIMIT_LOW,
	LIMIT_HIGH,
	LIMIT__COUNT
};

struct limit_state {
	bool known;
	uint64_t kernel_bytes; /* as sampled, or as last written */
	uint64_t wanted_bytes; /* last written by us */
	uint64_t written_us;   /* 0 = never */
	uint32_t id;           /* of that write */
	uint64_t lower_since_us;
};

/* ---- freeze.c ---- */

enum freeze_cause {
	FREEZE_NOT,
	FREEZE_PRESSURE, /* its component reached the emergency threshold */
	FREEZE_DONOR,    /* the host ran out, or a protected component stalled */
	FREEZE_PAYBACK,  /* an owner is owed */
	FREEZE_TURN,     /* it had its turn, and another one goes on */
	FREEZE_CLIENT,
};

/* ---- breath.c ---- */

struct breath_state {
	uint64_t frozen_us; /* of the freeze that it is about */
	uint64_t next_us, stood_us;
	uint64_t most_bytes; /* its size may become in its breaths, all together */
	uint64_t from_us, size_bytes, component_bytes, slack_bytes; /* of the one that goes on */
	bool for_lock, new_term; /* a new term of the freeze begins after */
	uint64_t high_bytes; /* memory.high before it was raised for this breath; 0 = it was not */
	uint32_t count, wasted; /* those that it only grew in, less others */
	uint64_t lock_after_us;
	uint32_t held_up; /* breaths in a row after which somebody still waited for its lock */
	uint32_t spares;  /* freezes in a row that were taken back because of a lock */
};

/* ---- dependence.c ---- */

struct cpu_point {
	uint64_t at_us, used_us; /* at 0: none */
};

struct cpu_state {
	struct cpu_point now, mid, old; /* old and now lie some 100 to 200 ms apart */
	struct cpu_point then;          /* when the breath of another leaf began */
	uint32_t frozen_permyriad;      /* rate just before that; of one CPU */
	uint32_t before_permyriad;      /* while nobody stood still; 0 = not known */
};

struct leaf_state {
	uint64_t cgid; /* 0 = free slot */
	uint32_t component;
	bool populated, kernel_frozen;
	bool ours;     /* kernel_frozen by us, or by nobody knows whom */
	uint8_t asked; /* of requests.c: 1 + what a client asked for, and the plan had no room */
	uint64_t born_us, seen_us, current_bytes, swap_bytes, leased_bytes;
	uint64_t files_counted_bytes; /* in size_bytes; all of them while nothing is known */
	bool freezable;               /* as who runs in it says, */
	uint8_t priority;             /* and 0 where it says nothing */
	uint8_t short_count;          /* reclaims of it in a row that brought little; after that */
	uint64_t exhausted_until_us;  /* others are asked */
	uint64_t spare_bytes; /* of current: files that the kernel drops at once, unless missed */
	uint64_t size_bytes;  /* without these, with what it has in swap: growth at its limit */
	int64_t growth_per_s; /* of its size */
	uint64_t rise_from_bytes; /* its size when that began */

	enum freeze_cause cause;
	uint32_t freeze_id;
	uint64_t frozen_us, deadline_us; /* since, with its breaths; the end of its term */
	uint64_t room_then_bytes;        /* limit in force when it was frozen */
	int64_t slope_then_per_s;
	uint64_t thaw_sent_us; /* a THAW is under way */
	uint32_t thaw_id;

	uint32_t page_in_id;       /* of the action under way */
	uint64_t page_in_until_us; /* the outcome is not waited for any longer */
	bool paged_in;             /* since it was frozen: it may go on */
	uint64_t breath_until_us;  /* it was let run for a moment, and stands still again after */
	enum freeze_cause breath_cause;
	struct breath_state breath;
	uint32_t lock_waiters;
	struct cpu_state cpu;
	uint64_t suspect;         /* cgid of who may wait for it, */
	uint32_t came_back;       /* whose CPU time came back in so many breaths in a row */
	uint32_t needed;          /* times that this was found */
	uint64_t needed_until_us; /* it is spared because of that */
	uint64_t thawed_us;
	uint64_t waits_since_us;  /* stands still since then, but for breaths */
	uint64_t next_try_us;     /* to change places with it */
	uint64_t short_at_bytes;  /* its size when it went on without room; 0 = there was room */
	uint32_t relapses;        /* frozen again soon after a thaw, in a row */
	uint64_t spared_until_us; /* not frozen again before */
	uint64_t low_bytes;       /* memory.low, as written; BYTES_MAX: not known */
	uint64_t low_at_us;
	struct ages_sample ages;
	uint64_t ages_size_bytes,
		ages_swap_bytes; /* what it held and had out when these were read */
};

/* ---- turns.c ---- */

struct turn_state {
	uint64_t leaf; /* who goes on next; 0 = no change is under way */
	uint64_t until_us;
	uint64_t ahead_bytes; /* room for its growth, beside what it holds */
};

/* ---- swap_speed.c ---- */

struct swap_speed_state {
	uint64_t per_s;         /* bytes; 0 = not measured yet */
	uint64_t hurried_per_s; /* of reclaims that gave way to nobody */
};

/* ---- thaw.c ---- */

/* The last freeze, watched for what it does to others. */
struct freeze_watch {
	uint64_t leaf; /* 0 = nothing to watch */
	uint64_t at_us;
	bool was_calm[UW_COMPONENTS_MAX];       /* who did not stall then, */
	uint64_t held_bytes[UW_COMPONENTS_MAX]; /* and what each held */
};

/* ---- reclaim.c ---- */

struct reclaim_state {
	uint32_t id; /* of the outstanding action */
	uint64_t until_us;
	uint64_t last_us;
	uint32_t short_count;
	uint64_t exhausted_until_us;
	uint64_t requested_bytes, requested_until_us;
	uint64_t requested_leaf; /* cgid: of it alone, while it is frozen; 0: of anybody */
	bool for_others;         /* of who stands still, for who runs: the outstanding action, */
	bool gave_way;           /* which was in no hurry, and tells little of the speed of swap */
	bool files; /* which takes what is read once, and tells nothing of other pages; */
	uint64_t files_rest_us; /* and nothing is asked of it until then */
};

/* ---- payoff.c ---- */

struct payoff_state {
	uint64_t since_us; /* what is being judged; 0 = nothing */
	uint64_t freed_bytes, refaults_then;
	uint64_t by_tier[TIER__COUNT]; /* freed_bytes, and of frozen leaves beside them */
	struct tier_payoff total[TIER__COUNT];
	uint32_t poor; /* gave less than half net, in a row */
	uint64_t rest_us, hot_until_us;
};

/* ---- idle.c ---- */

struct idle_state {
	struct ages_sample ages;
	uint64_t freed_bytes, freed_at_us; /* since they were read */
	uint64_t asked_until_us;
};

/* ---- cleanup.c ---- */

/* The interval that goes on, from its begin. */
struct cleanup_state {
	uint64_t at_us, stalled_us;
	uint64_t awaits_since_us; /* ages; 0 = they are known, or were not asked for */
};

/* ---- thresholds.c ---- */

#define THRESHOLDS_FIRST_PCT 70
#define THRESHOLDS_POINTS    31 /* 70 to 100 % of the limit; what is above counts as 100 */

#define THRESHOLDS_BELOW THRESHOLDS_POINTS /* the point of all use under these */

struct thresholds_state {
	int32_t shift_permyriad; /* of all its thresholds */
	uint64_t judged_us;
	uint64_t look_at_us; /* the observation that goes on; 0 = none */
	uint32_t look_point;
	uint64_t hurt_at_us, hurt_us;            /* others stalled for so long in it, until then */
	uint32_t seen[THRESHOLDS_POINTS + 1];    /* observations, */
	uint32_t stalled[THRESHOLDS_POINTS + 1]; /* and those in which others stalled */
};

struct component_state {
	char name[UW_NAME_LEN]; /* "" = free slot */
	uint64_t cgid;          /* of its cgroup; 0 = not seen yet */
	struct signal signal;
	struct level_state level;
	struct thresholds_state thresholds;
	struct loan_state loans;
	struct margin_state margin;
	uint64_t in_force_bytes;
	uint64_t queued_bytes;   /* a queued job or a lease waits for it */
	uint64_t promised_bytes; /* leased, and not in use yet */
	bool used;               /* has a process in it, as far as is known */
	uint32_t frozen_leaves;  /* by us, or on their way */
	uint32_t active_leaves;  /* with processes that run */

	struct limit_state limit[LIMIT__COUNT];
	bool squeezed; /* memory.high is below what it holds */
	uint64_t squeeze_bytes, squeeze_until_us;

	uint64_t breath_grew_us; /* a frozen leaf of it last grew in a breath */
	uint64_t freeze_at_us[FREEZES_KEPT];
	uint32_t freeze_next;
	uint64_t last_freeze_us;

	struct reclaim_state reclaim;
	struct payoff_state payoff;
	struct idle_state idle;
	struct cleanup_state cleanup;
	uint64_t mark_bytes;       /* as armed; 0 = none */
	bool mark_fired;           /* in this frame */
	uint64_t shelter_until_us; /* its leaves are kept from each other */
	uint64_t burst_us;         /* stall reported by an event of this frame, else 0 */
	bool stall_first;          /* and whether it was only the first stall after calm */
	uint64_t watch_until_us, watched_burst_us; /* a stall waits for its cause to show */
	uint64_t fired_bytes;                      /* the mark that fired */
	uint64_t notice_us;
	uint64_t tier_until_us;
	enum tier tier;
};

struct host_state {
	bool valid;
	uint64_t total_bytes, available_bytes, swap_total_bytes, swap_free_bytes;
	uint64_t pool_bytes; /* what all components held at that sample */
};

/* ---- host.c ---- */

struct emergency_state {
	uint32_t stage; /* enum host_stage */
	uint64_t since_us;
	uint64_t up_since_us, down_since_us;
	uint64_t wanted_us;                      /* when somebody last took memory or waited */
	uint64_t window_us, some_us, full_us;    /* in which stalls of the host are counted */
	uint64_t some_permyriad, full_permyriad; /* of the last one */
};

/* ---- ceiling.c ---- */

/* memory.max of the pool. */
struct ceiling_state {
	bool raised;
	uint64_t beyond_bytes; /* usable */
	uint32_t component;    /* that owes most of it */
};

struct policy_state {
	uint32_t next_id;
	bool adopted;     /* leaves have been seen once */
	uint64_t last_us; /* frame times never go back in here */
	uint64_t next_full_us;
	uint32_t component_count;
	struct host_state host;
	struct emergency_state emergency;
	struct component_state component[UW_COMPONENTS_MAX];
	uint32_t leaf_end; /* behind the last slot of leaf[] in use; free ones have cgid 0 */
	struct leaf_state leaf[FRAME_LEAVES_MAX];
	struct freeze_watch watch;
	struct turn_state turn;
	struct swap_speed_state swap_speed;
	uint64_t last_thaw_us, last_kill_us, last_donor_us;
	uint64_t changed_us;     /* the last freeze, thaw or breath */
	uint64_t lendable_bytes; /* what is free beyond what all keep and the margin, */
	uint64_t safe_bytes;     /* and what of it those may have who may not be killed */
	struct payback_state payback;
	struct ceiling_state ceiling;
	bool host_wants; /* the host or a protected component needs memory from a donor */
	struct component_view view[UW_COMPONENTS_MAX];
};

/* One step's view of things: state, what it is decided by, and where the decision goes. */
struct step {
	struct policy_state *state;
	const struct config *config;
	const struct frame *frame;
	struct plan *plan;
	uint64_t now_us;
	/* While leaves are taken from a full frame: where they are, and that all slots before this
	 * one are in use. */
	struct leaf_index *index;
	uint32_t hole;
	bool fell; /* the rate of CPU time of some leaf, as that of one would that waits */
};

#endif
