/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types that our programs touch, with only the fields they touch: libbpf relocates each
 * access against the running kernel's BTF by name, so neither order nor offset here matters, and
 * building needs no kernel's BTF. Also the few UAPI constants, so that no system header comes in.
 */
#ifndef UW_KERNEL_H
#define UW_KERNEL_H

typedef signed int __s32;
typedef signed long long __s64;
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum {
	false = 0,
	true = 1,
};

#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

#define ENOMEM 12 /* include/uapi/asm-generic/errno-base.h */

/* include/uapi/linux/time.h */
#define CLOCK_MONOTONIC 1

/* Found by its name in a map value's BTF; user space sees it as two words. */
struct bpf_timer {
	__u64 opaque[2];
} __attribute__((aligned(8)));

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__s64 counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

struct page_counter {
	atomic_long_t usage;
	struct page_counter *parent;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1];
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct pt_regs {
	unsigned long r10, orig_ax;
};

struct task_struct {
	int tgid;
	char comm[16];
	unsigned int in_memstall : 1;
	struct css_set *cgroups;
};

struct oom_control {
	struct task_struct *chosen;
};

struct bpf_iter__cgroup {
	struct cgroup *cgroup;
};

enum cgroup_subsys_id {
	memory_cgrp_id,
};

#pragma clang attribute pop

struct mm_struct;
struct page;

#endif
