// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creates groups, sets files and attaches processes through libcgroup, version 2.0.2 of its API.
 * The library is initialised by the operation that first has to create or change something, never
 * by a mere look: its mount table is 800 KiB of memory that uwd would otherwise carry. Its delete
 * is not used: that moves processes to the parent.
 */
#include <errno.h>
#include <libcgroup.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"

#define MEMORY "memory"

static void cleanup_cgroup(struct cgroup **cgroup)
{
	if (*cgroup)
		cgroup_free(cgroup);
}

#define AUTO_CGROUP __attribute__((cleanup(cleanup_cgroup)))

static int lib_errno(int code)
{
	switch (code) {
	case ECGOTHER:
		return cgroup_get_last_errno() ? -cgroup_get_last_errno() : -EIO;
	case ECGROUPNOTOWNER:
	case ECGROUPNOTALLOWED:
		return -EPERM;
	case ECGROUPNOTEXIST:
	case ECGROUPVALUENOTEXIST:
		return -ENOENT;
	case ECGROUPNOTMOUNTED:
	case ECGROUPSUBSYSNOTMOUNTED:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/* After ECGOTHER cgroup_strerror() gives strerror() of the cause. */
static int fail(struct uw_err *err, int code, const char *what, const char *path)
{
	int ret = lib_errno(code);

	return err_set(err, ret, "cgroups: %s %s: %s%s", what, path, cgroup_strerror(code),
		       ret == -EPERM || ret == -EACCES ? "; run it as root" : "");
}

int cg_lib_init(struct uw_err *err)
{
	int code = cgroup_init();

	return code ? fail(err, code, "libcgroup", "init") : 0;
}

static struct cgroup *with_memory(const char *path, struct cgroup_controller **ret_controller)
{
	AUTO_CGROUP struct cgroup *cgroup = cgroup_new_cgroup(path);

	if (!cgroup)
		return NULL;
	*ret_controller = cgroup_add_controller(cgroup, MEMORY);
	return *ret_controller ? TAKE(cgroup) : NULL;
}

int cg_lib_create(const char *path, struct uw_err *err)
{
	struct cgroup_controller *memory;
	AUTO_CGROUP struct cgroup *cgroup = with_memory(path, &memory);
	int code;

	if (!cgroup)
		return err_set(err, -ENOMEM, "cgroups: create %s: out of memory", path);
	code = cgroup_create_cgroup(cgroup, 1);
	return code ? fail(err, code, "create", path) : 0;
}

int cg_lib_set(const char *path, const char *file, const char *value, struct uw_err *err)
{
	struct cgroup_controller *memory;
	AUTO_CGROUP struct cgroup *cgroup = with_memory(path, &memory);
	int code;

	if (!cgroup)
		return err_set(err, -ENOMEM, "cgroups: set %s/%s: out of memory", path, file);
	code = cgroup_add_value_string(memory, file, value);
	if (!code)
		code = cgroup_modify_cgroup(cgroup);
	if (!code)
		return 0;
	fail(err, code, "write", path);
	return err_prefix(err, "%s = %s", file, value);
}

/* The group's path as libcgroup wants it: below the mount of the memory controller. */
static int path_below_mount(int dirfd, char *buf, size_t size)
{
	AUTO_FREE char *mount = NULL;
	char link[64], full[PATH_MAX];
	ssize_t n;
	size_t len;
	int code;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, full, sizeof(full) - 1);
	if (n < 0)
		return -errno;
	full[n] = '\0';
	code = cgroup_get_subsys_mount_point(MEMORY, &mount);
	if (code)
		return lib_errno(code);
	len = strlen(mount);
	if (strncmp(full, mount, len) != 0 || full[len] != '/')
		return -EXDEV;
	return cg_join(buf, size, "", full + len + 1);
}

static const char *attach_remedy(int ret)
{
	switch (ret) {
	case -EPERM:
	case -EACCES:
		return "; run it as root";
	case -EINVAL:
		return "; a kernel thread cannot be moved";
	case -EBUSY:
		return "; the leaf has groups of its own, name one without";
	case -ESRCH:
		return "; it has ended";
	default:
		return "";
	}
}

int cg_lib_attach(int leaf_dirfd, pid_t pid, struct uw_err *err)
{
	char path[CG_PATH_LEN];
	struct cgroup_controller *memory;
	int ret = cg_lib_init(err), code;

	if (ret)
		return ret;
	ret = path_below_mount(leaf_dirfd, path, sizeof(path));
	if (ret)
		return err_set(err, ret, "cgroups: attach %d: %s", (int)pid, strerror(-ret));

	AUTO_CGROUP struct cgroup *cgroup = with_memory(path, &memory);

	if (!cgroup)
		return err_set(err, -ENOMEM, "cgroups: attach %d: out of memory", (int)pid);
	code = cgroup_attach_task_pid(cgroup, pid);
	if (!code)
		return 0;
	ret = lib_errno(code);
	return err_set(err, ret, "cgroups: attach %d to %s: %s%s", (int)pid, path, strerror(-ret),
		       attach_remedy(ret));
}
