// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes apart what carries our mark, and nothing else. Processes are a reason to refuse, or are
 * killed, or are moved out to go on beside the pool, as the caller asks. The guard goes last, so
 * that it could still undo what a daemon left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define KILL_WAIT_MS  10000 /* a group with swap needed 680 ms */
#define SHIMS_WAIT_MS 2000  /* they write one record to a disk */
#define GUARD_KILLS   3     /* one that was just being started comes behind the first */
#define NESTING_MAX   16
#define KEPT_MAX      64

typedef int (*part_fn)(struct cg_op *op, int dir, const char *path);

struct group_walk {
	struct cg_op *op;
	int pool;
	const char *root;
	part_fn fn;
};

/* ---- every component that is ours ---- */

static int visit(void *data, const char *name)
{
	const struct group_walk *walk = data;
	AUTO_CLOSE int dir =
		openat(walk->pool, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[CG_PATH_LEN], mark[32];

	if (dir < 0 || !strcmp(name, CG_HOLDER) || cg_mark_read(dir, mark, sizeof(mark)))
		return 0;
	if (cg_join(path, sizeof(path), walk->root, name))
		return err_set(walk->op->err, -ENAMETOOLONG, "cgroups: path too long: %s/%s",
			       walk->root, name);
	return walk->fn(walk->op, dir, path);
}

static int each_part(struct cg_op *op, int pool, const char *root, part_fn fn)
{
	struct group_walk walk = {.op = op, .pool = pool, .root = root, .fn = fn};

	return cg_each_child(pool, visit, &walk);
}

/* ---- refuse ---- */

struct search {
	int dir, depth;
	char path[CG_PATH_LEN];
	pid_t pid;
};

static int find_running(void *data, const char *name)
{
	struct search *at = data;
	AUTO_CLOSE int dir = openat(at->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct search below = {.dir = dir, .depth = at->depth + 1};

	if (dir < 0 || below.depth > NESTING_MAX ||
	    cg_join(below.path, sizeof(below.path), at->path, name))
		return 0;
	if (cg_procs_read(dir, &below.pid, 1) > 0 ||
	    cg_each_child(dir, find_running, &below) == -EBUSY) {
		at->pid = below.pid;
		memcpy(at->path, below.path, sizeof(at->path));
		return -EBUSY;
	}
	return 0;
}

static int refuse_running(struct cg_op *op, int dir, const char *path)
{
	struct search top = {.dir = dir};

	text_copy(top.path, sizeof(top.path), path);
	if (cg_procs_read(dir, &top.pid, 1) <= 0 &&
	    cg_each_child(dir, find_running, &top) != -EBUSY)
		return 0;
	return err_set(op->err, -EBUSY,
		       "teardown: process %d runs in %s; end it, or use --kill or --keep-running",
		       (int)top.pid, top.path);
}

/* ---- kill ---- */

static int kill_part(struct cg_op *op, int dir, const char *path)
{
	int ret;

	if (!cg_populated(dir))
		return 0;
	cg_op_note(op, "kill", path, NULL);
	if (cg_op_dry(op))
		return 0;
	ret = text_write_at(dir, cg_knob_file(CG_KILL), "1");
	if (!ret)
		ret = cg_procs_wait_empty(dir, KILL_WAIT_MS);
	return ret ? err_set(op->err, ret, "teardown: kill %s: %s", path, strerror(-ret)) : 0;
}

/* ---- keep running ---- */

struct collect {
	struct cg_op *op;
	int dir, depth;
	const char *path;
	int to; /* -1 under systemd until the first process has made the scope */
};

/* Frozen, a process moves but stays stuck for whoever looks; throttled, it crawls. */
static void release(int dir)
{
	text_write_at(dir, cg_knob_file(CG_HIGH), "max");
	text_write_at(dir, cg_knob_file(CG_FREEZE), "0");
}

/* The pool's parent takes processes only at the top of the hierarchy; a slice of systemd does not.
 */
static int open_destination(struct cg_op *op, int from, int *ret_to)
{
	char path[CG_PATH_LEN];
	pid_t pids[KEPT_MAX];
	int count = cg_procs_read(from, pids, KEPT_MAX), ret;

	if (count <= 0)
		return count;
	ret = cg_scope_start_kept(op, pids, count, path, sizeof(path));
	if (ret)
		return ret;
	*ret_to = cg_op_dir(op, path);
	return *ret_to < 0 ? err_set(op->err, *ret_to, "teardown: open %s: %s", path,
				     strerror(-*ret_to))
			   : 0;
}

static int move_out(struct collect *at)
{
	pid_t pid;
	int ret = 0;

	if (cg_procs_read(at->dir, &pid, 1) <= 0)
		return 0;
	cg_op_note(at->op, "move", at->path, at->to < 0 ? "uw-kept-PID.scope" : "out of the pool");
	if (cg_op_dry(at->op))
		return 0;
	if (at->to < 0)
		ret = open_destination(at->op, at->dir, &at->to);
	if (ret)
		return ret;
	ret = at->to < 0 ? 0 : cg_procs_move(at->dir, at->to);
	return ret ? err_set(at->op->err, ret, "teardown: move the processes of %s: %s", at->path,
			     strerror(-ret))
		   : 0;
}

static int keep_group(void *data, const char *name)
{
	struct collect *above = data;
	AUTO_CLOSE int dir =
		openat(above->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[CG_PATH_LEN];
	struct collect at = *above;
	int ret;

	if (dir < 0 || at.depth++ > NESTING_MAX || cg_join(path, sizeof(path), above->path, name))
		return 0;
	at.dir = dir;
	at.path = path;
	if (!cg_op_dry(at.op))
		release(dir);
	ret = move_out(&at);
	if (!ret)
		ret = cg_each_child(dir, keep_group, &at);
	above->to = at.to;
	return ret;
}

static int keep_part_at(struct cg_op *op, int dir, const char *path, int to)
{
	struct collect at = {.op = op, .dir = dir, .path = path, .to = to};
	int ret;

	if (!cg_op_dry(op))
		release(dir);
	ret = move_out(&at);
	if (!ret)
		ret = cg_each_child(dir, keep_group, &at);
	if (at.to >= 0)
		close(at.to);
	return ret;
}

/*
 * Beside the pool, in ROOT-kept: the top of the hierarchy would take them too, but any other parent
 * has controllers switched on for its children and so takes no processes of its own.
 */
static int make_kept(struct cg_op *op, const char *part)
{
	char path[CG_PATH_LEN];
	char *slash;
	int ret;

	text_copy(path, sizeof(path), part);
	slash = strrchr(path, '/');
	snprintf(slash, sizeof(path) - (size_t)(slash - path), "-kept");
	ret = cg_op_mkdir(op, path);
	return ret ? ret : cg_op_dir(op, cg_op_dry(op) ? "" : path);
}

/* Only the true top has no type. */
static bool parent_is_top(const struct cg_op *op, const char *part)
{
	const char *slash = strchr(part, '/');

	return slash && !strchr(slash + 1, '/') && !cg_op_exists(op, "cgroup.type");
}

static int keep_part(struct cg_op *op, int dir, const char *path)
{
	int to = -1;

	if (!cg_populated(dir))
		return 0;
	if (!cg_root_is_unit(path)) {
		to = parent_is_top(op, path) ? cg_op_dir(op, "") : make_kept(op, path);
		if (to < 0)
			return to;
	}
	return keep_part_at(op, dir, path, to);
}

/* ---- removal ---- */

static int remove_part(struct cg_op *op, int dir, const char *path)
{
	(void)dir;
	return cg_op_remove(op, path);
}

/*
 * The parents of queued jobs: killed with the guard they could not say how their jobs have ended.
 * Where jobs go on so do they; else they end by themselves once their jobs were killed.
 */
static int see_shims_off(struct cg_op *op, const char *root, enum cg_teardown how)
{
	char shims[CG_PATH_LEN], holder[CG_PATH_LEN];
	AUTO_CLOSE int dir = -1;

	if (cg_join(shims, sizeof(shims), root, CG_SHIMS) ||
	    cg_join(holder, sizeof(holder), root, CG_HOLDER))
		return 0;
	dir = cg_op_dir(op, shims);
	if (dir < 0 || cg_op_dry(op))
		return 0;
	if (how == CG_TEARDOWN_KEEP_RUNNING)
		return keep_part(op, dir, holder); /* beside the pool, as from a component */
	cg_procs_wait_empty(dir, SHIMS_WAIT_MS);
	return 0;
}

static int end_guard(struct cg_op *op, const char *root)
{
	char holder[CG_PATH_LEN];
	AUTO_CLOSE int dir = -1;
	int ret = cg_join(holder, sizeof(holder), root, CG_HOLDER);

	dir = ret ? ret : cg_op_dir(op, holder);
	if (dir < 0)
		return 0;
	for (int i = 0; i < GUARD_KILLS; i++) {
		ret = kill_part(op, dir, holder);
		if (!ret)
			ret = cg_op_remove(op, holder);
		if (ret != -EBUSY)
			break;
	}
	return ret;
}

static int name_leftover(void *data, const char *name)
{
	text_copy(data, CG_NAME_LEN, name);
	return -ECANCELED;
}

/* The scope's cgroup is systemd's: removed by us, the unit would stay behind as active. */
static int remove_scope(struct cg_op *op, const char *root)
{
	int ret = 0;

	cg_op_note(op, "stop", root, NULL);
	if (!cg_op_dry(op))
		ret = cg_unit_stop(op, CG_SCOPE);
	return ret ? ret : cg_slice_remove(op);
}

static int remove_pool(struct cg_op *op, int pool, const char *root)
{
	char left[CG_NAME_LEN];

	if (!cg_op_dry(op) && cg_each_child(pool, name_leftover, left) == -ECANCELED)
		return err_set(op->err, -EBUSY,
			       "teardown: %s/%s was not made by uwctl and stays; remove it, then "
			       "tear down again",
			       root, left);
	return strcmp(root, CG_SCOPE_ROOT) ? cg_op_remove(op, root) : remove_scope(op, root);
}

static int check_ours(const struct cg_op *op, int pool, const char *root)
{
	char mark[32];

	if (pool == -ENOENT)
		return err_set(op->err, pool, "teardown: no pool at %s/%s: nothing to do",
			       op->host->mount, root);
	if (pool < 0)
		return err_set(op->err, pool, "teardown: open %s: %s", root, strerror(-pool));
	if (cg_mark_read(pool, mark, sizeof(mark)))
		return err_set(op->err, -EPERM, "teardown: %s/%s was not made by uwctl and stays",
			       op->host->mount, root);
	return 0;
}

static int clear_pool(struct cg_op *op, int pool, const char *root, enum cg_teardown how)
{
	static const part_fn clear[] = {
		[CG_TEARDOWN_REFUSE] = refuse_running,
		[CG_TEARDOWN_KILL] = kill_part,
		[CG_TEARDOWN_KEEP_RUNNING] = keep_part,
	};
	int ret = check_ours(op, pool, root);

	if (!ret)
		ret = each_part(op, pool, root, clear[how]);
	if (!ret)
		ret = each_part(op, pool, root, remove_part);
	if (!ret)
		ret = see_shims_off(op, root, how);
	if (!ret)
		ret = end_guard(op, root);
	return ret ? ret : remove_pool(op, pool, root);
}

/* The scope ended by itself, or an earlier teardown came only so far. */
static bool only_slice_is_left(const struct cg_op *op, int pool, const char *root)
{
	return pool == -ENOENT && !strcmp(root, CG_SCOPE_ROOT) && cg_slice_is_marked(op);
}

static int teardown_locked(struct cg_op *op, const char *root, enum cg_teardown how)
{
	AUTO_CLOSE int pool = cg_op_dir(op, root);
	int ret = only_slice_is_left(op, pool, root) ? cg_slice_remove(op)
						     : clear_pool(op, pool, root, how);

	if (!ret && !cg_op_dry(op))
		cg_pool_file_remove(root);
	return ret;
}

int cg_tree_teardown(const struct cg_host *host, const char *root, enum cg_teardown how,
		     const struct cg_change *change, struct uw_err *err)
{
	struct cg_op op;
	int ret = cg_check_root(root, err);

	if (ret)
		return ret;
	ret = cg_op_open(&op, host, change, err);
	if (!ret)
		ret = teardown_locked(&op, root, how);
	cg_op_close(&op);
	return ret;
}
