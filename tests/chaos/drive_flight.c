// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flight recorder. A frame that was taken is found by who comes after a kill, as its memory
 * outlives it; a recording is never replaced by an empty one for a call that failed; and whatever a
 * loss of power leaves on the disk can be read, and does not stop a start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/drivers.h"
#include "user/base/cleanup.h"
#include "user/record/files.h"
#include "user/record/flight.h"
#include "user/record/load.h"
#include "user/record/reader.h"

#define SLOTS  4U
#define FRAMES 5U

/* struct chaos: frames that were taken of each round, and of the one before them all. */
enum note {
	NOTE_FRAMES,
	NOTE_FRAMES_AGAIN,
	NOTE_BEFORE,
};

static uint32_t no_leaf(void *data, uint64_t cgid, char *buf, size_t size)
{
	(void)data, (void)cgid, (void)buf, (void)size;
	return COMPONENT_NONE;
}

static void no_state(void *data, struct flight_state *ret_state)
{
	(void)data;
	*ret_state = (struct flight_state){0};
}

static void paths(const struct chaos *c, char disk[128], char stage[128])
{
	snprintf(disk, 128, "%s/recording", c->disk);
	snprintf(stage, 128, "%s/stage", c->dir);
}

static bool open_flight(struct chaos *c, struct flight **ret_flight)
{
	char disk[128], stage[128];
	const struct flight_conf conf = {
		.path = disk,
		.stage = stage,
		.bytes = record_file_at(SLOTS),
		.version = "chaos",
		.leaf_name = no_leaf,
		.checkpoint = no_state,
	};
	struct uw_err err = {0};

	paths(c, disk, stage);
	return chaos_ok(c, "flight_open", flight_open(&conf, ret_flight, &err), &err);
}

static void put_frames(struct chaos *c, uint32_t note)
{
	static struct frame frame;
	static struct plan plan;
	static struct component_view view[UW_COMPONENTS_MAX];
	struct flight *flight = NULL;
	struct flight_stats stats;

	if (!open_flight(c, &flight))
		return;
	flight_configure(flight, 1U << 30, "[pool]\n", 7);
	for (uint32_t i = 0; i < FRAMES; i++) {
		frame.now_us = (note + 1) * 1000000U + i;
		frame.sequence = frame.now_us;
		flight_frame(flight, &frame);
		flight_plan(flight, &plan, view, 1);
		flight_read_stats(flight, &stats);
		c->note[note] = stats.frames;
	}
	flight_close(flight);
}

static void prepare(struct chaos *c)
{
	put_frames(c, NOTE_BEFORE);
}

static void act(struct chaos *c)
{
	put_frames(c, c->round);
}

/* ---- afterwards ---- */

static void count_frame(const struct recording *recording, uint64_t ret_count[3])
{
	uint64_t time = recording->frame.now_us / 1000000U;

	if (recording->kind == RECORD_FRAME && time >= 1 && time <= 3)
		ret_count[time - 1]++;
}

static void count_frames(struct chaos *c, uint64_t ret_count[3])
{
	char disk[128], stage[128], *text = NULL;
	size_t size = 0;
	struct record_export export;
	struct uw_err err = {0};
	static struct recording recording;
	FILE *out = open_memstream(&text, &size);
	int rc;

	paths(c, disk, stage);
	rc = record_export(disk, stage, 0, out, &export, &err);
	fclose(out);
	if (!chaos_ok(c, "record_export", rc, &err))
		return;
	if (chaos_ok(c, "recording_open", recording_open(&recording, text, size, &err), &err))
		while (recording_next(&recording))
			count_frame(&recording, ret_count);
	free(text);
}

static void check(struct chaos *c)
{
	uint64_t count[3] = {0};
	char disk[128], stage[128];
	struct flight *flight = NULL;

	paths(c, disk, stage);
	if (c->how == CHAOS_POWER)
		remove(stage);        /* it was memory */
	if (!open_flight(c, &flight)) /* it brings what is left to the disk */
		return;
	flight_close(flight);
	count_frames(c, count);
	for (uint32_t i = 0; i < 3 && c->how != CHAOS_POWER; i++)
		if (count[i] < c->note[i])
			chaos_violate(c, "%u frames were taken, %u are left of time %u",
				      (uint32_t)c->note[i], (uint32_t)count[i], i);
}

const struct chaos_driver chaos_flight = {
	.name = "flight",
	.how = CHAOS_FAILS | CHAOS_KILLS | CHAOS_CUTS,
	.prepare = prepare,
	.act = act,
	.check = check,
};
