/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the policy again over the frames of a recording: by the configuration that was in force, or
 * by another one. It goes on from the state that was recorded where its layout is ours, so that
 * equal configurations give equal plans; elsewhere it begins with nothing known. Frames stay as
 * they were: what another decision would have done to the machine is not in them.
 */
#ifndef UW_CLI_REDO_H
#define UW_CLI_REDO_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/config.h"
#include "user/model/plan.h"
#include "user/policy/step.h"
#include "user/record/reader.h"

struct redo {
	struct recording *recording; /* the caller's, opened */
	const struct config *other;  /* in the place of what was in force; NULL: as it was */
	struct policy_state *state;
	struct config config;   /* that the last step went by */
	struct config recorded; /* with other: the one that was in force, for its names */
	struct frame frame;     /* with other: as that numbers components */
	struct plan plan;       /* its plan; recording->plan is the one that was made */
	uint64_t frames;        /* steps with both */
	uint64_t unplanned;     /* of uwds that ended between the two */
	uint64_t lost;          /* frames that are not in the recording */
	uint32_t starts;        /* from a recorded state */
	uint32_t cold_starts;   /* from nothing, as no state of our layout was there */
	/* Its own. */
	bool has_config, has_state, fresh, stepped;
	uint64_t sequence;
	char boot_id[RECORD_BOOT_LEN];
};

/* 0 or -ENOMEM. */
int redo_init(struct redo *redo, struct recording *recording, const struct config *other);
void redo_done(struct redo *redo);

/* To the next frame that has a plan, both of them. 1, 0 at the end, or -EINVAL when a configuration
 * cannot be read or does not fit. */
int redo_next(struct redo *redo, struct uw_err *err);

/* The configuration by which the recorded plan was made. */
static inline const struct config *redo_in_force(const struct redo *redo)
{
	return redo->other ? &redo->recorded : &redo->config;
}

#endif
