/* SPDX-License-Identifier: GPL-2.0-only */
/* The stall state of a component: shared by the stall programs and by what removes components. */
#ifndef UW_STALLS_H
#define UW_STALLS_H

#include "bpf/uw_maps.h"

struct uw_stall {
	struct bpf_timer timer;
	__u64 since_ns;      /* accounted up to here: a task entered or left, or the timer looked */
	__u64 moved_ns;      /* last time a task entered or left */
	__u64 calm_since_ns; /* end of the last stall, 0 = none yet */
	__u64 window_since_ns;
	__u64 window_busy_ns; /* time in this window with at least one task stalled */
	__u32 stalled_tasks;
	__u32 burst_sent; /* in this window */
	__u32 timer_ready;
	__u32 pad;
};

_Static_assert(sizeof(struct uw_stall) == UW_STALL_SIZE, "user space makes entries of this size");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_cgid);
	__type(value, struct uw_stall);
} uw_stalls __weak SEC(".maps");

#endif
