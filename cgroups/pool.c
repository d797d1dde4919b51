// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creates or adopts the pool with its guard. Under systemd the pool is a transient scope that is
 * born with the guard as its first process; else it is a plain group. A pool that is there already
 * is taken as it is, and gets a guard when it has none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define PLAIN_ROOT    "uw"
#define GUARD_PROGRAM UW_LIBEXEC_DIR "/uw-guard"

int cg_pool_root(const struct cg_host *host, const char *root, char *ret_root, size_t size,
		 struct uw_err *err)
{
	int ret;

	if (!root || !*root || !strcmp(root, "auto"))
		root = host->systemd ? CG_SCOPE_ROOT : PLAIN_ROOT;
	ret = cg_check_root(root, err);
	if (!ret && !text_copy(ret_root, size, root))
		ret = err_set(err, -ENAMETOOLONG, "cgroups: root '%s' is too long", root);
	return ret;
}

static int open_holder(const struct cg_op *op, const char *root)
{
	char path[CG_PATH_LEN];

	return cg_join(path, sizeof(path), root, CG_HOLDER) ? -ENAMETOOLONG : cg_op_dir(op, path);
}

static void pool_path(const struct cg_host *host, const char *root, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", host->mount, root);
}

/* The scope is born with the guard as its first process, which then moves to holder/. */
static int make_scope(struct cg_op *op, const char *program, struct cg_pool *pool)
{
	char path[2 * CG_PATH_LEN];
	struct cg_guard_start start;
	AUTO_CLOSE int top = -1, holder = -1;
	int ret;

	pool_path(op->host, pool->root, path, sizeof(path));
	ret = cg_check_no_other(op, pool->root);
	if (!ret)
		ret = cg_guard_begin(program, path, -1, &start, op->err);
	if (ret)
		return ret;
	cg_op_note(op, "scope", pool->root, "Delegate=yes");
	ret = cg_scope_start_pool(op, start.pid);
	if (!ret) {
		char file[CG_PATH_LEN];

		ret = cg_join(file, sizeof(file), pool->root, CG_HOLDER);
		if (!ret)
			ret = cg_op_mkdir(op, file);
	}
	if (!ret) {
		top = cg_op_dir(op, pool->root);
		holder = open_holder(op, pool->root);
		ret = top < 0 || holder < 0 ? -ENOENT : cg_procs_move(top, holder);
		if (ret)
			err_set(op->err, ret, "cgroups: move the guard to %s/%s: %s", pool->root,
				CG_HOLDER, strerror(-ret));
	}
	if (!ret)
		ret = cg_pool_make(op, pool->root);
	if (ret) {
		cg_guard_abort(&start);
		return ret;
	}
	cg_op_note(op, "spawn", program, CG_HOLDER);
	pool->guard_pid = start.pid;
	return cg_guard_finish(&start, program, &pool->guard, op->err);
}

static int spawn_into(const struct cg_host *host, int holder, const char *program,
		      struct cg_pool *pool, struct uw_err *err)
{
	char path[2 * CG_PATH_LEN];
	struct cg_guard_start start;
	int ret;

	pool_path(host, pool->root, path, sizeof(path));
	ret = cg_guard_begin(program, path, holder, &start, err);
	if (ret)
		return ret;
	pool->guard_pid = start.pid;
	return cg_guard_finish(&start, program, &pool->guard, err);
}

static int ensure_guard(struct cg_op *op, const char *program, struct cg_pool *pool)
{
	AUTO_CLOSE int holder = open_holder(op, pool->root);

	if (holder < 0)
		return err_set(op->err, holder, "cgroups: %s/%s: %s", pool->root, CG_HOLDER,
			       strerror(-holder));
	if (!cg_guard_find(holder, &pool->guard_pid, &pool->guard))
		return 0;
	cg_op_note(op, "spawn", program, CG_HOLDER);
	return spawn_into(op->host, holder, program, pool, op->err);
}

static int make_plain(struct cg_op *op, const char *program, struct cg_pool *pool)
{
	int ret = cg_pool_make(op, pool->root);

	return ret ? ret : ensure_guard(op, program, pool);
}

