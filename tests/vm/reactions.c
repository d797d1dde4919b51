// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How fast uwd was, by its own recording: from the moment at which the kernel saw a component's
 *mark reached, as BPF noted it, to the end of the write that froze a leaf of that component. What
 *uwd waited for a processor, and what it did meanwhile, is all in it, and nothing of who looks on.
 *
 *	reactions RECORDING
 *
 * For each component with such a freeze a line: its index, how many, the median of them in us, and
 * the longest time between two frames from the first to the last of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/err.h"
#include "user/record/load.h"
#include "user/record/reader.h"

#define REACTIONS_MAX 100U

struct reactions {
	uint64_t mark_us; /* of the event by which a freeze was decided ... */
	uint32_t action;  /* ... and its id; 0: none is under way */
	uint64_t took_us[REACTIONS_MAX];
	uint32_t count;
	uint64_t gap_us, longest_us; /* between frames: since the last reaction, and before that */
};

static struct reactions reactions[UW_COMPONENTS_MAX];
static uint64_t last_us; /* the frame before */

static void see_mark(const struct frame *frame, const struct action *action)
{
	struct reactions *r = &reactions[action->component];

	for (uint32_t i = 0; i < frame->event_count; i++) {
		const struct frame_event *event = &frame->event[i];

		if (event->kind != EVENT_USAGE_MARK || event->component != action->component)
			continue;
		r->mark_us = event->at_us;
		r->action = action->id;
		return;
	}
}

static void see_plan(const struct frame *frame, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->action_count; i++)
		if (plan->action[i].kind == ACTION_FREEZE &&
		    plan->action[i].component < UW_COMPONENTS_MAX)
			see_mark(frame, &plan->action[i]);
}

static void see_freeze(const struct outcome *outcome)
{
	struct reactions *r = &reactions[outcome->component];

	if (!r->action || outcome->id != r->action || outcome->result != OUTCOME_DONE ||
	    r->count == REACTIONS_MAX)
		return;
	r->took_us[r->count++] = outcome->ended_us - r->mark_us;
	r->action = 0;
	if (r->gap_us > r->longest_us)
		r->longest_us = r->gap_us;
	r->gap_us = 0;
}

static void see_frame(const struct frame *frame)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (reactions[i].count && frame->now_us - last_us > reactions[i].gap_us)
			reactions[i].gap_us = frame->now_us - last_us;
	last_us = frame->now_us;
	for (uint32_t i = 0; i < frame->outcome_count; i++)
		if (frame->outcome[i].component < UW_COMPONENTS_MAX)
			see_freeze(&frame->outcome[i]);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void print_all(void)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct reactions *r = &reactions[i];

		if (!r->count)
			continue;
		qsort(r->took_us, r->count, sizeof(r->took_us[0]), compare);
		printf("%" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", i, r->count,
		       r->took_us[r->count / 2], r->longest_us);
	}
}

int main(int argc, char **argv)
{
	struct recording *recording = malloc(sizeof(*recording));
	struct uw_err err = {0};
	void *bytes = NULL;
	size_t size;

	if (argc != 2 || !recording) {
		fputs("usage: reactions RECORDING\n", stderr);
		return 2;
	}
	if (record_read_file(argv[1], &bytes, &size, &err) ||
	    recording_open(recording, bytes, size, &err)) {
		fprintf(stderr, "reactions: %s\n", err.text);
		return EXIT_FAILURE;
	}
	while (recording_next(recording))
		if (recording->kind == RECORD_FRAME && !recording->thin)
			see_frame(&recording->frame);
		else if (recording->kind == RECORD_PLAN && !recording->thin)
			see_plan(&recording->frame, &recording->plan);
	print_all();
	return EXIT_SUCCESS;
}
