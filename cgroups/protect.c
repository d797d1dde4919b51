// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protection of the pool as a whole. A component's memory.low and memory.min count against reclaim
 * from outside only up to what each ancestor has (effective_protection() in mm/memcontrol.c,
 * mm/page_counter.c), so the ancestors that are ours get the sums. Of memory.min they get no more
 * than that: with memory_recursiveprot what a parent has and its children do not claim goes to
 * whoever uses more than its own protection, and a hog that nothing may reclaim ends in an OOM kill
 * outside of the pool. For the same reason the slice needs the scope's value and not some upper
 * bound.
 *
 * memory.low is constant, and a property of the units under systemd. memory.min moves with working
 * sets, several times a second; uwd writes it to the files, and writes it again when systemd has
 * put its own value there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/xattr.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define FOREIGN_XATTR "user.uw.foreign"

static bool is_marked_slice(int dirfd)
{
	char mark[32];

	return !cg_mark_read(dirfd, mark, sizeof(mark)) && !strcmp(mark, CG_MARK_SLICE);
}

/* In a dry run one that is not there yet, too: it would be. */
static bool slice_is_ours(const struct cg_op *op, const char *root)
{
	AUTO_CLOSE int dir = -1;

	if (strcmp(root, CG_SCOPE_ROOT) != 0)
		return false;
	dir = cg_op_dir(op, CG_SLICE);
	return dir < 0 ? cg_op_dry(op) : is_marked_slice(dir);
}

/* Towards the value, in the one direction that it is time for. */
static int move(struct cg_op *op, const char *path, enum cg_knob knob, enum cg_protect what,
		uint64_t bytes)
{
	uint64_t now = cg_op_get(op, path, knob);

	if (what == CG_PROTECT_RAISE ? now >= bytes : now <= bytes)
		return 0;
	return cg_op_set(op, path, knob, bytes);
}

static int move_all(struct cg_op *op, const char *root, enum cg_knob knob, enum cg_protect what,
		    uint64_t bytes)
{
	const char *const chain[] = {CG_SLICE, root}; /* a parent first */
	size_t first = slice_is_ours(op, root) ? 0 : 1;
	int ret = 0;

	for (size_t i = first; !ret && i < ARRAY_SIZE(chain); i++) {
		size_t at = what == CG_PROTECT_RAISE ? i : ARRAY_SIZE(chain) - 1 - (i - first);

		ret = move(op, chain[at], knob, what, bytes);
	}
	return ret;
}

int cg_protect_pool(struct cg_op *op, const char *root, enum cg_protect what, uint64_t low_bytes)
{
	AUTO_CLOSE int pool = -1;
	int ret = move_all(op, root, CG_LOW, what, low_bytes);

	if (ret || what == CG_PROTECT_RAISE)
		return ret;
	/* Last: a property that changes makes systemd write its own memory.min too. */
	pool = cg_op_dir(op, root);
	return pool < 0 ? 0 : move_all(op, root, CG_MIN, CG_PROTECT_RAISE, cg_min_sum(pool));
}

/* ---- uw.slice ---- */

static bool slice_is_there(const struct cg_op *op)
{
	return cg_op_exists(op, CG_SLICE);
}

bool cg_slice_is_marked(const struct cg_op *op)
{
	AUTO_CLOSE int dir = cg_op_dir(op, CG_SLICE);

	return dir >= 0 && is_marked_slice(dir);
}

/* Noted on it that it is not ours, for as long as it lives: uwd's loop asks once. */
static bool is_known_foreign(int dirfd)
{
	return fgetxattr(dirfd, FOREIGN_XATTR, NULL, 0) >= 0;
}

static void note_foreign(const struct cg_op *op)
{
	AUTO_CLOSE int dir = cg_op_dir(op, CG_SLICE);

	if (dir >= 0)
		fsetxattr(dir, FOREIGN_XATTR, "1", 1, 0);
}

static int wait_for_slice(const struct cg_op *op)
{
	uint64_t until_us = cg_wait_until(op);

	while (!slice_is_there(op))
		if (!cg_wait_step(until_us))
			return err_set(op->err, -EAGAIN,
				       "systemd: %s did not start in time; try again", CG_SLICE);
	return 0;
}

/* Ours but stopped: it waits to be collected, or a unit that was in it holds it. Either way it can
 * be started again, and what was collected meanwhile is then only implied, and becomes transient.
 */
static int restart_slice(const struct cg_op *op)
{
	int ret = cg_unit_begin(op, CG_SLICE);

	if (!ret)
		ret = wait_for_slice(op);
	return ret ? ret : cg_slice_start(op);
}

static int start_slice(const struct cg_op *op)
{
	int ret = cg_slice_start(op);

	if (ret == CG_UNIT_EXISTS && !slice_is_there(op))
		return restart_slice(op);
	return ret ? ret : wait_for_slice(op);
}

