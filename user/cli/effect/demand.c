// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads demand off frames. Memory that a leaf takes while it stands still is what was paged in for
 * it, and lies in swap a second time until it is written to; so growth counts while it runs alone.
 * What was put out and not read again, and what ages say is untouched, is cold.
 */
#include "user/cli/effect/demand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/conf/conf.h"
#include "user/policy/num.h"

#define STEP_US       US_PER_SEC /* of own time: a phase */
#define ROOM_FIRST    64
#define GROWTH_LEAST  (16 * MIB) /* a second, towards what it had come to by then */
#define WANTED_LEAST  (64 * KIB) /* something to touch */
#define FILE_ROUND_US (10 * US_PER_SEC)
#define GAP_US        (60 * US_PER_SEC) /* longer is of a machine that slept, or of lost frames */
#define SPAN_LEAST_US STEP_US           /* of a stretch; a shorter one tells nothing */
#define COLD_PART     20
#define BACK_PART     4

/* ---- phases ---- */

static struct plant_phase *add_phase(struct demand_leaf *leaf)
{
	uint32_t room = leaf->room ? 2 * leaf->room : ROOM_FIRST;
	void *grown;

	if (leaf->phases == leaf->room) {
		grown = reallocarray(leaf->phase, room, sizeof(*leaf->phase));
		if (!grown)
			return NULL;
		leaf->phase = grown;
		leaf->room = room;
	}
	leaf->phase[leaf->phases] = (struct plant_phase){0};
	return &leaf->phase[leaf->phases++];
}

static uint64_t per_second(uint64_t bytes, uint64_t us)
{
	return mul_div(bytes, US_PER_SEC, max_u64(us, 1));
}

/* hot_bytes: PLANT_ALL where no ages told, until all frames have. */
static int end_phase(struct demand_leaf *leaf, const struct leaf_sample *sample, uint64_t files)
{
	struct plant_phase *phase = add_phase(leaf);
	uint64_t wanted = max_u64(leaf->wanted_bytes, WANTED_LEAST);
	uint64_t change = wanted > leaf->aimed ? wanted - leaf->aimed : leaf->aimed - wanted;

	if (!phase)
		return -ENOMEM;
	phase->target_bytes = wanted;
	phase->grow_per_s = max_u64(per_second(change, leaf->own_us), GROWTH_LEAST);
	phase->hot_bytes =
		sample->ages.valid
			? sub_sat(wanted, sample->ages.cold_anon_bytes + leaf->swap_bytes)
			: PLANT_ALL;
	phase->touches_per_s = DEMAND_TOUCHES_PER_S;
	phase->touches = max_u64(mul_div(DEMAND_TOUCHES_PER_S, leaf->own_us, US_PER_SEC), 1);
	phase->file_bytes = files;
	phase->reads_per_s = per_second(files / PLANT_PAGE, FILE_ROUND_US);
	leaf->aimed = wanted;
	leaf->own_us = 0;
	return 0;
}

/* Much of it went to swap and hardly any came back: it does not return to what it has filled. */
static bool only_fills(const struct demand_leaf *leaf)
{
	return leaf->cold_bytes > leaf->wanted_bytes / COLD_PART &&
	       leaf->back_bytes < leaf->cold_bytes / BACK_PART;
}

/* Where ages did not tell: all of it is hot, or what it has just filled. */
static void settle_hot(struct demand_leaf *leaf)
{
	uint64_t before = leaf->anon_bytes;

	for (uint32_t i = 0; i < leaf->phases; i++) {
		struct plant_phase *phase = &leaf->phase[i];

		if (phase->hot_bytes == PLANT_ALL)
			phase->hot_bytes = only_fills(leaf) ? sub_sat(phase->target_bytes, before)
							    : phase->target_bytes;
		phase->hot_bytes = max_u64(phase->hot_bytes, WANTED_LEAST);
		before = phase->target_bytes;
	}
}

/* ---- leaves ---- */