/* Never there, or gone with its last process: perhaps while it was being looked at. */
static bool scope_missing(const struct cg_op *op, const struct cg_pool *pool)
{
	return !strcmp(pool->root, CG_SCOPE_ROOT) && !cg_op_exists(op, pool->root);
}

/* Structure is noted by cg_tree_setup; here only what it does not do. */
static int rehearse(struct cg_op *op, const char *program, const struct cg_pool *pool)
{
	AUTO_CLOSE int holder = open_holder(op, pool->root), guard = -1;
	pid_t pid;

	if (!strcmp(pool->root, CG_SCOPE_ROOT))
		cg_slice_make(op);
	if (scope_missing(op, pool))
		cg_op_note(op, "scope", pool->root, "Delegate=yes");
	if (holder < 0 || cg_guard_find(holder, &pid, &guard))
		cg_op_note(op, "spawn", program, CG_HOLDER);
	return 0;
}

static int make_pool(struct cg_op *op, struct cg_host *host, const char *program,
		     struct cg_pool *pool)
{
	int ret;

	if (cg_op_dry(op)) {
		pool->dir = cg_op_dir(op, pool->root);
		return rehearse(op, program, pool);
	}
	cg_want_recursiveprot(op, host);
	ret = strcmp(pool->root, CG_SCOPE_ROOT) ? 0 : cg_slice_make(op);
	if (ret)
		return ret;
	ret = scope_missing(op, pool) ? -ENOENT : make_plain(op, program, pool);
	if (ret && scope_missing(op, pool))
		ret = make_scope(op, program, pool);
	if (!ret)
		ret = cg_pool_file_write(pool->root, op->err);
	return ret ? ret : cg_tree_open(host, pool->root, &pool->dir, op->err);
}

int cg_pool_create(const struct cg_host *host, const char *root, const char *guard,
		   const struct cg_change *change, struct cg_pool *ret_pool, struct uw_err *err)
{
	struct cg_pool pool = {.dir = -1, .guard = -1};
	struct cg_host found = *host;
	struct cg_op op;
	int ret = cg_pool_root(host, root, pool.root, sizeof(pool.root), err);

	if (ret)
		return ret;
	ret = cg_op_open(&op, &found, change, err);
	if (!ret)
		ret = make_pool(&op, &found, guard ? guard : GUARD_PROGRAM, &pool);
	cg_op_close(&op);
	if (ret) {
		cg_pool_close(&pool);
		return ret;
	}
	*ret_pool = pool;
	return 0;
}

int cg_pool_guard_spawn(const struct cg_host *host, struct cg_pool *pool, const char *guard,
			struct uw_err *err)
{
	struct cg_pool next = *pool;
	AUTO_CLOSE int holder = -1, lock = -1;
	struct cg_group group;
	int ret = cg_setup_lock(&lock, false, err);

	if (ret)
		return ret;
	ret = cg_group_open(pool->dir, CG_HOLDER, 0, &group);
	if (ret)
		return err_set(err, ret, "cgroups: %s/%s: %s; the pool is gone, run 'uwctl setup'",
			       pool->root, CG_HOLDER, strerror(-ret));
	holder = TAKE_FD(group.dir);
	if (cg_guard_find(holder, &next.guard_pid, &next.guard))
		ret = spawn_into(host, holder, guard ? guard : GUARD_PROGRAM, &next, err);
	if (ret)
		return ret;
	if (pool->guard >= 0)
		close(pool->guard);
	pool->guard = next.guard;
	pool->guard_pid = next.guard_pid;
	return 0;
}

void cg_pool_take_guard(struct cg_pool *pool, struct cg_pool *from)
{
	if (pool->guard >= 0)
		close(pool->guard);
	pool->guard = from->guard;
	pool->guard_pid = from->guard_pid;
	from->guard = -1;
	cg_pool_close(from);
}

void cg_pool_close(struct cg_pool *pool)
{
	if (!pool)
		return;
	if (pool->dir >= 0)
		close(pool->dir);
	if (pool->guard >= 0)
		close(pool->guard);
	pool->dir = pool->guard = -1;
}
