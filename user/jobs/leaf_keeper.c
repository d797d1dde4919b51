// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps a list of what is to be done and does what is due, one after the other. A leaf that cannot
 * be removed, as a process in it waits for a device or a file system that does not answer, is tried
 * for two seconds, told of, and tried each minute then. A write of memory.high is interrupted by a
 * timer; the limit itself stands by then, and only its reclaim ends. A raise does not wait behind
 * such a write: it is made by who asks for it, and repeated here when a lower value is just being
 * written.
 */
#include "user/jobs/leaf_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/thread.h"
#include "user/jobs/leaf_move.h"

#define STACK_BYTES (64UL << 10)

#define CLEAN_EVERY_US (50 * US_PER_MS)
#define CLEAN_TRIES    40U
#define CLEAN_LATER_US (60 * US_PER_SEC)
#define AGAIN_US       US_PER_SEC /* a limit that could not be written */

#define WRITE_US           (200 * US_PER_MS) /* of reclaim for a lowered limit */
#define INTERRUPT_EVERY_NS 20000000L         /* one that comes before the system call is lost */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct leaf_task {
	struct leaf_task *next;
	uint64_t due_us;
	uint32_t tries;
	uint64_t id;    /* LIMIT: the leaf's; 0: to be removed */
	uint64_t bytes; /* LIMIT */
	int dir;        /* LIMIT: our own */
	char component[UW_NAME_LEN], leaf[JOBS_LEAF_LEN];
	struct leaf_move *move; /* NULL: to be removed, or LIMIT */
};

struct leaf_keeper {
	int (*pool_dir)(void *data);
	void *data;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct leaf_task *first; /* these and what follows under the lock */
	bool closing;
	uint64_t writing_id;  /* the leaf whose limit is being written ... */
	uint64_t raise_bytes; /* ... and what it was raised to meanwhile; 0: it was not */
	timer_t timer;        /* the thread's own */
	bool has_timer;
};

static void task_free(struct leaf_task *task)
{
	if (task->dir >= 0)
		close(task->dir);
	if (task->move)
		close(task->move->pidfd);
	free(task->move);
	free(task);
}

/* ---- one try ---- */

