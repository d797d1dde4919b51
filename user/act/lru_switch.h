/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's switch of the multi-generational LRU. It is the machine's, and touched only where
 * the configuration says so; what it was is written down first, so that whoever comes after a uwd
 * that was killed can put it back. Both it and the note are gone with the next boot. Switching
 * moves every page of the machine to other lists, under each list's lock.
 */
#ifndef UW_ACT_LRU_SWITCH_H
#define UW_ACT_LRU_SWITCH_H

#include "user/base/err.h"

#define LRU_SWITCH_TEXT_LEN 16

struct lru_switch {
	const char *file; /* "0x0007"; 1: generations, 2: walks, 4: walks of upper levels too */
	const char *note; /* what stood there before uwd switched it on */
};

/* /sys/kernel/mm/lru_gen/enabled and /run/uw/lru-gen */
extern const struct lru_switch lru_switch_here;

#define LRU_SWITCH_CHANGED 1

/* 0 when it is on already. -ENOENT where the kernel has none, -EIO where it does not take. */
int lru_switch_on(const struct lru_switch *at, struct uw_err *err);

/* What it would be put back to, "" when uwd has not switched it. */
void lru_switch_read_note(const struct lru_switch *at, char ret_text[static LRU_SWITCH_TEXT_LEN]);

/* 0 when there is nothing to put back. */
int lru_switch_back(const struct lru_switch *at, struct uw_err *err);

#endif
