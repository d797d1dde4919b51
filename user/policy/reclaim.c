// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gathers the wishes on each component (a client's, an owner's, the host's, those of who lacks
 * memory), takes the largest, and cuts it to what reclaim can find and to what one action may take.
 * Frozen leaves give first. Outcomes teach that some give nothing, and payoff.c that some give what
 * they read back.
 */
#include "user/policy/reclaim.h"

#include <errno.h>

#include "user/policy/breath.h"
#include "user/policy/cleanup.h"
#include "user/policy/contention.h"
#include "user/policy/dependence.h"
#include "user/policy/donor.h"
#include "user/policy/emit.h"
#include "user/policy/files.h"
#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/host.h"
#include "user/policy/idle.h"
#include "user/policy/ladder.h"
#include "user/policy/loans.h"
#include "user/policy/num.h"
#include "user/policy/payoff.h"
#include "user/policy/room.h"
#include "user/policy/swap_speed.h"
#include "user/policy/turns.h"

#define ACTION_MAX_BYTES (64 * MIB)
#define ACTION_MIN_BYTES MIB
#define LOST_AFTER_US    (5 * US_PER_SEC) /* past its deadline: the outcome will not come */
#define SHORT_MAX        2
#define EXHAUSTED_US     (30 * US_PER_SEC)
#define PIECE_BYTES      (16 * MIB) /* of a frozen leaf at a time, as others grow */
#define PIECE_PART       4          /* of a second's page-out: who needs it may be whole by then */
#define LIGHT_EVERY_US   US_PER_SEC
#define HURRY_US         (200 * US_PER_MS) /* two frames of who grows, */
#define HURRY_BYTES      (4 * MIB)         /* and what one sees too late */
#define HOST_TARGET_PCT  3                 /* beyond the reserve: the least margin of a pool */

/* True when so many in a row have brought little that it is let be. */
static bool has_no_more(uint32_t *count, const struct outcome *o)
{
	*count = o->done >= o->asked / 4 ? 0 : *count + 1;
	if (*count < SHORT_MAX)
		return false;
	*count = 0;
	return true;
}

/* Who stands still and gives nothing is no reason not to ask the next. */
static void judge_leaf(struct leaf_state *leaf, const struct outcome *o, uint64_t now_us)
{
	uint32_t count = leaf->short_count;

	if (has_no_more(&count, o))
		leaf->exhausted_until_us = now_us + EXHAUSTED_US;
	leaf->short_count = (uint8_t)count;
}

static void judge_component(struct reclaim_state *r, const struct outcome *o, uint64_t now_us)
{
	if (!has_no_more(&r->short_count, o))
		return;
	r->exhausted_until_us = now_us + EXHAUSTED_US;
	r->requested_bytes = 0;
}

/* stands: of whom alone it was taken, or NULL. */
static void take_outcome(struct component_state *cs, const struct outcome *o,
			 struct leaf_state *stands, uint64_t now_us)
{
	struct reclaim_state *r = &cs->reclaim;

	r->id = ID_NONE;
	r->requested_bytes = sub_sat(r->requested_bytes, o->done);
	payoff_begin(cs, o->tier, o->done, !stands && !r->files, now_us);
	if (!stands)
		idle_note_freed(cs, o->done, now_us);
	if (o->error == ECANCELED)
		return; /* taken back for something more urgent: says nothing of the donor */
	if (r->files) {
		if (o->done < o->asked / 4)
			r->files_rest_us = now_us + EXHAUSTED_US;
		return;
	}
	if (stands)
		judge_leaf(stands, o, now_us);
	else
		judge_component(r, o, now_us);
}

/* Evenly as it went on: what was gone when charges were last looked at is not missing there. */
static uint64_t freed_since(const struct outcome *o, uint64_t at_us)
{
	uint64_t from_us = max_u64(at_us, o->began_us);

	if (o->ended_us <= o->began_us)
		return o->ended_us >= at_us ? o->done : 0;
	return mul_div(o->done, sub_sat(o->ended_us, from_us), o->ended_us - o->began_us);
}

void reclaim_discount(struct step *step)
{
	const struct frame *frame = step->frame;

	for (uint32_t i = 0; i < frame->outcome_count && i < FRAME_OUTCOMES_MAX; i++) {
		const struct outcome *o = &frame->outcome[i];
		struct component_state *cs;
		struct signal *s;

		if (o->component >= step->config->component_count || o->id == ID_NONE)
			continue;
		cs = &step->state->component[o->component];
		s = &cs->signal;
		if (o->id == cs->reclaim.id)
			s->charged_from_bytes =
				sub_sat(s->charged_from_bytes, freed_since(o, s->charged_at_us));
	}
}

