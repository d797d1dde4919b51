/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tells a process from another one that has its number later. */
#ifndef UW_BASE_PID_H
#define UW_BASE_PID_H

#include <stdint.h>
#include <sys/types.h>

/* When it started: field 22 of /proc/PID/stat. -ENOENT when it is gone, -EPROTO. */
int pid_start_ticks(pid_t pid, uint64_t *ret_ticks);

#endif
