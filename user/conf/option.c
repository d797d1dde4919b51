// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the table of options. A row is all there is to an option: its section and key, its kind,
 * where it is kept, its range, default and help; printing, comparing and documenting follow from
 * it. Lines are read by build.c, values parsed by kind.c.
 */
#include "user/conf/option.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"

#define US_PER_MIN  (60 * US_PER_SEC)
#define US_PER_HOUR (60 * US_PER_MIN)
#define TIB         (1024 * GIB)

static const char *pages_word(uint32_t value)
{
	return sense_pages_name((enum sense_pages)value);
}

static const char *lru_gen_word(uint32_t value)
{
	return lru_gen_rule_name((enum lru_gen_rule)value);
}

static const char *strategy_word(uint32_t value)
{
	return strategy_name((enum strategy)value);
}

static const char *footprints_word(uint32_t value)
{
	return footprints_name((enum footprints)value);
}

static const char *outgrown_word(uint32_t value)
{
	return outgrown_name((enum outgrown)value);
}

static const char *protect_word(uint32_t value)
{
	return protect_name((enum protect)value);
}

static const char *kill_word(uint32_t value)
{
	return kill_rule_name((enum kill_rule)value);
}

/*
 * Where the defaults of policy come from: kill-delay is systemd-oomd's; reclaim-chunk is what a
 * signal can interrupt between (44 ms to 3 s a batch under load, measured); stall-burst within
 * stall-window reaches user space in 7 to 10 ms on 6.1 to 7.3, against 22 to 65 ms of a PSI trigger
 * (measured). edges, hysteresis, dwell and the freezes are judgement.
 */