static int open_leaf_dir(int pool, const char *component, const char *leaf)
{
	char path[CG_PATH_LEN];
	int n = snprintf(path, sizeof(path), "%s/%s", component, leaf), fd;

	/* Below the pool, whatever is asked: without a component the path would begin at the root.
	 */
	if (!*component || *component == '/' || n >= (int)sizeof(path))
		return -ENOENT;
	fd = openat(pool, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int leaf_end(int pool, const char *component, const char *leaf)
{
	AUTO_CLOSE int dir = open_leaf_dir(pool, component, leaf);
	int rc = dir < 0 ? dir : cg_leaf_remove(pool, component, leaf);

	if (rc != -EBUSY)
		return rc;
	text_write_at(dir, cg_knob_file(CG_KILL), "1");
	return cg_leaf_remove(pool, component, leaf);
}

/* A kernel that honours O_NONBLOCK here (7.x) leaves the reclaim to the leaf's own tasks. */
static int write_high(int dir, uint64_t bytes)
{
	AUTO_CLOSE int fd = openat(dir, cg_knob_file(CG_HIGH), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	char text[24];
	int size = snprintf(text, sizeof(text), "%" PRIu64, bytes);

	if (fd < 0)
		return -errno;
	return write(fd, text, (size_t)size) < 0 && errno != EINTR ? -errno : 0;
}

/* ---- the list, under the lock ---- */

static void insert(struct leaf_keeper *keeper, struct leaf_task *task)
{
	struct leaf_task **link = &keeper->first;

	while (*link && (*link)->due_us <= task->due_us)
		link = &(*link)->next;
	task->next = *link;
	*link = task;
}

static void drop_limit(struct leaf_keeper *keeper, uint64_t id)
{
	for (struct leaf_task **link = &keeper->first; *link;) {
		struct leaf_task *task = *link;

		if (task->id != id) {
			link = &task->next;
			continue;
		}
		*link = task->next;
		task_free(task);
	}
}

static bool is_there(const struct leaf_keeper *keeper, const struct leaf_task *like)
{
	for (const struct leaf_task *task = keeper->first; task; task = task->next)
		if (!task->id && !task->move && !strcmp(task->leaf, like->leaf) &&
		    !strcmp(task->component, like->component))
			return true;
	return false;
}

static void put_back(struct leaf_keeper *keeper, struct leaf_task *task, uint64_t in_us)
{
	task->due_us = clock_now_us() + in_us;
	insert(keeper, task);
}

/* ---- the thread ---- */

static void arm(const struct leaf_keeper *keeper, uint64_t in_us)
{
	const struct itimerspec at = {
		.it_interval = {.tv_nsec = in_us ? INTERRUPT_EVERY_NS : 0},
		.it_value = {.tv_sec = (time_t)(in_us / US_PER_SEC),
			     .tv_nsec = (long)(in_us % US_PER_SEC * NS_PER_US)},
	};

	if (keeper->has_timer)
		timer_settime(keeper->timer, 0, &at, NULL);
}

/* True: it is done with, or nothing is left of it. Without the lock. */
static bool clean(const struct leaf_keeper *keeper, const struct leaf_task *task)
{
	AUTO_CLOSE int pool = keeper->pool_dir(keeper->data);
	int rc = pool < 0 ? pool : leaf_end(pool, task->component, task->leaf);

	if (!rc || rc == -ENOENT || rc == -ENODEV)
		return true;
	if (task->tries == CLEAN_TRIES)
		log_warning("leaf stays, it is tried again component=%s leaf=%s error=%s",
			    task->component, task->leaf, strerrorname_np(-rc));
	return false;
}

/* Without the lock. */
static void move(const struct leaf_keeper *keeper, const struct leaf_move *move)
{
	AUTO_CLOSE int pool = keeper->pool_dir(keeper->data);
	uint64_t cgid = 0;
	int rc = pool < 0 ? pool : leaf_move_in(pool, move, &cgid);

	move->done(move->data, rc, cgid);
}

/* Under lock, given up meanwhile. */
static bool limit(struct leaf_keeper *keeper, const struct leaf_task *task)
{
	uint64_t bytes = task->bytes;
	int rc;

	keeper->writing_id = task->id;
	do {
		keeper->raise_bytes = 0;
		pthread_mutex_unlock(&keeper->lock);
		arm(keeper, WRITE_US);
		rc = write_high(task->dir, bytes);
		arm(keeper, 0);
		pthread_mutex_lock(&keeper->lock);
		bytes = keeper->raise_bytes;
	} while (bytes);
	keeper->writing_id = 0;
	return !rc || rc == -ENOENT || rc == -ENODEV;
}

/* Under lock, given up meanwhile. */
static void run_task(struct leaf_keeper *keeper, struct leaf_task *task)
{
	bool is_done;

	if (task->id) {
		is_done = limit(keeper, task);
	} else if (task->move) {
		pthread_mutex_unlock(&keeper->lock);
		move(keeper, task->move);
		pthread_mutex_lock(&keeper->lock);
		is_done = true;
	} else {
		task->tries++;
		pthread_mutex_unlock(&keeper->lock);
		is_done = clean(keeper, task);
		pthread_mutex_lock(&keeper->lock);
	}
	if (is_done)
		task_free(task);
	else
		put_back(keeper, task,
			 task->id                     ? AGAIN_US
			 : task->tries >= CLEAN_TRIES ? CLEAN_LATER_US
						      : CLEAN_EVERY_US);
}

static void wait_for_more(struct leaf_keeper *keeper)
{
	struct timespec until;

	if (!keeper->first) {
		pthread_cond_wait(&keeper->wake, &keeper->lock);
		return;
	}
	until.tv_sec = (time_t)(keeper->first->due_us / US_PER_SEC);
	until.tv_nsec = (long)(keeper->first->due_us % US_PER_SEC * NS_PER_US);
	pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
}

static void make_timer(struct leaf_keeper *keeper)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	keeper->has_timer = !timer_create(CLOCK_MONOTONIC, &event, &keeper->timer);
}

static void *keeper_main(void *data)
{
	struct leaf_keeper *keeper = data;

	make_timer(keeper);
	pthread_mutex_lock(&keeper->lock);
	while (!keeper->closing) {
		struct leaf_task *task = keeper->first;

		if (task && task->due_us <= clock_now_us()) {
			keeper->first = task->next;
			run_task(keeper, task);
		} else {
			wait_for_more(keeper);
		}
	}
	pthread_mutex_unlock(&keeper->lock);
	if (keeper->has_timer)
		timer_delete(keeper->timer);
	return NULL;
}

/* ---- what is asked of it ---- */

static struct leaf_task *task_new(void)
{
	struct leaf_task *task = calloc(1, sizeof(*task));

	if (task)
		task->dir = -1;
	return task;
}

int leaf_keeper_clean(struct leaf_keeper *keeper, const char *component, const char *leaf)
{
	struct leaf_task *task = task_new();

	if (!task)
		return -ENOMEM;
	text_copy(task->component, sizeof(task->component), component);
	text_copy(task->leaf, sizeof(task->leaf), leaf);
	pthread_mutex_lock(&keeper->lock);
	if (is_there(keeper, task)) {
		task_free(task);
	} else {
		put_back(keeper, task, 0);
		pthread_cond_signal(&keeper->wake);
	}
	pthread_mutex_unlock(&keeper->lock);
	return 0;
}

int leaf_keeper_move(struct leaf_keeper *keeper, const struct leaf_move *move)
{
	struct leaf_move *copy = malloc(sizeof(*copy));
	struct leaf_task *task = task_new();
	int pidfd = copy && task ? fcntl(move->pidfd, F_DUPFD_CLOEXEC, 0) : -1;

	if (pidfd < 0) {
		int rc = copy && task ? -EMFILE : -ENOMEM;

		free(task);
		free(copy);
		return rc;
	}
	*copy = *move;
	copy->pidfd = pidfd;
	task->move = copy;
	pthread_mutex_lock(&keeper->lock);
	put_back(keeper, task, 0);
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	return 0;
}

static int raise_limit(struct leaf_keeper *keeper, const struct cg_group *leaf, uint64_t bytes)
{
	pthread_mutex_lock(&keeper->lock);
	drop_limit(keeper, leaf->id);
	if (keeper->writing_id == leaf->id)
		keeper->raise_bytes = bytes;
	pthread_mutex_unlock(&keeper->lock);
	return write_high(leaf->dir, bytes);
}

int leaf_keeper_limit(struct leaf_keeper *keeper, const struct cg_group *leaf, uint64_t bytes,
		      bool raised)
{
	struct leaf_task *task;

	if (raised)
		return raise_limit(keeper, leaf, bytes);
	task = task_new();
	if (!task)
		return -ENOMEM;
	task->id = leaf->id;
	task->bytes = bytes;
	task->dir = fcntl(leaf->dir, F_DUPFD_CLOEXEC, 0);
	if (task->dir < 0) {
		free(task);
		return -EMFILE;
	}
	pthread_mutex_lock(&keeper->lock);
	drop_limit(keeper, leaf->id);
	put_back(keeper, task, 0);
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	return 0;
}

/* ---- life ---- */

static void on_signal(int number)
{
	(void)number;
}

static int start_thread(struct leaf_keeper *keeper)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &action, NULL);
	return thread_start(&keeper->thread, STACK_BYTES, SIGUSR1, keeper_main, keeper);
}

int leaf_keeper_new(int (*pool_dir)(void *data), void *data, struct leaf_keeper **ret_keeper)
{
	AUTO_FREE struct leaf_keeper *keeper = calloc(1, sizeof(*keeper));
	pthread_condattr_t clock;
	int rc;

	if (!keeper)
		return -ENOMEM;
	keeper->pool_dir = pool_dir;
	keeper->data = data;
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->wake, &clock);
	pthread_condattr_destroy(&clock);
	rc = start_thread(keeper);
	if (!rc)
		*ret_keeper = TAKE(keeper);
	return rc;
}

void leaf_keeper_free(struct leaf_keeper *keeper)
{
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->closing = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	while (keeper->first) {
		struct leaf_task *task = keeper->first;

		keeper->first = task->next;
		if (task->move)
			task->move->done(task->move->data, -ECANCELED, 0);
		task_free(task);
	}
	pthread_cond_destroy(&keeper->wake);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}
