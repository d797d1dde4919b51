// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An owner that takes its budget back faster than swap takes the borrowers' pages meets the pool's
 * memory.max, and spends its time reclaiming them itself. What the host has free beyond usable is
 * given for as long as something is owed: the ceiling rises by what is owed, as far as the host
 * keeps a remainder, and comes down when all is paid and the pool is below it. A uwd that dies
 * meanwhile leaves it raised, which hurts nobody; the next one's setup puts it back.
 */
#include "user/policy/ceiling.h"

#include "user/policy/emit.h"
#include "user/policy/headroom.h"
#include "user/policy/loans.h"
#include "user/policy/num.h"

#define STEP_BYTES (4 * MIB)
#define ROOM_BYTES (32 * MIB) /* below it, so that growth cannot meet it while it comes down */
#define KEPT_PART \
	100 /* of the host, beyond the kernel's own watermarks: available leaves those out */

static uint64_t owed_by_all(const struct step *step, uint32_t *ret_debtor)
{
	uint64_t sum = 0, most = 0;

	*ret_debtor = COMPONENT_NONE;
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		uint64_t owed = loans_owed(step, i);

		sum += owed;
		if (owed > most) {
			most = owed;
			*ret_debtor = i;
		}
	}
	return sum;
}

/* What the host has beyond what the pool may take of it anyway. */
static uint64_t spare_bytes(const struct step *step)
{
	const struct host_state *host = &step->state->host;
	uint64_t to_come = sub_sat(step->config->usable_bytes, headroom_held(step));

	return host->valid ? sub_sat(host->available_bytes, to_come + host->total_bytes / KEPT_PART)
			   : 0;
}

/* Beyond usable, what the pool holds already is among it. */
static uint64_t wanted_bytes(const struct step *step, uint64_t owed)
{
	uint64_t beyond = sub_sat(headroom_held(step), step->config->usable_bytes);

	return min_u64(owed, beyond + spare_bytes(step));
}

static void write_ceiling(struct step *step, bool raised, struct ceiling_state *ceiling,
			  struct why why)
{
	struct action action = {
		.kind = ACTION_SET_MAX,
		.component = ceiling->component,
		.amount = step->config->usable_bytes + (raised ? ceiling->beyond_bytes : 0),
		.swappiness = -1,
		.why = why,
	};

	ceiling->raised = raised;
	if (emit_action(step, &action))
		step->state->ceiling = *ceiling;
}

static void raise(struct step *step, uint64_t owed, uint32_t debtor)
{
	struct ceiling_state *ceiling = &step->state->ceiling;
	uint64_t wanted = wanted_bytes(step, owed);
	uint64_t stands = ceiling->raised ? ceiling->beyond_bytes : 0;

	if (wanted >= stands + STEP_BYTES)
		write_ceiling(step, true, &(struct ceiling_state){false, wanted, debtor},
			      (struct why){REASON_OWNER_PAYBACK, owed, step->config->usable_bytes});
}

static void lower(struct step *step)
{
	struct ceiling_state ceiling = step->state->ceiling;
	uint64_t room = sub_sat(step->config->usable_bytes, headroom_charged(step));

	if (ceiling.raised && room >= ROOM_BYTES)
		write_ceiling(step, false, &ceiling, (struct why){REASON_ROOM, room, ROOM_BYTES});
}

/* It was found in use after all. */
static void take_outcomes(struct step *step)
{
	for (uint32_t i = 0; i < step->frame->outcome_count && i < FRAME_OUTCOMES_MAX; i++)
		if (step->frame->outcome[i].kind == ACTION_SET_MAX &&
		    step->frame->outcome[i].result == OUTCOME_FAILED)
			step->state->ceiling.raised = true;
}

void ceiling_step(struct step *step)
{
	uint32_t debtor;
	uint64_t owed = owed_by_all(step, &debtor);

	take_outcomes(step);
	if (owed)
		raise(step, owed, debtor);
	else
		lower(step);
}
