/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What adaptive thresholds have learned, kept over restarts: one line a component in
 * THRESHOLDS_FILE, its name and the shift in permyriad. A file that is gone or damaged costs what
 * was learned, nothing else.
 */
#ifndef UW_DAEMON_THRESHOLDS_FILE_H
#define UW_DAEMON_THRESHOLDS_FILE_H

#include "user/daemon/state.h"

#define THRESHOLDS_FILE "/var/lib/uw/edges"

/* After policy_init. */
void thresholds_file_load(struct daemon *daemon, const char *path);

/*
 * Written anew, whole, when a shift differs from what was written last: while all is calm, hourly
 * or when one is forgotten. The disk is waited for by a thread; one write is under way at a time,
 * and what changes meanwhile is written at a later call. last is the daemon's end: then it waits,
 * and all is on the disk when it returns.
 */
void thresholds_file_save(struct daemon *daemon, const char *path, bool last);

#endif
