// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * readdir(3) returns NULL at the end of a folder and when it fails, and leaves errno alone at the
 * end. Whoever takes the one for the other goes on with a part of what is there.
 */
#include "user/base/dir.h"

#include <errno.h>

const struct dirent *dir_next(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}
