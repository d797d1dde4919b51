// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts sentences together: when, what grew where and how far, what uwd did about it, and what it
 * cost those that are protected. Each says only what was recorded; what did not happen is said too
 * where one would look for it.
 */
#include "user/cli/report/story.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/draw/times.h"

/* Text that grows to the end of a buffer. */
struct story {
	char *buf;
	size_t size, at;
};

static void tell(struct story *story, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct story *story, const char *fmt, ...)
{
	va_list args;
	int n;

	if (story->at >= story->size)
		return;
	va_start(args, fmt);
	n = vsnprintf(story->buf + story->at, story->size - story->at, fmt, args);
	va_end(args);
	story->at += n < 0 ? 0 : (size_t)n;
}

static void tell_when(struct story *story, const struct incident *incident)
{
	char from[TIMES_TEXT_LEN], to[TIMES_TEXT_LEN], took[UNITS_TEXT_LEN];

	times_date(incident->window.from_us, from);
	times_clock(incident->window.to_us, to);
	units_print_us(incident->window.to_us - incident->window.from_us, took);
	tell(story, "From %.19s to %.8s (%s)", from, to, took);
}

static void tell_growth(struct story *story, const struct incident *incident,
			const struct incident_sum *sum)
{
	const struct incident_component *subject = &incident->component[sum->subject];
	const struct incident_lane *lane =
		sum->lane == INCIDENT_NONE ? NULL : &incident->lane[sum->lane];
	char from[UNITS_TEXT_LEN], to[UNITS_TEXT_LEN], use[UNITS_TEXT_LEN], force[UNITS_TEXT_LEN];
	char began[TIMES_TEXT_LEN], ended[TIMES_TEXT_LEN];

	units_print_bytes(series_most(&subject->use), use);
	units_print_bytes(series_most(&subject->in_force), force);
	if (lane && lane->most_bytes > lane->first_bytes)
		tell(story, " %s in %s grew from %s at %.8s to %s at %.8s;", lane->shown,
		     subject->shown, units_print_bytes(lane->first_bytes, from),
		     times_clock(lane->first_us, began), units_print_bytes(lane->most_bytes, to),
		     times_clock(lane->most_us, ended));
	tell(story, " %s held up to %s, with up to %s in force, and was at level %s at worst.",
	     subject->shown, use, force, level_name(subject->worst.level));
}

static void tell_count(struct story *story, uint64_t count, const char *one, const char *many,
		       const char **comma)
{
	if (!count)
		return;
	tell(story, "%s%" PRIu64 " %s", *comma, count, count == 1 ? one : many);
	*comma = ", ";
}

/* In pieces where it breathed, or was frozen again. */
static void tell_stood(struct story *story, const struct incident *incident,
		       const struct incident_sum *sum)
{
	const struct incident_lane *lane =
		sum->lane == INCIDENT_NONE ? NULL : &incident->lane[sum->lane];
	char all[UNITS_TEXT_LEN], longest[UNITS_TEXT_LEN];

	if (sum->frozen_leaves > 1)
		tell(story, "; %" PRIu64 " leaves stood still, the longest time for %s",
		     sum->frozen_leaves, units_print_us(sum->longest_us, longest));
	if (!lane || !lane->frozen_us)
		return;
	tell(story, "; %s stood still for %s", lane->shown, units_print_us(lane->frozen_us, all));
	if (lane->longest_us < lane->frozen_us)
		tell(story, " in all, for %s at a time", units_print_us(lane->longest_us, longest));
	if (lane->stands)
		tell(story, ", and did so at the end");
}

static void tell_actions(struct story *story, const struct incident *incident,
			 const struct incident_sum *sum)
{
	const uint64_t *actions = sum->actions;
	const char *comma = " uwd decided on ";
	char text[UNITS_TEXT_LEN];

	tell_count(story, actions[ACTION_FREEZE], "freeze", "freezes", &comma);
	tell_count(story, actions[ACTION_RECLAIM], "reclaim", "reclaims", &comma);
	tell_count(story, actions[ACTION_KILL], "kill", "kills", &comma);
	if (*comma != ',')
		tell(story, " uwd froze, reclaimed and killed nothing");
	tell_stood(story, incident, sum);
	if (sum->freed_bytes)
		tell(story, "; reclaim freed %s", units_print_bytes(sum->freed_bytes, text));
	if (actions[ACTION_FREEZE] + actions[ACTION_RECLAIM] && !actions[ACTION_KILL] &&
	    !sum->killed_by_kernel)
		tell(story, "; nothing was killed");
	if (sum->killed_by_kernel)
		tell(story, "; the kernel killed %" PRIu64 " by itself", sum->killed_by_kernel);
	tell(story, ".");
}

