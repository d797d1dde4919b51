/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What survives a loss of power beyond the bytes of a file. */
#ifndef UW_BASE_SYNC_H
#define UW_BASE_SYNC_H

/* The names in dir are on the disk when this returns: fsync(2) of a new file promises its bytes,
 * not that it is found again. 0 or a negative errno. */
int sync_dir(const char *dir);

#endif
