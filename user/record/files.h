/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two files of a flight recorder: both are a head and slots of one size. For uwd's side alone.
 */
#ifndef UW_RECORD_FILES_H
#define UW_RECORD_FILES_H

#include <stdint.h>

#include "user/base/err.h"
#include "user/record/format.h"

#define STAGE_SLOTS RECORD_STAGE_SLOTS

/* Opens path with room for so many slots, the last of which are thin ones, or makes it: beside its
 * place first, whole. The room is taken at once. *ret_fd is the caller's. 0 or a negative errno. */
int record_file_open(const char *path, uint32_t slots, uint32_t thin_slots, int *ret_fd,
		     struct uw_err *err);

/* Where slot lies. */
static inline uint64_t record_file_at(uint32_t slot)
{
	return RECORD_HEAD_BYTES + (uint64_t)slot * RECORD_SLOT_BYTES;
}

/* The head of a slot; zeros where nothing was written yet. 0, or a negative errno where it cannot
 * be read: what it holds must not be taken for nothing then. */
int record_file_head(int fd, uint32_t slot, struct record_slot_head *ret_head);

#endif
