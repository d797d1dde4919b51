// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks what only the whole configuration can show: pairs of times in the wrong order, shares
 * over 100 %, budgets that do not fit the pool. Each mistake is told at the line that made it one.
 */
#include "user/conf/build.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"

/* Of [policy] and [sense], both in microseconds: the first may not pass the second. */
static const struct {
	enum section section;
	const char *less, *more;
} ordered_pairs[] = {
	{SECTION_POLICY, "freeze-dwell", "freeze-max"},
	{SECTION_POLICY, "stall-burst", "stall-window"},
	{SECTION_SENSE, "pressed-period", "rest-period"},
};

static const struct origin *key_origin(const struct build *build, unsigned int target,
				       const struct option *option)
{
	const struct origin *origin = &build->key[target][option - option_table];

	return origin->name ? origin : NULL;
}

static int check_ordered(const struct build *build, const struct option *less,
			 const struct option *more, struct uw_err *err)
{
	const uint64_t *low = option_field_const(less, &build->config, 0);
	const uint64_t *high = option_field_const(more, &build->config, 0);
	const struct origin *origin = key_origin(build, less->section, less);
	char low_text[CONF_VALUE_LEN], high_text[CONF_VALUE_LEN];

	if (*low <= *high)
		return 0;
	if (!origin)
		origin = key_origin(build, more->section, more);
	option_print(less, low, low_text, sizeof(low_text));
	option_print(more, high, high_text, sizeof(high_text));
	return err_set(err, -EINVAL, "%s:%u: %s: '%s' is over '%s' of %s, allowed: up to it",
		       origin ? origin->name : profile_name, origin ? origin->line : 0, less->key,
		       low_text, high_text, more->key);
}

static int check_hysteresis(const struct build *build, struct uw_err *err)
{
	const struct option *option = option_find(SECTION_POLICY, "hysteresis");
	const struct policy_conf *policy = &build->config.policy;
	const struct origin *origin = key_origin(build, SECTION_POLICY, option);

	if (policy->hysteresis_pct < policy->edge_pct[LEVEL_LOW])
		return 0;
	if (!origin)
		origin = key_origin(build, SECTION_POLICY, option_find(SECTION_POLICY, "edges"));
	return err_set(err, -EINVAL,
		       "%s:%u: hysteresis: '%" PRIu32 "%%' reaches below the first edge at %" PRIu32
		       "%%, allowed: less than it",
		       origin ? origin->name : profile_name, origin ? origin->line : 0,
		       policy->hysteresis_pct, policy->edge_pct[LEVEL_LOW]);
}

static int check_shares(const struct build *build, struct uw_err *err)
{
	const struct config *config = &build->config;
	const struct option *share = option_find(SECTION_COMPONENT, "share");
	char sum_text[UNITS_TEXT_LEN];
	uint64_t sum = 0;

	for (unsigned int i = 0; i < config->component_count; i++) {
		const struct component *component = &config->component[i];
		const struct origin *origin = &build->section[TARGET_COMPONENT0 + i];

		if (!component->share_permyriad && !component->budget_bytes)
			return err_set(err, -EINVAL,
				       "%s:%u: share: component '%s' has no share and no budget, "
				       "allowed: one of the two",
				       origin->name, origin->line, component->name);
		sum += component->share_permyriad;
		if (sum <= PERMYRIAD_ONE)
			continue;
		origin = key_origin(build, TARGET_COMPONENT0 + i, share);
		return err_set(err, -EINVAL,
			       "%s:%u: share: with component '%s' the shares sum to %s, "
			       "allowed: up to 100%%",
			       origin->name, origin->line, component->name,
			       units_print_permyriad(sum, sum_text));
	}
	return 0;
}

/*
 * Index of the component whose budget no longer fits, or component_count. Budgets given as sizes
 * leave the reserve alone; shares may reach into it, and are scaled down to it when they are
 * resolved.
 */
static unsigned int first_unfit(const struct config *config, uint64_t usable_bytes,
				uint64_t *ret_sum, uint64_t *ret_room)
{
	uint64_t reserve = config_share(usable_bytes, config->reserve_permyriad);
	uint64_t fixed = 0, shared = 0;
	unsigned int i;

	for (i = 0; i < config->component_count; i++) {
		const struct component *component = &config->component[i];

		if (component->share_permyriad)
			shared += config_share(usable_bytes, component->share_permyriad);
		else if (__builtin_add_overflow(fixed, component->budget_bytes, &fixed))
			fixed = usable_bytes + 1;
		if (fixed > usable_bytes - reserve || fixed + shared > usable_bytes)
			break;
	}
	*ret_sum = fixed > usable_bytes - reserve ? fixed : fixed + shared;
	*ret_room = fixed > usable_bytes - reserve ? usable_bytes - reserve : usable_bytes;
	return i;
}

int conf_check_budget(const struct config *config, uint64_t usable_bytes, struct uw_err *err)
{
	char sum_text[UNITS_TEXT_LEN], room_text[UNITS_TEXT_LEN], usable_text[UNITS_TEXT_LEN];
	uint64_t sum, room;
	unsigned int i = first_unfit(config, usable_bytes, &sum, &room);

	if (i == config->component_count)
		return 0;
	return err_set(
		err, -EINVAL,
		"budget: with component '%s' the budgets sum to %s, allowed: up to %s (usable "
		"%s%s)",
		config->component[i].name, units_print_bytes(sum, sum_text),
		units_print_bytes(room, room_text), units_print_bytes(usable_bytes, usable_text),
		room < usable_bytes ? " less the reserve" : "");
}

static int check_sizes(const struct build *build, struct uw_err *err)
{
	const struct config *config = &build->config;
	uint64_t usable_bytes = config->usable_conf_bytes, sum, room;
	const struct origin *origin;

	if (!usable_bytes || !conf_check_budget(config, usable_bytes, err))
		return 0;
	origin =
		&build->section[TARGET_COMPONENT0 + first_unfit(config, usable_bytes, &sum, &room)];
	err_prefix(err, "%s:%u", origin->name, origin->line);
	return -EINVAL;
}

int build_end(const struct build *build, struct config *ret_config, struct uw_err *err)
{
	const struct config *config = &build->config;
	int rc;

	if (!config->component_count)
		return err_set(
			err, -EINVAL,
			"configuration: no component, allowed: at least one [component NAME]");
	for (size_t i = 0; i < ARRAY_SIZE(ordered_pairs); i++) {
		enum section section = ordered_pairs[i].section;

		rc = check_ordered(build, option_find(section, ordered_pairs[i].less),
				   option_find(section, ordered_pairs[i].more), err);
		if (rc)
			return rc;
	}
	rc = check_hysteresis(build, err);
	if (!rc)
		rc = check_shares(build, err);
	if (!rc)
		rc = check_sizes(build, err);
	if (!rc)
		*ret_config = *config;
	return rc;
}
