// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/act/act.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "user/act/internal.h"

/* What the loop writes itself, and what a worker writes, each by fds of its own. */
#define COMPONENT_KNOBS                                                                     \
	(1U << CG_CURRENT | 1U << CG_HIGH | 1U << CG_MIN | 1U << CG_LOW | 1U << CG_FREEZE | \
	 1U << CG_KILL | 1U << CG_CGROUP_EVENTS)
#define WORKER_KNOBS (1U << CG_CURRENT | 1U << CG_HIGH | 1U << CG_RECLAIM)
#define LEAF_KNOBS   (1U << CG_FREEZE | 1U << CG_KILL | 1U << CG_CGROUP_EVENTS)

static const enum cg_knob limit_knob[ACT_LIMITS] = {
	[LEDGER_HIGH] = CG_HIGH,
	[LEDGER_MIN] = CG_MIN,
	[LEDGER_LOW] = CG_LOW,
};

static void on_interrupt(int number)
{
	(void)number;
}

static void take_ledger(struct act *act)
{
	struct ledger_undone undone;

	if (act->ops->dry)
		return;
	ledger_write_pool(act->ledger, act->pool_dirfd);
	ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_CLEAR, LEDGER_KINDS_ALL, UINT64_MAX,
		    &undone);
}

int act_open(const struct act_setup *setup, struct act **ret_act, struct uw_err *err)
{
	const struct sigaction action = {.sa_handler = on_interrupt}; /* no SA_RESTART */
	struct act *act;
	int rc;

	if (!setup->ops->dry && (!setup->ledger || !ledger_is_taken(setup->ledger)))
		return err_set(err, -EPERM, "act: the ledger is not ours");
	act = calloc(1, sizeof(*act));
	if (!act)
		return err_set(err, -ENOMEM, "act: out of memory");
	act->ops = setup->ops;
	act->ops_data = setup->ops_data;
	act->ledger = setup->ledger;
	act->pool_dirfd = setup->pool_dirfd;
	act->arm_mark = setup->arm_mark;
	act->arm_data = setup->arm_data;
	atomic_store(&act->swappiness, true);
	act_configure(act, setup->conf);
	rc = act_outcomes_init(&act->outcomes);
	if (rc) {
		free(act);
		return err_set(err, rc, "act: eventfd: %s", strerror(-rc));
	}
	sigaction(SIGUSR1, &action, NULL);
	take_ledger(act);
	*ret_act = act;
	return 0;
}

void act_close(struct act *act)
{
	if (!act)
		return;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		act_untrack_component(act, i);
	act_outcomes_done(&act->outcomes);
	free(act);
}

void act_configure(struct act *act, const struct policy_conf *conf)
{
	atomic_store(&act->chunk_bytes, conf->reclaim_chunk_bytes);
	atomic_store(&act->reclaim_deadline_us, conf->reclaim_deadline_us);
}

/*
 * What is restored in the end: the limit as it stands, unless it stands where an entry says that we
 * put it. An entry that no longer says what stands was overtaken by a setup or a reload.
 */
static void read_home(struct act *act, struct act_component *component, enum ledger_kind kind)
{
	uint64_t in_force = kind == LEDGER_HIGH ? CG_MAX : 0;
	struct ledger_entry entry;

	act->ops->read(act->ops_data, &component->group, limit_knob[kind], &in_force);
	component->home[kind] = in_force;
	if (act->ops->dry || !ledger_find(act->ledger, kind, component->group.id, &entry))
		return;
	if (entry.new_value == in_force)
		component->home[kind] = entry.old_value;
	else
		ledger_clear(act->ledger, kind, component->group.id);
}

int act_track_component(struct act *act, uint32_t index, const char *name)
{
	struct act_component *component;
	struct cg_group worker = {0};
	int rc;

	if (index >= UW_COMPONENTS_MAX)
		return -EINVAL;
	component = &act->component[index];
	if (component->used)
		return -EEXIST;
	rc = cg_group_open(act->pool_dirfd, name, COMPONENT_KNOBS, &component->group);
	if (!rc)
		rc = cg_group_open(act->pool_dirfd, name, WORKER_KNOBS, &worker);
	if (!rc)
		rc = act_worker_start(&component->worker, act, &worker);
	if (rc) {
		cg_group_close(&worker);
		cg_group_close(&component->group);
		return rc;
	}
	for (enum ledger_kind kind = 0; kind < ACT_LIMITS; kind++)
		read_home(act, component, kind);
	component->high_settling = false;
	component->used = true;
	return 0;
}

