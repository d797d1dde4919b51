// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a frame says holds until the next full one. Where the kernel told ages hot is what they say,
 * elsewhere all but inactive files and slab that can be reclaimed. Sums stand in steps of a
 * permyriad of the pool, so that days of a recording take no more memory than minutes; what was
 * recorded by an earlier configuration counts for the component of that name.
 */
#include "user/cli/hot_sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/conf/conf.h"

#define GAP_US        (30 * US_PER_SEC) /* thin frames are ten seconds apart */
#define SERVED        9500              /* permyriad of the time */
#define LACKED        1000              /* permyriad of it stalled: SOME of level medium */
#define AT_LEAST_PART 100
#define SHARE_STEP    10 /* permyriad */

/* One component in the last full frame. */
struct hot_sample {
	bool seen, aged, lacked;
	uint64_t hot_bytes;
};

struct hot_walk {
	struct hot_sets *sets;
	struct recording *recording;
	const char *config_text; /* by which index is */
	uint32_t config_len;
	uint32_t index[UW_COMPONENTS_MAX]; /* in sets->config, or COMPONENT_NONE */
	uint64_t wall_us, now_us;          /* of the last full frame; 0: none to go on from */
	struct hot_sample sample[UW_COMPONENTS_MAX];
	uint64_t stalled_us[UW_COMPONENTS_MAX];
};

/* ---- sums ---- */

static void add(const struct hot_sets *sets, struct hot_set *set, const struct hot_sample *sample,
		uint64_t us)
{
	uint64_t usable = sets->config.usable_bytes;
	uint64_t bytes = sample->hot_bytes < usable ? sample->hot_bytes : usable;
	uint64_t step = (bytes * HOT_SETS_STEPS + usable - 1) / usable;

	set->us[step] += us;
	set->seen_us += us;
	set->aged_us += sample->aged ? us : 0;
	set->lacked_us += sample->lacked ? us : 0;
	if (sample->hot_bytes > set->most_bytes)
		set->most_bytes = sample->hot_bytes;
}

/* What was seen in the last frame held until now. */
static void account(struct hot_walk *walk, uint64_t us)
{
	struct hot_sample all = {.aged = true};

	for (uint32_t i = 0; i < walk->sets->config.component_count; i++) {
		const struct hot_sample *sample = &walk->sample[i];

		if (!sample->seen)
			continue;
		add(walk->sets, &walk->sets->component[i], sample, us);
		all.seen = true;
		all.aged &= sample->aged;
		all.lacked |= sample->lacked;
		all.hot_bytes += sample->hot_bytes;
	}
	if (all.seen)
		add(walk->sets, &walk->sets->together, &all, us);
}

/* ---- frames ---- */

static uint64_t hot_bytes(const struct component_sample *c, bool *ret_aged)
{
	uint64_t cold = c->inactive_file_bytes + c->slab_reclaimable_bytes;
	uint64_t hot = c->current_bytes > cold ? c->current_bytes - cold : 0;

	*ret_aged = c->ages.valid;
	return c->ages.valid && c->ages.hot_bytes < c->current_bytes ? c->ages.hot_bytes : hot;
}

static bool has_frozen(const struct frame *frame, uint32_t component)
{
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (frame->leaf[i].component == component && frame->leaf[i].frozen)
			return true;
	return false;
}

static bool has_stalled(const struct component_sample *c, uint64_t since_us, uint64_t us)
{
	return (c->valid & SAMPLE_PSI) && since_us && c->psi_some_us > since_us &&
	       (c->psi_some_us - since_us) * PERMYRIAD_ONE > us * LACKED;
}

/* us: since the last full frame, 0 when that says nothing. */
static void look_at(struct hot_walk *walk, uint32_t from, uint64_t us)
{
	const struct frame *frame = &walk->recording->frame;
	const struct component_sample *c = &frame->component[from];
	uint32_t to = walk->index[from];
	struct hot_sample *sample;

	if (to == COMPONENT_NONE || !(c->valid & SAMPLE_USAGE) || !(c->valid & SAMPLE_STAT))
		return;
	sample = &walk->sample[to];
	sample->seen = true;
	sample->hot_bytes = hot_bytes(c, &sample->aged);
	sample->lacked =
		has_frozen(frame, from) || (us && has_stalled(c, walk->stalled_us[to], us));
	walk->stalled_us[to] = c->psi_some_us;
}

/* Since the last full frame, by the clock that nobody sets and that begins anew with the machine; 0
 * when that one is too long ago, or of an earlier boot. */
static uint64_t since_last(const struct hot_walk *walk)
{
	const struct recording *r = walk->recording;

	if (!walk->wall_us || r->wall_us > walk->wall_us + GAP_US ||
	    r->frame.now_us < walk->now_us || r->frame.now_us > walk->now_us + GAP_US)
		return 0;
	return r->frame.now_us - walk->now_us;
}

