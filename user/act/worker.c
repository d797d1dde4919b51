// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a component's worker, the thread in which what blocks is done, so that the loop never waits
 * for the kernel. It holds one action at work and at most one reclaim and one limit waiting, and
 * takes the higher tier first. A signal from its timer interrupts a write in the kernel, at its
 * deadline or when something more urgent has come. The worker has fds of its own, because a write
 * that blocks holds the file it came by.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/act/internal.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/thread.h"

#define STACK_BYTES      (64 * 1024UL)
#define STACK_USED_BYTES (24 * 1024UL) /* half as much again as the buffers of a page-in */

/* An interruption that comes just before the system call is lost on it, so it is repeated. */
#define INTERRUPT_EVERY_NS 20000000L

/* How long the kernel may reclaim for a lowered memory.high: prototypes saw 10 to 21 s unbounded.
 */
#define HIGH_WRITE_US 2000000ULL

/* Beside one task of niceness 0 a third and a seventieth of it (sched_prio_to_weight). */
#define POLITE_NICENESS  5
#define PATIENT_NICENESS 19

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void arm_timer(struct act_worker *worker, uint64_t at_us)
{
	const struct itimerspec at = {
		.it_interval = {.tv_nsec = at_us ? INTERRUPT_EVERY_NS : 0},
		.it_value = {.tv_sec = (time_t)(at_us / US_PER_SEC),
			     .tv_nsec = (long)(at_us % US_PER_SEC * NS_PER_US)},
	};

	timer_settime(worker->timer, TIMER_ABSTIME, &at, NULL);
}

/* Under lock. 1 us after boot is long past, and so at once. */
static void interrupt(struct act_worker *worker)
{
	atomic_store(&worker->interrupted, true);
	arm_timer(worker, 1);
}

static void refuse(struct act_worker *worker, const struct action *action, int error)
{
	struct act *act = worker->act;
	struct outcome outcome = act_outcome_of(action, act->ops->now_us(act->ops_data), error);

	act_outcomes_put(&act->outcomes, &outcome, true);
}

static void cancel(struct act_worker *worker, struct act_work *work)
{
	if (!work->waiting)
		return;
	work->waiting = false;
	atomic_fetch_add(&worker->act->superseded, 1);
	refuse(worker, &work->action, -ECANCELED);
}

static uint64_t until_of(const struct act_worker *worker, const struct action *action,
			 uint64_t now_us)
{
	if (action->kind == ACTION_SET_HIGH)
		return now_us + HIGH_WRITE_US;
	if (action->deadline_us)
		return action->deadline_us;
	return now_us + atomic_load(&worker->act->reclaim_deadline_us);
}

static struct outcome run(struct act_worker *worker, const struct act_work *work, uint64_t until_us)
{
	struct act *act = worker->act;
	struct outcome outcome = act_outcome_of(&work->action, act->ops->now_us(act->ops_data), 0);

	if (work->action.kind == ACTION_RECLAIM)
		act_run_reclaim(worker, work, until_us, &outcome);
	else if (work->action.kind == ACTION_PAGE_IN)
		act_run_page_in(worker, work, until_us, &outcome);
	else
		act_run_high(worker, &work->action, &outcome);
	outcome.ended_us = act->ops->now_us(act->ops_data);
	return outcome;
}

/* Under lock, given up around the write; a later raise may come meanwhile. */
static void write_raise(struct act_worker *worker)
{
	while (worker->raise_after) {
		uint64_t bytes = worker->raise_bytes;

		worker->raise_after = false;
		pthread_mutex_unlock(&worker->lock);
		act_write_u64(worker->act, &worker->group, CG_HIGH, bytes);
		pthread_mutex_lock(&worker->lock);
	}
}

/* Never more of a processor than its own niceness gives. */
static int niceness_of(const struct act_worker *worker, enum plan_pace pace)
{
	static const int least[] = {
		[PACE_OWN] = INT_MIN,
		[PACE_POLITE] = POLITE_NICENESS,
		[PACE_PATIENT] = PATIENT_NICENESS,
	};

	return worker->niceness > least[pace] ? worker->niceness : least[pace];
}

