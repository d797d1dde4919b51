/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder that cannot be read to its end, once: the program's own readdir(3). */
#ifndef UW_TEST_CUT_FOLDER_H
#define UW_TEST_CUT_FOLDER_H

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

static long names_left = -1; /* until it fails; < 0: it does not */

struct dirent *readdir(DIR *dir)
{
	struct dirent *(*next)(DIR * dir);

	if (names_left >= 0 && !names_left--) {
		errno = EIO;
		return NULL;
	}
	*(void **)&next = dlsym(RTLD_NEXT, "readdir");
	return next(dir);
}

#endif
