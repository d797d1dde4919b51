/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a recording's file for what is thinned. For the thread of the flight recorder: it
 * maps some two megabytes while it is at work, once in a full slot. */
#ifndef UW_RECORD_THINNING_H
#define UW_RECORD_THINNING_H

#include <stdint.h>

/* Keeps less of the slot at index of the file's full slots, whose place is needed, in the thin ones
 * behind them. 0, also where nothing is in it, or a negative errno. */
int record_thin_file(int fd, uint32_t full_slots, uint32_t thin_slots, uint32_t index);

#endif
