// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: which page counter belongs to which component, and which component is gone?
 * Hooks: a cgroup iterator, run for one cgroup whenever user space tracks a component;
 * tp_btf cgroup_rmdir, so that no entry outlives its cgroup, daemon or not. Linux 6.1, 6.12, 7.x.
 * Cost: none while nothing is created or removed.
 */
#include "bpf/uw_counters.h"
#include "bpf/uw_gates.h"
#include "bpf/uw_stalls.h"

/* The page counter of a cgroup's memory controller, NULL when it has none. */
static __always_inline struct page_counter *memory_counter(struct cgroup *cgroup)
{
	__u64 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct cgroup_subsys_state *css = NULL;
	const char *slot = (const char *)cgroup + bpf_core_field_offset(struct cgroup, subsys) +
			   index * sizeof(css);
	struct mem_cgroup *memcg;

	if (bpf_probe_read_kernel(&css, sizeof(css), slot) || !css)
		return NULL;
	memcg = (struct mem_cgroup *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));
	return &memcg->memory;
}

SEC("iter/cgroup")
int uw_groups(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;
	struct uw_component *component;
	struct page_counter *counter;
	struct uw_owner owner = {};
	struct uw_counter key = {};
	struct uw_cgid cgid = {};

	if (!cgroup)
		return 0;
	cgid.cgid = cgroup->kn->id;
	component = bpf_map_lookup_elem(&uw_components, &cgid);
	counter = memory_counter(cgroup);
	if (component)
		component->counter = (__u64)counter;
	if (!component || !counter)
		return 0;
	key.address = (__u64)counter;
	owner.cgid = cgid.cgid;
	owner.seen_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&uw_counters, &key, &owner, BPF_ANY))
		uw_drop(UW_DROP_COUNTER_INSERT);
	component->usage_bytes = (__u64)BPF_CORE_READ(counter, usage.counter) << uw_load.page_shift;
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(uw_rmdir, struct cgroup *cgroup)
{
	struct uw_cgid cgid = {.cgid = cgroup->kn->id};
	struct uw_counter key = {};

	if (!uw_active() || !bpf_map_lookup_elem(&uw_components, &cgid))
		return 0;
	key.address = (__u64)memory_counter(cgroup);
	bpf_map_delete_elem(&uw_counters, &key);
	bpf_map_delete_elem(&uw_marks, &cgid);
	bpf_map_delete_elem(&uw_stalls, &cgid);
	bpf_map_delete_elem(&uw_gates, &cgid);
	bpf_map_delete_elem(&uw_refusals, &cgid);
	bpf_map_delete_elem(&uw_components, &cgid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
