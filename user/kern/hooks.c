// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the attach table, which names every BPF program, the sensor it is for, the kernel function
 * or tracepoint it hangs on, and what is lost without it. Whether a hook can be used is asked of
 * the running kernel's type information, by name and by parameters, before anything is loaded.
 */
#include "user/kern/hooks.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"

/* The other maps are there in any case. */
static const struct {
	const char *name;
	uint32_t owners;
} optional_maps[] = {
	{"uw_events", 1U << KERN_PAGES | 1U << KERN_STALL | 1U << KERN_OOM},
	{"uw_stall_tasks", 1U << KERN_STALL},
	{"uw_reclaim_tasks", 1U << KERN_RECLAIM},
	{"uw_pages", 1U << KERN_TRACE},
};

const struct kern_hook kern_hooks[] = {
	{.owner = HOOK_OF_ALL,
	 .program = "uw_groups",
	 .type = HOOK_ITERATOR,
	 .symbol = "cgroup",
	 .required = true,
	 .lost = "components cannot be told from their page counters: no BPF sensor works"},
	{.owner = HOOK_OF_ALL,
	 .program = "uw_rmdir",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "cgroup_rmdir",
	 .lost = "entries of removed components stay until uwd looks"},
	{.owner = KERN_PAGES,
	 .program = "uw_try_charge",
	 .type = HOOK_FUNCTION,
	 .symbol = "page_counter_try_charge",
	 .required = true,
	 .lost = "no usage marks: a crossing is seen at the next poll or stall"},
	{.owner = KERN_PAGES,
	 .program = "uw_charge",
	 .type = HOOK_FUNCTION,
	 .symbol = "page_counter_charge",
	 .lost = "forced charges are missing from charged_bytes"},
	{.owner = KERN_PAGES,
	 .program = "uw_uncharge",
	 .type = HOOK_FUNCTION,
	 .symbol = "page_counter_uncharge",
	 .lost = "usage_bytes follows growth only, not what is given back"},
	{.owner = KERN_STALL,
	 .program = "uw_stall_enter",
	 .type = HOOK_FUNCTION,
	 .symbol = "psi_memstall_enter",
	 .required = true,
	 .lost = "no stall events: PSI triggers take over, 20 to 70 ms later"},
	{.owner = KERN_STALL,
	 .program = "uw_stall_leave",
	 .type = HOOK_FUNCTION,
	 .symbol = "psi_memstall_leave",
	 .required = true,
	 .lost = "no stall events: PSI triggers take over, 20 to 70 ms later"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_reclaim_in",
	 .type = HOOK_FUNCTION,
	 .symbol = "try_to_free_mem_cgroup_pages",
	 .required = true,
	 .lost = "no reclaim times by component"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_reclaim_out",
	 .type = HOOK_FUNCTION,
	 .symbol = "try_to_free_mem_cgroup_pages",
	 .required = true,
	 .lost = "no reclaim times by component"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_direct_in",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "mm_vmscan_direct_reclaim_begin",
	 .lost = "time in reclaim for the host's sake is not counted"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_direct_out",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "mm_vmscan_direct_reclaim_end",
	 .lost = "time in reclaim for the host's sake is not counted"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_pressure",
	 .type = HOOK_FUNCTION,
	 .symbol = "vmpressure",
	 .args = 5,
	 .lost = "pages scanned and freed under pressure are not counted by component"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_pressure_ord",
	 .type = HOOK_FUNCTION,
	 .symbol = "vmpressure",
	 .args = 6,
	 .unless = "uw_pressure",
	 .lost = "pages scanned and freed under pressure are not counted by component"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_isolate",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "mm_vmscan_lru_isolate",
	 .args = 7,
	 .lost = "pages scanned by memory.reclaim are not counted"},
	{.owner = KERN_RECLAIM,
	 .program = "uw_isolate_mode",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "mm_vmscan_lru_isolate",
	 .args = 8,
	 .unless = "uw_isolate",
	 .lost = "pages scanned by memory.reclaim are not counted"},
	{.owner = KERN_OOM,
	 .program = "uw_oom_victim",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "mark_victim",
	 .args = 2,
	 .lost = "of a group OOM kill only the first victim is seen"},
	{.owner = KERN_OOM,
	 .program = "uw_oom_kill",
	 .type = HOOK_FUNCTION,
	 .symbol = "oom_kill_process",
	 .args = 2,
	 .unless = "uw_oom_victim",
	 .lost = "OOM kills are seen by polling memory.events only, without the victim"},
	{.owner = KERN_TRACE,
	 .program = "uw_page_alloc",
	 .type = HOOK_TRACEPOINT,
	 .symbol = "mm_page_alloc",
	 .required = true,
	 .lost = "no full page tracing (pages = full)"},
	{.owner = KERN_GATE,
	 .program = "uw_gate",
	 .type = HOOK_VERDICT,
	 .symbol = "security_vm_enough_memory_mm",
	 .args = 2,
	 .required = true,
	 .lost = "refuse of a component does nothing: mappings that do not fit succeed"},
};

const size_t kern_hook_count = sizeof(kern_hooks) / sizeof(kern_hooks[0]);

const struct kern_hook *hook_find(const char *program)
{
	for (size_t i = 0; i < kern_hook_count; i++)
		if (!strcmp(kern_hooks[i].program, program))
			return &kern_hooks[i];
	return NULL;
}

bool hook_needs_map(uint32_t owners, const char *map)
{
	for (size_t i = 0; i < ARRAY_SIZE(optional_maps); i++)
		if (!strcmp(optional_maps[i].name, map))
			return owners & optional_maps[i].owners;
	return true;
}

/* The prototype of a function or tracepoint; NULL when there is none of that name. */
static const struct btf_type *prototype(const struct btf *btf, const struct kern_hook *hook)
{
	const struct btf_type *type;
	char name[128];
	int id;

	if (hook->type == HOOK_TRACEPOINT) {
		snprintf(name, sizeof(name), "btf_trace_%s", hook->symbol);
		id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	} else {
		id = btf__find_by_name_kind(btf, hook->symbol, BTF_KIND_FUNC);
	}
	if (id < 0)
		return NULL;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	if (hook->type == HOOK_TRACEPOINT) /* a typedef of a pointer to the prototype */
		type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_is_func_proto(type) ? type : NULL;
}

static bool symbol_fits(const struct btf *btf, const struct kern_hook *hook)
{
	const struct btf_type *proto;
	char name[128];
	int args;

	if (hook->type == HOOK_ITERATOR) {
		snprintf(name, sizeof(name), "bpf_iter__%s", hook->symbol);
		return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) >= 0;
	}
	proto = prototype(btf, hook);
	if (!proto)
		return false;
	args = btf_vlen(proto);
	if (hook->type == HOOK_TRACEPOINT)
		args--; /* the first one is the tracepoint's own data */
	return !hook->args || hook->args == args;
}

bool hook_usable(const struct btf *btf, const struct kern_hook *hook)
{
	const struct kern_hook *better = hook->unless ? hook_find(hook->unless) : NULL;

	return symbol_fits(btf, hook) && !(better && symbol_fits(btf, better));
}
