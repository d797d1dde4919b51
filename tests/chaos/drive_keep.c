// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A keeper of pools in a process of its own, and uwd's end of its socket: pools are made, committed
 * and listed, one is dropped, uwd comes anew, and where the keeper was killed another one is given
 * what uwd still holds. No call that fails ends a keeper. What it has acknowledged it holds, with
 * what was written there, whoever asks next; its leaf's limit has room for all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/chaos/drivers.h"
#include "tests/chaos/tree.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/keep/keep.h"
#include "user/keep/message.h"

#define GROUP    "pools"
#define BYTES    (4 * MIB) /* two pieces of a commit */
#define POOLS    2U        /* of a round */
#define IDS      (2 * POOLS)
#define AWAIT_MS 20000

/* struct chaos: bit i says that the keeper there is has acknowledged pool i + 1. */
enum note {
	NOTE_HELD,
};

struct uwd_end {
	int socket;
	int fd[IDS]; /* as the keeper gave them; -1 */
};

/* ---- the keeper ---- */

static void prepare(struct chaos *c)
{
	tree_make(c, "");
	tree_make(c, GROUP);
	tree_write(c, GROUP, "memory.current", "1000\n");
	tree_write(c, GROUP, "memory.oom.group", "1\n");
}

static struct sockaddr_un address_of(const struct chaos *c)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/keep.sock", c->dir);
	return address;
}

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void be_keeper(int listener, int group)
{
	const struct keep_options options = {.listen = listener, .group = group};
	struct uw_err err = {0};

	fclose(stderr); /* it may not be spared here, and says so */
	_exit(keep_run(&options, &err) ? 1 : 0);
}

/* No fault falls in the start itself; what the keeper does then is its own. */
static void start_keeper(struct chaos *c)
{
	struct sockaddr_un address = address_of(c);
	AUTO_CLOSE int listener = -1, group = -1;
	char path[96];

	chaos_pause(c);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	snprintf(path, sizeof(path), "%s/%s/%s", c->dir, TREE_POOL, GROUP);
	group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unlink(address.sun_path);
	listener = open_socket();
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 4))
		chaos_violate(c, "no socket for a keeper: %s", strerror(errno));
	c->note[NOTE_HELD] = 0;
	if (!fork())
		be_keeper(listener, group);
	chaos_go_on(c);
}

/* ---- uwd's end ---- */

static void hang_up(struct uwd_end *uwd)
{
	if (uwd->socket >= 0)
		close(uwd->socket);
	uwd->socket = -1;
}

/* 0; -ECONNREFUSED: nobody is there. */
static int call_up(const struct chaos *c, struct uwd_end *uwd)
{
	struct sockaddr_un address = address_of(c);
	int rc = 0;

	hang_up(uwd);
	uwd->socket = open_socket();
	if (uwd->socket < 0 ||
	    connect(uwd->socket, (const struct sockaddr *)&address, sizeof(address)))
		rc = errno == ENOENT ? -ECONNREFUSED : -errno;
	if (rc)
		hang_up(uwd);
	return rc;
}

static int await(int socket, short what)
{
	struct pollfd ready = {.fd = socket, .events = what};

	return poll(&ready, 1, AWAIT_MS) == 0 ? -ETIMEDOUT : 0;
}

static int hear(struct uwd_end *uwd, struct keep_message *ret_heard, int *ret_fd)
{
	int rc;

	*ret_fd = -1;
	while ((rc = keep_receive(uwd->socket, ret_heard, ret_fd)) == -EAGAIN)
		if (await(uwd->socket, POLLIN))
			return -ETIMEDOUT;
	return rc;
}

static int tell(const struct uwd_end *uwd, const struct keep_message *message, int fd)
{
	int rc;

	while ((rc = keep_send(uwd->socket, message, fd)) == -EAGAIN)
		if (await(uwd->socket, POLLOUT))
			return -ETIMEDOUT;
	return rc;
}

/* The keeper's result, or what befell the connection. *ret_fd is the caller's, or -1. */
static int ask(struct chaos *c, struct uwd_end *uwd, enum keep_op op, uint32_t at, int pass,
	       int *ret_fd)
{
	struct keep_message message = {
		.magic = KEEP_MAGIC, .op = op, .cookie = 7, .pool = at + 1, .bytes = BYTES};
	int rc = uwd->socket < 0 ? call_up(c, uwd) : 0;

	*ret_fd = -1;
	if (!rc)
		rc = tell(uwd, &message, pass);
	if (!rc)
		rc = hear(uwd, &message, ret_fd);
	if (rc == -ETIMEDOUT)
		chaos_violate(c, "request %d of pool %u is not answered", (int)op, at + 1);
	if (rc)
		hang_up(uwd);
	return rc ? rc : message.result;
}

/* ---- what must hold ---- */

static uint64_t mark_of(uint32_t at)
{
	return 0x5eed0000U + at;
}

static void mark(struct chaos *c, uint32_t at, int fd)
{
	uint64_t number = mark_of(at);

	chaos_pause(c);
	if (pwrite(fd, &number, sizeof(number), BYTES - sizeof(number)) != sizeof(number))
		chaos_violate(c, "pool %u cannot be written", at + 1);
	chaos_go_on(c);
}

