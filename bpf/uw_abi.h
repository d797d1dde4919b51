/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BPF programs and user space share: map keys and values, ring-buffer records, limits.
 * Fixed-size types, explicit padding, nothing included: the includer brings __u32 and __u64
 * (linux/types.h, or bpf/uw_kernel.h on the BPF side).
 */
#ifndef UW_ABI_H
#define UW_ABI_H

#define UW_ABI_VERSION 2 /* of pinned maps: a differing one is replaced, not reused */

#define UW_NAME_LEN       32
#define UW_COMM_LEN       16
#define UW_COMPONENTS_MAX 32
#define UW_ORDERS         11 /* page orders 0 to 10 */

/* Maps hold twice the components: a recreated one stands beside its predecessor for a moment. */
#define UW_ENTRIES_MAX 64
#define UW_EVENTS_SIZE 32768 /* bytes of the ring: about 400 events; a power of two pages */

/* Key of every map that is about a component: the id of its cgroup, unique for a boot. */
struct uw_cgid {
	__u64 cgid;
};

/*
 * Map uw_components, pinned as "components": what the kernel side counted, one entry a component.
 * Made by user space with its name, written by BPF programs only from then on. Totals since the
 * component was first tracked; they go on when the daemon restarts.
 */
struct uw_component {
	char name[UW_NAME_LEN];
	__u64 counter;         /* address of the cgroup's page counter; 0: not known */
	__u64 usage_bytes;     /* what it said at the last batch */
	__u64 charged_bytes;   /* all that was ever charged, */
	__u64 uncharged_bytes; /* and uncharged */
	__u64 charge_batches;  /* the kernel charges about 64 pages at a time */
	__u64 marks_fired;     /* crossings of an armed usage mark */
	__u64 stalled_tasks;   /* right now */
	__u64 stall_us;        /* memory stalls, summed over tasks */
	__u64 stall_some_us;   /* time in which at least one task was stalled */
	__u64 stalls;
	__u64 stall_bursts; /* windows in which stall_some_us grew by the burst */
	__u64 reclaim_us;   /* its tasks' time in direct reclaim (own limit or global) */
	__u64 reclaims;
	__u64 reclaim_scanned_pages;   /* its pages looked at by direct reclaim and kswapd, */
	__u64 reclaim_reclaimed_pages; /* and freed */
	__u64 proactive_us;            /* time of memory.reclaim writers on its groups */
	__u64 proactive_reclaims;
	__u64 proactive_scanned_pages;
	__u64 proactive_reclaimed_pages;
	__u64 oom_kills;
	__u64 oom_last_at_us; /* CLOCK_MONOTONIC, 0 = never */
};

/* Map uw_marks, pinned as "marks": a usage to wake user space at. Written by user space; the charge
 * hook only takes armed from 1 to 0, and whoever takes it sends the one event. */
struct uw_mark {
	__u64 bytes;
	__u32 armed;
	__u32 pad;
};

/*
 * Map uw_gates, pinned as "gates": components in which a mapping that does not fit is refused.
 * Written by user space at each full look, as a whole; programs add to let_bytes.
 */
struct uw_gate {
	__u64 least_bytes; /* smaller mappings pass; UW_GATE_LEAST_BYTES or more */
	__u64 room_bytes;  /* what it may still have, */
	__u64 usage_bytes; /* when it had so much */
	__u64 counter;     /* that says what it has: as in its uw_component */
	__u64 until_ns;    /* CLOCK_MONOTONIC; from then on, not renewed, all pass */
	__u64 let_bytes;   /* that passed since */
};

/*
 * Map uw_gated, pinned as "gated": a bit of 64 for each key of uw_gates, by which most that have no
 * gate are known without a lookup. One too many costs no more than that lookup.
 */
#define UW_GATED_BIT(cgid) (1ULL << ((cgid)&63))

#define UW_GATE_LEAST_BYTES (1ULL << 20) /* smaller ones are not looked at, gate or not */

/* Map uw_refusals, pinned as "refusals": totals since the component got its gate. */
struct uw_refusals {
	__u64 count; /* system calls: of one malloc() they may be several */
	__u64 bytes;
	__u64 last_at_us; /* CLOCK_MONOTONIC, 0 = never */
	__u64 last_bytes, last_room_bytes;
	__u32 last_pid, pad;
	char last_comm[UW_COMM_LEN];
};

/* Map uw_counters, pinned as "counters": address of a memory cgroup's page_counter -> component.
 * Filled by the cgroup iterator, emptied when the cgroup is removed. */
