/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pinned maps that several sources share, and what all programs do with them. What headers
 * define is weak, so that the linker takes one of each. The loader pins each map uw_NAME as NAME
 * and lets a later build reuse it. A program runs only in its own generation: while a new build
 * takes over, both are attached and one of them counts.
 */
#ifndef UW_MAPS_H
#define UW_MAPS_H

#include "bpf/uw_kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/uw_abi.h"

/* Cgroups between a workload and its component, or a counter and its component's. */
#define UW_DEPTH_MAX 6

#define NS_PER_US 1000ULL

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_cgid);
	__type(value, struct uw_component);
} uw_components __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct uw_settings);
} uw_settings __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_DROP__COUNT);
	__type(key, struct uw_drop_key);
	__type(value, struct uw_drop_count);
} uw_drops __weak SEC(".maps");

const volatile struct uw_load uw_load __weak;

/* The settings, or NULL when this program is not the one that counts. */
static __always_inline const struct uw_settings *uw_active(void)
{
	__u32 zero = 0;
	const struct uw_settings *settings = bpf_map_lookup_elem(&uw_settings, &zero);

	if (!settings || settings->generation != uw_load.generation)
		return NULL;
	return settings;
}

static __always_inline void uw_add(__u64 *counter, __u64 value)
{
	__sync_fetch_and_add(counter, value);
}

/* To the nearest, so that many short stalls do not sum to nothing. */
static __always_inline __u64 uw_us(__u64 ns)
{
	return (ns + NS_PER_US / 2) / NS_PER_US;
}

static __always_inline void uw_drop(enum uw_drop what)
{
	struct uw_drop_key key = {.what = what};
	struct uw_drop_count *drop = bpf_map_lookup_elem(&uw_drops, &key);

	if (drop)
		uw_add(&drop->count, 1);
}

static __always_inline struct uw_component *uw_component(__u64 cgid)
{
	struct uw_cgid key = {.cgid = cgid};

	return bpf_map_lookup_elem(&uw_components, &key);
}

/* The id of the current task's ancestor at component level; 0 outside of any pool. */
static __always_inline __u64 uw_current_cgid(const struct uw_settings *settings)
{
	return bpf_get_current_ancestor_cgroup_id((int)settings->component_level);
}

#endif
