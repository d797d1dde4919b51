/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recording as top shows it: the full frames that are in it, one of which is looked at. Going to
 * another one reads the five minutes before it anew, so sparklines and actions are those of then.
 */
#ifndef UW_CLI_TOP_TAPE_H
#define UW_CLI_TOP_TAPE_H

#include "user/cli/flight_copy.h"
#include "user/cli/report/incident.h"
#include "user/cli/top/model.h"

struct tape {
	struct flight_copy copy;
	struct incident *incident; /* what was done in all of it */
	uint32_t count, at;        /* full frames, and the one that is shown */
	uint64_t *wall_us;         /* of each; later than the one before */
	struct top_frame *now, *was;
	/* While it is read. */
	char name[UW_COMPONENTS_MAX][UW_NAME_LEN];
	struct config config;
	bool has_config;
};

/* file NULL: what is recorded here. At its end. 0 or a negative errno; tape_done in any case, which
 * takes NULL. */
int tape_open(struct tape *tape, const char *file, struct uw_err *err);
void tape_done(struct tape *tape);

/* To the last frame at or before a time: "22:18", "22:18:30" of the last day that has it, or "-3m"
 * before the end. -EINVAL for what is none. */
int tape_go_to(struct tape *tape, const char *text, struct uw_err *err);

/* Where the model wants to go; what kept it from that is its message. */
void tape_travel(struct tape *tape, struct top_model *model);

/* So much further; false at the end. */
bool tape_play(struct tape *tape, uint64_t us);

/* Has the model show the frame, by tape_frame.c. */
void tape_show(struct tape *tape, struct top_model *model);

#endif
