// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: does this mapping fit into what its component may still have? Where it does not, the
 * system call fails with ENOMEM.
 * Hook: fmod_ret security_vm_enough_memory_mm, where the kernel asks whether memory that is to be
 * private or anonymous may be promised (lsm/vm_enough_memory itself takes no BPF program, and so
 * none by cgroup). Linux 6.1, 6.12, 7.x on x86-64. Attached only while a component has a gate.
 * Cost: a few instructions where less than UW_GATE_LEAST_BYTES is mapped, some more elsewhere than
 * in a gated component, a lookup in it. Nothing on a fault.
 */
#include "bpf/uw_gates.h"

/* arch/x86/entry/syscalls/syscall_64.tbl. Where others map, as fork and exec do, a refusal would
 * find nobody who can do with less. Numbers of 32-bit programs are other ones: they pass. */
enum {
	SYS_MMAP = 9,
	SYS_MPROTECT = 10,
	SYS_BRK = 12,
	SYS_MREMAP = 25,
};

#define MAP_ANONYMOUS 0x20 /* include/uapi/asm-generic/mman-common.h */

static __always_inline bool may_refuse_here(void)
{
	const struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	switch (regs->orig_ax) {
	case SYS_MMAP:
		return regs->r10 & MAP_ANONYMOUS; /* the fourth argument */
	case SYS_MPROTECT:
	case SYS_BRK:
	case SYS_MREMAP:
		return true;
	default:
		return false;
	}
}

/*
 * What is left of the room that user space told of. What was used since and not mapped since is
 * cache, or of mappings of before; what was mapped since and is not used has been given back, or is
 * not touched yet: the smaller of the two is surely taken. What is used less is there.
 */
static __always_inline __u64 room_left(const struct uw_gate *gate, __u64 usage_bytes)
{
	__u64 taken = gate->let_bytes;

	if (usage_bytes < gate->usage_bytes)
		return gate->room_bytes + (gate->usage_bytes - usage_bytes);
	if (taken > usage_bytes - gate->usage_bytes)
		taken = usage_bytes - gate->usage_bytes;
	return gate->room_bytes > taken ? gate->room_bytes - taken : 0;
}

/* What the component has now, read by the counter's address: of one that has gone any number, for
 * as long as the gate is not told anew. */
static __always_inline bool read_usage(const struct uw_gate *gate, __u64 *ret_bytes)
{
	const struct page_counter *counter = (const void *)gate->counter;
	__s64 pages;

	if (bpf_core_read(&pages, sizeof(pages), &counter->usage.counter))
		return false;
	*ret_bytes = (__u64)pages << uw_load.page_shift;
	return true;
}

static __always_inline void count_refusal(const struct uw_cgid *key, __u64 now, __u64 bytes,
					  __u64 room_bytes)
{
	struct uw_refusals *refusals = bpf_map_lookup_elem(&uw_refusals, key);

	if (!refusals)
		return;
	uw_add(&refusals->count, 1);
	uw_add(&refusals->bytes, bytes);
	refusals->last_at_us = now / NS_PER_US;
	refusals->last_bytes = bytes;
	refusals->last_room_bytes = room_bytes;
	refusals->last_pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	bpf_get_current_comm(refusals->last_comm, sizeof(refusals->last_comm));
}

static __always_inline bool may_be_gated(__u64 cgid)
{
	__u32 zero = 0;
	const __u64 *gated = bpf_map_lookup_elem(&uw_gated, &zero);

	return gated && *gated & UW_GATED_BIT(cgid);
}

/* 0, or -ENOMEM. The clock is read for refusals alone. */
static __always_inline int judge(const struct uw_settings *settings, __u64 bytes)
{
	struct uw_cgid key = {.cgid = uw_current_cgid(settings)};
	__u64 now, usage_bytes, room_bytes;
	struct uw_gate *gate;

	if (!may_be_gated(key.cgid))
		return 0;
	gate = bpf_map_lookup_elem(&uw_gates, &key);
	if (!gate || bytes < gate->least_bytes || !may_refuse_here() ||
	    !read_usage(gate, &usage_bytes))
		return 0;
	room_bytes = room_left(gate, usage_bytes);
	if (bytes <= room_bytes) {
		uw_add(&gate->let_bytes, bytes);
		return 0;
	}
	now = bpf_ktime_get_ns();
	if (now >= gate->until_ns)
		return 0;
	count_refusal(&key, now, bytes, room_bytes);
	return -ENOMEM;
}

SEC("fmod_ret/security_vm_enough_memory_mm")
int BPF_PROG(uw_gate, struct mm_struct *mm, long pages, int ret)
{
	__u64 bytes = (__u64)pages << uw_load.page_shift;
	const struct uw_settings *settings;

	if (ret || bytes < UW_GATE_LEAST_BYTES)
		return ret;
	settings = uw_active();
	return settings ? judge(settings, bytes) : 0;
}

char LICENSE[] SEC("license") = "GPL";
