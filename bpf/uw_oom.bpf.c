// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: whom does the kernel's OOM killer kill, and in which component?
 * Hooks: tp_btf mark_victim where it hands over the task, fentry oom_kill_process where it has only
 * a pid (kernels before 6.8, unless patched): the loader attaches one of the two.
 * Linux 6.1, 6.12, 7.x. Cost: nothing until a kill. mark_victim sees each task of a
 * memory.oom.group kill, oom_kill_process only the first.
 */
#include "bpf/uw_events.h"

/* The component above a task; its cgid in *ret_cgid. */
static __always_inline struct uw_component *task_component(struct task_struct *task,
							   __u64 *ret_cgid)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	for (int depth = 0; depth < UW_DEPTH_MAX && cgroup; depth++) {
		__u64 cgid = BPF_CORE_READ(cgroup, kn, id);
		struct uw_component *component = uw_component(cgid);

		if (component) {
			*ret_cgid = cgid;
			return component;
		}
		cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
	}
	return NULL;
}

static __always_inline void account_victim(struct task_struct *task)
{
	__u64 cgid = 0;
	struct uw_component *component = task_component(task, &cgid);
	struct uw_event *event;

	if (!component)
		return;
	uw_add(&component->oom_kills, 1);
	component->oom_last_at_us = bpf_ktime_get_ns() / NS_PER_US;
	event = uw_event_begin(UW_EVENT_OOM, cgid, UW_DROP_EVENT_OOM);
	if (!event)
		return;
	event->pid = (__u32)BPF_CORE_READ(task, tgid);
	event->observed = event->pid;
	bpf_core_read_str(event->comm, sizeof(event->comm), &task->comm);
	uw_event_send(event);
}

SEC("tp_btf/mark_victim")
int BPF_PROG(uw_oom_victim, struct task_struct *task)
{
	if (uw_active())
		account_victim(task);
	return 0;
}

SEC("fentry/oom_kill_process")
int BPF_PROG(uw_oom_kill, struct oom_control *control)
{
	struct task_struct *task = control->chosen;

	if (task && uw_active())
		account_victim(task);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
