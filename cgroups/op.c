// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does the single steps that setup and teardown are made of: it makes a group, switches a
 * controller on, sets a limit, marks or removes. A step first looks whether there is anything to
 * do, tells the change to whoever asked for the list of changes, and then makes it, unless the
 * operation is a dry run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"

#define UWD_XATTR     "user.uw.uwd"
#define VALUE_LEN     24
#define RMDIR_TRIES   50 /* a group stays busy for a moment after its last exit */
#define RMDIR_WAIT_NS 10000000L

int cg_op_open(struct cg_op *op, const struct cg_host *host, const struct cg_change *change,
	       struct uw_err *err)
{
	int ret = cg_host_check(host, err);

	*op = (struct cg_op){.host = host, .change = change, .err = err, .mount = -1, .lock = -1};
	if (ret)
		return ret;
	if (change && change->no_wait)
		op->until_us = clock_now_us() + CG_NO_WAIT_US;
	op->mount = open(host->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (op->mount < 0)
		return err_set(err, -errno, "cgroups: open %s: %s", host->mount, strerror(errno));
	if (cg_op_dry(op))
		return 0;
	return cg_setup_lock(&op->lock, !change || !change->no_wait, err);
}

void cg_op_close(struct cg_op *op)
{
	if (op->mount >= 0)
		close(op->mount);
	if (op->lock >= 0)
		close(op->lock);
	op->mount = op->lock = -1;
}

bool cg_op_dry(const struct cg_op *op)
{
	return op->change && op->change->dry_run;
}

void cg_op_note(const struct cg_op *op, const char *verb, const char *path, const char *value)
{
	if (op->change && op->change->note)
		op->change->note(op->change->data, verb, path, value);
}

int cg_op_dir(const struct cg_op *op, const char *path)
{
	int fd = openat(op->mount, *path ? path : ".",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool cg_op_exists(const struct cg_op *op, const char *path)
{
	return faccessat(op->mount, *path ? path : ".", F_OK, 0) == 0;
}

static int lib_ready(struct cg_op *op)
{
	int ret;

	if (op->lib_ready)
		return 0;
	ret = cg_lib_init(op->err);
	op->lib_ready = !ret;
	return ret;
}

int cg_op_make(struct cg_op *op, const char *path)
{
	int ret;

	if (cg_op_exists(op, path))
		return 0;
	cg_op_note(op, "mkdir", path, NULL);
	if (cg_op_dry(op))
		return 0;
	ret = lib_ready(op);
	return ret ? ret : cg_lib_create(path, op->err);
}

int cg_op_mkdir(struct cg_op *op, const char *path)
{
	if (cg_op_exists(op, path))
		return 0;
	cg_op_note(op, "mkdir", path, NULL);
	if (!cg_op_dry(op) && mkdirat(op->mount, path, 0755) && errno != EEXIST)
		return err_set(op->err, -errno, "cgroups: mkdir %s: %s", path, strerror(errno));
	return 0;
}

static int enable_failed(const struct cg_op *op, const char *path, int ret)
{
	const char *remedy = "";

	if (ret == -EBUSY)
		remedy = "; processes sit directly in it, move them to a group below it first";
	else if (ret == -ENOENT)
		remedy = "; its parent does not delegate the memory controller";
	else if (ret == -EACCES || ret == -EPERM)
		remedy = "; run it as root";
	return err_set(op->err, ret, "cgroups: enable memory below '%s%s': %s%s", *path ? "" : "/",
		       path, strerror(-ret), remedy);
}

int cg_op_enable(struct cg_op *op, const char *path)
{
	char file[CG_PATH_LEN];
	AUTO_CLOSE int dir = cg_op_dir(op, path);
	int ret;

	if (dir >= 0 && cg_has_memory(dir, "cgroup.subtree_control"))
		return 0;
	if (cg_join(file, sizeof(file), path, "cgroup.subtree_control"))
		return err_set(op->err, -ENAMETOOLONG, "cgroups: path too long: %s", path);
	cg_op_note(op, "write", file, "+memory");
	if (cg_op_dry(op))
		return 0;
	ret = dir < 0 ? dir : text_write_at(dir, "cgroup.subtree_control", "+memory");
	return ret ? enable_failed(op, path, ret) : 0;
}

static int check_below_use(struct cg_op *op, int dir, const char *file, uint64_t value)
{
	char text[VALUE_LEN + 8];
	uint64_t current;

	if (text_read_at(dir, "memory.current", text, sizeof(text)) < 0 ||
	    cg_parse_u64(text, &current) || current <= value)
		return 0;
	return err_set(op->err, -EBUSY,
		       "cgroups: %s = %llu: %llu bytes are in use; free memory first, or raise the "
		       "limit",
		       file, (unsigned long long)value, (unsigned long long)current);
}

static int set_property(const struct cg_op *op, const char *unit, enum cg_knob knob, uint64_t value,
			const char *text)
{
	char assignment[64];

	snprintf(assignment, sizeof(assignment), "%s=%s", cg_unit_property(knob),
		 value == CG_MAX ? "infinity" : text);
	cg_op_note(op, "property", unit, assignment);
	return cg_op_dry(op) ? 0 : cg_unit_set(op, unit, knob, value);
}

/*
 * A limit below use: memory.max would make the kernel kill, memory.high would hold the writer for
 * seconds, and the daemon moves it anyway.
 */
static int set_value(struct cg_op *op, int dir, const char *path, const char *file,
		     enum cg_knob knob, uint64_t value, const char *text)
{
	bool below = knob == CG_HIGH || knob == CG_LIMIT;
	int ret = dir >= 0 && below ? check_below_use(op, dir, file, value) : 0;

	if (ret && knob == CG_LIMIT)
		return ret;
	if (!ret && op->host->systemd && cg_unit_of(path) && knob != CG_MIN)
		return set_property(op, cg_unit_of(path), knob, value, text);
	cg_op_note(op, ret ? "keep" : "write", file, text);
	if (cg_op_dry(op) || ret)
		return 0;
	ret = lib_ready(op);
	return ret ? ret : cg_lib_set(path, cg_knob_file(knob), text, op->err);
}

/* What a group starts with, and one that a dry run would make. */
static uint64_t default_of(enum cg_knob knob)
{
	return knob == CG_HIGH || knob == CG_LIMIT ? CG_MAX : 0;
}

uint64_t cg_op_get(const struct cg_op *op, const char *path, enum cg_knob knob)
{
	AUTO_CLOSE int dir = cg_op_dir(op, path);
	char text[VALUE_LEN + 8];
	uint64_t value;

	if (dir < 0 || text_read_at(dir, cg_knob_file(knob), text, sizeof(text)) < 0 ||
	    cg_parse_u64(text, &value))
		return default_of(knob);
	return value;
}

int cg_op_set(struct cg_op *op, const char *path, enum cg_knob knob, uint64_t value)
{
	AUTO_CLOSE int dir = cg_op_dir(op, path);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char file[CG_PATH_LEN], text[VALUE_LEN + 8];

	if (value != CG_MAX)
		value -= value % page;
	if (cg_op_get(op, path, knob) == value)
		return 0;
	if (cg_join(file, sizeof(file), path, cg_knob_file(knob)))
		return err_set(op->err, -ENAMETOOLONG, "cgroups: path too long: %s", path);
	cg_print_u64(value, text, sizeof(text));
	return set_value(op, dir, path, file, knob, value, text);
}

int cg_mark_read(int dirfd, char *buf, size_t size)
{
	ssize_t n = fgetxattr(dirfd, CG_MARK_XATTR, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

int cg_op_mark(struct cg_op *op, const char *path, const char *mark)
{
	AUTO_CLOSE int dir = cg_op_dir(op, path);
	char now[32];

	if (dir >= 0 && !cg_mark_read(dir, now, sizeof(now)) && !strcmp(now, mark))
		return 0;
	cg_op_note(op, "mark", path, mark);
	if (cg_op_dry(op))
		return 0;
	if (dir < 0 || fsetxattr(dir, CG_MARK_XATTR, mark, strlen(mark), 0))
		return err_set(op->err, dir < 0 ? dir : -errno, "cgroups: mark %s as ours: %s",
			       path, strerror(dir < 0 ? -dir : errno));
	return 0;
}

bool cg_pool_note_uwd(int pool_dirfd)
{
	return fsetxattr(pool_dirfd, UWD_XATTR, "1", 1, XATTR_CREATE) < 0;
}

static int rmdir_patiently(int parent, const char *name)
{
	const struct timespec pause = {.tv_nsec = RMDIR_WAIT_NS};

	for (int i = 0; unlinkat(parent, name, AT_REMOVEDIR); i++) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || i == RMDIR_TRIES)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* EBUSY is final for a group with processes; only an empty one is worth a wait. */
static int remove_group(int parent, const char *name)
{
	AUTO_CLOSE int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int ret;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	ret = cg_populated(dir) ? -EBUSY : cg_remove_below(dir);
	return ret ? ret : rmdir_patiently(parent, name);
}

int cg_op_remove(struct cg_op *op, const char *path)
{
	int ret;

	cg_op_note(op, "rmdir", path, NULL);
	if (cg_op_dry(op))
		return 0;
	ret = remove_group(op->mount, path);
	if (ret)
		return err_set(op->err, ret, "cgroups: rmdir %s: %s", path, strerror(-ret));
	return 0;
}
