// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets the pool up for a list of components: a group each with its limits, and what is no longer
 * named removed when nothing runs in it. Setup looks before each step and does what is missing, so
 * that running it twice, or after a crash half-way, ends in the same tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

/* ---- the spec ---- */

static int check_duplicates(const struct cg_tree_spec *spec, uint32_t i, struct uw_err *err)
{
	for (uint32_t j = 0; j < i; j++)
		if (!strcmp(spec->component[i].name, spec->component[j].name))
			return err_set(err, -EINVAL, "cgroups: component '%s' is named twice",
				       spec->component[i].name);
	return 0;
}

static int check_spec(const struct cg_tree_spec *spec, struct uw_err *err)
{
	uint64_t sum = 0;
	int ret = cg_check_root(spec->root, err);

	for (uint32_t i = 0; !ret && i < spec->count; i++) {
		ret = cg_check_component(spec->component[i].name, err);
		if (!ret)
			ret = check_duplicates(spec, i, err);
		if (__builtin_add_overflow(sum, spec->component[i].low_bytes, &sum))
			sum = CG_MAX;
	}
	if (!ret && sum > spec->max_bytes)
		return err_set(err, -ERANGE,
			       "cgroups: the components' memory.low add up to %llu bytes, the "
			       "pool's memory.max is %llu; lower their shares",
			       (unsigned long long)sum, (unsigned long long)spec->max_bytes);
	return ret;
}

/* ---- components ---- */

static int adopt_processes(struct cg_op *op, const char *path)
{
	AUTO_CLOSE int from = cg_op_dir(op, path), to = -1;
	char leaf[CG_PATH_LEN];
	pid_t pid;
	int ret;

	if (from < 0 || cg_procs_read(from, &pid, 1) <= 0)
		return 0;
	ret = cg_join(leaf, sizeof(leaf), path, CG_ADOPTED);
	if (!ret)
		ret = cg_op_mkdir(op, leaf);
	if (ret)
		return ret;
	cg_op_note(op, "move", path, leaf);
	if (cg_op_dry(op))
		return 0;
	to = cg_op_dir(op, leaf);
	ret = to < 0 ? to : cg_procs_move(from, to);
	if (ret)
		return err_set(op->err, ret, "cgroups: move the processes of %s to %s: %s", path,
			       leaf, strerror(-ret));
	return 0;
}

static int make_component(struct cg_op *op, const char *root, const struct cg_component_spec *spec)
{
	char path[CG_PATH_LEN];
	int ret = cg_join(path, sizeof(path), root, spec->name);

	if (!ret)
		ret = cg_op_make(op, path);
	if (!ret)
		ret = cg_op_mark(op, path, CG_MARK_PART);
	if (!ret)
		ret = adopt_processes(op, path);
	if (!ret)
		ret = cg_op_enable(op, path);
	if (!ret)
		ret = cg_op_set(op, path, CG_LOW, spec->low_bytes);
	if (!ret)
		ret = cg_op_set(op, path, CG_LIMIT, spec->max_bytes);
	return ret ? ret : cg_op_set(op, path, CG_HIGH, spec->high_bytes);
}

struct prune {
	struct cg_op *op;
	const struct cg_tree_spec *spec;
	int pool;
};

static bool named_in(const struct cg_tree_spec *spec, const char *name)
{
	if (!strcmp(name, CG_HOLDER))
		return true;
	for (uint32_t i = 0; i < spec->count; i++)
		if (!strcmp(spec->component[i].name, name))
			return true;
	return false;
}

