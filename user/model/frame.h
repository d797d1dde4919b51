/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All inputs of one tick. Sense fills it, policy reads it. Everything that can
 * change a decision is in here: samples, kernel events, outcomes of earlier actions, requests of
 * clients. Absent is not zero: each group of sensors has a validity bit, and policy says what it
 * does without the group.
 */
#ifndef UW_MODEL_FRAME_H
#define UW_MODEL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/component.h"
#include "user/model/plan.h"

/* That are followed; arrays of them lie in pages that only the leaves there are touch. So many have
 * room in one slot of a recording, whatever changes of them. */
#define FRAME_LEAVES_MAX   2048
#define FRAME_EVENTS_MAX   64
#define FRAME_OUTCOMES_MAX 64
#define FRAME_REQUESTS_MAX 16

enum frame_kind {
	FRAME_FULL,   /* slow lane: every sensor was read */
	FRAME_URGENT, /* fast lane: only what an event made urgent; the validity bits say what */
};

struct host_sample {
	bool valid;
	uint64_t total_bytes;     /* /proc/meminfo MemTotal, */
	uint64_t available_bytes; /* MemAvailable; where it is little, and what page sets hold */
	uint64_t swap_total_bytes;
	uint64_t swap_free_bytes;          /* SwapFree, and SwapCached up to 8 times that */
	uint64_t psi_some_us, psi_full_us; /* running totals of /proc/pressure/memory */
};

enum sample_group {
	SAMPLE_USAGE = 1U << 0,  /* current_bytes */
	SAMPLE_STAT = 1U << 1,   /* memory.stat: files, anon, slab, scans, refaults */
	SAMPLE_PSI = 1U << 2,    /* psi_* */
	SAMPLE_EVENTS = 1U << 3, /* ev_* */
	SAMPLE_SWAP = 1U << 4,   /* swap_bytes */
	SAMPLE_LIMITS = 1U << 5, /* high_bytes, low_bytes, min_bytes as they stand in the kernel */
	SAMPLE_BPF = 1U << 6,    /* bpf_* */
};

/* Untouched for so long is cold: what is taken and read again sooner was work for nothing (the time
 * within which policy/payoff.c judges a reclaim). */
#define AGES_COLD_US 10000000ULL
#define AGES_LONG_US 60000000ULL

/*
 * Resident pages by how long they were not touched when the kernel looked last. Bytes of files that
 * were read once, or by read(2) alone, count as cold from the start; locked pages are not in it.
 */
struct ages_sample {
	bool valid;         /* the kernel tells ages here, and has looked within a minute */
	bool held;          /* of before it stood still: it does, or has not run for long since */
	uint64_t looked_us; /* CLOCK_MONOTONIC */
	uint64_t read_us;   /* when the kernel was asked what there is of each age */
	uint64_t hot_bytes; /* not known to be cold */
	uint64_t cold_anon_bytes, cold_file_bytes;
	uint64_t long_bytes; /* of cold_anon_bytes, untouched for AGES_LONG_US: at least */
};

/*
 * One component's cgroup. Totals are monotonic since the group was made. UINT64_MAX is "max". What
 * was not read this time keeps the value of the last reading; policy goes by valid, display by
 * known.
 */
struct component_sample {
	uint32_t valid; /* enum sample_group: read for this frame */
	uint32_t known; /* read at all since the group was opened */
	uint64_t cgid;  /* of its cgroup, 0 while there is none: another one was made anew */
	uint64_t current_bytes;
	uint64_t swap_bytes;
	uint64_t anon_bytes, active_file_bytes, inactive_file_bytes, slab_reclaimable_bytes,
		unevictable_bytes;
	uint64_t dirty_bytes, writeback_bytes; /* of files: on their way to the disk */
	uint64_t mapped_bytes;                 /* of files: programs and what they map */
	uint64_t pgscan, pgsteal;              /* pages */
	uint64_t refault_anon, refault_file;   /* pages */
	uint64_t ev_high, ev_max, ev_oom, ev_oom_kill;
	uint64_t psi_some_us, psi_full_us;
	uint64_t high_bytes, low_bytes, min_bytes;
	uint64_t bpf_charged_bytes; /* total charged, from the charge hook */
	uint64_t bpf_stall_us;      /* total memstall time of its tasks, wall clock */
	uint64_t bpf_stalls;
	/* Of every frame: */
	uint64_t queued_bytes;   /* a queued job waits for it */
	uint64_t wanted_bytes;   /* a lease waits for it, or was denied lately */
	uint64_t promised_bytes; /* leased, and not in use yet */
	struct ages_sample ages; /* the sum of its leaves, and as cold files what no leaf holds */
};