static struct demand_leaf *find_leaf(struct demand *demand, uint64_t cgid)
{
	for (uint32_t i = 0; i < demand->leaves; i++)
		if (demand->leaf[i].cgid == cgid)
			return &demand->leaf[i];
	return NULL;
}

/* Of what a leaf has, as much is files as of all that its component has; shared memory is not. */
static uint64_t files_of(const struct component_sample *c, uint64_t bytes)
{
	uint64_t files = c->active_file_bytes + c->inactive_file_bytes;

	return mul_div(bytes, min_u64(files, c->current_bytes), max_u64(c->current_bytes, 1));
}

/* Counted once, as far as they are remembered. */
static void leave_out(struct demand *demand, uint64_t cgid)
{
	for (uint32_t i = 0; i < demand->left_out; i++)
		if (demand->left_cgid[i] == cgid)
			return;
	if (demand->left_out < PLANT_LEAVES_MAX)
		demand->left_cgid[demand->left_out++] = cgid;
}

static void add_leaf(struct demand *demand, const struct recording *r, const struct leaf_sample *s)
{
	const struct component_sample *c = &r->frame.component[s->component];
	const char *name = recording_leaf_name(r, s->cgid);
	struct demand_leaf *leaf;

	if (demand->leaves == PLANT_LEAVES_MAX) {
		leave_out(demand, s->cgid);
		return;
	}
	leaf = &demand->leaf[demand->leaves++];
	*leaf = (struct demand_leaf){
		.cgid = s->cgid,
		.component = s->component,
		.born_us = r->frame.now_us - demand->first_us,
		.file_bytes = files_of(c, s->current_bytes),
		.refaults = c->refault_anon,
	};
	snprintf(leaf->name, sizeof(leaf->name), "%s", name ? name : "");
	leaf->anon_bytes = sub_sat(s->current_bytes, leaf->file_bytes) + s->swap_bytes;
	leaf->aimed = leaf->wanted_bytes = leaf->anon_bytes;
}

/* What it has come to: anonymous memory, wherever that is. */
static void take_growth(struct demand_leaf *leaf, uint64_t held, uint64_t before)
{
	uint64_t less = sub_sat(before, held), twice = min_u64(less, leaf->twice_bytes);

	if (leaf->frozen) {
		leaf->twice_bytes += sub_sat(held, before);
		return;
	}
	leaf->twice_bytes -= twice;
	leaf->wanted_bytes = sub_sat(leaf->wanted_bytes + sub_sat(held, before), less - twice);
}

static void take_cold(struct demand_leaf *leaf, const struct component_sample *c,
		      const struct leaf_sample *s)
{
	uint64_t back = sub_sat(c->refault_anon, leaf->refaults) * PLANT_PAGE;

	leaf->back_bytes += leaf->frozen ? 0 : back; /* else it is paged in */
	leaf->refaults = c->refault_anon;
	leaf->cold_bytes =
		max_u64(leaf->cold_bytes, sub_sat(sub_sat(s->swap_bytes, leaf->twice_bytes), back));
}

static int see_leaf(struct demand *demand, struct demand_leaf *leaf, const struct frame *f,
		    const struct leaf_sample *s)
{
	struct effect_leaf *came = &demand->came.leaf[leaf - demand->leaf];
	const struct component_sample *c = &f->component[s->component];
	uint64_t files = files_of(c, s->current_bytes), us = f->now_us - leaf->seen_us;
	uint64_t held = sub_sat(s->current_bytes, files) + s->swap_bytes;
	int rc = 0;

	if (leaf->seen_us) {
		uint64_t own_us = sub_sat(us, demand->waited_us[s->component]);

		*(leaf->frozen ? &came->stood_us : &came->done_us) += leaf->frozen ? us : own_us;
		leaf->own_us += leaf->frozen ? 0 : own_us;
		take_growth(leaf, held, leaf->current_bytes + leaf->swap_bytes);
		take_cold(leaf, c, s);
	}
	leaf->seen_us = f->now_us;
	leaf->frozen = s->frozen;
	leaf->current_bytes = held - s->swap_bytes;
	leaf->swap_bytes = s->swap_bytes;
	if (leaf->own_us >= STEP_US)
		rc = end_phase(leaf, s,
			       c->active_file_bytes ? min_u64(files, c->active_file_bytes) : 0);
	return rc;
}