int cg_slice_make(struct cg_op *op)
{
	AUTO_CLOSE int dir = cg_op_dir(op, CG_SLICE);
	int ret;

	if (dir >= 0 && is_marked_slice(dir)) /* a new scope has no memory.min yet */
		return cg_op_exists(op, CG_SCOPE_ROOT) ? 0 : cg_op_set(op, CG_SLICE, CG_MIN, 0);
	if (cg_op_dry(op)) {
		if (dir < 0)
			cg_op_note(op, "mark", CG_SLICE, CG_MARK_SLICE);
		return 0;
	}
	if (dir >= 0 && op->until_us && is_known_foreign(dir))
		return 0;
	ret = start_slice(op);
	if (ret == CG_UNIT_FOREIGN)
		note_foreign(op);
	if (ret < 0 || ret == CG_UNIT_FOREIGN)
		return ret < 0 ? ret : 0;
	return cg_op_mark(op, CG_SLICE, CG_MARK_SLICE);
}

static int find_other(void *data, const char *name)
{
	(void)data;
	return strcmp(name, CG_SCOPE) ? -ECANCELED : 0;
}

static int unprotect_slice(struct cg_op *op, int dir)
{
	int ret = cg_op_set(op, CG_SLICE, CG_LOW, 0);

	if (!ret)
		ret = cg_op_set(op, CG_SLICE, CG_MIN, 0);
	if (!ret && !cg_op_dry(op))
		fremovexattr(dir, CG_MARK_XATTR);
	return ret;
}

int cg_slice_remove(struct cg_op *op)
{
	AUTO_CLOSE int dir = cg_op_dir(op, CG_SLICE);
	uint64_t until_us;
	int ret;

	if (dir < 0 || !is_marked_slice(dir))
		return 0;
	if (cg_each_child(dir, find_other, NULL) == -ECANCELED)
		return unprotect_slice(op, dir);
	cg_op_note(op, "stop", CG_SLICE, NULL);
	if (cg_op_dry(op))
		return 0;
	until_us = cg_wait_until(op);
	ret = cg_unit_stop(op, CG_SLICE);
	while (!ret && slice_is_there(op))
		if (!cg_wait_step(until_us))
			ret = err_set(op->err, -ETIMEDOUT,
				      "teardown: %s is still there, %d s after systemd was told to "
				      "stop it; run 'systemctl stop %s'",
				      CG_SLICE, CG_WAIT_S, CG_SLICE);
	return ret;
}

/* ---- for those who move memory.min, and for those who show it ---- */

uint32_t cg_pool_open_bounds(int pool_dirfd, uint32_t knobs,
			     struct cg_group ret_group[static CG_BOUNDS_MAX])
{
	AUTO_CLOSE int parent = openat(pool_dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (cg_group_open(pool_dirfd, ".", knobs, &ret_group[0]))
		return 0;
	if (parent < 0 || !is_marked_slice(parent) ||
	    cg_group_open(pool_dirfd, "..", knobs, &ret_group[1]))
		return 1;
	return 2;
}

/* The least of what the groups from the pool up have. Their sum for it is the pool's own. */
static void narrow(const struct cg_op *op, const char *path, enum cg_knob knob,
		   struct cg_reach *reach)
{
	uint64_t has = cg_op_get(op, path, knob);

	if (has >= reach->has_bytes)
		return;
	reach->has_bytes = has;
	text_copy(reach->path, sizeof(reach->path), path);
}

/* uwd raises these before a component's and lowers them after it, so that between two reads it
 * might look as if they lacked something. */
static bool uwd_moves(const struct cg_op *op, const char *root, enum cg_knob knob, const char *path)
{
	return knob == CG_MIN && (!strcmp(path, root) || slice_is_ours(op, root));
}

static void look_at_chain(const struct cg_op *op, const char *root, enum cg_knob knob,
			  struct cg_reach *reach)
{
	AUTO_CLOSE int pool = cg_op_dir(op, root);
	char path[CG_PATH_LEN];

	reach->want_bytes = pool < 0 ? 0 : knob == CG_MIN ? cg_min_sum(pool) : cg_low_sum(pool);
	reach->has_bytes = reach->want_bytes;
	text_copy(path, sizeof(path), root);
	for (char *slash = path; slash; slash = strrchr(path, '/')) {
		if (slash != path)
			*slash = '\0';
		if (!uwd_moves(op, root, knob, path))
			narrow(op, path, knob, reach);
	}
}

int cg_pool_reach(const struct cg_host *host, const char *root, enum cg_knob knob,
		  struct cg_reach *ret_reach)
{
	const struct cg_change look = {.dry_run = true};
	struct cg_reach reach = {0};
	struct cg_op op;
	int ret = cg_op_open(&op, host, &look, NULL);

	if (!ret && !cg_op_exists(&op, root))
		ret = -ENOENT;
	if (!ret)
		look_at_chain(&op, root, knob, &reach);
	cg_op_close(&op);
	if (!ret)
		*ret_reach = reach;
	return ret;
}
