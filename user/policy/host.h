/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emergency of the host, whoever caused it: how far it has gone. Each stage takes effect where
 * its step is decided (loans.c and level.c call, brake.c stops, last_resort.c kills); back it goes
 * one at a time.
 */
#ifndef UW_POLICY_HOST_H
#define UW_POLICY_HOST_H

#include "user/model/view.h"
#include "user/policy/state.h"

#define HOST_UP_US      (2 * US_PER_SEC)  /* policy of tiers: seldom up, */
#define HOST_DOWN_US    (10 * US_PER_SEC) /* more seldom down */
#define HOST_STOPS_SOME 1000 /* permyriad: the second stage needs some task to wait so, */
#define HOST_KILLS_ALL  2000 /* and the last one all of them */

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

/* As it stands after a step, for who looks at it. */
void host_view_of(const struct policy_state *state, const struct config *config,
		  struct host_view *ret_view);

/* Bytes that it lacks to what that stage begins under, while it is not calm. */
uint64_t host_lacks(const struct step *step, enum host_stage stage);

#endif
