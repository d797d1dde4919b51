/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sources of kern share about an open kern: the fds of the pinned maps. Private to kern.
 */
#ifndef UW_KERN_INSIDE_H
#define UW_KERN_INSIDE_H

#include "user/kern/kern.h"
#include "user/kern/loader.h"

enum kern_map {
	MAP_COMPONENTS,
	MAP_COUNTERS,
	MAP_MARKS,
	MAP_STALLS,
	MAP_SETTINGS,
	MAP_DROPS,
	MAP_EVENTS,
	MAP_PAGES,
	MAP_GATES,
	MAP_GATED,
	MAP_REFUSALS,
	MAP__COUNT
};

/* What the caller calls a cgroup. */
struct tracked {
	uint64_t cgid; /* 0 = free */
	uint32_t slot;
};

struct kern {
	int map[MAP__COUNT]; /* -1 where its sensor is not there */
	int groups;          /* the iterator program */
	int gate;            /* the link of the gate; -1: nothing is refused */
	int cpus;
	struct uw_orders *orders; /* one row of all CPUs, NULL without page tracing */
	struct ring_buffer *ring;
	kern_event_fn fn;
	void *data;
	uint32_t wanted;
	uint32_t generation;
	struct tracked tracked[UW_ENTRIES_MAX];
	struct loader_outcome outcome;
};

/* The entry of cgid, a free one for 0, or NULL. */
struct tracked *kern_find_tracked(struct kern *kern, uint64_t cgid);

/* Attaches the gate, unless it is or cannot be: then its sensor is lost, with the reason. */
void gate_open(struct kern *kern);

/* From then on nothing is refused. */
void gate_close(struct kern *kern);

#endif