static void drop_leaf(struct act_leaf *leaf)
{
	cg_group_close(&leaf->group);
	leaf->used = false;
}

void act_untrack_component(struct act *act, uint32_t index)
{
	struct act_component *component;

	if (index >= UW_COMPONENTS_MAX || !act->component[index].used)
		return;
	component = &act->component[index];
	act_worker_stop(&component->worker);
	act_settle(act);
	cg_group_close(&component->group);
	component->used = false;
	for (uint32_t i = 0; i < FRAME_LEAVES_MAX; i++)
		if (act->leaf[i].used && act->leaf[i].component == index)
			drop_leaf(&act->leaf[i]);
}

struct act_leaf *act_find_leaf(struct act *act, uint64_t cgid)
{
	for (uint32_t i = 0; i < FRAME_LEAVES_MAX; i++)
		if (act->leaf[i].used && act->leaf[i].group.id == cgid)
			return &act->leaf[i];
	return NULL;
}

static struct act_leaf *unused_leaf(struct act *act)
{
	for (uint32_t i = 0; i < FRAME_LEAVES_MAX; i++)
		if (!act->leaf[i].used)
			return &act->leaf[i];
	return NULL;
}

int act_track_leaf(struct act *act, uint32_t index, const char *name, uint64_t *ret_cgid)
{
	struct act_leaf *leaf = unused_leaf(act);
	struct cg_group group;
	int rc;

	if (index >= UW_COMPONENTS_MAX || !act->component[index].used)
		return -EINVAL;
	if (!leaf)
		return -ENOSPC;
	rc = cg_group_open(act->component[index].group.dir, name, LEAF_KNOBS, &group);
	if (rc)
		return rc;
	*ret_cgid = group.id;
	if (act_find_leaf(act, group.id)) {
		cg_group_close(&group);
		return 0;
	}
	*leaf = (struct act_leaf){.used = true, .component = index, .group = group};
	return 0;
}

void act_untrack_leaf(struct act *act, uint64_t cgid)
{
	struct act_leaf *leaf = act_find_leaf(act, cgid);

	if (!leaf)
		return;
	drop_leaf(leaf);
	if (!act->ops->dry)
		ledger_clear(act->ledger, LEDGER_FREEZE, cgid);
}

uint32_t act_release_all(struct act *act)
{
	struct ledger_undone undone = {0};

	if (act->ops->dry)
		return 0;
	/* Frozen tasks do not wait for workers; a worker's last write is undone after it. */
	ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_KEEP, LEDGER_KINDS_ALL, UINT64_MAX,
		    &undone);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		act_worker_stop(&act->component[i].worker);
	ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_CLEAR, LEDGER_KINDS_ALL, UINT64_MAX,
		    &undone);
	return undone.failed;
}

void act_read_stats(const struct act *act, struct act_stats *ret_stats)
{
	struct act *mutable = (struct act *)act; /* the locks of what is only looked at */

	*ret_stats = (struct act_stats){
		.actions = act->actions,
		.superseded = atomic_load(&act->superseded),
		.writes_failed = atomic_load(&act->writes_failed),
		.freed_bytes = atomic_load(&act->freed_bytes),
		.swappiness = atomic_load(&act->swappiness),
	};
	pthread_mutex_lock(&mutable->outcomes.lock);
	ret_stats->outcomes_dropped = act->outcomes.dropped;
	pthread_mutex_unlock(&mutable->outcomes.lock);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		ret_stats->workers_busy += act_worker_is_busy(&mutable->component[i].worker);
}

int act_guard_watch(const struct act *act, int *ret_pidfd)
{
	if (!act->ledger)
		return -ESRCH;
	return ledger_open_peer(act->ledger, LEDGER_GUARD, ret_pidfd);
}