/* Who is gone has ended; where somebody was killed meanwhile, by that. */
static void end_leaf(struct demand *demand, struct demand_leaf *leaf, const struct frame *f)
{
	struct effect_leaf *came = &demand->came.leaf[leaf - demand->leaf];

	leaf->gone = true;
	came->ended_us = f->now_us - demand->first_us;
	came->killed |=
		f->component[leaf->component].ev_oom_kill > demand->oom_kills[leaf->component];
}

static int take_leaves(struct demand *demand, const struct recording *r)
{
	const struct frame *f = &r->frame;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < f->leaf_count; i++) {
		const struct leaf_sample *s = &f->leaf[i];
		struct demand_leaf *leaf = find_leaf(demand, s->cgid);

		if (!s->populated || s->component >= f->component_count)
			continue;
		if (!leaf) {
			add_leaf(demand, r, s);
			leaf = find_leaf(demand, s->cgid);
		}
		if (leaf && !leaf->gone)
			rc = see_leaf(demand, leaf, f, s);
	}
	for (uint32_t i = 0; i < demand->leaves; i++)
		if (!demand->leaf[i].gone && demand->leaf[i].seen_us != f->now_us)
			end_leaf(demand, &demand->leaf[i], f);
	return rc;
}

/* ---- frames ---- */

static void take_components(struct demand *demand, const struct frame *f)
{
	for (uint32_t i = 0; i < f->component_count; i++) {
		const struct component_sample *c = &f->component[i];
		struct effect_component *came = &demand->came.component[i];

		if (demand->frames) {
			demand->waited_us[i] = sub_sat(c->psi_full_us, demand->full_us[i]);
			came->stalled_us += sub_sat(c->psi_some_us, demand->some_us[i]);
		}
		demand->full_us[i] = c->psi_full_us;
		demand->some_us[i] = c->psi_some_us;
		came->swapped_bytes = max_u64(came->swapped_bytes, c->swap_bytes);
	}
}

/* A mean over the frames: what is neither available nor memory of the pool. */
static void take_host(struct demand *demand, const struct frame *f)
{
	uint64_t system = sub_sat(f->host.total_bytes, f->host.available_bytes);

	for (uint32_t i = 0; i < f->component_count; i++) {
		const struct component_sample *c = &f->component[i];

		system = sub_sat(system, sub_sat(c->current_bytes, files_of(c, c->current_bytes)));
	}
	demand->total_bytes = f->host.total_bytes;
	demand->swap_bytes = f->host.swap_total_bytes;
	demand->system_bytes =
		(demand->system_bytes * demand->frames + system) / (demand->frames + 1);
}

static void forget(struct demand *demand)
{
	for (uint32_t i = 0; i < demand->leaves; i++)
		free(demand->leaf[i].phase);
	free(demand->text);
	*demand = (struct demand){0};
}

static int take_config(struct demand *demand, const struct recording *r, struct uw_err *err)
{
	int rc = conf_parse_text("recording", r->config, r->config_len, &demand->config, err);

	if (rc)
		return rc;
	demand->text = malloc(max_u64(r->config_len, 1));
	if (!demand->text)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(demand->text, r->config, r->config_len);
	demand->text_len = r->config_len;
	demand->usable_bytes = r->usable_bytes;
	memcpy(demand->boot_id, r->begin.boot_id, sizeof(demand->boot_id));
	return 0;
}

/* A new stretch begins with another machine or another configuration. */
static bool goes_on(const struct demand *demand, const struct recording *r)
{
	return demand->text && demand->text_len == r->config_len &&
	       !memcmp(demand->text, r->config, r->config_len) &&
	       !strcmp(demand->boot_id, r->begin.boot_id) && !r->thin &&
	       r->frame.now_us > demand->last_us && r->frame.now_us - demand->last_us < GAP_US;
}

