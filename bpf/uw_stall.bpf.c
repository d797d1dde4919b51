// SPDX-License-Identifier: GPL-2.0-only
/*
 * Question: how long do the tasks of each component wait for memory, when does a stall end a calm,
 * and when does stall time within a window reach the burst that user space asked for?
 * Hooks: fentry psi_memstall_enter and psi_memstall_leave, the same places PSI counts at; a timer
 * finds the burst while the stall still lasts. Linux 6.1, 6.12, 7.x.
 * Cost: nothing on a fault; two map lookups at each end of a stall. Wall clock, where PSI weighs by
 * CPU: PSI's "some" is 0.4 to 1.07 of stall_some_us.
 */
#include "bpf/uw_events.h"
#include "bpf/uw_stalls.h"

/* A component in which "a task is stalled" but nobody came or left for so long has lost a leave
 * (the kernel skips a program that is active already): longer than any throttle (2 s,
 * mm/memcontrol.c MEMCG_MAX_HIGH_DELAY_JIFFIES). */
#define STALL_FORGOTTEN_NS 10000000000ULL

struct stall_task {
	__u64 start_ns;
	__u64 cgid; /* that the stall is accounted to; 0 = not stalled */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stall_task);
} uw_stall_tasks SEC(".maps");

static __always_inline void send_burst(struct uw_component *component, __u64 cgid,
				       const struct uw_settings *settings, __u64 busy_ns)
{
	struct uw_event *event;

	uw_add(&component->stall_bursts, 1);
	event = uw_event_begin(UW_EVENT_STALL_BURST, cgid, UW_DROP_EVENT_STALL);
	if (!event)
		return;
	event->observed = busy_ns / NS_PER_US;
	event->threshold = settings->burst_us;
	uw_event_send(event);
}

static __always_inline void send_first(__u64 cgid, const struct uw_settings *settings,
				       __u64 calm_ns)
{
	struct uw_event *event;

	event = uw_event_begin(UW_EVENT_STALL_FIRST, cgid, UW_DROP_EVENT_STALL);
	if (!event)
		return;
	event->observed = calm_ns / NS_PER_US;
	event->threshold = settings->calm_us;
	uw_event_blame_current(event);
	uw_event_send(event);
}

/* Accounts the time up to now, in which somebody was stalled when busy; rolls the window. */
static __always_inline void advance(struct uw_stall *stall, struct uw_component *component,
				    __u64 cgid, const struct uw_settings *settings, __u64 now,
				    bool busy)
{
	__u64 since = __sync_lock_test_and_set(&stall->since_ns, now);
	__u64 burst_ns = settings->burst_us * NS_PER_US;

	if (busy && since && now > since) {
		uw_add(&stall->window_busy_ns, now - since);
		uw_add(&component->stall_some_us, uw_us(now - since));
	}
	if (burst_ns && stall->window_busy_ns >= burst_ns &&
	    __sync_val_compare_and_swap(&stall->burst_sent, 0, 1) == 0)
		send_burst(component, cgid, settings, stall->window_busy_ns);
	if (now - stall->window_since_ns >= settings->window_us * NS_PER_US) {
		stall->window_since_ns = now;
		stall->window_busy_ns = 0;
		stall->burst_sent = 0;
	}
}

/* When the burst can be reached at the earliest, or the window ends. */
static __always_inline __u64 next_look_ns(const struct uw_stall *stall,
					  const struct uw_settings *settings, __u64 now)
{
	__u64 burst_ns = settings->burst_us * NS_PER_US;
	__u64 window_end = stall->window_since_ns + settings->window_us * NS_PER_US;

	if (!stall->burst_sent && stall->window_busy_ns < burst_ns)
		return burst_ns - stall->window_busy_ns;
	return window_end > now ? window_end - now : settings->window_us * NS_PER_US;
}

/* Runs while a stall lasts: at the burst, then once a window. */
static int look(void *map, struct uw_cgid *key, struct uw_stall *stall)
{
	const struct uw_settings *settings = uw_active();
	struct uw_component *component = bpf_map_lookup_elem(&uw_components, key);
	__u64 now = bpf_ktime_get_ns();

	if (!settings || !component || !settings->burst_us || (__s32)stall->stalled_tasks <= 0)
		return 0;
	if (now - stall->moved_ns > STALL_FORGOTTEN_NS) {
		stall->stalled_tasks = 0;
		stall->calm_since_ns = now;
		component->stalled_tasks = 0;
		uw_drop(UW_DROP_STALL_RESET);
		return 0;
	}
	advance(stall, component, key->cgid, settings, now, true);
	bpf_timer_start(&stall->timer, next_look_ns(stall, settings, now), 0);
	return 0;
}