static void take_frame(struct hot_walk *walk)
{
	const struct recording *r = walk->recording;
	uint64_t us;

	if (r->frame.kind != FRAME_FULL)
		return;
	us = since_last(walk);
	if (us)
		account(walk, us);
	memset(walk->sample, 0, sizeof(walk->sample));
	for (uint32_t i = 0; i < r->frame.component_count; i++)
		look_at(walk, i, us);
	walk->wall_us = r->wall_us;
	walk->now_us = r->frame.now_us;
}

/* ---- configurations ---- */

static bool read_config(const struct recording *r, struct config *ret_config)
{
	struct uw_err err = {0};

	return r->config &&
	       !conf_parse_text("recording", r->config, r->config_len, ret_config, &err) &&
	       !config_resolve(ret_config, r->usable_bytes);
}

static void take_config(struct hot_walk *walk)
{
	const struct recording *r = walk->recording;
	struct config config;
	bool known;

	if (walk->config_text && walk->config_len == r->config_len &&
	    !memcmp(walk->config_text, r->config, r->config_len))
		return;
	walk->config_text = r->config;
	walk->config_len = r->config_len;
	walk->wall_us = 0;
	known = read_config(r, &config);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		int to = known && i < config.component_count
				 ? config_find(&walk->sets->config, config.component[i].name)
				 : -1;

		walk->index[i] = to < 0 ? COMPONENT_NONE : (uint32_t)to;
	}
}

/* ---- the walk ---- */

static void walk_through(struct hot_walk *walk)
{
	struct recording *r = walk->recording;

	recording_rewind(r);
	while (recording_next(r)) {
		if (r->kind == RECORD_CONFIG)
			take_config(walk);
		else if (r->kind == RECORD_GAP)
			walk->wall_us = 0;
		else if (r->kind == RECORD_FRAME && r->wall_us >= walk->sets->from_us &&
			 r->wall_us <= walk->sets->to_us)
			take_frame(walk);
	}
}

int hot_sets_gather(struct recording *recording, uint64_t since_us, struct hot_sets **ret_sets,
		    struct uw_err *err)
{
	AUTO_FREE struct hot_sets *sets = calloc(1, sizeof(*sets));
	AUTO_FREE struct hot_walk *walk = calloc(1, sizeof(*walk));

	if (!sets || !walk)
		return err_set(err, -ENOMEM, "not enough memory");
	if (!recording_seek(recording, UINT64_MAX))
		return err_set(err, -ENODATA, "nothing is recorded");
	sets->to_us = recording->wall_us;
	if (!read_config(recording, &sets->config) || !sets->config.usable_bytes)
		return err_set(err, -ENODATA,
			       "the configuration of the recording is one that this version cannot "
			       "read");
	recording_seek(recording, since_us && sets->to_us > since_us ? sets->to_us - since_us : 0);
	sets->from_us = recording->wall_us;
	walk->sets = sets;
	walk->recording = recording;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		walk->index[i] = COMPONENT_NONE;
	walk_through(walk);
	*ret_sets = TAKE(sets);
	return 0;
}

/* ---- what it says ---- */

static uint64_t bytes_of(const struct hot_sets *sets, const struct hot_set *set, uint64_t step)
{
	uint64_t bytes = (sets->config.usable_bytes * step + HOT_SETS_STEPS - 1) / HOT_SETS_STEPS;

	return bytes < set->most_bytes ? bytes : set->most_bytes;
}

uint64_t hot_sets_quantile(const struct hot_sets *sets, const struct hot_set *set,
			   uint32_t permyriad)
{
	uint64_t due_us = set->seen_us * permyriad / PERMYRIAD_ONE, us = 0;

	for (uint64_t step = 0; set->seen_us && step <= HOT_SETS_STEPS; step++) {
		us += set->us[step];
		if (us && us >= due_us)
			return bytes_of(sets, set, step);
	}
	return 0;
}

bool hot_sets_is_at_least(const struct hot_set *set)
{
	return set->lacked_us > set->seen_us / AT_LEAST_PART;
}

uint32_t hot_sets_share(const struct hot_sets *sets, const struct hot_set *set)
{
	uint64_t hot = hot_sets_quantile(sets, set, SERVED);
	uint64_t edge =
		sets->config.usable_bytes * sets->config.policy.edge_pct[LEVEL_MEDIUM] / 100;
	uint64_t share = edge ? (hot * PERMYRIAD_ONE + edge - 1) / edge : 0;

	share = (share + SHARE_STEP - 1) / SHARE_STEP * SHARE_STEP;
	return (uint32_t)(share > SHARE_STEP ? share : SHARE_STEP);
}
