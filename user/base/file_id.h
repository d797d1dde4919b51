/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what is open is still what others find at its path, which anybody with rights may have
 * removed or replaced. */
#ifndef UW_BASE_FILE_ID_H
#define UW_BASE_FILE_ID_H

#include <stdbool.h>
#include <sys/types.h>

struct file_id {
	dev_t dev;
	ino_t ino; /* 0: not known, and then nothing is missed */
};

/* What is at path now, relative to the working directory; none when nothing is. */
struct file_id file_id_at(const char *path);
struct file_id file_id_of(int fd);

/* True while path leads to it. */
bool file_id_is_at(const struct file_id *id, const char *path);

#endif