void reclaim_take(struct step *step)
{
	const struct frame *frame = step->frame;

	for (uint32_t k = 0; k < step->state->component_count; k++) {
		struct component_state *cs = &step->state->component[k];
		struct reclaim_state *r = &cs->reclaim;

		for (uint32_t i = 0; i < frame->outcome_count && i < FRAME_OUTCOMES_MAX; i++)
			if (r->id != ID_NONE && frame->outcome[i].id == r->id)
				take_outcome(cs, &frame->outcome[i],
					     freeze_find(step, k, frame->outcome[i].leaf),
					     step->now_us);
		if (r->id != ID_NONE && step->now_us > r->until_us + LOST_AFTER_US)
			r->id = ID_NONE;
	}
}

/* Pages that reclaim can find: file pages, and anonymous ones as far as swap reaches. */
static uint64_t findable(const struct step *step, uint32_t component, bool file_only)
{
	const struct component_state *cs = &step->state->component[component];
	const struct signal *s = &cs->signal;
	const struct host_state *host = &step->state->host;
	uint64_t file = s->inactive_file_bytes, anon = s->anon_bytes;

	if (!s->stat_seen)
		return file_only ? 0 : s->current_bytes / 2;
	if (file_only && room_has_swap(host))
		return cleanup_file_bytes(step, component);
	if (file_only)
		return file;
	if (host->valid)
		anon = min_u64(anon, host->swap_free_bytes);
	return file + s->active_file_bytes / 2 + anon;
}

/* What is taken of it: nothing but cold pages where these are known, as long as it runs. */
static uint64_t reclaimable(const struct step *step, uint32_t component, bool file_only)
{
	uint64_t bytes = findable(step, component, file_only);

	if (idle_is_known(step, component) && !freeze_largest(step, component))
		bytes = min_u64(bytes, idle_cold_bytes(step, component, file_only));
	return bytes;
}

/* It holds more than its right, and has cold pages, file or not, to give. */
static bool has_cold_over(const struct step *step, uint32_t component)
{
	return step->state->component[component].signal.current_bytes >
		       step->config->component[component].budget_bytes &&
	       idle_cold_bytes(step, component, false) >= ACTION_MIN_BYTES;
}

/*
 * Somebody lacks memory that is free for nobody. Who stands still gives what it has, in pieces;
 * who runs gives what is known to be cold and beyond its budget, else file pages that it has not
 * used lately.
 */
static struct reclaim_wish by_contention(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	bool frozen = freeze_largest(step, component) != NULL;
	bool cold = !frozen && has_cold_over(step, component);
	uint64_t lacks = contention_others_lack(step, component);
	/* Where nobody runs beside it what it gives makes room for itself, if it has to wait long.
	 */
	bool own = frozen && (cs->active_leaves || !host_spares_hot(step));

	if (own)
		lacks = max_u64(lacks, contention_lacks_soon(step, component));
	if (frozen)
		lacks = max_u64(lacks, turns_lacks(step, component));
	else if (!cold && step->now_us - cs->reclaim.last_us < LIGHT_EVERY_US)
		lacks = 0;
	return (struct reclaim_wish){
		.bytes = lacks ? max_u64(lacks, PIECE_BYTES) : 0,
		.tier = frozen ? TIER_MODERATE : TIER_LIGHT,
		.swappiness = frozen || cold ? -1 : 0,
		.why = {REASON_CONTENTION, lacks, headroom_free(step)},
	};
}

/* Others depend on one that grows, so it runs on, and its room is made of its own cold pages. */
static struct reclaim_wish by_dependence(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	const struct leaf_state *leaf = dependence_spared(step, component);
	uint64_t held = cs->signal.current_bytes;
	uint64_t over = sub_sat(held + BREATH_SLACK, cs->in_force_bytes);
	bool grows = leaf && leaf->growth_per_s > (int64_t)MIB;

	return (struct reclaim_wish){
		.bytes = grows && over ? max_u64(over, PIECE_BYTES) : 0,
		.tier = TIER_MODERATE,
		.swappiness = -1,
		.why = {REASON_SPARED, held, cs->in_force_bytes},
		.leaf = leaf,
	};
}

/* Of pages in use no more at once than may be on its way when nobody needs anything more. */
static uint64_t piece(const struct step *step)
{
	return max_u64(swap_speed(step) / PIECE_PART, PIECE_BYTES);
}

/* An owner's memory comes back in steps: reclaim, and harder after 3 s; the brake freezes later. */
static struct reclaim_wish by_payback(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	const struct payback_state *payback = &step->state->payback;
	uint64_t owed = loans_owed(step, component);
	bool hard = step->now_us - cs->loans.owes_since_us >= PAYBACK_HARD_US;
	bool all = payback->for_host ? !host_spares_hot(step) : hard;

	return (struct reclaim_wish){
		.bytes = min_u64(all ? owed : min_u64(owed, payback->bytes), piece(step)),
		.tier = hard ? TIER_AGGRESSIVE : TIER_MODERATE,
		.swappiness = hard ? 100 : -1,
		.why = payback->for_host
			       ? host_why(step, HOST_CALLS)
			       : (struct why){REASON_OWNER_PAYBACK, owed, cs->in_force_bytes},
	};
}

