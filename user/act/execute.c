// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Executes a plan, one function a kind of action, through the table of executors. What changes a
 * limit or freezes is entered in the ledger before it is written, and what can block is handed to
 * the component's worker. A memory.high that was raised home while its worker was still lowering it
 * is settled, and its entry cleared, with a later plan.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/act/internal.h"
#include "user/base/text.h"
#include "user/base/units.h"

/* Returned by an executor whose outcome will come from a worker. */
#define HANDED_OVER 1

/* 3 ms of growth at 5 GB/s. */
#define FREE_HIGH (16 * MIB)

struct act_target {
	struct act_component *component;
	const struct cg_group *group; /* the leaf's, or the component's own */
	char path[LEDGER_PATH_LEN];
};

static int find_target(struct act *act, const struct action *action, struct act_target *ret_target)
{
	struct act_component *component;
	struct act_leaf *leaf;
	int len;

	if (action->component >= UW_COMPONENTS_MAX || !act->component[action->component])
		return -ENODEV;
	component = act->component[action->component];
	ret_target->component = component;
	ret_target->group = &component->group;
	if (!action->leaf || action->leaf == component->group.id)
		return text_copy(ret_target->path, LEDGER_PATH_LEN, component->group.name)
			       ? 0
			       : -ENAMETOOLONG;
	leaf = act_find_leaf(act, action->leaf);
	if (!leaf)
		return -ENODEV;
	ret_target->group = &leaf->group;
	len = snprintf(ret_target->path, LEDGER_PATH_LEN, "%s/%s", component->group.name,
		       leaf->group.name);
	return len < LEDGER_PATH_LEN ? 0 : -ENAMETOOLONG;
}

static int enter(struct act *act, const struct act_target *target, enum ledger_kind kind,
		 uint64_t old_value, const struct action *action, uint64_t new_value)
{
	struct ledger_entry entry = {
		.kind = kind,
		.cgid = target->group->id,
		.old_value = old_value,
		.new_value = new_value,
		.at_us = act->ops->now_us(act->ops_data),
		.deadline_us = action->deadline_us,
	};

	if (act->ops->dry)
		return 0;
	memcpy(entry.path, target->path, sizeof(entry.path));
	return ledger_enter(act->ledger, &entry);
}

static void clear(struct act *act, const struct cg_group *group, enum ledger_kind kind)
{
	if (!act->ops->dry)
		ledger_clear(act->ledger, kind, group->id);
}

static bool is_entered(const struct act *act, const struct act_target *target,
		       enum ledger_kind kind)
{
	struct ledger_entry entry;

	return !act->ops->dry && ledger_find(act->ledger, kind, target->group->id, &entry);
}

/* Its pages can now be had alone: what goes on need not give them, nor stand in their way. */
static int freeze(struct act *act, const struct act_target *target, const struct action *action)
{
	enum ledger_freeze whose =
		action->why.reason == REASON_REQUEST ? LEDGER_FREEZE_ASKED : LEDGER_FREEZE_OWN;
	bool was_frozen = is_entered(act, target, LEDGER_FREEZE);
	int rc = enter(act, target, LEDGER_FREEZE, 0, action, whose);

	if (rc)
		return rc;
	rc = act_write_u64(act, target->group, CG_FREEZE, 1);
	if (!rc)
		act_worker_end_reclaim(&target->component->worker, "");
	else if (!was_frozen) /* else it still is, and has to have an owner */
		clear(act, target->group, LEDGER_FREEZE);
	return rc;
}

static int thaw(struct act *act, const struct act_target *target, const struct action *action)
{
	int rc = act_write_u64(act, target->group, CG_FREEZE, 0);

	(void)action;
	if (!rc || rc == -ENODEV || rc == -ENOENT)
		clear(act, target->group, LEDGER_FREEZE);
	if (target->group != &target->component->group)
		act_worker_end_reclaim(&target->component->worker, target->group->name);
	return rc;
}

/* What was populated when policy looked may have ended; its name and cgid are then nobody's. */
static int kill_group(struct act *act, const struct act_target *target, const struct action *action)
{
	bool populated = false;
	int rc = act->ops->populated(act->ops_data, target->group, &populated);

	(void)action;
	if (rc)
		return rc;
	if (!populated)
		return -ENOENT;
	return act_write_u64(act, target->group, CG_KILL, 1);
}

