// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Removes groups with all that a workload has made below them, however deep that goes: each step
 * goes down to a group that has none below it and removes that one, with two descriptors open and
 * no recursion. What still has processes stops it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define NAME_LEN 256 /* NAME_MAX and the terminator */

static int take_name(void *data, const char *name)
{
	text_copy(data, NAME_LEN, name);
	return -ECANCELED;
}

static bool has_child(int dir, char name[static NAME_LEN])
{
	return cg_each_child(dir, take_name, name) == -ECANCELED;
}

/* The first that has none below it; its name, and the group that it is in. */
static int go_down(int dir, char name[static NAME_LEN], int *ret_parent)
{
	AUTO_CLOSE int at = dup(dir);

	for (;;) {
		AUTO_CLOSE int child =
			openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		char below[NAME_LEN];
		int parent = at;

		if (child < 0)
			return -errno;
		if (!has_child(child, below)) {
			*ret_parent = TAKE_FD(at);
			return 0;
		}
		at = TAKE_FD(child);
		close(parent);
		memcpy(name, below, sizeof(below));
	}
}

static int remove_lowest(int dir, char name[static NAME_LEN])
{
	AUTO_CLOSE int parent = -1;
	int ret = go_down(dir, name, &parent);

	if (!ret && unlinkat(parent, name, AT_REMOVEDIR))
		ret = -errno;
	return ret == -ENOENT ? 0 : ret; /* somebody else did */
}

int cg_remove_below(int dirfd)
{
	char name[NAME_LEN];

	for (int i = 0; i < CG_REMOVED_MAX; i++) {
		int ret = has_child(dirfd, name) ? remove_lowest(dirfd, name) : 1;

		if (ret)
			return ret < 0 ? ret : 0;
	}
	return -EBUSY;
}

/* What runs keeps its groups, also those that are empty. */
int cg_remove_empty(int parent, const char *name)
{
	AUTO_CLOSE int dir = -1;
	int ret;

	if (!unlinkat(parent, name, AT_REMOVEDIR))
		return 0;
	if (errno != EBUSY)
		return -errno;
	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (cg_populated(dir))
		return -EBUSY;
	ret = cg_remove_below(dir);
	if (!ret && unlinkat(parent, name, AT_REMOVEDIR))
		ret = -errno;
	return ret;
}
