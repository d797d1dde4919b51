// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads and writes the files of one cgroup through fds that are kept open, which is what each tick
 * does. A group that is removed makes its fds fail with ENODEV, which tells it from a file that
 * this kernel does not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define VALUE_LEN 24 /* a 64-bit number, or "max" */

/*
 * O_NONBLOCK on memory.high and memory.max: a kernel that honours it (7.x) only sets the limit and
 * leaves the reclaim to the group's own tasks; older ones ignore it.
 */
static const struct {
	const char *file;
	int flags;
} knob[CG_KNOB__COUNT] = {
	[CG_CURRENT] = {"memory.current", O_RDONLY},
	[CG_SWAP_CURRENT] = {"memory.swap.current", O_RDONLY},
	[CG_MIN] = {"memory.min", O_RDWR},
	[CG_LOW] = {"memory.low", O_RDWR},
	[CG_HIGH] = {"memory.high", O_RDWR | O_NONBLOCK},
	[CG_LIMIT] = {"memory.max", O_RDWR | O_NONBLOCK},
	[CG_STAT] = {"memory.stat", O_RDONLY},
	[CG_EVENTS] = {"memory.events", O_RDONLY},
	[CG_PRESSURE] = {"memory.pressure", O_RDONLY},
	[CG_RECLAIM] = {"memory.reclaim", O_WRONLY},
	[CG_FREEZE] = {"cgroup.freeze", O_RDWR},
	[CG_CGROUP_EVENTS] = {"cgroup.events", O_RDONLY},
	[CG_KILL] = {"cgroup.kill", O_WRONLY},
	[CG_PROCS] = {"cgroup.procs", O_RDWR},
	[CG_PEAK] = {"memory.peak", O_RDONLY},
};

const char *cg_knob_file(enum cg_knob k)
{
	return (unsigned int)k < CG_KNOB__COUNT ? knob[k].file : "?";
}

/* Someone without the right to write may still read: status needs no root. */
static int open_knob(int dir, enum cg_knob k)
{
	int fd = openat(dir, knob[k].file, knob[k].flags | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EROFS) && (knob[k].flags & O_RDWR))
		fd = openat(dir, knob[k].file, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A kernel may have no such file, and its reader no right to it: the group goes without it then.
 * Any other failure passes, and would leave a group without it for as long as it is kept open. */
static bool may_lack(int error)
{
	return error == -ENOENT || error == -EACCES || error == -EPERM || error == -EROFS ||
	       error == -EOPNOTSUPP;
}

static void clear(struct cg_group *group)
{
	memset(group, 0, sizeof(*group));
	group->dir = -1;
	for (int k = 0; k < CG_KNOB__COUNT; k++)
		group->fd[k] = -1;
}

int cg_group_open(int dirfd, const char *name, uint32_t knobs, struct cg_group *ret_group)
{
	struct cg_group group;
	struct stat st;
	int fd;

	clear(&group);
	if (!text_copy(group.name, sizeof(group.name), name))
		return -ENAMETOOLONG;
	group.dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (group.dir < 0)
		return -errno;
	if (fstat(group.dir, &st)) {
		fd = -errno;
		cg_group_close(&group);
		return fd;
	}
	group.id = st.st_ino;
	for (enum cg_knob k = 0; k < CG_KNOB__COUNT; k++) {
		if (!(knobs & (1U << k)))
			continue;
		fd = open_knob(group.dir, k);
		if (fd >= 0)
			group.fd[k] = fd;
		else if (!may_lack(fd)) {
			cg_group_close(&group);
			return fd;
		}
	}
	*ret_group = group;
	return 0;
}

/* In a zeroed group 0 means "nothing was opened", not standard input. */
void cg_group_close(struct cg_group *group)
{
	if (!group || (!group->dir && !group->id))
		return;
	for (int k = 0; k < CG_KNOB__COUNT; k++)
		if (group->fd[k] >= 0)
			close(group->fd[k]);
	if (group->dir >= 0)
		close(group->dir);
	clear(group);
}

/* ENOENT has two meanings: this kernel has no such file, or the whole group is gone. */
static int gone_or(const struct cg_group *group, int ret)
{
	if (ret == -ENOENT && faccessat(group->dir, "cgroup.procs", F_OK, 0))
		return -ENODEV;
	return ret;
}

long cg_read_text(const struct cg_group *group, enum cg_knob k, char *buf, size_t size)
{
	long len;

	if (group->dir < 0)
		return -ENODEV;
	if (group->fd[k] >= 0)
		return text_pread(group->fd[k], buf, size);
	len = text_read_at(group->dir, knob[k].file, buf, size);
	return len < 0 ? gone_or(group, (int)len) : len;
}

int cg_parse_u64(const char *text, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (!strncmp(text, "max", 3)) {
		*ret_value = CG_MAX;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || (*end && *end != '\n'))
		return -EINVAL;
	*ret_value = value;
	return 0;
}

void cg_print_u64(uint64_t value, char *buf, size_t size)
{
	if (value == CG_MAX)
		text_copy(buf, size, "max");
	else
		snprintf(buf, size, "%" PRIu64, value);
}

int cg_read_u64(const struct cg_group *group, enum cg_knob k, uint64_t *ret_value)
{
	char buf[VALUE_LEN + 8];
	long len = cg_read_text(group, k, buf, sizeof(buf));

	return len < 0 ? (int)len : cg_parse_u64(buf, ret_value);
}

int cg_write_text(const struct cg_group *group, enum cg_knob k, const char *value)
{
	size_t len = strlen(value);
	int ret;

	if (group->dir < 0)
		return -ENODEV;
	if (group->fd[k] >= 0) {
		ssize_t n = pwrite(group->fd[k], value, len, 0);

		if (n < 0)
			return -errno;
		return (size_t)n == len ? 0 : -EIO;
	}
	ret = text_write_at(group->dir, knob[k].file, value);
	return gone_or(group, ret);
}

int cg_write_u64(const struct cg_group *group, enum cg_knob k, uint64_t value)
{
	char buf[VALUE_LEN];

	cg_print_u64(value, buf, sizeof(buf));
	return cg_write_text(group, k, buf);
}

int cg_parse_state(const char *text, bool *ret_populated, bool *ret_frozen)
{
	uint64_t populated, frozen = 0;
	int ret = text_key_u64(text, "populated", &populated);

	if (ret)
		return ret;
	text_key_u64(text, "frozen", &frozen);
	*ret_populated = populated != 0;
	*ret_frozen = frozen != 0;
	return 0;
}

int cg_read_state(const struct cg_group *group, bool *ret_populated, bool *ret_frozen)
{
	char buf[128];
	long len = cg_read_text(group, CG_CGROUP_EVENTS, buf, sizeof(buf));

	return len < 0 ? (int)len : cg_parse_state(buf, ret_populated, ret_frozen);
}
