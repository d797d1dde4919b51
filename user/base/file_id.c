// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file is known by its device and inode. An inode's number is not given to another file while it
 * is open, so that what is held can be told from what came in its place.
 */
#include "user/base/file_id.h"

#include <sys/stat.h>

struct file_id file_id_at(const char *path)
{
	struct file_id id = {0};
	struct stat file;

	if (!stat(path, &file))
		id = (struct file_id){file.st_dev, file.st_ino};
	return id;
}

struct file_id file_id_of(int fd)
{
	struct file_id id = {0};
	struct stat file;

	if (!fstat(fd, &file))
		id = (struct file_id){file.st_dev, file.st_ino};
	return id;
}

bool file_id_is_at(const struct file_id *id, const char *path)
{
	struct file_id now = file_id_at(path);

	return !id->ino || (now.dev == id->dev && now.ino == id->ino);
}