static uint64_t span_us(const struct demand *demand)
{
	return demand->last_us - demand->first_us;
}

/* What is told of when the stretch that begins now does not come to anything. */
static void set_aside(struct demand *demand, struct demand *former)
{
	if (span_us(demand) < SPAN_LEAST_US && span_us(demand) <= span_us(former)) {
		forget(demand);
		return;
	}
	forget(former);
	*former = *demand;
	*demand = (struct demand){0};
}

static int take_frame(struct demand *demand, struct demand *former, const struct recording *r,
		      struct uw_err *err)
{
	const struct frame *f = &r->frame;
	int rc;

	if (r->thin || !r->config || f->kind != FRAME_FULL || !f->leaves_valid || !f->host.valid)
		return 0;
	if (!goes_on(demand, r)) {
		set_aside(demand, former);
		rc = take_config(demand, r, err);
		if (rc)
			return rc;
		demand->first_us = f->now_us;
		demand->begin_wall_us = r->wall_us;
	}
	take_components(demand, f);
	take_host(demand, f);
	rc = take_leaves(demand, r);
	for (uint32_t i = 0; i < f->component_count; i++)
		demand->oom_kills[i] = f->component[i].ev_oom_kill;
	demand->last_us = f->now_us;
	demand->frames++;
	return rc ? err_set(err, rc, "out of memory") : 0;
}

static void take_plan(struct demand *demand, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->action_count; i++) {
		struct demand_leaf *leaf = find_leaf(demand, plan->action[i].leaf);

		if (leaf && plan->action[i].kind == ACTION_KILL)
			demand->came.leaf[leaf - demand->leaf].killed = true;
	}
}

/* The rest of its time; and who did not end by itself goes on as it is. */
static int finish_leaf(struct demand *demand, struct demand_leaf *leaf)
{
	static const struct leaf_sample nothing_known;
	const struct effect_leaf *came = &demand->came.leaf[leaf - demand->leaf];
	int rc = 0;

	if (leaf->own_us || !leaf->phases)
		rc = end_phase(leaf, &nothing_known,
			       leaf->phases ? leaf->phase[leaf->phases - 1].file_bytes : 0);
	if (!rc && (!leaf->gone || came->killed)) {
		struct plant_phase *last = add_phase(leaf);

		if (!last)
			return -ENOMEM;
		*last = leaf->phase[leaf->phases - 2];
		last->us = PLANT_FOREVER;
		last->touches = 0; /* without an end */
	}
	settle_hot(leaf);
	return rc;
}

static int read_stretches(struct demand *demand, struct demand *former, struct recording *recording,
			  struct uw_err *err)
{
	int rc = 0;

	recording_rewind(recording);
	while (!rc && recording_next(recording)) {
		if (recording->kind == RECORD_FRAME)
			rc = take_frame(demand, former, recording, err);
		else if (recording->kind == RECORD_PLAN && demand->frames)
			take_plan(demand, &recording->plan);
	}
	/* A reload just before the copy begins one of a frame or two. */
	if (span_us(demand) < SPAN_LEAST_US && span_us(former) > span_us(demand)) {
		forget(demand);
		*demand = *former;
		*former = (struct demand){0};
	}
	forget(former);
	return rc;
}

int demand_read(struct demand *demand, struct recording *recording, struct uw_err *err)
{
	AUTO_FREE struct demand *former = calloc(1, sizeof(*former));
	int rc;

	*demand = (struct demand){0};
	if (!former)
		return err_set(err, -ENOMEM, "out of memory");
	rc = read_stretches(demand, former, recording, err);
	if (!rc && !span_us(demand))
		return err_set(err, -ENODATA, "no stretch that is recorded in full");
	for (uint32_t i = 0; !rc && i < demand->leaves; i++)
		if (finish_leaf(demand, &demand->leaf[i]) < 0)
			rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

void demand_done(struct demand *demand)
{
	forget(demand);
}
