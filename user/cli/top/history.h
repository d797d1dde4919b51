/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Five minutes of each component's use and stalls, a slot a second, for sparklines. A second that
 * nobody saw is a gap and is drawn as one. 40 KiB in all, O(1) a sample.
 */
#ifndef UW_CLI_TOP_HISTORY_H
#define UW_CLI_TOP_HISTORY_H

#include "user/cli/top/frame.h"

#define HISTORY_SLOTS 300U
#define HISTORY_GAP   UINT16_MAX

enum history_kind {
	HISTORY_USE,   /* permyriad of what is in force */
	HISTORY_STALL, /* permyriad of the time */
	HISTORY__COUNT
};

struct top_history {
	uint64_t newest_s; /* the slot that was written last, in seconds; 0: none was */
	uint64_t at_us;    /* of the last frame */
	char name[UW_COMPONENTS_MAX][UW_NAME_LEN];
	uint16_t slot[UW_COMPONENTS_MAX][HISTORY__COUNT][HISTORY_SLOTS];
};

void history_init(struct top_history *history);

/* Frames come in the order of their time. One that comes within within_us of the one before stands
 * for the seconds between them too. */
void history_take(struct top_history *history, const struct top_frame *frame, uint64_t within_us);

/* The largest value of name in bucket i of count, which share the five minutes up to until_us, the
 * oldest first; HISTORY_GAP when nobody saw any of it. */
uint16_t history_bucket(const struct top_history *history, const char *name, enum history_kind kind,
			uint64_t until_us, int i, int count);

#endif
