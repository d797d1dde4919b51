// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handles come and go. All of a process stand in one list, so that a child of fork can close what
 * it has of its parent's connections: a socket that it kept would keep its parent's end from being
 * seen. Fork takes the locks of all: between the close of a socket and the note that it is closed
 * its number may become another file's, which the child would close. The child forgets the leases,
 * which are the parent's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/lib/inside.h"

static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uw *handles;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void start_locks(struct uw *uw)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&uw->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&uw->turned, &attr);
	pthread_condattr_destroy(&attr);
}

static void close_files(struct uw *uw)
{
	int *const files[] = {&uw->socket, &uw->joining, &uw->epoll,
			      &uw->news,   &uw->kick,    &uw->timer};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (*files[i] >= 0)
			close(*files[i]);
		*files[i] = -1;
	}
}

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&handles_lock);
	for (struct uw *uw = handles; uw; uw = uw->next)
		pthread_mutex_lock(&uw->lock);
}

static void after_fork(void)
{
	for (struct uw *uw = handles; uw; uw = uw->next)
		pthread_mutex_unlock(&uw->lock);
	pthread_mutex_unlock(&handles_lock);
}

/* Their files are the parent's. */
static void close_pools(struct uw *uw)
{
	for (struct lib_pool *pool = uw->pools; pool; pool = pool->next) {
		close(pool->fd);
		pool->fd = -1;
	}
}

static void in_child(void)
{
	for (struct uw *uw = handles; uw; uw = uw->next) {
		close_files(uw);
		close_pools(uw);
		start_locks(uw);
		uw->forked = true;
		uw->threaded = uw->reads = uw->connects = false;
		uw->running = 0;
		uw->calls = NULL;
		uw->lease_count = 0;
		lib_credit_start(uw);
	}
	pthread_mutex_init(&handles_lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

void lib_watch_forks(void)
{
	pthread_once(&fork_once, watch_forks);
}

static void enter_list(struct uw *uw)
{
	lib_watch_forks();
	pthread_mutex_lock(&handles_lock);
	uw->next = handles;
	handles = uw;
	pthread_mutex_unlock(&handles_lock);
}

static void leave_list(const struct uw *uw)
{
	pthread_mutex_lock(&handles_lock);
	for (struct uw **at = &handles; *at; at = &(*at)->next)
		if (*at == uw) {
			*at = uw->next;
			break;
		}
	pthread_mutex_unlock(&handles_lock);
}

/* ---- lifetime ---- */

static int open_files(struct uw *uw)
{
	int rc;

	uw->epoll = epoll_create1(EPOLL_CLOEXEC);
	uw->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uw->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uw->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (uw->epoll < 0 || uw->news < 0 || uw->kick < 0 || uw->timer < 0)
		return -errno;
	rc = lib_watch(uw, uw->news);
	return rc ? rc : lib_watch(uw, uw->timer);
}

static void free_handle(struct uw *uw)
{
	while (uw->watchers) {
		struct lib_watcher *watcher = uw->watchers;

		uw->watchers = watcher->next;
		free(watcher);
	}
	lib_free_tasks(uw);
	pthread_cond_destroy(&uw->turned);
	pthread_mutex_destroy(&uw->lock);
	free(uw->lease);
	free(uw->small);
	free(uw->path);
	free(uw);
}

int uw_open(const char *socket, struct uw **ret_uw)
{
	struct uw *uw = calloc(1, sizeof(*uw));
	int rc;

	if (!uw)
		return -ENOMEM;
	uw->socket = uw->joining = uw->epoll = uw->news = uw->kick = uw->timer = -1;
	start_locks(uw);
	lib_credit_start(uw);
	uw->path = strdup(socket ? socket : LIB_SOCKET);
	rc = uw->path ? open_files(uw) : -ENOMEM;
	if (!rc) {
		enter_list(uw);
		pthread_mutex_lock(&uw->lock);
		rc = lib_connect(uw);
		pthread_mutex_unlock(&uw->lock);
		if (rc)
			leave_list(uw);
	}
	if (rc) {
		close_files(uw);
		free_handle(uw);
		return rc;
	}
	*ret_uw = uw;
	return 0;
}

static void end_thread(struct uw *uw)
{
	pthread_mutex_lock(&uw->lock);
	uw->stops = true;
	eventfd_write(uw->news, 1);
	pthread_mutex_unlock(&uw->lock);
	pthread_join(uw->thread, NULL);
}

void uw_close(struct uw *uw)
{
	if (!uw)
		return;
	if (uw->threaded)
		end_thread(uw);
	pthread_mutex_lock(&uw->lock);
	close_files(uw); /* while a child of fork would do the same */
	pthread_mutex_unlock(&uw->lock);
	leave_list(uw);
	free_handle(uw);
}
