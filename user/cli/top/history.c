// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps samples in rings that are indexed by the second. Going on to a new second blanks those that
 * were passed over. Components are found by name, as a reload gives them other numbers, and one
 * that went gives its ring to one that came.
 */
#include "user/cli/top/history.h"

#include <string.h>

#include "user/base/clock.h"
#include "user/base/text.h"

void history_init(struct top_history *history)
{
	memset(history, 0, sizeof(*history));
	memset(history->slot, 0xff, sizeof(history->slot)); /* HISTORY_GAP */
}

static int find(const struct top_history *history, const char *name)
{
	for (int i = 0; i < (int)UW_COMPONENTS_MAX; i++) {
		if (!strcmp(history->name[i], name))
			return i;
	}
	return -1;
}

static bool is_in(const struct top_frame *frame, const char *name)
{
	for (uint32_t i = 0; i < frame->component_count; i++) {
		if (!strcmp(frame->component[i].name, name))
			return true;
	}
	return false;
}

/* The ring of name, or one that nobody has any more. As many components as rings: there is one. */
static int find_or_make(struct top_history *history, const struct top_frame *frame,
			const char *name)
{
	int at = find(history, name);

	if (at >= 0)
		return at;
	for (int i = 0; i < (int)UW_COMPONENTS_MAX; i++) {
		if (*history->name[i] && is_in(frame, history->name[i]))
			continue;
		text_copy(history->name[i], UW_NAME_LEN, name);
		memset(history->slot[i], 0xff, sizeof(history->slot[i]));
		return i;
	}
	return -1;
}

static void blank(struct top_history *history, uint64_t second)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		for (int kind = 0; kind < HISTORY__COUNT; kind++)
			history->slot[i][kind][second % HISTORY_SLOTS] = HISTORY_GAP;
	}
}

static void advance(struct top_history *history, uint64_t second)
{
	uint64_t from = history->newest_s + 1;

	if (second >= HISTORY_SLOTS && from < second - HISTORY_SLOTS + 1)
		from = second - HISTORY_SLOTS + 1;
	for (uint64_t s = from; s <= second; s++)
		blank(history, s);
	if (second > history->newest_s)
		history->newest_s = second;
}

static void put(uint16_t *ring, uint64_t first, uint64_t last, uint64_t permyriad)
{
	uint16_t value = permyriad < HISTORY_GAP ? (uint16_t)permyriad : HISTORY_GAP - 1;

	for (uint64_t s = first; s <= last; s++) {
		uint16_t *slot = &ring[s % HISTORY_SLOTS];

		if (*slot == HISTORY_GAP || *slot < value)
			*slot = value;
	}
}

void history_take(struct top_history *history, const struct top_frame *frame, uint64_t within_us)
{
	uint64_t second = frame->at_us / US_PER_SEC, first = second;

	if (history->newest_s && frame->at_us - history->at_us <= within_us &&
	    history->newest_s < second)
		first = history->newest_s + 1;
	advance(history, second);
	history->at_us = frame->at_us;
	for (uint32_t i = 0; i < frame->component_count; i++) {
		const struct top_component *component = &frame->component[i];
		int at = find_or_make(history, frame, component->name);

		if (at < 0)
			continue;
		put(history->slot[at][HISTORY_USE], first, second, component->use_permyriad);
		put(history->slot[at][HISTORY_STALL], first, second, component->some_permyriad);
	}
}

uint16_t history_bucket(const struct top_history *history, const char *name, enum history_kind kind,
			uint64_t until_us, int i, int count)
{
	uint64_t end_s = until_us / US_PER_SEC + 1;
	uint64_t from = end_s + (uint64_t)i * HISTORY_SLOTS / (uint64_t)count;
	uint64_t to = end_s + (uint64_t)(i + 1) * HISTORY_SLOTS / (uint64_t)count;
	int at = find(history, name);
	uint16_t most = HISTORY_GAP;

	/* from and to are too large by the five minutes, so that nothing goes below zero. */
	for (uint64_t s = from; at >= 0 && s < to; s++) {
		uint16_t value = history->slot[at][kind][s % HISTORY_SLOTS];

		if (s < HISTORY_SLOTS || s - HISTORY_SLOTS > history->newest_s ||
		    s <= history->newest_s)
			continue;
		if (value != HISTORY_GAP && (most == HISTORY_GAP || value > most))
			most = value;
	}
	return most;
}