/* Under lock. */
static void set_pace(struct act_worker *worker)
{
	struct act *act = worker->act;
	enum action_kind kind = worker->now.action.kind;
	bool moves_pages = worker->busy && (kind == ACTION_RECLAIM || kind == ACTION_PAGE_IN);
	enum plan_pace pace = moves_pages ? worker->asked_pace : PACE_OWN;

	if (worker->tid && pace != worker->pace &&
	    !act->ops->set_niceness(act->ops_data, worker->tid, niceness_of(worker, pace)))
		worker->pace = pace;
}

/* Under lock. The higher tier first. */
static struct act_work *pick(struct act_worker *worker)
{
	struct act_work *best = NULL;

	for (int kind = 0; kind < WORK__COUNT; kind++) {
		struct act_work *next = &worker->next[kind];

		if (next->waiting && (!best || next->action.tier > best->action.tier))
			best = next;
	}
	return best;
}

/* Under lock, given up while the work runs. */
static void run_work(struct act_worker *worker, struct act_work *next)
{
	struct act *act = worker->act;
	struct outcome outcome;
	uint64_t until_us;

	worker->now = *next;
	next->waiting = false;
	worker->busy = true;
	set_pace(worker);
	atomic_store(&worker->interrupted, false);
	until_us = until_of(worker, &worker->now.action, act->ops->now_us(act->ops_data));
	arm_timer(worker, until_us);
	pthread_mutex_unlock(&worker->lock);

	outcome = run(worker, &worker->now, until_us);

	pthread_mutex_lock(&worker->lock);
	write_raise(worker);
	arm_timer(worker, 0);
	worker->busy = false;
	set_pace(worker);
	thread_settle();
	/* Last: whoever has the outcome finds the worker done with it. */
	act_outcomes_put(&act->outcomes, &outcome, true);
}

/* Under lock. */
static void take_group(struct act_worker *worker)
{
	cg_group_close(&worker->group);
	worker->group = worker->next_group;
	worker->next_group = (struct cg_group){0};
	worker->moved = false;
}

static int make_timer(struct act_worker *worker)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	return timer_create(CLOCK_MONOTONIC, &event, &worker->timer) ? -errno : 0;
}

/* Who may take less of a processor may not have it back without CAP_SYS_NICE (setpriority(2)). */
static void learn_niceness(struct act_worker *worker)
{
	const struct act_ops *ops = worker->act->ops;
	pid_t tid = gettid();

	worker->niceness = getpriority(PRIO_PROCESS, (id_t)tid);
	if (worker->niceness < PATIENT_NICENESS &&
	    !ops->set_niceness(worker->act->ops_data, tid, worker->niceness - 1) &&
	    !ops->set_niceness(worker->act->ops_data, tid, worker->niceness))
		worker->tid = tid;
}

/* With MCL_ONFAULT only what was touched is there when memory has run out. */
static void touch_stack(void)
{
	volatile char stack[STACK_USED_BYTES];

	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
}

static void *worker_main(void *data)
{
	struct act_worker *worker = data;

	touch_stack();
	pthread_mutex_lock(&worker->lock);
	worker->ready_error = make_timer(worker);
	learn_niceness(worker);
	worker->ready = true;
	pthread_cond_broadcast(&worker->wake);
	while (!worker->ready_error && !worker->stop) {
		struct act_work *next = pick(worker);

		if (worker->moved)
			take_group(worker);
		else if (next)
			run_work(worker, next);
		else
			pthread_cond_wait(&worker->wake, &worker->lock);
	}
	pthread_mutex_unlock(&worker->lock);
	if (!worker->ready_error)
		timer_delete(worker->timer);
	return NULL;
}

int act_worker_start(struct act_worker *worker, struct act *act, struct cg_group *group)
{
	int rc;

	memset(worker, 0, sizeof(*worker));
	worker->act = act;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	rc = thread_start(&worker->thread, STACK_BYTES, SIGUSR1, worker_main, worker);
	if (rc)
		return rc;
	worker->started = true;
	worker->group = *group;
	*group = (struct cg_group){0};
	pthread_mutex_lock(&worker->lock);
	while (!worker->ready)
		pthread_cond_wait(&worker->wake, &worker->lock);
	rc = worker->ready_error;
	pthread_mutex_unlock(&worker->lock);
	if (rc)
		act_worker_stop(worker);
	return rc;
}