/* The host is short: what it lacks to its target, or, of who stands still and may soon go on with
 * what it has, to its reserve. */
static struct reclaim_wish by_host(const struct step *step, uint32_t donor)
{
	const struct host_state *host = &step->state->host;
	bool frozen = freeze_largest(step, donor) != NULL;
	bool spares = frozen && host_spares_hot(step);
	uint64_t beyond = spares ? 0 : percent_of(host->total_bytes, HOST_TARGET_PCT);
	uint64_t target = headroom_reserve(step) + beyond;

	return (struct reclaim_wish){
		.bytes = min_u64(sub_sat(target, host->available_bytes),
				 frozen ? piece(step) : ACTION_MAX_BYTES),
		.tier = TIER_AGGRESSIVE,
		.swappiness = -1,
		.why = {REASON_HOST_AVAILABLE, host->available_bytes, target},
	};
}

static struct reclaim_wish by_request(struct step *step, uint32_t component)
{
	struct reclaim_state *r = &step->state->component[component].reclaim;

	/* What was asked of a leaf that stands still is not taken from others when it goes on. */
	if (step->now_us >= r->requested_until_us ||
	    (r->requested_leaf && !freeze_find(step, component, r->requested_leaf)))
		r->requested_bytes = 0;
	return (struct reclaim_wish){
		.bytes = r->requested_bytes,
		.tier = TIER_MODERATE,
		.swappiness = -1,
		.why = {REASON_REQUEST, 0, 0},
	};
}

/* Nobody lacks anything, and it has been calm. */
static struct reclaim_wish by_schedule(struct step *step, uint32_t component)
{
	struct reclaim_wish wish = {0};

	wish.bytes = cleanup_due(step, component, &wish.tier, &wish.why);
	return wish;
}

/* Who stands still gives first: nobody waits for its pages. A request may name it. */
static const struct leaf_state *frozen_donor(const struct step *step, uint32_t component,
					     bool requested)
{
	uint64_t leaf = step->state->component[component].reclaim.requested_leaf;

	return requested && leaf ? freeze_find(step, component, leaf)
				 : freeze_largest(step, component);
}

static uint64_t id_of(const struct leaf_state *leaf)
{
	return leaf ? leaf->cgid : 0;
}

/* What is asked for of a leaf that stands still, or by hand, or of files: what can be found. Of who
 * runs, what is cold. */
static uint64_t amount_of(const struct step *step, uint32_t component,
			  const struct reclaim_wish *wish, const struct leaf_state *from,
			  int32_t swappiness)
{
	bool by_hand = wish->why.reason == REASON_REQUEST;
	uint64_t bytes = min_u64(wish->bytes, ACTION_MAX_BYTES);

	if (!wish->files)
		bytes = min_u64(bytes, by_hand || from ? findable(step, component, !swappiness)
						       : reclaimable(step, component, !swappiness));
	if (!by_hand)
		bytes = min_u64(bytes, cleanup_spare_bytes(step, component));
	return from ? min_u64(bytes, from->current_bytes) : bytes;
}

/* False when there is nothing to take. */
static bool begin(struct step *step, uint32_t component, struct reclaim_wish wish)
{
	struct component_state *cs = &step->state->component[component];
	/* Who asks for it by hand may swap out even what is protected or in use. */
	bool by_hand = wish.why.reason == REASON_REQUEST;
	bool spared = !by_hand && component_is_protected(&step->config->component[component]);
	bool files_alone = !room_has_swap(&step->state->host) || spared;
	const struct leaf_state *frozen = frozen_donor(step, component, by_hand);
	const struct leaf_state *from = frozen && !wish.files ? frozen : wish.leaf;
	struct cleanup_take take =
		files_alone || wish.files
			? (struct cleanup_take){0, BYTES_MAX, NULL}
			: cleanup_take_of(step, component, wish.tier, wish.swappiness, from);
	struct action action = {
		.kind = ACTION_RECLAIM,
		.tier = wish.tier,
		.component = component,
		.leaf = id_of(from ? from : take.leaf),
		.swappiness = take.swappiness,
		.deadline_us = step->now_us + step->config->policy.reclaim_deadline_us,
		.why = wish.why,
	};
	const struct action *sent;

	action.amount =
		min_u64(amount_of(step, component, &wish, from, take.swappiness), take.most_bytes);
	action.amount -= action.amount % (64 * KIB);
	if (action.amount < ACTION_MIN_BYTES)
		return false;
	sent = emit_action(step, &action);
	if (!sent)
		return false;
	if (frozen && from == frozen)
		leaf_find(step->state, frozen->cgid)->paged_in = false;
	cs->reclaim.id = sent->id;
	cs->reclaim.gave_way = false;
	cs->reclaim.files = wish.files;
	cs->reclaim.for_others =
		frozen && from == frozen &&
		(wish.why.reason == REASON_OWNER_PAYBACK || wish.why.reason == REASON_CONTENTION);
	cs->reclaim.until_us = action.deadline_us;
	if (!wish.files) /* which come often, and are no answer to who lacks memory */
		cs->reclaim.last_us = step->now_us;
	emit_tier(step, component, wish.tier);
	return true;
}