static int reclaim(struct act *act, const struct act_target *target, const struct action *action)
{
	struct act_component *component = target->component;
	const char *leaf = target->group == &component->group ? "" : target->group->name;

	(void)act;
	act_worker_submit(&component->worker, WORK_RECLAIM, action, leaf);
	return HANDED_OVER;
}

static int page_in(struct act *act, const struct act_target *target, const struct action *action)
{
	struct act_component *component = target->component;

	(void)act;
	if (target->group == &component->group)
		return -EINVAL;
	act_worker_submit(&component->worker, WORK_PAGE_IN, action, target->group->name);
	return HANDED_OVER;
}

/* Limits are a component's, but for memory.low, by which leaves are kept from each other. */
static int read_limit(struct act *act, const struct act_target *target, enum cg_knob knob,
		      uint64_t *ret_bytes)
{
	if (target->group != &target->component->group)
		return -EINVAL;
	return act->ops->read(act->ops_data, target->group, knob, ret_bytes);
}

/* As the kernel will show it: it keeps limits in whole pages. */
static uint64_t limit_of(const struct action *action)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return action->amount == CG_MAX ? CG_MAX : action->amount / page * page;
}

/* A configured value is the new home; there is nothing to go back from any more. */
static void adopt_home(struct act_component *component, enum ledger_kind kind,
		       const struct action *action)
{
	if (action->why.reason == REASON_BUDGET)
		component->home[kind] = limit_of(action);
}

/* The ledger's side of a limit that is, or is about to be, action->amount. */
static int record_limit(struct act *act, const struct act_target *target, enum ledger_kind kind,
			const struct action *action)
{
	uint64_t home = target->component->home[kind];

	if (limit_of(action) != home)
		return enter(act, target, kind, home, action, limit_of(action));
	clear(act, target->group, kind);
	return 0;
}

/* Entered before a lowering; after a raise, or the way home, so that a death in between, or a write
 * that fails, still finds what there is to undo. */
static int set_protection(struct act *act, const struct act_target *target,
			  const struct action *action, enum ledger_kind kind, enum cg_knob knob)
{
	uint64_t in_force = 0;
	int rc = read_limit(act, target, knob, &in_force);

	if (rc)
		return rc;
	adopt_home(target->component, kind, action);
	if (limit_of(action) < in_force && limit_of(action) != target->component->home[kind]) {
		rc = record_limit(act, target, kind, action);
		if (rc)
			return rc;
		return act_write_u64(act, target->group, knob, action->amount);
	}
	rc = act_write_u64(act, target->group, knob, action->amount);
	if (!rc)
		record_limit(act, target, kind, action); /* a loan may go unrecorded */
	return rc;
}

static int set_min(struct act *act, const struct act_target *target, const struct action *action)
{
	uint64_t bytes = limit_of(action);
	int rc;

	act_bounds_before(act, target->component, bytes);
	rc = set_protection(act, target, action, LEDGER_MIN, CG_MIN);
	act_bounds_after(act, target->component, rc ? target->component->min_bytes : bytes);
	return rc;
}

/* A leaf is made with none, and goes back to none without us. */
static int set_leaf_low(struct act *act, const struct act_target *target,
			const struct action *action)
{
	bool had_some = is_entered(act, target, LEDGER_LOW);
	int rc = action->amount ? enter(act, target, LEDGER_LOW, 0, action, limit_of(action)) : 0;

	if (rc)
		return rc;
	rc = act_write_u64(act, target->group, CG_LOW, action->amount);
	if (rc ? !had_some : !action->amount)
		clear(act, target->group, LEDGER_LOW);
	return rc;
}

static int set_low(struct act *act, const struct act_target *target, const struct action *action)
{
	if (target->group != &target->component->group)
		return set_leaf_low(act, target, action);
	return set_protection(act, target, action, LEDGER_LOW, CG_LOW);
}

/* Of a value above what is in use, for which the kernel has nothing to reclaim. */
static int write_high(struct act *act, const struct act_target *target, const struct action *action)
{
	struct act_component *component = target->component;
	bool lowering = act_worker_overtake_high(&component->worker, action->amount);
	int rc = act_write_u64(act, target->group, CG_HIGH, action->amount);

	if (rc)
		return rc;
	component->high_settling = lowering && limit_of(action) == component->home[LEDGER_HIGH];
	if (!component->high_settling)
		record_limit(act, target, LEDGER_HIGH, action);
	return 0;
}

