// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the pool's own group. Before that it is checked whose the group is, that no other pool is
 * there, and what its ancestors and its mount must grant.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

/* Without the option low and min of a component reach no leaf. Not ours to change: leaves get it.
 */
void cg_want_recursiveprot(struct cg_op *op, struct cg_host *host)
{
	struct cg_host now;

	if (host->recursiveprot || !cg_host_owns_mount(host))
		return;
	if (!cg_host_probe(&now, NULL) && now.recursiveprot) {
		host->recursiveprot = true;
		return;
	}
	cg_op_note(op, "remount", host->mount, "memory_recursiveprot");
	if (cg_op_dry(op) || !cg_host_remount_recursive(host))
		host->recursiveprot = true;
}

static int check_rights(const struct cg_op *op, const char *root)
{
	char path[CG_PATH_LEN];
	char *slash;

	text_copy(path, sizeof(path), root);
	while (!cg_op_exists(op, path)) {
		slash = strrchr(path, '/');
		*(slash ? slash : path) = '\0';
	}
	if (faccessat(op->mount, *path ? path : ".", W_OK, AT_EACCESS))
		return err_set(op->err, -errno, "cgroups: no right to write %s/%s: %s; %s",
			       op->host->mount, path, strerror(errno),
			       errno == EROFS ? "remount it rw" : "run it as root");
	return 0;
}

static int note_child(void *data, const char *name)
{
	text_copy(data, CG_NAME_LEN, name);
	return -ECANCELED;
}

/* A group of our name without our mark: an empty one is taken over, any other is refused. */
static int check_owner(const struct cg_op *op, const char *root)
{
	AUTO_CLOSE int dir = cg_op_dir(op, root);
	char child[CG_NAME_LEN] = "", mark[32];
	pid_t pid = 0;

	if (dir == -ENOENT || cg_root_is_unit(root))
		return 0;
	if (dir < 0)
		return err_set(op->err, dir, "cgroups: open %s: %s", root, strerror(-dir));
	if (!cg_mark_read(dir, mark, sizeof(mark)))
		return 0;
	if (cg_procs_read(dir, &pid, 1) > 0)
		return err_set(op->err, -EEXIST,
			       "cgroups: %s/%s was made by another program and process %d runs in "
			       "it; give uwctl another root",
			       op->host->mount, root, (int)pid);
	if (cg_each_child(dir, note_child, child) == -ECANCELED)
		return err_set(op->err, -EEXIST,
			       "cgroups: %s/%s was made by another program and has a group '%s'; "
			       "give uwctl another root",
			       op->host->mount, root, child);
	return 0;
}

/* Two pools would both take the whole machine's memory for theirs. */
int cg_check_no_other(const struct cg_op *op, const char *root)
{
	char other[CG_PATH_LEN], mark[32];
	AUTO_CLOSE int dir = -1;

	if (cg_tree_find(op->host, other, sizeof(other)) || !strcmp(other, root))
		return 0;
	dir = cg_op_dir(op, other);
	if (dir < 0 || cg_mark_read(dir, mark, sizeof(mark)))
		return 0;
	return err_set(op->err, -EEXIST,
		       "cgroups: a pool stands at %s already; run 'uwctl teardown' before setting "
		       "one up at %s",
		       other, root);
}

static int enable_ancestors(struct cg_op *op, const char *root)
{
	char path[CG_PATH_LEN];
	int ret = cg_op_enable(op, "");

	for (size_t n = strcspn(root, "/"); !ret && root[n]; n += 1 + strcspn(root + n + 1, "/")) {
		text_copy(path, sizeof(path), root);
		path[n] = '\0';
		ret = cg_op_make(op, path);
		if (!ret)
			ret = cg_op_enable(op, path);
	}
	return ret;
}

/* In a unit systemd configures the ancestors: it either delegated memory or it did not. */
static int check_unit(const struct cg_op *op, const char *root)
{
	AUTO_CLOSE int dir = cg_op_dir(op, root);

	if (dir == -ENOENT && cg_op_dry(op))
		return 0;
	if (dir < 0)
		return err_set(op->err, dir,
			       "cgroups: scope %s: %s; start uwd or run 'uwctl setup'", root,
			       strerror(-dir));
	if (!cg_has_memory(dir, "cgroup.controllers"))
		return err_set(op->err, -EOPNOTSUPP,
			       "cgroups: systemd did not delegate memory to %s; check "
			       "'systemctl show -p Delegate,DelegateControllers'",
			       root);
	return 0;
}

/* Nothing but the guard starts in the pool's own group, and only while systemd makes the scope. */
static int check_no_strays(const struct cg_op *op, const char *root)
{
	AUTO_CLOSE int dir = cg_op_dir(op, root);
	pid_t pid;

	if (dir < 0 || cg_procs_read(dir, &pid, 1) <= 0)
		return 0;
	return err_set(
		op->err, -EBUSY,
		"cgroups: process %d sits directly in %s, where the kernel allows none; move "
		"it, or end it",
		(int)pid, root);
}

static const char *pool_mark(const struct cg_op *op)
{
	return op->host->recursiveprot ? CG_MARK_RECURSIVE : CG_MARK_LEAVES;
}

int cg_pool_make(struct cg_op *op, const char *root)
{
	char holder[CG_PATH_LEN];
	bool unit = cg_root_is_unit(root);
	int ret = cg_check_no_other(op, root);

	if (!ret)
		ret = unit ? check_unit(op, root) : check_rights(op, root);
	if (!ret)
		ret = check_owner(op, root);
	if (!ret && !unit)
		ret = enable_ancestors(op, root);
	if (!ret && !unit)
		ret = cg_op_make(op, root);
	if (!ret)
		ret = cg_op_mark(op, root, pool_mark(op));
	if (!ret)
		ret = cg_join(holder, sizeof(holder), root, CG_HOLDER);
	if (!ret)
		ret = cg_op_mkdir(op, holder);
	if (!ret)
		ret = cg_op_mark(op, holder, CG_MARK_PART);
	if (!ret)
		ret = check_no_strays(op, root);
	return ret ? ret : cg_op_enable(op, root);
}

int cg_tree_open(const struct cg_host *host, const char *root, int *ret_dirfd, struct uw_err *err)
{
	char path[2 * CG_PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", host->mount, root);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "cgroups: pool %s: %s; run 'uwctl setup'", path,
			       strerror(errno));
	*ret_dirfd = fd;
	return 0;
}
