// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes up a stage when what is available has been under that stage's part of the reserve for a
 * while, and tasks of the host wait for it; at once where hardly anything is left. It goes down
 * when there has been more than enough for longer, one stage at a time, so that what was done last
 * is undone first.
 */
#include "user/policy/host.h"

#include "user/policy/contention.h"
#include "user/policy/headroom.h"
#include "user/policy/num.h"
#include "user/policy/signal.h"

#define PASSES_US (5 * US_PER_SEC) /* who has come for memory and left by then came for a while */
#define WINDOW_US (2 * US_PER_SEC) /* in which stalls are counted */
#define CALM_PCT  5                /* of the host beyond the reserve, as room.c thaws donors */
#define KILLS_PCT 2                /* of the host: last_resort.c has the same */

static uint64_t threshold_in(const struct policy_state *state, const struct config *config,
			     enum host_stage stage)
{
	uint64_t reserve = headroom_reserve_in(state, config);

	switch (stage) {
	case HOST_CALM:
		return reserve + percent_of(state->host.total_bytes, CALM_PCT);
	case HOST_CALLS:
		return reserve;
	case HOST_STOPS:
		return reserve / 2;
	case HOST_KILLS:
	case HOST_STAGE__COUNT:
		break;
	}
	return min_u64(reserve / 4, percent_of(state->host.total_bytes, KILLS_PCT));
}

static uint64_t threshold_of(const struct step *step, enum host_stage stage)
{
	return threshold_in(step->state, step->config, stage);
}

/* Stalls of the host since the window began; none are known without PSI. */
static void take_stalls(struct step *step)
{
	const struct host_sample *sample = &step->frame->host;
	struct emergency_state *e = &step->state->emergency;
	uint64_t us = step->now_us - e->window_us;
	bool begun = e->window_us && sample->psi_some_us >= e->some_us &&
		     sample->psi_full_us >= e->full_us;

	if (begun && us < WINDOW_US)
		return;
	if (begun) {
		e->some_permyriad = permyriad_of(sample->psi_some_us - e->some_us, us);
		e->full_permyriad = permyriad_of(sample->psi_full_us - e->full_us, us);
	}
	e->window_us = step->now_us;
	e->some_us = sample->psi_some_us;
	e->full_us = sample->psi_full_us;
}

/* Those aside whose leaves stand still: they grow and stall in breaths. */
static bool anybody_wants(const struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (!step->state->component[i].frozen_leaves &&
		    (contention_grows(step, i) ||
		     signal_stalls_now(&step->state->component[i].signal)))
			return true;
	return false;
}

/* Few free bytes alone are no harm where nobody waits for them. */
static bool is_due(const struct step *step, enum host_stage stage)
{
	const struct emergency_state *e = &step->state->emergency;

	if (stage > HOST_KILLS || step->state->host.available_bytes >= threshold_of(step, stage))
		return false;
	if (stage == HOST_STOPS)
		return e->some_permyriad >= HOST_STOPS_SOME;
	return stage < HOST_STOPS || e->full_permyriad >= HOST_KILLS_ALL;
}

void host_step(struct step *step)
{
	struct emergency_state *e = &step->state->emergency;
	bool up, down;

	if (anybody_wants(step))
		e->wanted_us = step->now_us;
	if (!step->state->host.valid)
		return;
	if (step->frame->host.valid)
		take_stalls(step);
	up = is_due(step, (enum host_stage)(e->stage + 1));
	down = e->stage && step->state->host.available_bytes >= threshold_of(step, HOST_CALM);
	if (!up)
		e->up_since_us = 0;
	else if (!e->up_since_us)
		e->up_since_us = step->now_us;
	if (!down)
		e->down_since_us = 0;
	else if (!e->down_since_us)
		e->down_since_us = step->now_us;
	if (up && step->now_us - e->up_since_us >= HOST_UP_US) {
		e->stage++;
		e->since_us = step->now_us;
		e->up_since_us = 0;
	} else if (down && step->now_us - e->down_since_us >= HOST_DOWN_US) {
		e->stage--;
		e->since_us = step->now_us;
		e->down_since_us = 0;
	}
}

enum host_stage host_stage(const struct step *step)
{
	return (enum host_stage)step->state->emergency.stage;
}

bool host_is_under(const struct step *step, enum host_stage stage)
{
	return host_stage(step) >= stage &&
	       step->state->host.available_bytes < threshold_of(step, stage);
}

struct why host_why(const struct step *step, enum host_stage stage)
{
	return (struct why){REASON_HOST_AVAILABLE, step->state->host.available_bytes,
			    threshold_of(step, stage)};
}

bool host_spares_hot(const struct step *step)
{
	uint64_t quiet_us = step->now_us - step->state->emergency.wanted_us;

	return quiet_us && quiet_us < PASSES_US;
}

void host_view_of(const struct policy_state *state, const struct config *config,
		  struct host_view *ret_view)
{
	const struct emergency_state *e = &state->emergency;

	*ret_view = (struct host_view){
		.valid = state->host.valid,
		.stage = (enum host_stage)e->stage,
		.stage_since_us = e->since_us,
		.available_bytes = state->host.available_bytes,
		.some_permyriad = e->some_permyriad,
		.full_permyriad = e->full_permyriad,
	};
	for (int stage = HOST_CALM; stage < HOST_STAGE__COUNT; stage++)
		ret_view->threshold_bytes[stage] =
			threshold_in(state, config, (enum host_stage)stage);
}

uint64_t host_lacks(const struct step *step, enum host_stage stage)
{
	if (host_stage(step) == HOST_CALM)
		return 0;
	return sub_sat(threshold_of(step, stage), step->state->host.available_bytes);
}
