/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a memory cgroup to its component, by the address of its page counter: the charge path hands
 * us nothing else, and a few hash lookups are cheaper than reading ids through three pointers.
 */
#ifndef UW_COUNTERS_H
#define UW_COUNTERS_H

#include "bpf/uw_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_counter);
	__type(value, struct uw_owner);
} uw_counters __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_cgid);
	__type(value, struct uw_mark);
} uw_marks __weak SEC(".maps");

static __always_inline struct uw_owner *uw_counter_owner(const struct page_counter *counter)
{
	struct uw_counter key = {.address = (__u64)counter};

	return bpf_map_lookup_elem(&uw_counters, &key);
}

#endif