static __always_inline void arm_timer(struct uw_stall *stall, const struct uw_settings *settings,
				      __u64 now)
{
	if (!settings->burst_us)
		return;
	if (__sync_val_compare_and_swap(&stall->timer_ready, 0, 1) == 0)
		bpf_timer_init(&stall->timer, &uw_stalls, CLOCK_MONOTONIC);
	/* Each time, and not once: after a handover the callback must be this build's. */
	if (bpf_timer_set_callback(&stall->timer, look) ||
	    bpf_timer_start(&stall->timer, next_look_ns(stall, settings, now), 0))
		uw_drop(UW_DROP_STALL_TIMER);
}

static __always_inline void begin_stall(struct uw_stall *stall, struct uw_component *component,
					__u64 cgid, const struct uw_settings *settings, __u64 now)
{
	__u32 before = __sync_fetch_and_add(&stall->stalled_tasks, 1);
	__u64 calm_ns;

	if (before && now - stall->moved_ns > STALL_FORGOTTEN_NS) {
		stall->stalled_tasks = 1;
		before = 0;
		uw_drop(UW_DROP_STALL_RESET);
	}
	stall->moved_ns = now;
	calm_ns = now - stall->calm_since_ns;
	advance(stall, component, cgid, settings, now, before > 0);
	component->stalled_tasks = stall->stalled_tasks;
	if (before)
		return;
	if (calm_ns >= settings->calm_us * NS_PER_US)
		send_first(cgid, settings, calm_ns);
	arm_timer(stall, settings, now);
}

static __always_inline void end_stall(struct uw_stall *stall, struct uw_component *component,
				      __u64 cgid, const struct uw_settings *settings, __u64 now)
{
	stall->moved_ns = now;
	advance(stall, component, cgid, settings, now, true);
	if ((__s32)__sync_fetch_and_add(&stall->stalled_tasks, -1) <= 1) {
		stall->stalled_tasks = 0;
		stall->calm_since_ns = now;
	}
	component->stalled_tasks = stall->stalled_tasks;
}

SEC("fentry/psi_memstall_enter")
int BPF_PROG(uw_stall_enter)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct uw_settings *settings = uw_active();
	struct uw_component *component;
	struct stall_task *own;
	struct uw_stall *stall;
	struct uw_cgid key;
	__u64 now;

	if (!settings || BPF_CORE_READ_BITFIELD(task, in_memstall))
		return 0; /* nested: the outer one counts */
	key.cgid = uw_current_cgid(settings);
	stall = bpf_map_lookup_elem(&uw_stalls, &key);
	component = bpf_map_lookup_elem(&uw_components, &key);
	if (!stall || !component)
		return 0;
	own = bpf_task_storage_get(&uw_stall_tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!own) {
		uw_drop(UW_DROP_STALL_STORAGE);
		return 0;
	}
	now = bpf_ktime_get_ns();
	own->start_ns = now;
	if (own->cgid == key.cgid)
		return 0; /* its leave was missed: it is counted as stalled already */
	own->cgid = key.cgid;
	begin_stall(stall, component, key.cgid, settings, now);
	return 0;
}

SEC("fentry/psi_memstall_leave")
int BPF_PROG(uw_stall_leave, unsigned long *flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct uw_settings *settings = uw_active();
	struct uw_component *component;
	struct stall_task *own;
	struct uw_stall *stall;
	unsigned long nested = 0;
	struct uw_cgid key;
	__u64 now;

	if (!settings || bpf_probe_read_kernel(&nested, sizeof(nested), flags) || nested)
		return 0;
	own = bpf_task_storage_get(&uw_stall_tasks, task, NULL, 0);
	if (!own || !own->cgid)
		return 0;
	key.cgid = own->cgid;
	own->cgid = 0;
	stall = bpf_map_lookup_elem(&uw_stalls, &key);
	component = bpf_map_lookup_elem(&uw_components, &key);
	if (!stall || !component)
		return 0;
	now = bpf_ktime_get_ns();
	uw_add(&component->stall_us, uw_us(now - own->start_ns));
	uw_add(&component->stalls, 1);
	end_stall(stall, component, key.cgid, settings, now);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
