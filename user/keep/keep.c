// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keeper's loop. One uwd at a time is connected; a new one takes the place of the one before.
 * What takes no time is done when it is asked. Commits take turns, a piece each, so that a large
 * one holds up no other pool of the component longer than a piece takes; while as many wait as
 * there is room for, the socket is not read.
 */
#include "user/keep/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/text.h"
#include "user/keep/message.h"
#include "user/keep/pools.h"

#define COMMITS_MAX     64U
#define ACCEPT_AGAIN_MS 10
#define KEEP_TAKEN      1

/* A commit that is under way: [offset, offset + bytes) as asked, done up to at. */
struct keep_commit {
	struct keep_message asked;
	uint64_t at;
};

struct keeper {
	int listen, uwd; /* -1: none is connected */
	struct keep_pools pools;
	uint32_t commits;
	struct keep_commit commit[COMMITS_MAX]; /* the first has the next turn */
};

static void drop_uwd(struct keeper *keeper)
{
	close(keeper->uwd);
	keeper->uwd = -1;
	keeper->commits = 0; /* the next uwd asks anew */
}

/* Waits when the socket is full: whoever asked reads. */
static void reply(struct keeper *keeper, const struct keep_message *to, int result, int fd)
{
	struct keep_message message = *to;
	struct pollfd ready = {.fd = keeper->uwd, .events = POLLOUT};
	int rc;

	message.result = result;
	while ((rc = keep_send(keeper->uwd, &message, fd)) == -EAGAIN)
		poll(&ready, 1, 1000);
	if (rc)
		drop_uwd(keeper);
}

/* ---- commits ---- */

static void end_commit(struct keeper *keeper, uint32_t at, int result)
{
	struct keep_commit ended = keeper->commit[at];

	keeper->commits--;
	memmove(&keeper->commit[at], &keeper->commit[at + 1],
		(keeper->commits - at) * sizeof(ended));
	ended.asked.bytes = ended.at - ended.asked.offset;
	reply(keeper, &ended.asked, result, -1);
}

static void cancel_commits(struct keeper *keeper, uint64_t pool)
{
	for (uint32_t i = keeper->commits; i-- > 0;)
		if (i < keeper->commits && keeper->commit[i].asked.pool == pool)
			end_commit(keeper, i, -ECANCELED);
}

static void begin_commit(struct keeper *keeper, const struct keep_message *asked)
{
	struct keep_pool *pool = keep_pools_find(&keeper->pools, asked->pool);
	int rc = pool ? 0 : -ENOENT;

	if (pool && (!asked->bytes || asked->offset + asked->bytes > pool->bytes))
		rc = -EINVAL;
	if (rc)
		reply(keeper, asked, rc, -1);
	else
		keeper->commit[keeper->commits++] = (struct keep_commit){*asked, asked->offset};
}

/* A piece of the first, which then goes behind the others. */
static void commit_piece(struct keeper *keeper)
{
	struct keep_commit first = keeper->commit[0];
	const struct keep_pool *pool = keep_pools_find(&keeper->pools, first.asked.pool);
	uint64_t end = first.asked.offset + first.asked.bytes;
	int rc = keep_pools_commit(pool, first.at, end, &keeper->commit[0].at);

	if (rc || keeper->commit[0].at == end) {
		end_commit(keeper, 0, rc);
		return;
	}
	first = keeper->commit[0];
	memmove(&keeper->commit[0], &keeper->commit[1], (keeper->commits - 1) * sizeof(first));
	keeper->commit[keeper->commits - 1] = first;
}

/* ---- what takes no time ---- */

static void make(struct keeper *keeper, const struct keep_message *asked)
{
	int fd = -1, rc = keep_pools_make(&keeper->pools, asked->pool, asked->bytes, &fd);

	reply(keeper, asked, rc, fd); /* fd is the table's */
}

static void list(struct keeper *keeper, const struct keep_message *asked)
{
	struct keep_message message = *asked;

	for (uint32_t i = 0; i < keeper->pools.count && keeper->uwd >= 0; i++) {
		const struct keep_pool *pool = &keeper->pools.pool[i];

		message.pool = pool->id;
		message.bytes = pool->bytes;
		reply(keeper, &message, 0, pool->fd);
	}
	message.pool = message.bytes = 0;
	if (keeper->uwd >= 0)
		reply(keeper, &message, 0, -1);
}