static void tell_victim(struct story *story, const struct incident *incident,
			const struct incident_sum *sum)
{
	char text[UNITS_TEXT_LEN];

	if (sum->victim != INCIDENT_NONE)
		tell(story, " %s, which is protected, stalled for %s in all.",
		     incident->component[sum->victim].shown,
		     units_print_us(incident->component[sum->victim].stalled_us, text));
	else if (sum->protected_us)
		tell(story, " What is protected stalled for %s in all.",
		     units_print_us(sum->protected_us, text));
	else
		tell(story, " Nothing that is protected stalled.");
}

const char *story_text(const struct incident *incident, const struct incident_sum *sum, char *buf,
		       size_t size)
{
	struct story story = {.buf = buf, .size = size};

	tell_when(&story, incident);
	if (sum->subject == INCIDENT_NONE) {
		tell(&story, " there was no component.");
		return buf;
	}
	tell_growth(&story, incident, sum);
	tell_actions(&story, incident, sum);
	tell_victim(&story, incident, sum);
	return buf;
}

static void add_count(const struct incident_sum *sum, enum action_kind kind,
		      struct story_figure *figure, const char *name)
{
	figure->name = name;
	snprintf(figure->text, sizeof(figure->text), "%" PRIu64, sum->actions[kind]);
}

int story_figures(const struct incident_sum *sum, struct story_figure ret_figure[STORY_FIGURES])
{
	char text[UNITS_TEXT_LEN];
	struct story_figure *figure = ret_figure;

	add_count(sum, ACTION_FREEZE, figure++, "Freezes");
	*figure = (struct story_figure){.name = "Longest freeze"};
	snprintf((figure++)->text, STORY_CELL_LEN, "%s", units_print_us(sum->longest_us, text));
	add_count(sum, ACTION_RECLAIM, figure++, "Reclaims");
	*figure = (struct story_figure){.name = "Freed"};
	snprintf((figure++)->text, STORY_CELL_LEN, "%s", units_print_bytes(sum->freed_bytes, text));
	*figure = (struct story_figure){.name = "Killed"};
	snprintf((figure++)->text, STORY_CELL_LEN, "%" PRIu64, sum->killed + sum->killed_by_kernel);
	*figure = (struct story_figure){.name = "Protected stalled"};
	snprintf((figure++)->text, STORY_CELL_LEN, "%s", units_print_us(sum->protected_us, text));
	*figure = (struct story_figure){.name = "Failed actions"};
	snprintf((figure++)->text, STORY_CELL_LEN, "%" PRIu64, sum->failed);
	return (int)(figure - ret_figure);
}

const char *story_target(const struct incident *incident, const struct incident_action *action,
			 char buf[static STORY_CELL_LEN])
{
	const char *component = action->component == INCIDENT_NONE
					? "host"
					: incident->component[action->component].shown;

	snprintf(buf, STORY_CELL_LEN, "%s%s%s", component, *action->leaf ? "/" : "", action->leaf);
	return buf;
}

const char *story_what(const struct incident_action *action, char buf[static STORY_CELL_LEN])
{
	static const char *const limits[ACTION__COUNT] = {
		[ACTION_SET_MIN] = "memory.min =",
		[ACTION_SET_LOW] = "memory.low =",
		[ACTION_SET_HIGH] = "memory.high =",
		[ACTION_SET_MAX] = "memory.max =",
	};
	enum action_kind kind = action->action.kind;
	char amount[UNITS_TEXT_LEN];

	reason_value_text(REASON_UNIT_BYTES, action->action.amount, amount, sizeof(amount));
	if (limits[kind] || kind == ACTION_RECLAIM)
		snprintf(buf, STORY_CELL_LEN, "%s %s", limits[kind] ?: action_name(kind), amount);
	else
		snprintf(buf, STORY_CELL_LEN, "%s", action_name(kind));
	return buf;
}

const char *story_effect(const struct incident_action *action, char buf[static STORY_CELL_LEN])
{
	const struct outcome *outcome = &action->outcome;
	char done[UNITS_TEXT_LEN], asked[UNITS_TEXT_LEN];

	if (!action->ended)
		snprintf(buf, STORY_CELL_LEN, "%s",
			 action->action.kind == ACTION_NOTICE ? "" : "no end was recorded");
	else if (outcome->error)
		snprintf(buf, STORY_CELL_LEN, "%s: %s", outcome_name(outcome->result),
			 strerrordesc_np(outcome->error) ?: "unknown error");
	else if (action->action.kind == ACTION_RECLAIM)
		snprintf(buf, STORY_CELL_LEN, "freed %s of %s",
			 units_print_bytes(outcome->done, done),
			 units_print_bytes(outcome->asked, asked));
	else
		snprintf(buf, STORY_CELL_LEN, "%s", outcome_name(outcome->result));
	return buf;
}

const char *story_took(const struct incident_action *action, char buf[static STORY_CELL_LEN])
{
	const struct outcome *outcome = &action->outcome;
	char text[UNITS_TEXT_LEN] = "";

	if (action->ended && outcome->ended_us >= outcome->began_us)
		units_print_us(outcome->ended_us - outcome->began_us, text);
	snprintf(buf, STORY_CELL_LEN, "%s", text);
	return buf;
}