/* A launched workload: the unit of freezing and killing. */
struct leaf_sample {
	uint64_t cgid;      /* cgroup id, unique for a boot */
	uint32_t component; /* index */
	bool populated, frozen;
	bool ours;       /* frozen, and the ledger has it, or nobody knows: else by somebody else */
	bool kept_asked; /* of the next one: a client had asked for it */
	uint64_t kept_until_us; /* of a freeze that the uwd before handed over; 0 = of no such */
	uint64_t born_us;       /* first seen, CLOCK_MONOTONIC */
	uint64_t current_bytes;
	uint64_t swap_bytes;   /* and not in memory as well, as pages are that have come back */
	uint64_t spare_bytes;  /* with spare_valid: clean pages of files that were used once */
	uint64_t leased_bytes; /* by who runs in it, for good: not to be asked back */
	struct ages_sample ages;
	bool cpu_valid, spare_valid; /* spare: where plan.ages_wanted asked for it */
	bool freezable;        /* who runs in it says that it takes no harm from standing still, */
	uint8_t priority;      /* and how much it matters beside its like; 0 = says nothing */
	uint64_t cpu_us;       /* cpu.stat usage_usec, when PLAN_LOOK_CPU asked for it */
	uint32_t lock_waiters; /* with locks_valid: processes that run and wait for a lock of it */
};

enum event_kind {
	EVENT_USAGE_MARK, /* a component's usage reached the armed mark, value/threshold in bytes */
	EVENT_STALL_FIRST, /* first stall after calm, value in us */
	EVENT_STALL_BURST, /* stall time reached the configured burst, in us */
	EVENT_OOM,         /* the kernel chose a victim; pid in value */
	EVENT_PSI,         /* a PSI trigger fired (fallback without BPF) */
	EVENT_MEMORY,      /* memory.events changed (fallback) */
	EVENT__COUNT
};

struct frame_event {
	enum event_kind kind;
	uint32_t component; /* index, or COMPONENT_NONE for the host */
	uint64_t at_us;
	uint64_t observed, threshold;
};

enum request_kind {
	REQUEST_FREEZE,
	REQUEST_THAW,
	REQUEST_RECLAIM,
	REQUEST_HAND_OVER, /* by who is to end, not a client: another uwd follows this frame */
	REQUEST_FORGET,    /* what adaptive thresholds have learned */
	REQUEST__COUNT
};

/* What a client asked for; amount in bytes (reclaim) or duration in us (freeze, 0 = the maximum).
 */
struct frame_request {
	enum request_kind kind;
	uint32_t component;
	uint64_t leaf; /* cgid, 0 = the whole component */
	uint64_t amount;
};

struct frame {
	uint64_t now_us;
	uint64_t sequence;
	enum frame_kind kind;
	struct host_sample host;
	uint32_t component_count;
	struct component_sample component[UW_COMPONENTS_MAX];
	bool leaves_valid;
	bool locks_valid; /* lock_waiters of leaves that are frozen, or were a moment ago */
	uint32_t leaf_count;
	struct leaf_sample leaf[FRAME_LEAVES_MAX];
	uint32_t event_count;
	struct frame_event event[FRAME_EVENTS_MAX];
	uint32_t outcome_count;
	struct outcome outcome[FRAME_OUTCOMES_MAX];
	uint32_t request_count;
	struct frame_request request[FRAME_REQUESTS_MAX];
	uint32_t events_dropped; /* events that found no room since the last frame */
};

const char *event_name(enum event_kind kind);

/*
 * Fills ages of each component from the leaves of a full frame: valid where all leaves that hold
 * something are. What stands still adds nothing to the cold, as it is asked by itself.
 */
void frame_sum_ages(struct frame *frame);

#endif
