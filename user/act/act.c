// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens act with the ledger that its caller has taken, configures and closes it, and undoes
 * everything at a clean end. Opening undoes first what an earlier uwd left entered. Plans are
 * executed in execute.c, and what can block is done by the threads of worker.c.
 */
#include "user/act/act.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "user/act/internal.h"

static void on_interrupt(int number)
{
	(void)number;
}

/* All but what was handed over: freezes whose time is not over. */
static void take_ledger(struct act *act)
{
	uint64_t now_us = act->ops->now_us(act->ops_data);
	uint32_t kinds = LEDGER_KINDS_ALL;
	struct ledger_undone undone;

	if (act->ops->dry)
		return;
	ledger_write_pool(act->ledger, act->pool_dirfd);
	if (ledger_is_handed_over(act->ledger, now_us)) {
		ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_CLEAR, 1U << LEDGER_FREEZE,
			    now_us, &undone);
		kinds &= ~(1U << LEDGER_FREEZE);
	}
	ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_CLEAR, kinds, UINT64_MAX, &undone);
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
	act_bounds_open(act);
	*ret_act = act;
	return 0;
}

/* All are interrupted before the first is waited for. */
static void stop_workers(struct act *act)
{
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		act_worker_end(&act->slot[i].worker);
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		act_worker_stop(&act->slot[i].worker);
}

void act_close(struct act *act)
{
	if (!act)
		return;
	stop_workers(act);
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		cg_group_close(&act->slot[i].group);
	for (uint32_t i = 0; i < act->leaf_end; i++)
		cg_group_close(&act->leaf[i].group);
	act_bounds_close(act);
	act_outcomes_done(&act->outcomes);
	free(act);
}

void act_configure(struct act *act, const struct policy_conf *conf)
{
	atomic_store(&act->chunk_bytes, conf->reclaim_chunk_bytes);
	atomic_store(&act->reclaim_deadline_us, conf->reclaim_deadline_us);
}

static uint32_t release(struct act *act, uint32_t kinds)
{
	struct ledger_undone undone = {0};

	if (act->ops->dry)
		return 0;
	/* Frozen tasks do not wait for workers; a worker's last write is undone after it. */
	ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_KEEP, kinds, UINT64_MAX, &undone);
	stop_workers(act);
	ledger_undo(act->ledger, act->pool_dirfd, LEDGER_UNDO_CLEAR, kinds, UINT64_MAX, &undone);
	return undone.failed;
}

uint32_t act_release_all(struct act *act)
{
	return release(act, LEDGER_KINDS_ALL);
}

uint32_t act_hand_over(struct act *act, uint64_t for_us)
{
	if (!act->ops->dry)
		ledger_hand_over(act->ledger, act->ops->now_us(act->ops_data) + for_us);
	return release(act, LEDGER_KINDS_ALL & ~(1U << LEDGER_FREEZE));
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
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		ret_stats->workers_busy += act_worker_is_busy(&mutable->slot[i].worker);
}

int act_guard_watch(const struct act *act, int *ret_pidfd)
{
	if (!act->ledger)
		return -ESRCH;
	return ledger_open_peer(act->ledger, LEDGER_GUARD, ret_pidfd);
}
