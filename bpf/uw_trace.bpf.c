// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: which allocations does each component make, by order?
 * Hooks: tp_btf mm_page_alloc. Linux 6.1, 6.12, 7.x. Optional: asked for by "pages = full".
 * Cost: about 300 instructions a page, 7 to 9 % of a page fault. Attributed to the allocating task,
 * which for a page allocated in an interrupt is whoever was interrupted.
 */
#include "bpf/uw_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, UW_ROWS);
	__type(key, __u32);
	__type(value, struct uw_orders);
} uw_pages SEC(".maps");

/* Nearly always the first look finds it. */
static __always_inline struct uw_orders *find_row(__u64 cgid)
{
#pragma unroll
	for (int i = 0; i < UW_ROW_TRIES; i++) {
		__u32 row = UW_ROW(cgid, i);
		struct uw_orders *orders = bpf_map_lookup_elem(&uw_pages, &row);

		if (orders && orders->cgid == cgid)
			return orders;
	}
	return NULL;
}

SEC("tp_btf/mm_page_alloc")
int BPF_PROG(uw_page_alloc, struct page *page, unsigned int order)
{
	const struct uw_settings *settings = uw_active();
	struct uw_orders *orders;
	__u64 cgid;

	if (!settings || !page || order >= UW_ORDERS)
		return 0;
	cgid = uw_current_cgid(settings);
	orders = cgid ? find_row(cgid) : NULL;
	if (orders)
		orders->allocations[order]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