struct uw_counter {
	__u64 address;
};

struct uw_owner {
	__u64 cgid;
	__u64 seen_ns; /* when the iterator last found it: an older one of the same cgid is stale */
};

/* Map uw_settings, pinned as "settings", one entry. A map and not const volatile, because a reload
 * changes it under running programs. */
struct uw_settings {
	__u32 abi_version;
	__u32 generation;      /* programs of another generation do nothing: the handover */
	__u64 build;           /* hash of the BPF object that is installed */
	__u32 wanted;          /* mask of the sensors that were asked for, */
	__u32 sensors;         /* and of those that are attached, */
	__u32 links;           /* with so many links */
	__u32 component_level; /* depth of a component's cgroup below the root, which is 0 */
	__u64 calm_us;         /* no stall for so long, and the next one is a "first" */
	__u64 burst_us;        /* stall_some_us within the window that makes a burst; 0 = never */
	__u64 window_us;
};

/* The .rodata of the object, set before it is loaded. */
struct uw_load {
	__u32 generation; /* that the programs belong to */
	__u32 page_shift;
};

enum uw_event_kind {
	UW_EVENT_MARK,        /* observed: usage_bytes, threshold: the mark */
	UW_EVENT_STALL_FIRST, /* observed: us of calm before it, threshold: calm_us */
	UW_EVENT_STALL_BURST, /* observed: us stalled in the window, threshold: burst_us */
	UW_EVENT_OOM,         /* observed: pid of the victim */
	UW_EVENT__COUNT
};

/* One record of the ring uw_events. pid and comm: of the task that caused it, or the OOM victim; 0
 * and "" for a burst, which the timer finds. */
struct uw_event {
	__u32 kind; /* enum uw_event_kind */
	__u32 pid;
	__u64 cgid;
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u64 observed;
	__u64 threshold;
	char comm[UW_COMM_LEN];
};

/* Map uw_drops, pinned as "drops": what could not be done, all rows present from the start. */
enum uw_drop {
	UW_DROP_EVENT_MARK, /* the ring was full: the daemon did not read */
	UW_DROP_EVENT_STALL,
	UW_DROP_EVENT_OOM,
	UW_DROP_STALL_STORAGE, /* no memory for a task's stall start: that stall is not counted */
	UW_DROP_STALL_TIMER,   /* a burst timer could not be armed: bursts are seen at their end */
	UW_DROP_STALL_RESET, /* a stall's end was missed and the count of stalled tasks set right */
	UW_DROP_RECLAIM_STORAGE,
	UW_DROP_COUNTER_INSERT, /* a component's page counter did not fit into uw_counters */
	UW_DROP__COUNT
};

struct uw_drop_key {
	enum uw_drop what;
};

struct uw_drop_count {
	__u64 count;
};

/* Map uw_stalls, pinned as "stalls": one component's state between two stalls. BPF's own (see
 * bpf/uw_stalls.h); user space makes the entry, zeroed. */
#define UW_STALL_SIZE 72

/*
 * Map uw_pages, pinned as "pages": full tracing, per CPU. An array and not a hash, because it is
 * looked at for each page: a component has one of the UW_ROW_TRIES rows that follow from its cgid;
 * user space gives them out.
 */
struct uw_orders {
	__u64 cgid;                   /* 0 = free */
	__u64 allocations[UW_ORDERS]; /* by order: 2^order pages each */
};

#define UW_ROWS      64 /* a power of two */
#define UW_ROW_TRIES 4

/* Cgroup ids are inode numbers, a few dozen apart. */
#define UW_ROW(cgid, i) (((__u32)(cgid) + (i)) % UW_ROWS)

#define UW_ABI_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), "size of " #type)
UW_ABI_SIZE(uw_cgid, 8);
UW_ABI_SIZE(uw_component, 200);
UW_ABI_SIZE(uw_mark, 16);
UW_ABI_SIZE(uw_gate, 48);
UW_ABI_SIZE(uw_refusals, 64);
UW_ABI_SIZE(uw_counter, 8);
UW_ABI_SIZE(uw_settings, 56);
UW_ABI_SIZE(uw_load, 8);
UW_ABI_SIZE(uw_owner, 16);
UW_ABI_SIZE(uw_event, 56);
UW_ABI_SIZE(uw_drop_key, 4);
UW_ABI_SIZE(uw_drop_count, 8);
UW_ABI_SIZE(uw_orders, 96);

#endif