static void check_pool(struct chaos *c, const struct keep_message *pool, int fd)
{
	uint32_t at = (uint32_t)pool->pool - 1;
	uint64_t number = 0;

	if (at >= IDS || pool->bytes != BYTES || fd < 0)
		chaos_violate(c, "pool %u of %u bytes was never made", at + 1,
			      (uint32_t)pool->bytes);
	else if (c->note[NOTE_HELD] >> at & 1 &&
		 (pread(fd, &number, sizeof(number), BYTES - sizeof(number)) != sizeof(number) ||
		  number != mark_of(at)))
		chaos_violate(c, "pool %u has not what was written there", at + 1);
}

/* It was the keeper that was killed; it may go on to take connections for a moment. */
static bool may_be_dead(const struct chaos *c)
{
	return c->how == CHAOS_KILL && !c->died;
}

static void check_list(struct chaos *c, struct uwd_end *uwd)
{
	struct keep_message message = {.magic = KEEP_MAGIC, .op = KEEP_LIST};
	uint64_t found = 0, bytes = 0;
	int rc = tell(uwd, &message, -1);

	do {
		AUTO_CLOSE int fd = -1;

		rc = rc ? rc : hear(uwd, &message, &fd);
		if (rc || !message.pool)
			break;
		check_pool(c, &message, fd);
		found |= 1ULL << (message.pool - 1);
		bytes += message.bytes;
	} while (true);
	if (rc == -EPIPE && may_be_dead(c))
		return;
	if (rc)
		chaos_violate(c, "pools are not listed: %s", strerrorname_np(-rc));
	else if (c->note[NOTE_HELD] & ~found)
		chaos_violate(c, "pools %x were acknowledged, %x are held",
			      (uint32_t)c->note[NOTE_HELD], (uint32_t)found);
	if (tree_read(c, GROUP, "memory.max") < bytes)
		chaos_violate(c, "the leaf's limit is below what its pools may take");
}

/* Whoever comes next, without a fault. */
static void look(struct chaos *c)
{
	struct uwd_end next = {.socket = -1};
	int rc = call_up(c, &next);

	if (!rc)
		check_list(c, &next);
	else if (!may_be_dead(c))
		chaos_violate(c, "the keeper has ended: %s", strerrorname_np(-rc));
	hang_up(&next);
}

/* ---- a round ---- */

static void hold(struct chaos *c, uint32_t at)
{
	c->note[NOTE_HELD] |= 1ULL << at;
}

static void give_back(struct chaos *c, struct uwd_end *uwd)
{
	for (uint32_t i = 0; i < IDS; i++) {
		AUTO_CLOSE int fd = -1;

		if (uwd->fd[i] >= 0 &&
		    !chaos_done(c, "take", ask(c, uwd, KEEP_TAKE, i, uwd->fd[i], &fd)))
			continue;
		if (uwd->fd[i] >= 0)
			hold(c, i);
	}
}

/* A keeper that was killed is followed by another. */
static bool done(struct chaos *c, struct uwd_end *uwd, const char *what, int rc)
{
	bool lost = rc == -ECONNREFUSED || rc == -EPIPE;

	if (!lost || c->how != CHAOS_KILL)
		return chaos_done(c, what, rc);
	if (call_up(c, uwd) == -ECONNREFUSED) {
		start_keeper(c);
		give_back(c, uwd);
	}
	return false;
}

static void make(struct chaos *c, struct uwd_end *uwd, uint32_t at)
{
	if (!done(c, uwd, "make", ask(c, uwd, KEEP_MAKE, at, -1, &uwd->fd[at])))
		return;
	mark(c, at, uwd->fd[at]);
	hold(c, at);
}

static void commit(struct chaos *c, struct uwd_end *uwd, uint32_t at)
{
	struct stat st = {0};
	int none = -1;

	if (uwd->fd[at] < 0 || !done(c, uwd, "commit", ask(c, uwd, KEEP_COMMIT, at, -1, &none)))
		return;
	chaos_pause(c);
	if (fstat(uwd->fd[at], &st) || (uint64_t)st.st_blocks * 512 < BYTES)
		chaos_violate(c, "pool %u has not the memory that it was told to have", at + 1);
	chaos_go_on(c);
}

static void drop(struct chaos *c, struct uwd_end *uwd, uint32_t at)
{
	int none = -1;

	if (uwd->fd[at] < 0)
		return;
	c->note[NOTE_HELD] &= ~(1ULL << at);
	close(TAKE_FD(uwd->fd[at]));
	done(c, uwd, "drop", ask(c, uwd, KEEP_DROP, at, -1, &none));
}

static void act(struct chaos *c)
{
	struct uwd_end uwd = {.socket = -1, .fd = {-1, -1, -1, -1}};
	uint32_t first = c->round * POOLS;

	if (!c->round)
		start_keeper(c);
	done(c, &uwd, "connect", call_up(c, &uwd));
	for (uint32_t i = 0; i < POOLS; i++)
		make(c, &uwd, first + i);
	for (uint32_t i = 0; i < POOLS; i++)
		commit(c, &uwd, first + i);
	drop(c, &uwd, first + 1);
	chaos_pause(c);
	look(c); /* and takes our place */
	chaos_go_on(c);
	hang_up(&uwd);
	commit(c, &uwd, first);
	hang_up(&uwd);
	for (uint32_t i = 0; i < IDS; i++)
		if (uwd.fd[i] >= 0)
			close(uwd.fd[i]);
}

const struct chaos_driver chaos_keep = {
	.name = "keep",
	.how = CHAOS_FAILS | CHAOS_KILLS,
	.prepare = prepare,
	.act = act,
	.check = look,
};
