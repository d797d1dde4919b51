// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps what will happen in a replay as a binary heap in one array, which doubles when it is full.
 */
#include "user/cli/simulate/agenda.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define FIRST_MAX 1024

static bool is_before(const struct agenda_event *a, const struct agenda_event *b)
{
	if (a->at_us != b->at_us)
		return a->at_us < b->at_us;
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return a->job < b->job;
}

static int grow(struct agenda *agenda)
{
	uint32_t max = agenda->max ? 2 * agenda->max : FIRST_MAX;
	struct agenda_event *event = reallocarray(agenda->event, max, sizeof(*event));

	if (!event)
		return -ENOMEM;
	agenda->event = event;
	agenda->max = max;
	return 0;
}

int agenda_add(struct agenda *agenda, const struct agenda_event *event)
{
	uint32_t i = agenda->count;

	if (agenda->count == agenda->max && grow(agenda) < 0)
		return -ENOMEM;
	agenda->count++;
	for (; i && is_before(event, &agenda->event[(i - 1) / 2]); i = (i - 1) / 2)
		agenda->event[i] = agenda->event[(i - 1) / 2];
	agenda->event[i] = *event;
	return 0;
}

struct agenda_event agenda_take(struct agenda *agenda)
{
	struct agenda_event first = agenda->event[0], last = agenda->event[--agenda->count];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < agenda->count) {
		if (child + 1 < agenda->count &&
		    is_before(&agenda->event[child + 1], &agenda->event[child]))
			child++;
		if (!is_before(&agenda->event[child], &last))
			break;
		agenda->event[i] = agenda->event[child];
		i = child;
	}
	agenda->event[i] = last;
	return first;
}

void agenda_done(struct agenda *agenda)
{
	free(agenda->event);
	*agenda = (struct agenda){0};
}
