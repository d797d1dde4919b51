// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Syncs a folder. A file system that cannot do that (fsync(2): EINVAL) keeps its names in another
 * way, or not at all, and nothing more can be asked of it.
 */
#include "user/base/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "user/base/cleanup.h"

int sync_dir(const char *dir)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) && errno != EINVAL ? -errno : 0;
}