static bool is_free(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->signal.seen && cs->reclaim.id == ID_NONE &&
	       step->now_us >= cs->reclaim.exhausted_until_us;
}

/* It runs on what it has; who stands still needs nothing. Reads of files by read(2) are not seen in
 * the ages of pages, so that refaults have their say in any case. */
static bool is_in_use(const struct step *step, uint32_t component)
{
	bool has_cold = !idle_is_known(step, component) ||
			idle_cold_bytes(step, component, false) >= ACTION_MIN_BYTES;

	return (payoff_is_hot(step, component) || !has_cold) && !freeze_largest(step, component);
}

/* Whom the host may ask: nobody protected, and nobody who has nothing. */
static bool may_give(const struct step *step, uint32_t component)
{
	return is_free(step, component) && !is_in_use(step, component) &&
	       !component_is_protected(&step->config->component[component]) &&
	       reclaimable(step, component, !room_has_swap(&step->state->host)) >= ACTION_MIN_BYTES;
}

/* What all take for a while is there for them: a page-out beside them would only slow them down. */
static bool nobody_waits(const struct step *step)
{
	uint64_t ahead = HURRY_BYTES;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		if (contention_lacks_soon(step, i))
			return false;
		ahead += contention_ahead(step, i, HURRY_US);
	}
	return headroom_free(step) >= ahead;
}

/* Neither who runs nor who stands still until there is room. */
static void say_who_can_wait(struct step *step)
{
	bool waits = nobody_waits(step);

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct reclaim_state *r = &step->state->component[i].reclaim;

		if (!waits || r->id == ID_NONE || !r->for_others || turns_lacks(step, i))
			continue;
		step->plan->pace[i] = PACE_PATIENT;
		r->gave_way = true;
	}
}

/* For an owner or a service it is as urgent as they are. */
static bool a_service_lacks(const struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (component_is_protected(&step->config->component[i]) &&
		    contention_lacks(step, i))
			return true;
	return false;
}

/* What those lack that make place for each other is no reason to be in a service's way, nor is what
 * comes back before they go on. */
static void say_who_is_polite(struct step *step)
{
	bool urgent = a_service_lacks(step);

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		bool takes = cs->reclaim.id != ID_NONE;

		if (component_is_protected(&step->config->component[i]) ||
		    step->plan->pace[i] != PACE_OWN)
			continue;
		if (takes && (urgent || !cs->reclaim.for_others || cs->loans.owes_since_us))
			continue;
		step->plan->pace[i] = PACE_POLITE;
	}
}

static struct reclaim_wish largest(struct reclaim_wish a, struct reclaim_wish b)
{
	return b.bytes > a.bytes ? b : a;
}

/* Files go at once and make room for all, but not always before what else is wished, and never
 * before what somebody asks by hand. */
static void begin_one(struct step *step, uint32_t component, struct reclaim_wish wish)
{
	struct reclaim_wish files = files_wish(step, component);
	bool last = wish.bytes && (wish.why.reason == REASON_REQUEST ||
				   step->state->component[component].reclaim.files);

	if (last && begin(step, component, wish))
		return;
	if ((!files.bytes || !begin(step, component, files)) && !last)
		begin(step, component, wish);
}

void reclaim_step(struct step *step)
{
	uint32_t donor = COMPONENT_NONE;

	if (!room_on_host(step, 0) || step->state->host_wants)
		donor = donor_first(step, may_give);
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct reclaim_wish wish;

		if (!is_free(step, i))
			continue;
		wish = by_request(step, i);
		wish = largest(wish, by_contention(step, i));
		if (!is_in_use(step, i)) {
			wish = largest(wish, by_dependence(step, i));
			wish = largest(wish, by_payback(step, i));
			wish = largest(wish, by_schedule(step, i));
		}
		if (i == donor)
			wish = largest(wish, by_host(step, i));
		begin_one(step, i, wish);
	}
	say_who_can_wait(step);
	say_who_is_polite(step);
}
