// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: who spends time in reclaim, whose pages are scanned and freed, and was it the kernel
 * under pressure (direct, kswapd) or a writer of memory.reclaim (proactive)?
 * Hooks: fentry and fexit try_to_free_mem_cgroup_pages (a cgroup's own limit, or memory.reclaim);
 * tp_btf mm_vmscan_direct_reclaim_begin and _end (the host is short); fentry vmpressure, which the
 * kernel calls with scanned and reclaimed of each cgroup unless reclaim is proactive; tp_btf
 * mm_vmscan_lru_isolate for what the proactive kind scans. Linux 6.1, 6.12, 7.x.
 * Cost: nothing outside of reclaim; a few map lookups for each call and each cgroup in it.
 */
#include "bpf/uw_counters.h"

/* include/linux/swap.h, in the reclaim_options of try_to_free_mem_cgroup_pages; not in BTF. */
#define MEMCG_RECLAIM_PROACTIVE (1U << 2)

/* include/linux/mmzone.h: the bit that tells enum lru_list's active lists. */
#define LRU_ACTIVE 1

struct reclaim_task {
	__u64 start_ns;  /* 0 = not in reclaim */
	__u64 proactive; /* the cgid of the component that memory.reclaim was written for, else 0 */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct reclaim_task);
} uw_reclaim_tasks SEC(".maps");

/* The component that a memory cgroup belongs to, 0 when to none. */
static __always_inline __u64 memcg_cgid(struct mem_cgroup *memcg)
{
	struct page_counter *counter;

	if (!memcg)
		return 0;
	counter = (struct page_counter *)((char *)memcg +
					  bpf_core_field_offset(struct mem_cgroup, memory));
	for (int depth = 0; depth < UW_DEPTH_MAX && counter; depth++) {
		const struct uw_owner *owner = uw_counter_owner(counter);

		if (owner)
			return owner->cgid;
		counter = BPF_CORE_READ(counter, parent);
	}
	return 0;
}

static __always_inline void begin_reclaim(__u64 proactive)
{
	struct reclaim_task *own;

	own = bpf_task_storage_get(&uw_reclaim_tasks, bpf_get_current_task_btf(), NULL,
				   BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!own) {
		uw_drop(UW_DROP_RECLAIM_STORAGE);
		return;
	}
	own->start_ns = bpf_ktime_get_ns();
	own->proactive = proactive;
}

/* Time in reclaim since begin_reclaim, 0 when that was not seen; forgets it. */
static __always_inline __u64 end_reclaim_us(void)
{
	struct reclaim_task *own;
	__u64 start_ns;

	own = bpf_task_storage_get(&uw_reclaim_tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!own || !own->start_ns)
		return 0;
	start_ns = own->start_ns;
	own->start_ns = 0;
	own->proactive = 0;
	return uw_us(bpf_ktime_get_ns() - start_ns);
}

static __always_inline void account_direct(struct uw_component *component, __u64 us)
{
	if (!component)
		return;
	uw_add(&component->reclaim_us, us);
	uw_add(&component->reclaims, 1);
}

static __always_inline void account_proactive(struct uw_component *component, __u64 us,
					      __u64 reclaimed)
{
	if (!component)
		return;
	uw_add(&component->proactive_us, us);
	uw_add(&component->proactive_reclaims, 1);
	uw_add(&component->proactive_reclaimed_pages, reclaimed);
}

SEC("fentry/try_to_free_mem_cgroup_pages")
int BPF_PROG(uw_reclaim_in, struct mem_cgroup *memcg, unsigned long nr_pages, unsigned int gfp,
	     unsigned int options)
{
	if (uw_active())
		begin_reclaim(options & MEMCG_RECLAIM_PROACTIVE ? memcg_cgid(memcg) : 0);
	return 0;
}

/* The kernels differ in the number of arguments: the return value is fetched, not an argument. */
SEC("fexit/try_to_free_mem_cgroup_pages")
int BPF_PROG(uw_reclaim_out, struct mem_cgroup *memcg, unsigned long nr_pages, unsigned int gfp,
	     unsigned int options)
{
	const struct uw_settings *settings = uw_active();
	__u64 reclaimed = 0;
	__u64 cgid;
	__u64 us;

	if (!settings)
		return 0;
	us = end_reclaim_us();
	cgid = memcg_cgid(memcg);
	if (options & MEMCG_RECLAIM_PROACTIVE) {
		bpf_get_func_ret(ctx, &reclaimed);
		account_proactive(uw_component(cgid), us, reclaimed);
		return 0;
	}
	/* Who waits is the current task; a writer of memory.high from outside works for the target.
	 */
	if (uw_component(uw_current_cgid(settings)))
		cgid = uw_current_cgid(settings);
	account_direct(uw_component(cgid), us);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(uw_direct_in)
{
	const struct uw_settings *settings = uw_active();

	if (settings && uw_component(uw_current_cgid(settings)))
		begin_reclaim(0);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(uw_direct_out)
{
	const struct uw_settings *settings = uw_active();

	if (settings)
		account_direct(uw_component(uw_current_cgid(settings)), end_reclaim_us());
	return 0;
}

static __always_inline void account_pages(struct mem_cgroup *memcg, __u64 scanned, __u64 reclaimed)
{
	struct uw_component *component = uw_component(memcg_cgid(memcg));

	if (!component)
		return;
	uw_add(&component->reclaim_scanned_pages, scanned);
	uw_add(&component->reclaim_reclaimed_pages, reclaimed);
}

/* tree: the sum over a subtree, whose parts were told before. The loader takes the one of these two
 * that has the kernel's number of arguments: 7.x added the order. */
SEC("fentry/vmpressure")
int BPF_PROG(uw_pressure, unsigned int gfp, struct mem_cgroup *memcg, bool tree,
	     unsigned long scanned, unsigned long reclaimed)
{
	if (!tree && uw_active())
		account_pages(memcg, scanned, reclaimed);
	return 0;
}

SEC("fentry/vmpressure")
int BPF_PROG(uw_pressure_ord, unsigned int gfp, int order, struct mem_cgroup *memcg, bool tree,
	     unsigned long scanned, unsigned long reclaimed)
{
	if (!tree && uw_active())
		account_pages(memcg, scanned, reclaimed);
	return 0;
}

/* Pages taken off an inactive list to be looked at: what pgscan counts. (The scanned of the
 * multi-generational LRU is more: it has pages in it that were only sorted.) */
static __always_inline void account_isolated(__u64 taken, int lru)
{
	struct uw_component *component;
	struct reclaim_task *own;

	if (lru & LRU_ACTIVE || !uw_active())
		return;
	own = bpf_task_storage_get(&uw_reclaim_tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!own || !own->proactive)
		return;
	component = uw_component(own->proactive);
	if (component)
		uw_add(&component->proactive_scanned_pages, taken);
}

/* Again one of two: 6.1 has the isolation mode before the list. */
SEC("tp_btf/mm_vmscan_lru_isolate")
int BPF_PROG(uw_isolate, int zone, int order, unsigned long requested, unsigned long scanned,
	     unsigned long skipped, unsigned long taken, int lru)
{
	account_isolated(taken, lru);
	return 0;
}

SEC("tp_btf/mm_vmscan_lru_isolate")
int BPF_PROG(uw_isolate_mode, int zone, int order, unsigned long requested, unsigned long scanned,
	     unsigned long skipped, unsigned long taken, unsigned int mode, int lru)
{
	account_isolated(taken, lru);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
