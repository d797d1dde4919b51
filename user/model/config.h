/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole configuration after reading and validation. Plain values: copying it is a reload.
 * Defaults and ranges stand in the option table of user/conf.
 */
#ifndef UW_MODEL_CONFIG_H
#define UW_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/component.h"

enum sense_pages {
	SENSE_PAGES_OFF,
	SENSE_PAGES_BATCHED, /* the charge hook: exact, about once in 64 pages */
	SENSE_PAGES_FULL,    /* and every page by tracepoint, with orders */
	SENSE_PAGES__COUNT
};

/* What becomes of the kernel's switch of the multi-generational LRU, which tells ages of pages. */
enum lru_gen_rule {
	LRU_GEN_KEEP,
	LRU_GEN_ON, /* while uwd runs */
	LRU_GEN__COUNT
};

/* How wide backfill reaches and how much is kept free for those whose turn it is. */
enum strategy {
	STRATEGY_BALANCED,
	STRATEGY_THROUGHPUT, /* nothing is kept back */
	STRATEGY_LATENCY,    /* some is kept free; out of turn only what ends in time */
	STRATEGY_ADAPTIVE,   /* one of these, by pressure level */
	STRATEGY__COUNT
};

/* What a job is given when it starts. */
enum footprints {
	FOOTPRINTS_ASKED,
	FOOTPRINTS_LEARNED, /* what earlier runs of its key used, and never more than it asked */
	FOOTPRINTS__COUNT
};

/* What becomes of a job that needs more than it has reserved while there is no room for it. */
enum outgrown {
	OUTGROWN_WAIT, /* it stays at its limit until there is room */
	OUTGROWN_FAIL, /* it is ended after outgrown_us there */
	OUTGROWN__COUNT
};

struct admission_conf {
	enum strategy strategy;
	enum footprints footprints;
	bool preemption;    /* freeze running jobs for queued ones */
	uint64_t bypass_us; /* blocked at the head for so long ends backfill past it */
	enum outgrown outgrown;
	uint64_t outgrown_us;
	uint32_t max_running;          /* jobs, of all components */
	uint32_t max_queued;           /* jobs that have not ended */
	uint64_t queue_bytes;          /* that these were submitted with */
	uint32_t user_share_permyriad; /* of what others leave free that one user may have */
	uint64_t kill_grace_us;        /* from SIGTERM to SIGKILL */
	uint64_t output_bytes;         /* kept of each of a job's two outputs */
	uint64_t output_total_bytes;   /* kept of those of all jobs that have ended */
	uint32_t history_count;        /* ended jobs that are remembered ... */
	uint64_t history_age_us;       /* ... for so long */
};

struct policy_conf {
	uint32_t edge_pct[LEVEL__COUNT]; /* [NORMAL] = 0, then 70 80 85 90 95 */
	bool edges_adapt;                /* the edges follow what each component's stalls say */
	uint32_t hysteresis_pct;         /* points below an edge before a level goes down */
	uint64_t dwell_us;               /* calm for so long before one level down */
	uint64_t freeze_max_us;          /* the longest freeze of one leaf */
	uint64_t freeze_dwell_us;        /* the shortest freeze, against flapping */
	uint32_t freeze_budget;          /* freezes of one component ... */
	uint64_t freeze_window_us;       /* ... in this window */
	uint64_t kill_after_us;          /* emergency for so long before a last-resort kill */
	uint64_t kill_delay_us;          /* between two kills */
	uint64_t reclaim_chunk_bytes;    /* one memory.reclaim write */
	uint64_t reclaim_deadline_us;    /* one reclaim action */
	uint64_t clean_interval_us;      /* between two cleanups while nobody lacks memory */
	uint32_t clean_target_permyriad; /* of stalls in it: as much ends such a cleanup */
	uint64_t stall_burst_us;         /* stall time within the window that wakes the loop */
	uint64_t stall_window_us;
};

#define RECORD_FILE_LEN 128

/* What is kept of what the policy saw and decided. */
struct record_conf {
	bool enabled;
	uint64_t size_bytes;        /* of the file, from its start on */
	char file[RECORD_FILE_LEN]; /* an absolute path */
};

struct config {
	uint64_t usable_bytes;          /* resolved; 0 = auto, not yet resolved */
	uint64_t usable_conf_bytes;     /* as configured, 0 = auto */
	uint32_t usable_conf_permyriad; /* as configured, of MemTotal; 0 = auto or in bytes */
	uint32_t reserve_permyriad;     /* kept back from lending and from admission, of usable */
	char root[256];                 /* cgroup root; "auto" */
	char socket_group[32];          /* group that may talk to uwd beside root */
	uint32_t lease_max;             /* leases of a connection */
	enum sense_pages pages;
	enum lru_gen_rule lru_gen;
	bool bpf; /* false: PSI triggers and polling only */
	uint64_t rest_period_us;
	uint64_t pressed_period_us;
	struct policy_conf policy;
	struct admission_conf admission;
	struct record_conf record;
	uint32_t component_count;
	struct component component[UW_COMPONENTS_MAX];
};

/*
 * Turns shares into budgets for a pool of usable bytes. usable is what auto found, used only when
 * the configuration names none. 0, or -ERANGE when fixed budgets do not fit.
 */
int config_resolve(struct config *config, uint64_t usable_bytes);

/* That share of bytes, exact and without overflow: bytes * permyriad passes 64 bits at 1.6 PiB. */
uint64_t config_share(uint64_t bytes, uint32_t permyriad);

/* Index of the component called name, or -1. */
int config_find(const struct config *config, const char *name);

/* Whether any component has refuse. */
bool config_refuses(const struct config *config);

const char *sense_pages_name(enum sense_pages pages);
const char *lru_gen_rule_name(enum lru_gen_rule rule);
const char *strategy_name(enum strategy strategy);
const char *footprints_name(enum footprints footprints);
const char *outgrown_name(enum outgrown outgrown);

#endif