/* Far enough above what is in use that nothing can grow so much until it is written. */
static bool takes_nothing(struct act *act, const struct act_target *target,
			  const struct action *action)
{
	uint64_t current = 0;

	return !act->ops->read(act->ops_data, target->group, CG_CURRENT, &current) &&
	       action->amount >= current && action->amount - current >= FREE_HIGH;
}

static int lower_high(struct act *act, const struct act_target *target, const struct action *action)
{
	struct act_component *component = target->component;
	int rc = 0;

	component->high_settling = limit_of(action) == component->home[LEDGER_HIGH];
	if (!component->high_settling)
		rc = record_limit(act, target, LEDGER_HIGH, action);
	if (rc)
		return rc;
	if (takes_nothing(act, target, action))
		return write_high(act, target, action);
	act_worker_submit(&component->worker, WORK_HIGH, action, "");
	return HANDED_OVER;
}

static int set_high(struct act *act, const struct act_target *target, const struct action *action)
{
	uint64_t in_force = 0;
	int rc = read_limit(act, target, CG_HIGH, &in_force);

	if (rc)
		return rc;
	adopt_home(target->component, LEDGER_HIGH, action);
	if (limit_of(action) >= in_force)
		return write_high(act, target, action);
	return lower_high(act, target, action);
}

/* Of the pool. The kernel kills for one below what is in use. */
static int set_max(struct act *act, const struct act_target *target, const struct action *action)
{
	const struct cg_group *pool = &act->bounds.group[0];
	uint64_t current = 0;
	int rc;

	(void)target;
	if (!act->bounds.count)
		return -ENODEV;
	rc = act->ops->read(act->ops_data, pool, CG_CURRENT, &current);
	if (rc)
		return rc;
	if (current + FREE_HIGH > action->amount)
		return -EBUSY;
	return act_write_u64(act, pool, CG_LIMIT, action->amount);
}

static int arm_mark(struct act *act, const struct act_target *target, const struct action *action)
{
	(void)target;
	if (!act->arm_mark)
		return -ENOSYS;
	return act->arm_mark(act->arm_data, action->component, action->amount);
}

static int (*const executor[ACTION__COUNT])(struct act *act, const struct act_target *target,
					    const struct action *action) = {
	[ACTION_SET_MAX] = set_max,   [ACTION_SET_MIN] = set_min, [ACTION_SET_LOW] = set_low,
	[ACTION_SET_HIGH] = set_high, [ACTION_RECLAIM] = reclaim, [ACTION_FREEZE] = freeze,
	[ACTION_THAW] = thaw,         [ACTION_KILL] = kill_group, [ACTION_ARM_MARK] = arm_mark,
	[ACTION_PAGE_IN] = page_in,
};

static void execute(struct act *act, const struct action *action)
{
	uint64_t began_us = act->ops->now_us(act->ops_data);
	struct act_target target;
	struct outcome outcome;
	int rc;

	if ((unsigned int)action->kind >= ACTION__COUNT || !executor[action->kind])
		return;
	act->actions++;
	rc = find_target(act, action, &target);
	if (!rc)
		rc = executor[action->kind](act, &target, action);
	if (rc == HANDED_OVER)
		return;
	outcome = act_outcome_of(action, began_us, rc);
	outcome.done = rc ? 0 : action->amount;
	outcome.ended_us = act->ops->now_us(act->ops_data);
	act_outcomes_put(&act->outcomes, &outcome, rc != 0);
}

/* What was to be the last word may have been pushed out of the worker: only home is settled. */
static void settle_high(struct act *act, struct act_component *component)
{
	uint64_t in_force = 0;

	component->high_settling = false;
	act->ops->read(act->ops_data, &component->group, CG_HIGH, &in_force);
	if (in_force == component->home[LEDGER_HIGH])
		clear(act, &component->group, LEDGER_HIGH);
}

/* What had to wait for a worker to be done with memory.high. */
static void settle_all(struct act *act)
{
	for (uint32_t i = 0; i < ACT_SLOTS; i++) {
		struct act_component *component = &act->slot[i];

		if (component->used && !component->ending && component->high_settling &&
		    !act_worker_is_lowering(&component->worker))
			settle_high(act, component);
	}
}

void act_plan(struct act *act, const struct plan *plan)
{
	act_reap(act);
	settle_all(act);
	act_bounds_keep(act, act->ops->now_us(act->ops_data));
	for (uint32_t i = 0; i < plan->action_count; i++)
		execute(act, &plan->action[i]);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (act->component[i])
			act_worker_keep_pace(&act->component[i]->worker, plan->pace[i]);
}
