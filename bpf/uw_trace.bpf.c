// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: which allocations does each component make, by order?
 * Hooks: tp_btf mm_page_alloc. Linux 6.1, 6.12, 7.x. Optional: asked for by "pages = full".
 * Cost: about 300 instructions a page, 7 to 9 % of a page fault. Attributed to the allocating task,
 * which for a page allocated in an interrupt is whoever was interrupted.
 */
#include "bpf/uw_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_cgid);
	__type(value, struct uw_orders);
} uw_pages SEC(".maps");

SEC("tp_btf/mm_page_alloc")
int BPF_PROG(uw_page_alloc, struct page *page, unsigned int order)
{
	const struct uw_settings *settings = uw_active();
	struct uw_orders *pages;
	struct uw_cgid key;

	if (!settings || !page || order >= UW_ORDERS)
		return 0;
	key.cgid = uw_current_cgid(settings);
	pages = bpf_map_lookup_elem(&uw_pages, &key);
	if (pages)
		pages->allocations[order]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
