// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the loop, which knows who may be where, and the thread that touches leaves, as a move
 * takes the kernel a grace period. What has been moved comes back over a list and an eventfd into
 * the loop, where whoever asked is told.
 */
#include "user/daemon/mover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/daemon/loop.h"
#include "user/daemon/pool.h"

struct moved {
	struct moved *next;
	struct mover *mover;
	mover_done_fn done;
	void *data;
	uint64_t cgid;
	int rc;
};

struct mover {
	struct leaf_keeper *keeper; /* NULL: nobody was moved yet */
	int wake;
	sd_event_source *source;
	pthread_mutex_t lock;
	struct moved *first, **last; /* under the lock */
};

/* On the keeper's thread. */
static void on_moved(void *data, int rc, uint64_t cgid)
{
	struct moved *moved = data;
	struct mover *mover = moved->mover;

	moved->rc = rc;
	moved->cgid = cgid;
	pthread_mutex_lock(&mover->lock);
	*mover->last = moved;
	mover->last = &moved->next;
	pthread_mutex_unlock(&mover->lock);
	eventfd_write(mover->wake, 1);
}

static struct moved *take_all(struct mover *mover)
{
	struct moved *first;

	pthread_mutex_lock(&mover->lock);
	first = mover->first;
	mover->first = NULL;
	mover->last = &mover->first;
	pthread_mutex_unlock(&mover->lock);
	return first;
}

static struct moved *moved_free(struct moved *moved)
{
	struct moved *next = moved->next;

	free(moved->data);
	free(moved);
	return next;
}

int mover_fd(const struct daemon *daemon)
{
	return daemon->mover->wake;
}

void mover_dispatch(struct daemon *daemon)
{
	eventfd_t count;

	eventfd_read(daemon->mover->wake, &count);
	for (struct moved *moved = take_all(daemon->mover); moved; moved = moved_free(moved))
		moved->done(daemon, moved->data, moved->rc, moved->cgid);
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	mover_dispatch(data);
	return 0;
}

static int need_keeper(struct daemon *daemon)
{
	struct mover *mover = daemon->mover;

	return mover->keeper ? 0 : leaf_keeper_new(pool_own_dir, daemon, &mover->keeper);
}

int mover_move(struct daemon *daemon, const struct leaf_move *leaf, mover_done_fn done, void *data)
{
	AUTO_FREE struct moved *moved = malloc(sizeof(*moved));
	struct leaf_move own = *leaf;
	int rc = moved ? need_keeper(daemon) : -ENOMEM;

	if (rc)
		return rc;
	*moved = (struct moved){.mover = daemon->mover, .done = done, .data = data};
	own.done = on_moved;
	own.data = moved;
	rc = leaf_keeper_move(daemon->mover->keeper, &own);
	if (!rc)
		(void)TAKE(moved);
	return rc;
}

void mover_clean(struct daemon *daemon, const char *component, const char *leaf)
{
	int rc = need_keeper(daemon);

	if (!rc)
		rc = leaf_keeper_clean(daemon->mover->keeper, component, leaf);
	if (rc)
		log_warning("leaf stays component=%s leaf=%s error=%s", component, leaf,
			    strerrorname_np(-rc));
}

/* ---- from the start to the end ---- */

int mover_open(struct daemon *daemon)
{
	AUTO_FREE struct mover *mover = calloc(1, sizeof(*mover));

	if (!mover)
		return -ENOMEM;
	mover->last = &mover->first;
	mover->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mover->wake < 0)
		return -errno;
	pthread_mutex_init(&mover->lock, NULL);
	daemon->mover = TAKE(mover);
	return 0;
}

/* Its thread first: it may put something on the list until it has ended. */
void mover_close(struct daemon *daemon)
{
	struct mover *mover = daemon->mover;

	if (!mover)
		return;
	leaf_keeper_free(mover->keeper);
	for (struct moved *moved = take_all(mover); moved;)
		moved = moved_free(moved);
	pthread_mutex_destroy(&mover->lock);
	close(mover->wake);
	free(mover);
	daemon->mover = NULL;
}

int mover_watch(struct daemon *daemon)
{
	return loop_add_io(daemon->event, mover_fd(daemon), EPOLLIN, on_wake, daemon, LOOP_CLIENTS,
			   &daemon->mover->source);
}

void mover_unwatch(struct daemon *daemon)
{
	if (daemon->mover)
		daemon->mover->source = sd_event_source_disable_unref(daemon->mover->source);
}
