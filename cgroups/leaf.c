// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes, fills and removes leaves, the groups below a component in which processes run. A leaf that
 * is left over empty is made anew, so that its counters begin with its run. Where the mount does
 * not pass protection on to children, each leaf gets its component's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define RUNS_MAX  1000 /* leaves that one process may make at a time without naming them */
#define VALUE_LEN 32

#define ENTERED_XATTR "user.uw.entered" /* and the number of the user */
#define SAID_XATTR    "user.uw.said"    /* "PRIORITY FREEZABLE", in digits */

static int open_group(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_component(int pool_dirfd, const char *component, struct uw_err *err)
{
	int ret = cg_check_component(component, err), fd;

	if (ret)
		return ret;
	fd = open_group(pool_dirfd, component);
	if (fd == -ENOENT)
		return err_set(err, fd,
			       "cgroups: no component '%s' in the pool; see 'uwctl status', or run "
			       "'uwctl setup'",
			       component);
	if (fd < 0)
		return err_set(err, fd, "cgroups: component %s: %s", component, strerror(-fd));
	return fd;
}

/* ---- protection without memory_recursiveprot ---- */

static bool needs_leaf_protection(int pool_dirfd)
{
	char mark[32];

	return !cg_mark_read(pool_dirfd, mark, sizeof(mark)) && !strcmp(mark, CG_MARK_LEAVES);
}

struct protection {
	int component;
	char min[VALUE_LEN], low[VALUE_LEN];
};

static int copy_knob(int dir, enum cg_knob knob, const char *value)
{
	int ret = text_write_at(dir, cg_knob_file(knob), value);

	return ret == -ENOENT || ret == -ENODEV ? 0 : ret;
}

static int protect_one(void *data, const char *name)
{
	const struct protection *give = data;
	AUTO_CLOSE int leaf = open_group(give->component, name);
	int ret;

	if (leaf < 0)
		return leaf == -ENOENT ? 0 : leaf;
	ret = copy_knob(leaf, CG_LOW, give->low);
	return ret ? ret : copy_knob(leaf, CG_MIN, give->min);
}

int cg_leaf_protect(int pool_dirfd, const char *component)
{
	AUTO_CLOSE int dir = -1;
	struct protection give;
	long len;

	if (!needs_leaf_protection(pool_dirfd))
		return 0;
	dir = open_group(pool_dirfd, component);
	if (dir < 0)
		return dir;
	give.component = dir;
	len = text_read_at(dir, cg_knob_file(CG_MIN), give.min, sizeof(give.min));
	if (len >= 0)
		len = text_read_at(dir, cg_knob_file(CG_LOW), give.low, sizeof(give.low));
	return len < 0 ? (int)len : cg_each_child(dir, protect_one, &give);
}

/* ---- create and remove ---- */

/* An empty leaf of that name is made anew, so that its counters and its id are this run's. */
static int make_fresh(int component, const char *name)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int ret;

		if (!mkdirat(component, name, 0755))
			return 0;
		if (errno != EEXIST)
			return -errno;

		AUTO_CLOSE int old = open_group(component, name);

		if (old >= 0 && cg_populated(old))
			return -EEXIST;
		ret = cg_remove_empty(component, name);
		if (ret && ret != -ENOENT)
			return ret == -EBUSY ? -EEXIST : ret;
	}
	return -EEXIST;
}