static int prune_one(void *data, const char *name)
{
	const struct prune *prune = data;
	AUTO_CLOSE int dir = openat(prune->pool, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[CG_PATH_LEN], mark[32];

	if (named_in(prune->spec, name) || dir < 0 || cg_mark_read(dir, mark, sizeof(mark)))
		return 0;
	if (cg_populated(dir) || cg_join(path, sizeof(path), prune->spec->root, name))
		return 0;
	return cg_op_remove(prune->op, path);
}

/* A component that the configuration no longer names goes once nothing runs in it. */
static int prune_unnamed(struct cg_op *op, const struct cg_tree_spec *spec)
{
	AUTO_CLOSE int pool = cg_op_dir(op, spec->root);
	struct prune prune = {.op = op, .spec = spec, .pool = pool};

	return pool < 0 ? 0 : cg_each_child(pool, prune_one, &prune);
}

static int protect_leaves(struct cg_op *op, const struct cg_tree_spec *spec)
{
	AUTO_CLOSE int pool = cg_op_dir(op, spec->root);

	for (uint32_t i = 0; pool >= 0 && !cg_op_dry(op) && i < spec->count; i++) {
		int ret = cg_leaf_protect(pool, spec->component[i].name);

		if (ret)
			return err_set(op->err, ret, "cgroups: protect the leaves of %s: %s",
				       spec->component[i].name, strerror(-ret));
	}
	return 0;
}

struct others {
	const struct cg_tree_spec *spec;
	int pool;
	uint64_t low_bytes;
};

/* What setup leaves alone keeps its part: see prune_unnamed. */
static int add_other(void *data, const char *name)
{
	struct others *others = data;
	AUTO_CLOSE int dir = openat(others->pool, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[32];
	uint64_t low;

	if (dir < 0 || named_in(others->spec, name) || !cg_populated(dir) ||
	    text_read_at(dir, cg_knob_file(CG_LOW), text, sizeof(text)) < 0 ||
	    cg_parse_u64(text, &low))
		return 0;
	if (__builtin_add_overflow(others->low_bytes, low, &others->low_bytes))
		others->low_bytes = CG_MAX;
	return 0;
}

/* What the components will have in sum, in pages as the kernel keeps it. */
static uint64_t low_wanted(const struct cg_op *op, const struct cg_tree_spec *spec)
{
	AUTO_CLOSE int pool = cg_op_dir(op, spec->root);
	struct others others = {.spec = spec, .pool = pool};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), sum = 0;

	if (pool >= 0)
		cg_each_child(pool, add_other, &others);
	for (uint32_t i = 0; i < spec->count; i++)
		sum += spec->component[i].low_bytes / page * page; /* within max: check_spec */
	return __builtin_add_overflow(sum, others.low_bytes, &sum) ? CG_MAX : sum;
}

/* ---- setup ---- */

static int setup_locked(struct cg_op *op, const struct cg_tree_spec *spec)
{
	int ret = cg_pool_make(op, spec->root);

	if (!ret)
		ret = cg_op_set(op, spec->root, CG_LIMIT, spec->max_bytes);
	if (!ret)
		ret = cg_protect_pool(op, spec->root, CG_PROTECT_RAISE, low_wanted(op, spec));
	for (uint32_t i = 0; !ret && i < spec->count; i++)
		ret = make_component(op, spec->root, &spec->component[i]);
	if (!ret)
		ret = prune_unnamed(op, spec);
	if (!ret)
		ret = cg_protect_pool(op, spec->root, CG_PROTECT_LOWER, low_wanted(op, spec));
	if (!ret)
		ret = protect_leaves(op, spec);
	return ret || cg_op_dry(op) ? ret : cg_pool_file_write(spec->root, op->err);
}

int cg_tree_setup(const struct cg_host *host, const struct cg_tree_spec *spec,
		  const struct cg_change *change, struct uw_err *err)
{
	struct cg_host found = *host;
	struct cg_op op;
	int ret = check_spec(spec, err);

	if (ret)
		return ret;
	ret = cg_op_open(&op, &found, change, err);
	if (!ret) {
		cg_want_recursiveprot(&op, &found);
		ret = setup_locked(&op, spec);
	}
	cg_op_close(&op);
	return ret;
}
