/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a cut of power leaves of a folder: what was synced is there; what was written since is
 * there, or not, or some sectors of it are. A name is there when its folder was synced after
 * (fsync(2) promises no more), or as if the folder had been at any time since. Flat: no folders in
 * it.
 */
#ifndef UW_TESTS_CHAOS_DISK_H
#define UW_TESTS_CHAOS_DISK_H

#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/types.h>

struct disk;

/* As dir is now, all of it is safe. kept is a folder for copies. */
struct disk *disk_new(const char *dir, const char *kept);
void disk_free(struct disk *disk);

/* Before the call of pid is made. */
void disk_look(struct disk *disk, pid_t pid, const struct seccomp_data *call);
void disk_stop(struct disk *disk); /* the power is cut here */

/* Makes dir what is found afterwards; each seed another one, 0: only what was synced. */
void disk_lose(struct disk *disk, uint32_t seed);

#endif