static int make_unnamed(int component, char *name, size_t size)
{
	for (int n = 0; n < RUNS_MAX; n++) {
		snprintf(name, size, "run-%d-%d", (int)getpid(), n);
		if (!mkdirat(component, name, 0755))
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int leaf_failed(int ret, const char *component, const char *name, struct uw_err *err)
{
	const char *remedy = "";

	if (ret == -EEXIST)
		remedy = "; a workload of that name runs, choose another --name";
	else if (ret == -EACCES || ret == -EPERM)
		remedy = "; run it as root, or use 'uwctl submit' where uw.conf lets you";
	else if (ret == -EAGAIN)
		remedy = "; cgroup.max.descendants is reached";
	return err_set(err, ret, "a leaf %s/%s cannot be made: %s%s", component, name,
		       strerror(-ret), remedy);
}

int cg_leaf_create(int pool_dirfd, const char *component, const char *name, char *ret_name,
		   size_t size, int *ret_dirfd, struct uw_err *err)
{
	AUTO_CLOSE int dir = -1, leaf = -1;
	char own[CG_NAME_LEN];
	int ret = name ? cg_check_leaf(name, err) : 0;

	if (ret)
		return ret;
	dir = open_component(pool_dirfd, component, err);
	if (dir < 0)
		return dir;
	if (name)
		text_copy(own, sizeof(own), name);
	ret = name ? make_fresh(dir, own) : make_unnamed(dir, own, sizeof(own));
	if (ret)
		return leaf_failed(ret, component, own, err);
	leaf = open_group(dir, own);
	if (leaf < 0)
		return leaf_failed(leaf, component, own, err);
	ret = cg_leaf_protect(pool_dirfd, component);
	if (ret)
		return leaf_failed(ret, component, own, err);
	if (!text_copy(ret_name, size, own))
		return leaf_failed(-ENAMETOOLONG, component, own, err);
	*ret_dirfd = TAKE_FD(leaf);
	return 0;
}

int cg_leaf_note_entered(int leaf_dirfd, uid_t uid)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", (unsigned int)uid);

	return fsetxattr(leaf_dirfd, ENTERED_XATTR, text, (size_t)len, 0) ? -errno : 0;
}

int cg_leaf_read_entered(int leaf_dirfd, uid_t *ret_uid)
{
	char text[16];
	ssize_t len = fgetxattr(leaf_dirfd, ENTERED_XATTR, text, sizeof(text) - 1);
	uint64_t uid;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	if (cg_parse_u64(text, &uid) || uid > UINT32_MAX)
		return -ENODATA;
	*ret_uid = (uid_t)uid;
	return 0;
}

int cg_leaf_note_said(int leaf_dirfd, const struct cg_said *said)
{
	char text[8];
	int len = snprintf(text, sizeof(text), "%u %u", said->priority, said->freezable);

	return fsetxattr(leaf_dirfd, SAID_XATTR, text, (size_t)len, 0) ? -errno : 0;
}

int cg_leaf_read_said(int leaf_dirfd, struct cg_said *ret_said)
{
	char text[8], *end;
	ssize_t len = fgetxattr(leaf_dirfd, SAID_XATTR, text, sizeof(text) - 1);
	unsigned long priority;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	priority = strtoul(text, &end, 10);
	if (end == text || priority > UINT8_MAX ||
	    (strcmp(end, " 0") != 0 && strcmp(end, " 1") != 0))
		return -ENODATA;
	*ret_said = (struct cg_said){(uint8_t)priority, end[1] == '1'};
	return 0;
}

int cg_leaf_remove(int pool_dirfd, const char *component, const char *name)
{
	AUTO_CLOSE int dir = -1;

	if (!text_is_name(name) || cg_check_component(component, NULL))
		return -ENOENT;
	dir = open_group(pool_dirfd, component);
	if (dir < 0)
		return dir;
	return cg_remove_empty(dir, name);
}

int cg_leaf_ensure(int pool_dirfd, const char *component, const char *name, int *ret_dirfd,
		   struct uw_err *err)
{
	AUTO_CLOSE int dir = open_component(pool_dirfd, component, err);
	int leaf, ret;

	if (dir < 0)
		return dir;
	if (mkdirat(dir, name, 0755) && errno != EEXIST)
		return leaf_failed(-errno, component, name, err);
	leaf = open_group(dir, name);
	if (leaf < 0)
		return leaf_failed(leaf, component, name, err);
	ret = cg_leaf_protect(pool_dirfd, component);
	if (ret) {
		close(leaf);
		return leaf_failed(ret, component, name, err);
	}
	*ret_dirfd = leaf;
	return 0;
}

/* ---- attach ---- */

int cg_attach(int pool_dirfd, const char *component, const char *leaf, pid_t pid,
	      struct uw_err *err)
{
	const char *name = leaf ? leaf : CG_ADOPTED;
	AUTO_CLOSE int dir = -1;
	int ret = cg_check_leaf(name, err);

	if (ret)
		return ret;
	if (pid <= 1)
		return err_set(err, -EINVAL,
			       "cgroups: attach %d: want the pid of a process, not init", (int)pid);
	ret = cg_leaf_ensure(pool_dirfd, component, name, &dir, err);
	return ret ? ret : cg_lib_attach(dir, pid, err);
}

/* ---- sums over the components ---- */

struct knob_sum {
	int pool;
	enum cg_knob knob;
	const char *except;
	uint64_t bytes;
};

static int add_knob(void *data, const char *name)
{
	struct knob_sum *sum = data;
	AUTO_CLOSE int dir = open_group(sum->pool, name);
	char text[VALUE_LEN];
	uint64_t value;

	if (dir < 0 || !strcmp(name, sum->except) ||
	    text_read_at(dir, cg_knob_file(sum->knob), text, sizeof(text)) < 0 ||
	    cg_parse_u64(text, &value))
		return 0;
	if (__builtin_add_overflow(sum->bytes, value, &sum->bytes))
		sum->bytes = CG_MAX;
	return 0;
}

static uint64_t sum_of(int pool_dirfd, enum cg_knob knob, const char *except, uint64_t bytes)
{
	struct knob_sum sum = {.pool = pool_dirfd, .knob = knob, .except = except, .bytes = bytes};

	cg_each_child(pool_dirfd, add_knob, &sum);
	return sum.bytes;
}

uint64_t cg_min_sum(int pool_dirfd)
{
	return sum_of(pool_dirfd, CG_MIN, "", 0);
}

uint64_t cg_low_sum(int pool_dirfd)
{
	return sum_of(pool_dirfd, CG_LOW, "", 0);
}

int cg_min_check(int pool_dirfd, const char *component, uint64_t min_bytes, struct uw_err *err)
{
	char text[VALUE_LEN];
	uint64_t max, sum;
	long len = text_read_at(pool_dirfd, cg_knob_file(CG_LIMIT), text, sizeof(text));

	if (len < 0 || cg_parse_u64(text, &max))
		return err_set(err, len < 0 ? (int)len : -EINVAL, "cgroups: read the pool's %s",
			       cg_knob_file(CG_LIMIT));
	sum = sum_of(pool_dirfd, CG_MIN, component, min_bytes);
	if (sum > max)
		return err_set(err, -ERANGE,
			       "cgroups: %s: memory.min = %" PRIu64 " makes a sum of %" PRIu64
			       ", over the pool's memory.max of %" PRIu64,
			       component, min_bytes, sum, max);
	return 0;
}
