/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emergency of the host, whoever caused it: how far it has gone. Each stage adds a step to
 * those before it, and takes effect where that step is decided; back it goes one at a time.
 */
#ifndef UW_POLICY_HOST_H
#define UW_POLICY_HOST_H

#include "user/policy/state.h"

enum host_stage {
	HOST_CALM,
	HOST_CALLS, /* loans are called in, levels are high, so that programs are told (loans.c) */
	HOST_STOPS, /* the lowest priority is frozen and paged out, over budget or not (brake.c) */
	HOST_KILLS, /* where that is allowed (last_resort.c) */
};

/* After the samples of a frame were taken. */
void host_step(struct step *step);

enum host_stage host_stage(const struct step *step);

/* The stage is reached, and what is available is under it still: one step more is due. */
bool host_is_under(const struct step *step, enum host_stage stage);

/* What is available on it, and under which much a stage begins. */
struct why host_why(const struct step *step, enum host_stage stage);

/* What was taken lately may be free again soon, so that pages in use are better left: nobody takes
 * more or waits for it now, but somebody did a few seconds ago. */
bool host_spares_hot(const struct step *step);

/* Bytes that it lacks to what that stage begins under, while it is not calm. */
uint64_t host_lacks(const struct step *step, enum host_stage stage);

#endif
