/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a folder, read so that its end and a failure can be told apart. */
#ifndef UW_BASE_DIR_H
#define UW_BASE_DIR_H

#include <dirent.h>

/*
 * The next entry; NULL with errno 0 at the end, and with the error where the rest cannot be read.
 * Of a folder that is only counted, or whose names are only offered, an end is an end: call
 * readdir(3) there.
 */
const struct dirent *dir_next(DIR *dir);

#endif