const struct option option_table[] = {
	{
		.section = SECTION_POOL,
		.key = "usable",
		.kind = KIND_USABLE,
		.min = MIB,
		.max = 64 * TIB,
		.fallback = "auto",
		.help = "Memory that is shared out; auto leaves room for the system",
	},
	{
		.section = SECTION_POOL,
		.key = "reserve",
		.kind = KIND_PERMYRIAD,
		.offset = offsetof(struct config, reserve_permyriad),
		.max = 5000,
		.fallback = "3%",
		.help = "Part of usable not promised to jobs, and kept available on the host",
	},
	{
		.section = SECTION_POOL,
		.key = "root",
		.kind = KIND_ROOT,
		.offset = offsetof(struct config, root),
		.max = 160,
		.fallback = "auto",
		.help = "Cgroup that holds the components; auto asks systemd for a scope",
	},
	{
		.section = SECTION_POOL,
		.key = "group",
		.kind = KIND_GROUP,
		.offset = offsetof(struct config, socket_group),
		.max = sizeof(((struct config *)0)->socket_group) - 1,
		.fallback = "uw",
		.help = "User group that may talk to uwd, beside root",
	},
	{
		.section = SECTION_POOL,
		.key = "lease-max",
		.kind = KIND_COUNT,
		.offset = offsetof(struct config, lease_max),
		.min = 1,
		.max = 4096, /* LEASE_SLOTS_CLIENT */
		.fallback = "4096",
		.help = "Leases that one connection of a program may have",
	},
	{
		.section = SECTION_POLICY,
		.key = "edges",
		.kind = KIND_EDGES,
		.offset = offsetof(struct config, policy.edge_pct),
		.min = 1,
		.max = 100,
		.fallback = "70% 80% 85% 90% 95%",
		.help = "Use of the budget at which the levels low to emergency begin",
	},
	{
		.section = SECTION_POLICY,
		.key = "adaptive-edges",
		.kind = KIND_BOOL,
		.offset = offsetof(struct config, policy.edges_adapt),
		.fallback = "no",
		.help = "Edges move, by -8 to +3 points, to where a component begins to stall",
	},
	{
		.section = SECTION_POLICY,
		.key = "hysteresis",
		.kind = KIND_PERCENT,
		.offset = offsetof(struct config, policy.hysteresis_pct),
		.min = 1,
		.max = 20,
		.fallback = "3%",
		.help = "Points below an edge before the level goes down again",
	},
	{
		.section = SECTION_POLICY,
		.key = "dwell",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.dwell_us),
		.min = 100 * US_PER_MS,
		.max = US_PER_HOUR,
		.fallback = "10s",
		.help = "Calm for so long before the level goes down by one",
	},
	{
		.section = SECTION_POLICY,
		.key = "freeze-max",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.freeze_max_us),
		.min = 100 * US_PER_MS,
		.max = US_PER_HOUR,
		.fallback = "60s",
		.help = "The longest freeze of one workload",
	},
	{
		.section = SECTION_POLICY,
		.key = "freeze-dwell",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.freeze_dwell_us),
		.max = 10 * US_PER_MIN,
		.fallback = "2s",
		.help = "The shortest freeze, against flapping",
	},
	{
		.section = SECTION_POLICY,
		.key = "freeze-budget",
		.kind = KIND_COUNT,
		.offset = offsetof(struct config, policy.freeze_budget),
		.max = 10000,
		.fallback = "10",
		.help = "Freezes in freeze-window, from which on each lasts its full term",
	},
	{
		.section = SECTION_POLICY,
		.key = "freeze-window",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.freeze_window_us),
		.min = US_PER_SEC,
		.max = 24 * US_PER_HOUR,
		.fallback = "5min",
		.help = "The time over which freeze-budget counts",
	},
	{
		.section = SECTION_POLICY,
		.key = "kill-after",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.kill_after_us),
		.min = US_PER_SEC,
		.max = US_PER_HOUR,
		.fallback = "10s",
		.help = "Emergency for so long before a kill, where kill = last-resort",
	},
	{
		.section = SECTION_POLICY,
		.key = "kill-delay",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.kill_delay_us),
		.min = US_PER_SEC,
		.max = US_PER_HOUR,
		.fallback = "15s",
		.help = "The time between two kills",
	},
	{
		.section = SECTION_POLICY,
		.key = "reclaim-chunk",
		.kind = KIND_BYTES,
		.offset = offsetof(struct config, policy.reclaim_chunk_bytes),
		.min = 256 * KIB,
		.max = GIB,
		.fallback = "8M",
		.help = "One write to memory.reclaim; the deadline is looked at in between",
	},
	{
		.section = SECTION_POLICY,
		.key = "reclaim-deadline",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.reclaim_deadline_us),
		.min = 10 * US_PER_MS,
		.max = US_PER_MIN,
		.fallback = "2s",
		.help = "One reclaim ends after this time",
	},
	{
		.section = SECTION_POLICY,
		.key = "stall-burst",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.stall_burst_us),
		.min = 100,
		.max = 10 * US_PER_SEC,
		.fallback = "5ms",
		.help = "Stall time within stall-window that wakes uwd",
	},
	{
		.section = SECTION_POLICY,
		.key = "stall-window",
		.kind = KIND_US,
		.offset = offsetof(struct config, policy.stall_window_us),
		.min = US_PER_MS,
		.max = 10 * US_PER_SEC,
		.fallback = "50ms",
		.help = "The time over which stall-burst is summed",
	},
	{
		.section = SECTION_SENSE,
		.key = "bpf",
		.kind = KIND_BOOL,
		.offset = offsetof(struct config, bpf),
		.fallback = "yes",
		.help = "Use BPF where the kernel can; no: PSI triggers and polling only",
	},
	{
		.section = SECTION_SENSE,
		.key = "pages",
		.kind = KIND_WORD,
		.offset = offsetof(struct config, pages),
		.max = SENSE_PAGES__COUNT - 1,
		.word = pages_word,
		.fallback = "batched",
		.help = "Page counting: batched is exact, full adds orders and costs 7 to 9 %",
	},
	{
		.section = SECTION_SENSE,
		.key = "lru-gen",
		.kind = KIND_WORD,
		.offset = offsetof(struct config, lru_gen),
		.max = LRU_GEN__COUNT - 1,
		.word = lru_gen_word,
		.fallback = "keep",
		.help = "Multi-generational LRU, which tells cold pages: keep as is, or on",
	},
	{
		.section = SECTION_SENSE,
		.key = "rest-period",
		.kind = KIND_US,
		.offset = offsetof(struct config, rest_period_us),
		.min = 100 * US_PER_MS,
		.max = US_PER_MIN,
		.fallback = "1s",
		.help = "Between two full readings while nothing presses",
	},
	{
		.section = SECTION_SENSE,
		.key = "pressed-period",
		.kind = KIND_US,
		.offset = offsetof(struct config, pressed_period_us),
		.min = 10 * US_PER_MS,
		.max = US_PER_MIN,
		.fallback = "100ms",
		.help = "Between two full readings under pressure",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "strategy",
		.kind = KIND_WORD,
		.offset = offsetof(struct config, admission.strategy),
		.max = STRATEGY__COUNT - 1,
		.word = strategy_word,
		.fallback = "balanced",
		.help = "How wide backfill reaches; adaptive picks one by pressure level",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "footprints",
		.kind = KIND_WORD,
		.offset = offsetof(struct config, admission.footprints),
		.max = FOOTPRINTS__COUNT - 1,
		.word = footprints_word,
		.fallback = "learned",
		.help = "What a job is given: what runs of its key used, or what it asked for",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "preemption",
		.kind = KIND_BOOL,
		.offset = offsetof(struct config, admission.preemption),
		.fallback = "no",
		.help = "Whether running jobs that are freezable are frozen for queued ones",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "bypass",
		.kind = KIND_US,
		.offset = offsetof(struct config, admission.bypass_us),
		.min = US_PER_SEC,
		.max = 24 * US_PER_HOUR,
		.fallback = "30min",
		.help = "Blocked so long at its turn, a job is passed only by who ends in time",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "outgrown",
		.kind = KIND_WORD,
		.offset = offsetof(struct config, admission.outgrown),
		.max = OUTGROWN__COUNT - 1,
		.word = outgrown_word,
		.fallback = "wait",
		.help = "A job at its limit for which there is no room: it waits, or it fails",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "outgrown-after",
		.kind = KIND_US,
		.offset = offsetof(struct config, admission.outgrown_us),
		.min = US_PER_SEC,
		.max = 365 * 24 * US_PER_HOUR,
		.fallback = "30min",
		.help = "With outgrown = fail: at its limit without room for so long",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "max-running",
		.kind = KIND_COUNT,
		.offset = offsetof(struct config, admission.max_running),
		.min = 1,
		.max = 200,
		.fallback = "64",
		.help = "Jobs that run at a time, of all components",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "max-queued",
		.kind = KIND_COUNT,
		.offset = offsetof(struct config, admission.max_queued),
		.min = 1,
		.max = 131072, /* the places of its table, JOBS_MAX in user/jobs/jobs.h */
		.fallback = "100000",
		.help = "Jobs that have not ended; more are refused",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "queue-size",
		.kind = KIND_BYTES,
		.offset = offsetof(struct config, admission.queue_bytes),
		.min = MIB,
		.max = TIB,
		.fallback = "512M",
		.help = "Commands and environments of jobs that have not ended; more is refused",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "user-share",
		.kind = KIND_PERMYRIAD,
		.offset = offsetof(struct config, admission.user_share_permyriad),
		.min = 100,
		.max = 10000,
		.fallback = "50%",
		.help = "What one user, not root, may hold of what others leave of the queue",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "kill-grace",
		.kind = KIND_US,
		.offset = offsetof(struct config, admission.kill_grace_us),
		.max = US_PER_HOUR,
		.fallback = "10s",
		.help = "From SIGTERM to SIGKILL, for jobs that are cancelled or over their limit",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "output-limit",
		.kind = KIND_BYTES,
		.offset = offsetof(struct config, admission.output_bytes),
		.min = 4 * KIB,
		.max = TIB,
		.fallback = "64M",
		.help = "Kept of each of a job's two outputs: the first half, and the end",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "output-total",
		.kind = KIND_BYTES,
		.offset = offsetof(struct config, admission.output_total_bytes),
		.min = MIB,
		.max = 64 * TIB,
		.fallback = "4G",
		.help = "Kept of the output of all jobs that have ended; the oldest goes first",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "history-count",
		.kind = KIND_COUNT,
		.offset = offsetof(struct config, admission.history_count),
		.max = 10000000,
		.fallback = "100000",
		.help = "Ended jobs that are remembered, with their output",
	},
	{
		.section = SECTION_ADMISSION,
		.key = "history-age",
		.kind = KIND_US,
		.offset = offsetof(struct config, admission.history_age_us),
		.min = US_PER_MIN,
		.max = 3650 * 24 * US_PER_HOUR,
		.fallback = "90d",
		.help = "How long ended jobs are remembered",
	},
	{
		.section = SECTION_RECORD,
		.key = "enabled",
		.kind = KIND_BOOL,
		.offset = offsetof(struct config, record.enabled),
		.fallback = "yes",
		.help = "Record what uwd sees and decides, for uwctl record and replay",
	},
	{
		.section = SECTION_RECORD,
		.key = "size",
		.kind = KIND_BYTES,
		.offset = offsetof(struct config, record.size_bytes),
		.min = 4 * MIB,
		.max = GIB,
		.fallback = "16M",
		.help = "Size of the recording, which is taken at once and never grows",
	},
	{
		.section = SECTION_RECORD,
		.key = "file",
		.kind = KIND_FILE,
		.offset = offsetof(struct config, record.file),
		.max = RECORD_FILE_LEN - 1,
		.fallback = "/var/lib/uw/recording",
		.help = "Where the recording is; on a disk it outlives the machine's restart",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "share",
		.kind = KIND_SHARE,
		.min = 1,
		.max = PERMYRIAD_ONE,
		.excludes = "budget",
		.help = "Its budget, as a part of usable",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "budget",
		.kind = KIND_BUDGET,
		.min = MIB,
		.max = 64 * TIB,
		.excludes = "share",
		.help = "Its budget, as a size, in place of share",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "priority",
		.kind = KIND_COUNT,
		.offset = offsetof(struct component, priority),
		.min = PRIORITY_MIN,
		.max = PRIORITY_MAX,
		.fallback = "5",
		.help = "9-10 critical, 7-8 high, 5-6 normal, 3-4 low, 1-2 deferred",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "protect",
		.kind = KIND_WORD,
		.offset = offsetof(struct component, protect),
		.max = PROTECT__COUNT - 1,
		.word = protect_word,
		.fallback = "budget",
		.help = "What the kernel keeps from reclaim (memory.low, memory.min)",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "freeze",
		.kind = KIND_BOOL,
		.offset = offsetof(struct component, freeze),
		.fallback = "no",
		.help = "Whether its workloads may be frozen",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "kill",
		.kind = KIND_WORD,
		.offset = offsetof(struct component, kill),
		.max = KILL__COUNT - 1,
		.word = kill_word,
		.fallback = "no",
		.help = "Whether a workload may be killed when nothing else is left",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "lend",
		.kind = KIND_BOOL,
		.offset = offsetof(struct component, lend),
		.fallback = "no",
		.help = "Whether others may use what it does not use of its budget",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "borrow",
		.kind = KIND_BOOL,
		.offset = offsetof(struct component, borrow),
		.fallback = "no",
		.help = "Whether it may use all that is free, beyond its budget",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "submit",
		.kind = KIND_SUBMIT,
		.offset = offsetof(struct component, submit),
		.max = SUBMIT_LEN - 1,
		.fallback = "root",
		.help = "Who beside root may queue jobs in it",
	},
	{
		.section = SECTION_COMPONENT,
		.key = "lease",
		.kind = KIND_SUBMIT,
		.offset = offsetof(struct component, lease),
		.max = SUBMIT_LEN - 1,
		.fallback = "root",
		.help = "Who beside root and those who run in it may have leases of it",
	},
};

const unsigned int option_count = ARRAY_SIZE(option_table);
_Static_assert(ARRAY_SIZE(option_table) <= OPTION_MAX, "raise OPTION_MAX");

const struct option *option_find(enum section section, const char *key)
{
	for (unsigned int i = 0; i < option_count; i++)
		if (option_table[i].section == section && !strcmp(option_table[i].key, key))
			return &option_table[i];
	return NULL;
}

const void *option_field_const(const struct option *option, const struct config *config,
			       unsigned int index)
{
	const char *base = option->section == SECTION_COMPONENT
				   ? (const char *)&config->component[index]
				   : (const char *)config;

	return base + option->offset;
}

void *option_field(const struct option *option, struct config *config, unsigned int index)
{
	char *base = option->section == SECTION_COMPONENT ? (char *)&config->component[index]
							  : (char *)config;

	return base + option->offset;
}