static void drop(struct keeper *keeper, const struct keep_message *asked)
{
	cancel_commits(keeper, asked->pool);
	keep_pools_drop(&keeper->pools, asked->pool);
	if (keeper->uwd >= 0)
		reply(keeper, asked, 0, -1);
}

/* Takes fd. */
static void obey(struct keeper *keeper, const struct keep_message *asked, int fd)
{
	if (asked->op == KEEP_TAKE) {
		reply(keeper, asked, keep_pools_take(&keeper->pools, asked->pool, asked->bytes, fd),
		      -1);
		return;
	}
	if (fd >= 0)
		close(fd);
	switch ((enum keep_op)asked->op) {
	case KEEP_MAKE:
		make(keeper, asked);
		break;
	case KEEP_COMMIT:
		begin_commit(keeper, asked);
		break;
	case KEEP_DROP:
		drop(keeper, asked);
		break;
	case KEEP_LIST:
		list(keeper, asked);
		break;
	case KEEP_TAKE:
	case KEEP_OP__COUNT:
		break;
	}
}

/* ---- the loop ---- */

static void read_uwd(struct keeper *keeper)
{
	while (keeper->uwd >= 0 && keeper->commits < COMMITS_MAX) {
		struct keep_message message;
		int fd = -1, rc = keep_receive(keeper->uwd, &message, &fd);

		if (rc == -EAGAIN)
			return;
		if (rc)
			drop_uwd(keeper);
		else
			obey(keeper, &message, fd);
	}
}

/* The socket file is root's alone; who made the connection is asked all the same. */
static bool is_trusted(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) && who.uid == geteuid();
}

/* The socket is of no use any more. All else passes: of files, or of memory, there may be enough
 * later, and what is kept here would be lost. */
static bool is_broken(int error)
{
	return error == EBADF || error == EINVAL || error == ENOTSOCK || error == EOPNOTSUPP;
}

/* KEEP_TAKEN where there is another one now. */
static int take_uwd(struct keeper *keeper)
{
	int fd = accept4(keeper->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && is_broken(errno))
		return -errno;
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			poll(NULL, 0, ACCEPT_AGAIN_MS); /* it stays ready */
		return 0;
	}
	if (!is_trusted(fd)) {
		close(fd);
		return 0;
	}
	if (keeper->uwd >= 0)
		drop_uwd(keeper);
	keeper->uwd = fd;
	return KEEP_TAKEN;
}

/* 1 when it is not needed any more. */
static int turn(struct keeper *keeper)
{
	bool full = keeper->commits == COMMITS_MAX,
	     lonely = keeper->uwd < 0 && !keeper->pools.count;
	struct pollfd ready[] = {{.fd = keeper->listen, .events = POLLIN},
				 {.fd = keeper->uwd, .events = full ? 0 : POLLIN}};
	int count = poll(ready, 2, keeper->commits ? 0 : lonely ? KEEP_LONELY_MS : -1), rc = 0;

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	if (!count && lonely)
		return 1;
	if (ready[0].revents)
		rc = take_uwd(keeper);
	if (!rc && ready[1].revents & POLLIN)
		read_uwd(keeper);
	else if (!rc && ready[1].revents)
		drop_uwd(keeper);
	if (rc >= 0 && keeper->commits)
		commit_piece(keeper);
	return rc < 0 ? rc : 0;
}

/* It must outlive who asks it, and the OOM killer must find nobody in its leaf. Where it has no
 * right to be spared, pools work, less surely. */
static void harden(int group)
{
	int rc = text_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");

	if (rc)
		log_warning("keeper: oom_score_adj not set: %s", strerror(-rc));
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warning("keeper: mlockall: %s", strerror(errno));
	if (group >= 0 && text_write_at(group, "memory.oom.group", "0"))
		log_warning("keeper: memory.oom.group not set");
}

int keep_run(const struct keep_options *options, struct uw_err *err)
{
	static struct keeper keeper;
	int rc = 0;

	keeper = (struct keeper){.listen = options->listen, .uwd = -1};
	keeper.pools.group = options->group;
	harden(options->group);
	while (!rc)
		rc = turn(&keeper);
	return rc < 0 ? err_set(err, rc, "keeper: its socket failed: %s", strerror(-rc)) : 0;
}
