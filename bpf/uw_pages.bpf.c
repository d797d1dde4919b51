// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: how much memory does each component use, how fast does it charge, and did it just cross
 * the mark that user space armed?
 * Hooks: fexit page_counter_try_charge and page_counter_charge, fentry page_counter_uncharge. Linux
 * 6.1, 6.12, 7.x.
 * Cost: the kernel charges a memory cgroup in batches of 64 pages per CPU, so these run about once
 * in 64 page faults. A swap or hugetlb counter is not registered, and misses.
 */
#include "bpf/uw_counters.h"
#include "bpf/uw_events.h"

/* Charges go upwards from counter: the first registered one is the component's. Its cgid, or 0. */
static __always_inline __u64 find_component(struct page_counter *counter,
					    struct page_counter **ret_counter)
{
	for (int depth = 0; depth < UW_DEPTH_MAX && counter; depth++) {
		const struct uw_owner *owner = uw_counter_owner(counter);

		if (owner) {
			*ret_counter = counter;
			return owner->cgid;
		}
		counter = counter->parent;
	}
	return 0;
}

/* Who takes armed from 1 to 0 sends the one event. */
static __always_inline void check_mark(struct uw_component *component, __u64 cgid,
				       __u64 usage_bytes)
{
	struct uw_cgid key = {.cgid = cgid};
	struct uw_mark *mark = bpf_map_lookup_elem(&uw_marks, &key);
	struct uw_event *event;
	__u64 mark_bytes;

	if (!mark || !mark->armed)
		return;
	mark_bytes = mark->bytes;
	if (usage_bytes < mark_bytes || __sync_val_compare_and_swap(&mark->armed, 1, 0) != 1)
		return;
	event = uw_event_begin(UW_EVENT_MARK, cgid, UW_DROP_EVENT_MARK);
	if (!event) {
		mark->armed = 1; /* the next batch tries again */
		return;
	}
	uw_add(&component->marks_fired, 1);
	event->observed = usage_bytes;
	event->threshold = mark_bytes;
	uw_event_blame_current(event);
	uw_event_send(event);
}

static __always_inline void account_charge(struct page_counter *counter, __u64 nr_pages)
{
	__u64 cgid = find_component(counter, &counter);
	struct uw_component *component;
	__u64 usage_bytes;

	if (!cgid)
		return;
	component = uw_component(cgid);
	if (!component)
		return;
	usage_bytes = (__u64)counter->usage.counter << uw_load.page_shift;
	component->usage_bytes = usage_bytes;
	uw_add(&component->charged_bytes, nr_pages << uw_load.page_shift);
	uw_add(&component->charge_batches, 1);
	check_mark(component, cgid, usage_bytes);
}

/* Seen before the kernel takes the pages off. */
static __always_inline void account_uncharge(struct page_counter *counter, __u64 nr_pages)
{
	__u64 cgid = find_component(counter, &counter);
	struct uw_component *component;
	__u64 usage_pages;

	if (!cgid)
		return;
	component = uw_component(cgid);
	if (!component)
		return;
	usage_pages = (__u64)counter->usage.counter;
	usage_pages = usage_pages > nr_pages ? usage_pages - nr_pages : 0;
	component->usage_bytes = usage_pages << uw_load.page_shift;
	uw_add(&component->uncharged_bytes, nr_pages << uw_load.page_shift);
}

SEC("fexit/page_counter_try_charge")
int BPF_PROG(uw_try_charge, struct page_counter *counter, unsigned long nr_pages,
	     struct page_counter **fail, bool charged)
{
	if (charged && uw_active())
		account_charge(counter, nr_pages);
	return 0;
}

/* Forced charges, past the limit. */
SEC("fexit/page_counter_charge")
int BPF_PROG(uw_charge, struct page_counter *counter, unsigned long nr_pages)
{
	if (uw_active())
		account_charge(counter, nr_pages);
	return 0;
}

SEC("fentry/page_counter_uncharge")
int BPF_PROG(uw_uncharge, struct page_counter *counter, unsigned long nr_pages)
{
	if (uw_active())
		account_uncharge(counter, nr_pages);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
