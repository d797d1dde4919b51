// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the pool where nobody has recorded it, as /run/uw was removed: by its mark, anywhere below
 * the mount. A user may set such a mark on what is delegated to it; only a group of root's, or our
 * own, with a marked group of the guard's in it counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define DEEPEST 16 /* a pool stands one or two below the top, or where its user put it */

struct pool_search {
	int dir, depth;
	const char *path;
	char *found;
	size_t size;
};

static int open_below(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_marked(int dir, const char *mark)
{
	struct stat st;
	char text[32];

	return !fstat(dir, &st) && (!st.st_uid || st.st_uid == geteuid()) &&
	       !cg_mark_read(dir, text, sizeof(text)) && !strcmp(text, mark);
}

static bool is_pool(int dir)
{
	AUTO_CLOSE int holder = -1;

	if (!is_marked(dir, CG_MARK_RECURSIVE) && !is_marked(dir, CG_MARK_LEAVES))
		return false;
	holder = open_below(dir, CG_HOLDER);
	return holder >= 0 && is_marked(holder, CG_MARK_PART);
}

static bool join(char path[static CG_PATH_LEN], const char *above, const char *name)
{
	return *above ? !cg_join(path, CG_PATH_LEN, above, name)
		      : text_copy(path, CG_PATH_LEN, name);
}

/* What is gone, or is not ours to look at, is passed over. */
static int look_at(void *data, const char *name)
{
	const struct pool_search *above = data;
	AUTO_CLOSE int dir = open_below(above->dir, name);
	struct pool_search at = *above;
	char path[CG_PATH_LEN];
	int ret;

	if (dir < 0 || at.depth++ == DEEPEST || !join(path, above->path, name))
		return 0;
	at.dir = dir;
	at.path = path;
	if (is_pool(dir) && text_copy(at.found, at.size, path))
		return -EEXIST;
	ret = cg_each_child(dir, look_at, &at);
	return ret == -EEXIST ? ret : 0;
}

int cg_find_marked(const char *mount, char *ret_root, size_t size)
{
	AUTO_CLOSE int top = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), slice = -1;
	struct pool_search search = {.dir = top, .path = "", .found = ret_root, .size = size};
	int ret;

	if (top < 0)
		return -errno;
	ret = cg_each_child(top, look_at, &search);
	if (ret)
		return ret == -EEXIST ? 0 : ret;
	slice = open_below(top, CG_SLICE); /* an earlier teardown came only so far */
	if (slice < 0 || !is_marked(slice, CG_MARK_SLICE))
		return -ENOENT;
	return text_copy(ret_root, size, CG_SCOPE_ROOT) ? 0 : -ENAMETOOLONG;
}

int cg_tree_find(const struct cg_host *host, char *ret_root, size_t size)
{
	int ret = cg_tree_root(ret_root, size);

	return ret == -ENOENT ? cg_find_marked(host->mount, ret_root, size) : ret;
}
