/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What top shows, without how: the frame in view, what was seen before it, which view, what is
 * chosen, sorted, left out and asked. Pure: no clock, no terminal, no uwd; frames and keys go in,
 * and layout.h reads it. Large: allocate it.
 */
#ifndef UW_CLI_TOP_MODEL_H
#define UW_CLI_TOP_MODEL_H

#include "user/cli/top/act.h"
#include "user/cli/top/frame.h"
#include "user/cli/top/history.h"

#define MODEL_RECORDS 256U
#define MODEL_ROWS    TOP_JOBS_MAX /* of any view, of which jobs have the most */
#define MODEL_NONE    UINT32_MAX
#define MODEL_KEY_LEN (UW_NAME_LEN + TOP_LEAF_LEN)
#define MODEL_TEXT    32

#define MODEL_PERIOD_MIN_US 100000ULL
#define MODEL_PERIOD_MAX_US 60000000ULL

enum model_sort {
	SORT_WORST, /* level, stall and use; of jobs, at its limit, late, frozen, then as queued */
	SORT_NAME,
	SORT_USED,
	SORT_STALL, /* of jobs: the end */
	SORT_GROWTH,
	SORT__COUNT
};

/* Where a replay is to go to. */
enum model_travel {
	TRAVEL_FRAME,  /* so many frames */
	TRAVEL_ACTION, /* to the next one that acts, or the one before */
	TRAVEL_TIME,   /* so many seconds */
	TRAVEL_TO,     /* to the time that was typed */
};

enum model_prompt {
	PROMPT_NONE,
	PROMPT_TIME,
	PROMPT_FILTER,
	PROMPT_BYTES,
	PROMPT_COLUMNS,
	PROMPT_CONFIRM,
};

/* What is chosen in a view, by what it is and not by where it stands. */
struct model_cursor {
	char key[MODEL_KEY_LEN]; /* "": the first row, whatever it is */
	uint32_t row, scroll;
};

/* A line of a list. In Components a component, or a leaf below it; in Jobs a job, or all of an
 * array that are in the same frame. */
struct model_row {
	uint32_t first; /* component, job, record or condition, by its index */
	uint32_t leaf;  /* MODEL_NONE: the component itself */
	uint32_t count; /* jobs of a folded array */
	uint32_t why;   /* the job whose reason is told: the first that waits, or else the first */
	uint32_t running, frozen, held;
	uint64_t used_bytes, reserved_bytes;
};

struct top_model {
	struct top_frame frame;
	bool has_frame;
	struct top_history history;
	uint32_t record_count; /* newest last */
	struct top_record record[MODEL_RECORDS];
	uint64_t stall_permyriad; /* of the host since the frame before; FRAME_ABSENT: not known */

	enum top_view view, under; /* under: where a view of one thing goes back to */
	struct model_cursor cursor[TOP_VIEW__COUNT];
	enum model_sort sort[TOP_TABS];
	bool reversed[TOP_TABS];
	char filter[MODEL_TEXT];
	uint64_t unfolded;           /* the array whose jobs are shown each; 0: none */
	uint32_t columns_off;        /* mask of what the person wants no column of */
	char component[UW_NAME_LEN]; /* that Explain and Why are about */
	uint64_t job;                /* that steps and output are of */

	uint32_t row_count;
	struct model_row row[MODEL_ROWS];
	uint32_t page; /* rows that found room when it was last drawn */

	bool replay; /* of a recording: nothing can be done, and paused is not playing */
	enum model_travel travel;
	int travel_by;
	bool paused, help;
	uint64_t paused_at;         /* records that came later are not shown while it is */
	bool may_act;               /* on components: root, and not --read-only */
	bool may_change_jobs;       /* not with --read-only; whose is for uwd to say */
	char away[TOP_LINE_LEN];    /* uwd is, and why; "": it is there */
	char message[TOP_LINE_LEN]; /* until the next key */
	char mount[64];             /* where cgroups are */
	uint64_t period_us;
	enum model_prompt prompt;
	char text[MODEL_TEXT]; /* what is typed at a prompt */
	struct top_act act;    /* that a prompt is about */
};

void model_init(struct top_model *model, uint64_t period_us);

/* Another moment of a recording: what was known is forgotten. */
void model_jump(struct top_model *model);

/* The next frame. While paused it goes into the history and is not shown. */
void model_take(struct top_model *model, const struct top_frame *frame);

/* Whether the frame has what is looked at, and not what was before. */
bool model_has_view(const struct top_model *model);

/* uwd went away, with the reason; sparklines get a gap. */
void model_set_away(struct top_model *model, const char *why);

/* Another view of the tabs, or one thing at length below the one that is shown. */
void model_show(struct top_model *model, enum top_view view);

/* Which rows there are, and in which order: to be called when anything that this goes by changed.
 * The choice stays with what was chosen. */
void model_arrange(struct top_model *model);

/* So many rows find room: scrolls so that the choice is among them. */
void model_fit(struct top_model *model, uint32_t page);

/* Moves the choice; what is shown at length is scrolled. */
void model_move(struct top_model *model, int by);

/* The row that is chosen, or NULL. */
const struct model_row *model_chosen(const struct top_model *model);

/* The component of the row that is chosen in Components, or NULL. */
const struct top_component *model_chosen_component(const struct top_model *model);

#endif
