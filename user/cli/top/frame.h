/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What top shows of one moment, whoever tells it: numbers in bytes, microseconds and permyriad,
 * FRAME_ABSENT where there is none, and text as it came (canvas.h makes it harmless). No JSON, no
 * clock: a recording could fill it as well as uwd.
 */
#ifndef UW_CLI_TOP_FRAME_H
#define UW_CLI_TOP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/cli/screen.h"
#include "user/model/component.h"
#include "user/model/config.h"

#define FRAME_ABSENT UINT64_MAX

#define TOP_LEAVES_MAX     2048 /* as many as uwd looks at: FRAME_LEAVES_MAX */
#define TOP_JOBS_MAX       500  /* a page of Queue */
#define TOP_RECORDS_MAX    64   /* that come at a time */
#define TOP_CONDITIONS_MAX 64
#define TOP_LINES_MAX      256 /* of what is shown at length */

#define TOP_CLOCK_LEN 16
#define TOP_LEAF_LEN  128
#define TOP_WHY_LEN   160
#define TOP_WORDS_LEN 96
#define TOP_LINE_LEN  256

/* What a frame is asked for beside the head and the components. */
enum top_view {
	TOP_COMPONENTS,
	TOP_JOBS,
	TOP_ACTIONS,
	TOP_EXPLAIN,
	TOP_TABS,           /* those above have a tab; those below are of one thing at length */
	TOP_WHY = TOP_TABS, /* a component */
	TOP_STEPS,          /* a job */
	TOP_OUTPUT,         /* of a job */
	TOP_VIEW__COUNT
};

struct top_head {
	char version[24];
	char clock[TOP_CLOCK_LEN]; /* the time of day of the frame */
	char date[TOP_CLOCK_LEN];  /* of a replay */
	char root[128];            /* of the pool, below the mount of cgroups */
	uint64_t pid, up_us, guard_pid, dropped;
	uint32_t sensors_on, sensors_wanted;
	uint64_t usable_bytes, used_bytes, available_bytes, swap_total_bytes, swap_free_bytes;
	uint64_t stalled_us; /* of the host, some task, since it was started */
	bool has_queue;
	uint64_t running, frozen, queued, waiting, held;
	uint64_t reserved_bytes, free_bytes, next_start_in_us;
};

struct top_component {
	char name[UW_NAME_LEN];
	char why[TOP_WHY_LEN];
	char tier[16];
	enum level level;
	uint64_t current_bytes, in_force_bytes, budget_bytes, lent_bytes, borrowed_bytes;
	uint64_t working_set_bytes, swap_bytes, promised_bytes, high_bytes, owed_bytes;
	uint64_t use_permyriad, some_permyriad, time_to_limit_us, thaw_in_us, frozen_leaves;
	uint64_t refused_bytes;                      /* mappings, since uwd came; absent: no gate */
	uint64_t refused_last_bytes, refused_ago_us; /* the last of them */
	int64_t growth_bytes_per_s;
	bool squeezed;
};

struct top_leaf {
	char name[TOP_LEAF_LEN];
	uint32_t component; /* index in this frame */
	uint64_t id, current_bytes;
	int64_t growth_bytes_per_s; /* since the frame before; 0 in the first */
	bool populated, frozen, by_other;
};

struct top_job {
	uint64_t id, array, index; /* array FRAME_ABSENT: none */
	char name[32], component[UW_NAME_LEN], state[16];
	char why[TOP_WHY_LEN], brief[TOP_WORDS_LEN]; /* the whole clause, and for a column */
	uint64_t used_bytes, reserved_bytes, end_in_us, start_in_us, late_us, at_limit_us, position;
	bool end_is_guess; /* by what others of its key took */
};

struct top_record {
	uint64_t sequence;
	char when[TOP_CLOCK_LEN];
	char component[UW_NAME_LEN]; /* "" of the host */
	char level[16], tier[16];
	char what[TOP_WORDS_LEN], reason[32], why[TOP_WHY_LEN], effect[TOP_WORDS_LEN];
	bool ended, failed;
};

struct top_condition {
	char name[48], observed[32], threshold[32], leads_to[24], tier[16], text[TOP_WORDS_LEN];
	bool met, at_most;
};

struct top_line {
	uint8_t style;
	uint8_t indent; /* of what is wrapped */
	char text[TOP_LINE_LEN];
};

struct top_frame {
	uint64_t at_us; /* of the clock that nobody sets */
	bool is_new_uwd;
	struct top_head head;
	uint32_t component_count, leaf_count;
	struct top_component component[UW_COMPONENTS_MAX];
	uint32_t record_count; /* new ones and those that have ended since */
	struct top_record record[TOP_RECORDS_MAX];

	/* Of the view that was asked for, and of what it is about. */
	enum top_view view;
	char about[UW_NAME_LEN];    /* the component of TOP_EXPLAIN and TOP_WHY */
	uint64_t about_job;         /* of TOP_STEPS and TOP_OUTPUT */
	char refused[TOP_LINE_LEN]; /* why there is nothing of it; "" = there is */
	uint64_t job_total;
	uint32_t job_count, condition_count, line_count;
	struct top_job job[TOP_JOBS_MAX];
	struct top_condition condition[TOP_CONDITIONS_MAX];
	char title[TOP_WORDS_LEN];
	struct top_line line[TOP_LINES_MAX];

	struct top_leaf leaf[TOP_LEAVES_MAX]; /* last: there are few of so many as a rule */
};

/* Up to the last of its leaves. */
static inline size_t top_frame_bytes(const struct top_frame *frame)
{
	return offsetof(struct top_frame, leaf) + frame->leaf_count * sizeof(frame->leaf[0]);
}

#endif
