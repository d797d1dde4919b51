// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "user/base/clock.h"
#include "user/base/units.h"

#define RECLAIM_MAX     (64 * MIB)
#define FREEZE_SLACK_US US_PER_SEC

/* All may use what is in force for them, and the pool does not meet its ceiling. */
static void loans_are_covered(const struct plant *plant)
{
	const struct config *c = &plant->config;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->component_count; i++) {
		struct component_view view;

		policy_view(plant->state, i, &view);
		sum += view.in_force_bytes;
		assert_int_equal(view.in_force_bytes,
				 view.budget_bytes + view.borrowed_bytes - view.lent_bytes);
		assert_true(view.borrowed_bytes == 0 || c->component[i].borrow ||
			    view.current_bytes > view.budget_bytes);
		assert_true(view.lent_bytes == 0 || c->component[i].lend);
	}
	if (sum > c->usable_bytes + MIB)
		print_error("%llu MB in force of %llu\n", (unsigned long long)(sum / MIB),
			    (unsigned long long)(c->usable_bytes / MIB));
	assert_true(sum <= c->usable_bytes + MIB);
}

static void protection_is_bounded(const struct plant *plant)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		const struct component *c = &plant->config.component[i];
		uint64_t min = plant->component[i].min_bytes;

		assert_true(min <= c->budget_bytes);
		assert_true(min == 0 || c->protect == PROTECT_WORKING_SET);
		sum += min;
	}
	assert_true(sum <= plant->config.usable_bytes);
}

static void actions_are_allowed(const struct plant *plant)
{
	for (uint32_t i = 0; i < plant->plan.action_count; i++) {
		const struct action *a = &plant->plan.action[i];
		const struct component *c = &plant->config.component[a->component];

		assert_in_range(a->component, 0, plant->config.component_count - 1);
		assert_int_not_equal(a->id, 0);
		assert_int_not_equal(a->why.reason, REASON_NONE);
		if (a->kind == ACTION_FREEZE) {
			assert_true(c->freeze);
			assert_true(a->deadline_us > plant->now_us);
			assert_true(a->deadline_us <=
				    plant->now_us + plant->config.policy.freeze_max_us);
		}
		if (a->kind == ACTION_KILL)
			assert_int_equal(c->kill, KILL_LAST_RESORT);
		if (a->kind == ACTION_RECLAIM) {
			assert_in_range(a->amount, MIB, RECLAIM_MAX);
			assert_true(a->deadline_us > plant->now_us);
			if ((c->protect == PROTECT_WORKING_SET &&
			     a->why.reason != REASON_REQUEST) ||
			    plant->swap_bytes == 0)
				assert_int_equal(a->swappiness, 0);
		}
	}
}

static bool stands_still(const struct plant *plant, uint32_t component)
{
	for (uint32_t i = 0; i < plant->leaf_count; i++)
		if (plant->leaf[i].component == component && plant->leaf[i].frozen)
			return true;
	return false;
}

/* Who runs is asked for no more than is known to be cold, unless somebody asks by hand, and of
 * files that were read once, which have no age, for no more than there are. */
static void what_is_hot_stays(const struct plant *plant)
{
	for (uint32_t i = 0; i < plant->plan.action_count; i++) {
		const struct action *a = &plant->plan.action[i];
		const struct ages_sample *ages = &plant->frame->component[a->component].ages;

		if (a->kind != ACTION_RECLAIM || a->leaf || a->why.reason == REASON_REQUEST ||
		    !plant->frame->leaves_valid || !ages->valid ||
		    stands_still(plant, a->component))
			continue;
		if (a->why.reason == REASON_FILES) {
			assert_int_equal(a->swappiness, 0);
			assert_true(a->amount <=
				    plant->frame->component[a->component].inactive_file_bytes);
			continue;
		}
		assert_true(a->amount <= ages->cold_anon_bytes + ages->cold_file_bytes);
	}
}

/* Two actions upon one thing in one plan would undo each other. */
static void actions_do_not_clash(const struct plant *plant)
{
	for (uint32_t i = 0; i < plant->plan.action_count; i++)
		for (uint32_t k = i + 1; k < plant->plan.action_count; k++) {
			const struct action *a = &plant->plan.action[i],
					    *b = &plant->plan.action[k];
			bool same = a->component == b->component && a->leaf == b->leaf, clash;

			if (!same || a->kind == ACTION_NOTICE)
				continue;
			clash = a->kind == b->kind ||
				(a->kind == ACTION_FREEZE && b->kind == ACTION_THAW) ||
				(a->kind == ACTION_THAW && b->kind == ACTION_FREEZE);
			if (clash)
				print_error("%s (%s) and %s (%s) on %u\n", action_name(a->kind),
					    reason_name(a->why.reason), action_name(b->kind),
					    reason_name(b->why.reason), a->component);
			assert_false(clash);
		}
}

static void time_goes_on(const struct plant *plant)
{
	assert_true(plant->plan.next_us >= plant->now_us);
	assert_true(plant->plan.next_us <= plant->now_us + plant->config.rest_period_us);
	assert_true(plant->counts.longest_freeze_us <=
		    plant->config.policy.freeze_max_us + FREEZE_SLACK_US);
}

void invariants_hold(struct plant *plant)
{
	loans_are_covered(plant);
	protection_is_bounded(plant);
	actions_are_allowed(plant);
	what_is_hot_stays(plant);
	actions_do_not_clash(plant);
	time_goes_on(plant);
	assert_int_equal(plant->counts.outcomes_lost, 0);
	assert_int_equal(plant->counts.second_reclaim, 0);
	assert_int_equal(plant->counts.lowered_under_growth, 0);
}
