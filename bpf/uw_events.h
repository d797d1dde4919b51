/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring through which programs wake the daemon. Events are rare (a mark once armed, a stall
 * after calm, a victim), so each one wakes at once instead of waiting for a batch.
 */
#ifndef UW_EVENTS_H
#define UW_EVENTS_H

#include "bpf/uw_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, UW_EVENTS_SIZE);
} uw_events __weak SEC(".maps");

/* Room for one event with everything but pid and comm filled in; NULL when the ring is full, which
 * is then counted as drop. */
static __always_inline struct uw_event *uw_event_begin(enum uw_event_kind kind, __u64 cgid,
						       enum uw_drop drop)
{
	struct uw_event *event = bpf_ringbuf_reserve(&uw_events, sizeof(*event), 0);

	if (!event) {
		uw_drop(drop);
		return NULL;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->cgid = cgid;
	event->at_ns = bpf_ktime_get_ns();
	return event;
}

/* The current task is who caused it. */
static __always_inline void uw_event_blame_current(struct uw_event *event)
{
	event->pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

static __always_inline void uw_event_send(struct uw_event *event)
{
	bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

#endif
