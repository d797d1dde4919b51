// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sees to it that no two uwd run on one pool, by a write lock on the pool's cgroup.procs, and that
 * what this one holds still lies where others look. The lock is of the open file (F_OFD_SETLK), so
 * that it ends with uwd's last thread and no child has it. What is looked after is told apart by
 * inode. Without its ledger uwd cannot be undone by a guard that comes later, without its database
 * it would take jobs that are gone with it: it ends, undoing what it did, and the next one makes
 * both anew. Jobs go on meanwhile.
 */
#include "user/daemon/alone.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/file_id.h"
#include "user/base/log.h"
#include "user/daemon/loop.h"
#include "user/daemon/queue.h"
#include "user/daemon/tick.h"
#include "user/ipc/server.h"
#include "user/jobs/jobs.h"
#include "user/ledger/ledger.h"

/* A thread that is killed in memory.reclaim takes up to 3 s to die (kernel-side batch). */
#define DYING_US   (5 * US_PER_SEC)
#define AGAIN_US   (50 * US_PER_MS)
#define LOOK_US    US_PER_SEC
#define WATCHED_US (10 * US_PER_SEC) /* where the kernel tells: but not of a folder further up */
#define LOCK_FILE  "cgroup.procs"

#define WHAT_GOES \
	(IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static bool is_same_file(int fd, int other)
{
	struct file_id a = file_id_of(fd), b = file_id_of(other);

	return fd >= 0 && a.ino && a.dev == b.dev && a.ino == b.ino;
}

static int lock_within(int fd, uint64_t wait_us)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	uint64_t until_us = clock_now_us() + wait_us;

	while (fcntl(fd, F_OFD_SETLK, &lock)) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (clock_now_us() >= until_us)
			return -EBUSY;
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_US * 1000}, NULL);
	}
	return 0;
}

int alone_lock(int pool_dir, uint64_t wait_us, int *fd, struct uw_err *err)
{
	AUTO_CLOSE int file = openat(pool_dir, LOCK_FILE, O_RDWR | O_CLOEXEC);
	int rc = file < 0 ? -errno : 0;

	if (!rc && is_same_file(*fd, file))
		return 0;
	if (!rc)
		rc = lock_within(file, wait_us);
	if (rc == -EBUSY)
		return err_set(
			err, rc,
			"uwd: another uwd runs on this pool, though nothing in /run/uw says so: "
			"it holds a lock on " LOCK_FILE "; stop it first");
	if (rc)
		return err_set(err, rc, "uwd: the pool's " LOCK_FILE " cannot be locked: %s",
			       strerror(-rc));
	if (*fd >= 0)
		close(*fd);
	*fd = TAKE_FD(file);
	return 0;
}

int alone_before(struct daemon *daemon, struct uw_err *err)
{
	AUTO_CLOSE int dir = -1;
	char path[CG_PATH_LEN];

	/* A ledger says who has it, and waits for one that is being undone. */
	if (!access(LEDGER_PATH, F_OK) ||
	    cg_pool_root(&daemon->host, daemon->config.root, path, sizeof(path), NULL) < 0 ||
	    cg_tree_open(&daemon->host, path, &dir, NULL) < 0)
		return 0;
	return alone_lock(dir, DYING_US, &daemon->alone_fd, err);
}

int alone_on_pool(struct daemon *daemon, struct uw_err *err)
{
	if (daemon->options.dry_run)
		return 0;
	return alone_lock(daemon->pool.dir, DYING_US, &daemon->alone_fd, err);
}

/* ---- what may go ---- */

static void stop(struct daemon *daemon, const char *what)
{
	log_err("%s was removed or replaced while uwd held it: uwd ends, so that a new one makes it "
		"anew; jobs go on, but those of a queue that was removed are not known any more",
		what);
	sd_event_exit(daemon->event, -ESTALE);
}

static void look_at_socket(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc;

	if (ipc_server_is_there(daemon->server))
		return;
	rc = ipc_server_listen_again(daemon->server, &err);
	if (rc == -EADDRINUSE) {
		log_err("%s", err.text);
		sd_event_exit(daemon->event, rc);
	} else if (rc < 0) {
		log_err("the control socket was removed and cannot be made again: %s", err.text);
	} else {
		log_warning("the control socket was removed, and is there again path=%s",
			    IPC_SOCKET_PATH);
	}
}

bool alone_look(struct daemon *daemon)
{
	if (daemon->frame.now_us < daemon->alone_look_us)
		return false;
	daemon->alone_look_us =
		daemon->frame.now_us + (daemon->alone_source ? WATCHED_US : LOOK_US);
	if (!ledger_is_at(daemon->ledger, LEDGER_PATH))
		stop(daemon, LEDGER_PATH);
	else if (daemon->jobs && !jobs_are_there(daemon->jobs))
		stop(daemon, QUEUE_DIR);
	else
		look_at_socket(daemon);
	return true;
}

static int on_change(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;
	char events[4096];

	(void)source, (void)revents;
	while (read(fd, events, sizeof(events)) > 0)
		;
	daemon->alone_look_us = 0;
	tick_soon(daemon);
	return 0;
}

int alone_watch(struct daemon *daemon)
{
	AUTO_CLOSE int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int rc;

	if (fd < 0 || inotify_add_watch(fd, RUN_DIR, WHAT_GOES) < 0 ||
	    (daemon->jobs && inotify_add_watch(fd, QUEUE_DIR, WHAT_GOES) < 0))
		return 0; /* then each second */
	rc = loop_add_io(daemon->event, fd, EPOLLIN, on_change, daemon, LOOP_REPAIR,
			 &daemon->alone_source);
	if (rc >= 0)
		daemon->alone_watch_fd = TAKE_FD(fd);
	return rc;
}

void alone_close(struct daemon *daemon)
{
	daemon->alone_source = sd_event_source_disable_unref(daemon->alone_source);
	if (daemon->alone_watch_fd > 0)
		close(daemon->alone_watch_fd);
	if (daemon->alone_fd >= 0)
		close(daemon->alone_fd);
}
