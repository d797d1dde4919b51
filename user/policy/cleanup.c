// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Has a row for each type, with the pages that go first, and a part for each tier of what one
 * cleanup takes. That of who is calm follows Senpai of oomd and TMO (ASPLOS'22): one hundredth of
 * what it holds at an interval, or a twentieth of what ages say that nobody comes back to where
 * that is more, scaled down as its stalls come near the target. What is read back is judged by
 * payoff.c like any reclaim: after one poor result the interval is doubled, after two nothing is
 * taken for a while. Of whom other pages than files go first the ages are awaited before.
 */
#include "user/policy/cleanup.h"

#include "user/policy/headroom.h"
#include "user/policy/idle.h"
#include "user/policy/num.h"
#include "user/policy/room.h"

#define FILE_PART            4 /* of inactive file pages at most */
#define FILE_FLOOR           (16 * MIB)
#define FILE_FLOOR_PROTECTED (64 * MIB)
#define FIRST_LEAST          MIB /* of the pages that go first: with less the others go too */
#define CLEAN_LEAST          (16 * MIB) /* held; less is not worth it */
#define SWAP_KEPT_PART       2          /* of swap, for who is in need */
#define KNOWN_PART           20         /* of what nobody comes back to, at an interval */
/* Two looks ten seconds apart tell the first ages; where the kernel tells none they never come. */
#define AGES_AWAITED_US (40 * US_PER_SEC)

/* The pages that go first. */
enum cleanup_first {
	FIRST_ANY, /* as the occasion has it */
	FIRST_FILE,
	FIRST_ANON,
	FIRST_OLDEST,
};

struct cleanup_rule {
	enum cleanup_first first;
	bool keeps_hot; /* never below what it works on, standing still or not */
};

static const struct cleanup_rule rules[TYPE__COUNT] = {
	[TYPE_OTHER] = {FIRST_ANY, false},    [TYPE_FEED] = {FIRST_FILE, false},
	[TYPE_MODELS] = {FIRST_ANON, false},  [TYPE_DATABASE] = {FIRST_ANY, true},
	[TYPE_CACHE] = {FIRST_OLDEST, false},
};

/* Of what it holds, in permyriad, where nothing says how much of that is cold: light as oomd's
 * Senpai has it, moderate three times that; the tiers above take what is lacking. */
static const uint32_t tier_part[TIER__COUNT] = {
	[TIER_LIGHT] = 100,
	[TIER_MODERATE] = 300,
};

static const struct cleanup_rule *rule_of(const struct step *step, uint32_t component)
{
	return &rules[step->config->component[component].type];
}

/*
 * Kernels without swappiness= (6.1) take anonymous pages too where file pages are few: below 16 MiB
 * of them inactive even an easy reclaim does (mm/vmscan.c, cache_trim_mode), and nobody protected
 * may come near that.
 */
static uint64_t file_floor(const struct component *c)
{
	return component_is_protected(c) ? FILE_FLOOR_PROTECTED : FILE_FLOOR;
}

uint64_t cleanup_file_bytes(const struct step *step, uint32_t component)
{
	const struct component *c = &step->config->component[component];
	uint64_t file = step->state->component[component].signal.inactive_file_bytes;
	uint64_t floor = file_floor(c);

	if (rule_of(step, component)->first == FIRST_FILE && !component_is_protected(c))
		return sub_sat(file, floor);
	return file >= floor ? file / FILE_PART : 0;
}

static uint64_t anon_bytes(const struct step *step, uint32_t component)
{
	const struct host_state *host = &step->state->host;
	uint64_t bytes = step->state->component[component].signal.anon_bytes;

	return host->valid ? min_u64(bytes, host->swap_free_bytes) : bytes;
}

static uint64_t tier_bytes(const struct step *step, uint32_t component, enum tier tier)
{
	uint64_t held = step->state->component[component].signal.current_bytes;

	return tier_part[tier] ? max_u64(mul_div(held, tier_part[tier], PERMYRIAD_ONE), MIB)
			       : BYTES_MAX;
}

/* Those that are known to be cold; where nothing is known a light cleanup takes but a part. */
static uint64_t first_bytes(const struct step *step, uint32_t component, enum tier tier)
{
	bool file = rule_of(step, component)->first == FIRST_FILE;
	uint64_t bytes = file ? cleanup_file_bytes(step, component) : anon_bytes(step, component);
	uint64_t cold = idle_cold_bytes(step, component, true);

	if (!file)
		cold = idle_cold_bytes(step, component, false) - cold;
	if (idle_is_known(step, component))
		return min_u64(bytes, cold);
	return file || tier != TIER_LIGHT ? bytes
					  : min_u64(bytes, tier_bytes(step, component, tier));
}

/*
 * In a reclaim of the whole component each group below it gives, and one without anonymous pages
 * gives files: what leaves that have gone had read above all.
 */
static struct cleanup_take coldest_first(const struct step *step, uint32_t component,
					 uint64_t most_bytes)
{
	struct cleanup_take take = {CLEANUP_ANON_FIRST, most_bytes, NULL};
	const struct leaf_state *leaf = idle_coldest(step, component);

	if (!leaf || leaf->ages.cold_anon_bytes < FIRST_LEAST)
		return take;
	take.leaf = leaf;
	take.most_bytes = min_u64(most_bytes, leaf->ages.cold_anon_bytes);
	return take;
}

struct cleanup_take cleanup_take_of(const struct step *step, uint32_t component, enum tier tier,
				    int32_t swappiness, bool still)
{
	enum cleanup_first first = rule_of(step, component)->first;
	struct cleanup_take take = {swappiness, BYTES_MAX, NULL};
	uint64_t bytes;

	if (first == FIRST_OLDEST) {
		take.swappiness = CLEANUP_BY_AGE;
		if (swappiness == 0 && !still && !idle_is_known(step, component))
			take.most_bytes = tier_bytes(step, component, tier);
	}
	if (first != FIRST_FILE && first != FIRST_ANON)
		return take;
	bytes = still ? BYTES_MAX : first_bytes(step, component, tier);
	if (bytes < FIRST_LEAST || (still && first == FIRST_FILE))
		return take;
	if (first == FIRST_FILE)
		return (struct cleanup_take){0, bytes, NULL};
	return still ? (struct cleanup_take){CLEANUP_ANON_FIRST, bytes, NULL}
		     : coldest_first(step, component, bytes);
}

uint64_t cleanup_spare_bytes(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t hot = cs->signal.ws_bytes;

	if (!rule_of(step, component)->keeps_hot)
		return BYTES_MAX;
	if (idle_is_known(step, component))
		hot = min_u64(cs->idle.ages.hot_bytes, BYTES_SANE);
	return sub_sat(cs->signal.current_bytes, hot);
}

/* ---- while nobody lacks memory ---- */

bool cleanup_is_on(const struct step *step, uint32_t component)
{
	const struct component *c = &step->config->component[component];

	return component_is_cleaned(c) && (c->clean == CLEAN_YES || !headroom_is_roomy(step));
}

/* Swap that is full of what was cold is none for who is in need. */
static bool may_take(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	const struct host_state *host = &step->state->host;
	bool files = rule_of(step, component)->first == FIRST_FILE ||
		     rule_of(step, component)->first == FIRST_ANY;

	if (cs->signal.current_bytes < CLEAN_LEAST || !cs->signal.stall_count || cs->frozen_leaves)
		return false;
	return files || !host->valid ||
	       host->swap_free_bytes > host->swap_total_bytes / SWAP_KEPT_PART;
}

/*
 * Until it has looked at them twice the kernel takes anonymous pages for young, and leaves them
 * behind all files whatever swappiness says (mm/vmscan.c, isolate_folios). A look is asked for when
 * a cleanup is due and no sooner, so that a long interval has few.
 */
static bool awaits_ages(struct step *step, uint32_t component)
{
	enum cleanup_first first = rule_of(step, component)->first;
	struct component_state *cs = &step->state->component[component];

	if (first != FIRST_ANON && first != FIRST_OLDEST)
		return false;
	idle_ask(cs, step->now_us);
	if (idle_is_known(step, component)) {
		cs->cleanup.awaits_since_us = 0;
		return false;
	}
	if (!cs->cleanup.awaits_since_us)
		cs->cleanup.awaits_since_us = step->now_us;
	return step->now_us - cs->cleanup.awaits_since_us < AGES_AWAITED_US;
}

/* Of the pages that go first: file pages that lay untouched for AGES_COLD_US, as those that were
 * read once do from the start, and anonymous pages that did for a minute: to miss these costs a
 * read of swap. */
static uint64_t known_bytes(const struct step *step, uint32_t component)
{
	enum cleanup_first first = rule_of(step, component)->first;
	uint64_t files = idle_cold_bytes(step, component, true);
	uint64_t anon = min_u64(idle_cold_bytes(step, component, false) - files,
				idle_long_bytes(step, component));

	if (first == FIRST_ANON)
		return anon;
	return first == FIRST_OLDEST ? files + anon : files;
}

uint64_t cleanup_due(struct step *step, uint32_t component, enum tier *ret_tier,
		     struct why *ret_why)
{
	const struct policy_conf *conf = &step->config->policy;
	struct component_state *cs = &step->state->component[component];
	struct cleanup_state *cleanup = &cs->cleanup;
	uint64_t us = step->now_us - cleanup->at_us, target = conf->clean_target_permyriad, some,
		 bytes;
	bool begun = cleanup->at_us && cs->signal.stalled_us >= cleanup->stalled_us, may;

	if (begun && us < conf->clean_interval_us << cs->payoff.poor)
		return 0;
	some = permyriad_of(cs->signal.stalled_us - cleanup->stalled_us, us);
	may = begun && cleanup_is_on(step, component) && may_take(step, component) && some < target;
	if (may && awaits_ages(step, component))
		return 0;
	cleanup->at_us = step->now_us;
	cleanup->stalled_us = cs->signal.stalled_us;
	if (!may)
		return 0;
	*ret_tier = cs->level.level >= LEVEL_HIGH ? TIER_MODERATE : TIER_LIGHT;
	*ret_why = (struct why){REASON_CLEANUP, some, target};
	bytes = max_u64(tier_bytes(step, component, *ret_tier),
			known_bytes(step, component) / KNOWN_PART);
	return max_u64(mul_div(bytes, target - some, target), MIB);
}
