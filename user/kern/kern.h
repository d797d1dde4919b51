/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel side's sensors: which there are, their lifetime, their counters and events. Programs
 * and maps are pinned under KERN_PIN_DIR and outlive the process: a later kern_open goes on from
 * the same counters, and when the programs are another build it hands over without a gap. Loading
 * happens in a short-lived child, so the caller keeps only a few map fds and no libbpf objects.
 * Reading counters and draining events allocates nothing. Not thread-safe; one owner.
 */
#ifndef UW_KERN_KERN_H
#define UW_KERN_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "bpf/uw_abi.h"
#include "user/base/err.h"

#define KERN_PIN_DIR "/sys/fs/bpf/uw"

/* ---- what this kernel has ---- */

enum kern_need {
	KERN_NEED_REQUIRED, /* nothing works without it: "unsupported" */
	KERN_NEED_DEGRADED, /* a sensor or an action is lost: "degraded" */
	KERN_NEED_EXTRA,    /* nice to have; said, not complained about */
};

struct kern_feature {
	const char *name;
	enum kern_need need;
	bool present;
	const char *lost;   /* what is lost without it */
	const char *remedy; /* what to do about it */
	char detail[160];   /* what was found, "" when there is nothing to add */
};

#define KERN_FEATURES_MAX 40

/*
 * Looks at the running kernel: BTF, hooks, map and program types, PSI, the cgroup files below
 * cgroup_mount, swap. Changes nothing. Map and program types are tried by loading an empty one,
 * which may_load must allow: else their rows are left out. Without privileges it says less (types
 * read as missing; detail says why). Returns the number of rows written.
 */
size_t kern_probe(const char *cgroup_mount, bool may_load, struct kern_feature *ret_features,
		  size_t capacity);

/* ---- lifetime ---- */

enum kern_sensor {
	KERN_PAGES,   /* batched charges and usage marks */
	KERN_STALL,   /* memory stalls: counters, first stall, burst */
	KERN_RECLAIM, /* time, scanned, reclaimed; direct and proactive */
	KERN_OOM,     /* victims */
	KERN_TRACE,   /* every page allocation by order; costs 8 % of a fault */
	KERN_GATE, /* refuses mappings that do not fit; wants KERN_PAGES, ends with the process */
	KERN_SENSOR__COUNT
};

#define KERN_SENSORS_DEFAULT \
	((1U << KERN_PAGES) | (1U << KERN_STALL) | (1U << KERN_RECLAIM) | (1U << KERN_OOM))

const char *kern_sensor_name(enum kern_sensor sensor);

struct kern_options {
	uint32_t sensors;         /* wanted, mask of 1U << enum kern_sensor */
	uint32_t component_level; /* depth of component cgroups: 2 for /uw/NAME, 3 for the scope */
	uint64_t calm_us;         /* no stall for so long, and the next one is an event */
	uint64_t burst_us;        /* stall within window_us that is an event; 0 = never */
	uint64_t window_us;
};

struct kern; /* opaque, owned by the caller from kern_open to kern_close */

/*
 * Brings the wanted sensors up: takes over what is pinned when it is the same build, installs and
 * hands over otherwise. Mounts bpffs when it is not. Call before starting threads (it forks) and
 * before mlockall. Each sensor may fail by itself: 0 as long as one of them works, and
 * kern_sensor_error says what became of the others. Otherwise -EPERM, -EOPNOTSUPP (no BTF,
 * or no sensor works), -ENOMEM or what bpf(2) said, with the loader's last words in err.
 */
int kern_open(const struct kern_options *options, struct kern **ret_kern, struct uw_err *err);

/* Closes fds; what is pinned goes on counting. Takes NULL. */
void kern_close(struct kern *kern);

/* Removes everything that is pinned: counting ends, counters are gone. 0 also when nothing was. */
int kern_unpin(struct uw_err *err);

/* Applies calm, burst, window and level of a reloaded configuration. Of the sensors KERN_GATE alone
 * comes and goes with it. */
int kern_configure(struct kern *kern, const struct kern_options *options);

/* Mask of the sensors that are wanted and attached. */
uint32_t kern_sensors(const struct kern *kern);

/* Why a wanted sensor is not attached; NULL when it is (or was not wanted). */
const char *kern_sensor_error(const struct kern *kern, enum kern_sensor sensor);

/* ---- components ---- */

/*
 * Starts counting for a component, or goes on with its counters when cgid is known. An entry of the
 * same name with another cgid is dropped: the cgroup was recreated. Call again when the memory
 * controller was switched off and on. -ENOENT when there is no such cgroup, -ENOSPC past
 * UW_ENTRIES_MAX.
 */
int kern_track(struct kern *kern, const char *name, uint64_t cgid, uint32_t slot);

/* Forgets a component and its counters, whichever cgroup it had. */
void kern_untrack(struct kern *kern, const char *name);

/* Arms the one mark of a component, 0 disarms. The event comes once, with the first batch charged
 * at or above bytes, and disarms: set it again for the next. */
int kern_mark_set(struct kern *kern, uint64_t cgid, uint64_t bytes);

/* -ENOENT when the component is not tracked. */
int kern_read_counts(const struct kern *kern, uint64_t cgid, struct uw_component *ret_counts);

/* Allocations by order, summed over CPUs. -ENODATA without KERN_TRACE, and where
 * others have the UW_ROW_TRIES rows that follow from cgid. */
int kern_read_pages(const struct kern *kern, uint64_t cgid, uint64_t ret_allocations[UW_ORDERS]);

/* ---- the gate ---- */

struct kern_gate {
	uint64_t least_bytes; /* smaller mappings pass */
	uint64_t room_bytes;  /* what the component may still have, */
	uint64_t usage_bytes; /* when its memory.current was this */
	uint64_t for_us;      /* from now on; then, not told anew, all mappings pass */
};

/* Tells the gate of a component that is tracked; counts of what it refuses begin with the first
 * time. -ENOENT when the component is not tracked, or its counter is not known. */
int kern_gate_set(struct kern *kern, uint64_t cgid, const struct kern_gate *gate);

/* All its mappings pass; the counts go. */
void kern_gate_clear(struct kern *kern, uint64_t cgid);

/* -ENOENT when the component has no gate. */
int kern_gate_read(const struct kern *kern, uint64_t cgid, struct uw_refusals *ret_refusals);

/* ---- events ---- */

struct kern_event {
	enum uw_event_kind kind;
	uint32_t slot; /* as given to kern_track */
	uint64_t cgid;
	uint64_t at_us; /* CLOCK_MONOTONIC */
	uint64_t observed, threshold;
	uint32_t pid; /* of who caused it, or the OOM victim */
	char comm[UW_COMM_LEN];
};

typedef void (*kern_event_fn)(void *data, const struct kern_event *event);

/* For epoll, EPOLLIN. Owned by kern. -1 where all sensors that have events are off. */
int kern_events_fd(const struct kern *kern);

/* Calls fn for each waiting event. Returns their number or a negative errno. Events of the time
 * when nobody listened come first; at_us tells. */
int kern_events_drain(struct kern *kern, kern_event_fn fn, void *data);

/* ---- what was missed ---- */

struct kern_drop {
	const char *name;
	uint64_t count;
};

/* Every kind of drop with its count, and the runs that the kernel skipped because the program was
 * already active on that CPU. For status, not for the tick. Returns the number of rows. */
size_t kern_drops(const struct kern *kern, struct kern_drop *ret_drops, size_t capacity);

#define KERN_DROPS_MAX (UW_DROP__COUNT + 1)

#endif