void act_worker_move(struct act_worker *worker, struct cg_group *group)
{
	pthread_mutex_lock(&worker->lock);
	cg_group_close(&worker->next_group);
	worker->next_group = *group;
	worker->moved = true;
	worker->raise_after = false;
	*group = (struct cg_group){0};
	for (int kind = 0; kind < WORK__COUNT; kind++)
		cancel(worker, &worker->next[kind]);
	if (worker->busy)
		interrupt(worker);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}

void act_worker_end(struct act_worker *worker)
{
	if (!worker->started)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->stop = true;
	if (worker->busy)
		interrupt(worker);
	pthread_cond_broadcast(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}

/* The thread is no more. */
static void finish(struct act_worker *worker)
{
	worker->started = false;
	for (int kind = 0; kind < WORK__COUNT; kind++)
		cancel(worker, &worker->next[kind]);
	cg_group_close(&worker->group);
	cg_group_close(&worker->next_group);
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
}

bool act_worker_reap(struct act_worker *worker)
{
	if (!worker->started)
		return true;
	if (pthread_tryjoin_np(worker->thread, NULL))
		return false;
	finish(worker);
	return true;
}

void act_worker_stop(struct act_worker *worker)
{
	if (!worker->started)
		return;
	act_worker_end(worker);
	pthread_join(worker->thread, NULL);
	finish(worker);
}

/* The latest word on a limit stands; a reclaim gives way only to one at least as urgent. */
static bool may_replace(const struct act_work *waiting, const struct action *action)
{
	return !waiting->waiting || action->kind == ACTION_SET_HIGH ||
	       action->tier >= waiting->action.tier;
}

void act_worker_submit(struct act_worker *worker, enum act_work_kind kind,
		       const struct action *action, const char *leaf)
{
	struct act_work *next = &worker->next[kind];

	pthread_mutex_lock(&worker->lock);
	if (!may_replace(next, action)) {
		refuse(worker, action, -EBUSY);
	} else {
		cancel(worker, next);
		next->action = *action;
		text_copy(next->leaf, sizeof(next->leaf), leaf);
		next->waiting = true;
		if (worker->busy && action->tier > worker->now.action.tier) {
			atomic_fetch_add(&worker->act->superseded, 1);
			interrupt(worker);
		}
		pthread_cond_signal(&worker->wake);
	}
	pthread_mutex_unlock(&worker->lock);
}

void act_worker_keep_pace(struct act_worker *worker, enum plan_pace pace)
{
	if (!worker->started || worker->asked_pace == pace)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->asked_pace = pace;
	set_pace(worker);
	pthread_mutex_unlock(&worker->lock);
}

/* A component at large goes by its name alone. */
static bool is_reclaim_of(const struct act_work *work, const char *leaf)
{
	return work->action.kind == ACTION_RECLAIM && !strcmp(work->leaf, leaf);
}

void act_worker_end_reclaim(struct act_worker *worker, const char *leaf)
{
	struct act_work *next = &worker->next[WORK_RECLAIM];

	pthread_mutex_lock(&worker->lock);
	if (is_reclaim_of(next, leaf))
		cancel(worker, next);
	if (worker->busy && is_reclaim_of(&worker->now, leaf)) {
		atomic_fetch_add(&worker->act->superseded, 1);
		interrupt(worker);
	}
	pthread_mutex_unlock(&worker->lock);
}

static bool is_writing_high(const struct act_worker *worker)
{
	return worker->busy && worker->now.action.kind == ACTION_SET_HIGH;
}

bool act_worker_overtake_high(struct act_worker *worker, uint64_t bytes)
{
	bool lowering;

	pthread_mutex_lock(&worker->lock);
	cancel(worker, &worker->next[WORK_HIGH]);
	lowering = is_writing_high(worker);
	if (lowering) {
		worker->raise_after = true;
		worker->raise_bytes = bytes;
		interrupt(worker);
	}
	pthread_mutex_unlock(&worker->lock);
	return lowering;
}

bool act_worker_is_lowering(struct act_worker *worker)
{
	bool lowering;

	if (!worker->started)
		return false;
	pthread_mutex_lock(&worker->lock);
	lowering = is_writing_high(worker) || worker->next[WORK_HIGH].waiting;
	pthread_mutex_unlock(&worker->lock);
	return lowering;
}

bool act_worker_is_busy(struct act_worker *worker)
{
	bool busy;

	if (!worker->started)
		return false;
	pthread_mutex_lock(&worker->lock);
	busy = worker->busy || pick(worker);
	pthread_mutex_unlock(&worker->lock);
	return busy;
}
