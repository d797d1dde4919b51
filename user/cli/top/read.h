/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames out of uwd's answers. What an answer lacks is FRAME_ABSENT or empty, and what there is too
 * much of is left out; nothing is refused.
 */
#ifndef UW_CLI_TOP_READ_H
#define UW_CLI_TOP_READ_H

#include <jansson.h>
#include <stddef.h>

#include "user/base/text.h"
#include "user/cli/top/frame.h"
#include "user/ipc/json.h"

/* Into an array of chars, cut. */
#define READ_TEXT(to, object, key) text_copy(to, sizeof(to), json_get_text(object, key))

/* Of Status: the head, the components and their leaves. before is the frame before this one, by
 * which growth of leaves is known; or NULL. */
void read_status(const json_t *status, const struct top_frame *before, struct top_frame *frame);

/* Of Log. */
void read_records(const json_t *answer, struct top_frame *frame);

/* Of Queue; wall_us is now. */
void read_jobs(const json_t *answer, uint64_t wall_us, struct top_frame *frame);

/* Of Explain for one component; conditions that are met come first. */
void read_conditions(const json_t *answer, struct top_frame *frame);

/* Of Why and Job: what `uwctl why` and `uwctl queue ID` print, as wide as width. */
void read_why(const json_t *answer, int width, struct top_frame *frame);
void read_steps(const json_t *answer, int width, struct top_frame *frame);

/* Of Logs: the end of what the job wrote, out of its file. */
void read_output(const json_t *answer, struct top_frame *frame);

/* How fast a leaf grew since the frame before, in which it may not have been. */
int64_t read_growth(const struct top_frame *before, const struct top_frame *frame,
		    const struct top_leaf *leaf);

/* Time of day, "22:18:31". */
void read_clock(uint64_t wall_us, char buf[static TOP_CLOCK_LEN]);

#endif
