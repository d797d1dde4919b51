// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens a recording, notes when its full frames are, and goes from one to another. Times that a
 * clock which was set back gave twice are those of the first time.
 */
#include "user/cli/top/tape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/base/units.h"

#define GAP_US (25 * US_PER_SEC) /* thinned, a frame comes in ten seconds */
#define DAY_S  (24 * 3600)

static int note_frame(struct tape *tape, uint64_t wall_us, uint32_t *room)
{
	uint64_t *more;

	if (tape->count && wall_us <= tape->wall_us[tape->count - 1])
		return 0;
	if (tape->count == *room) {
		*room = *room ? 2 * *room : 1024;
		more = realloc(tape->wall_us, *room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		tape->wall_us = more;
	}
	tape->wall_us[tape->count++] = wall_us;
	return 0;
}

static int note_frames(struct tape *tape, struct uw_err *err)
{
	struct recording *r = tape->copy.recording;
	uint32_t room = 0;

	recording_rewind(r);
	while (recording_next(r))
		if (r->kind == RECORD_FRAME && r->frame.kind == FRAME_FULL &&
		    note_frame(tape, r->wall_us, &room) < 0)
			return err_set(err, -ENOMEM, "not enough memory");
	return tape->count ? 0 : err_set(err, -ENODATA, "nothing is recorded");
}

int tape_open(struct tape *tape, const char *file, struct uw_err *err)
{
	struct series_window all;
	int r;

	*tape = (struct tape){.now = calloc(1, sizeof(*tape->now)),
			      .was = calloc(1, sizeof(*tape->was))};
	if (!tape->now || !tape->was)
		return err_set(err, -ENOMEM, "not enough memory");
	r = flight_copy_open(&tape->copy, file, err);
	if (!r)
		r = note_frames(tape, err);
	if (r)
		return r;
	tape->at = tape->count - 1;
	all = (struct series_window){tape->wall_us[0], tape->wall_us[tape->at] + 1};
	return incident_gather(tape->copy.recording, &all, false, &tape->incident, err);
}

void tape_done(struct tape *tape)
{
	if (!tape)
		return;
	incident_free(tape->incident);
	flight_copy_done(&tape->copy);
	free(tape->wall_us);
	free(tape->now);
	free(tape->was);
}

/* ---- from one to another ---- */

/* The first frame at or behind a time; count: there is none. */
static uint32_t first_from(const struct tape *tape, uint64_t wall_us)
{
	uint32_t low = 0, high = tape->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (tape->wall_us[middle] < wall_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last one at or before it, or else the first one. */
static uint32_t last_until(const struct tape *tape, uint64_t wall_us)
{
	uint32_t next = first_from(tape, wall_us + 1);

	return next ? next - 1 : 0;
}

static uint64_t now_us(const struct tape *tape)
{
	return tape->wall_us[tape->at];
}

/* The frame that first knows of an action, by on the next one that acts or the one before. */
static uint32_t next_action(const struct tape *tape, int by)
{
	const struct incident *incident = tape->incident;
	uint32_t found = tape->at;

	for (uint32_t i = 0; i < incident->action_count; i++) {
		uint32_t at = first_from(tape, incident->action[i].wall_us);

		if (!incident_acts(incident->action[i].action.kind) || at == tape->count)
			continue;
		if (by > 0 && at > tape->at)
			return at;
		if (by < 0 && at < tape->at)
			found = at;
	}
	return found;
}

static uint32_t next_time(const struct tape *tape, int seconds)
{
	uint64_t by_us = (unsigned int)abs(seconds) * US_PER_SEC;

	if (seconds < 0)
		return last_until(tape, now_us(tape) > by_us ? now_us(tape) - by_us : 0);
	return last_until(tape, now_us(tape) + by_us);
}

void tape_travel(struct tape *tape, struct top_model *model)
{
	uint32_t from = tape->at;
	struct uw_err err = {0};

	switch (model->travel) {
	case TRAVEL_FRAME:
		tape->at += (uint32_t)(model->travel_by < 0 ? -(tape->at > 0)
							    : tape->at + 1 < tape->count);
		break;
	case TRAVEL_ACTION:
		tape->at = next_action(tape, model->travel_by);
		break;
	case TRAVEL_TIME:
		tape->at = next_time(tape, model->travel_by);
		break;
	case TRAVEL_TO:
		if (tape_go_to(tape, model->text, &err) < 0)
			snprintf(model->message, sizeof(model->message), "%.200s", err.text);
		return;
	}
	if (tape->at == from)
		snprintf(model->message, sizeof(model->message), "there is none %s this",
			 model->travel_by < 0 ? "before" : "after");
}

bool tape_play(struct tape *tape, uint64_t us)
{
	uint32_t at = last_until(tape, now_us(tape) + us);

	if (tape->at + 1 == tape->count)
		return false;
	/* Over a gap in one leap. */
	tape->at = at > tape->at ? at : tape->at + 1;
	return true;
}

/* ---- times as people write them ---- */

static bool read_time_of_day(const char *text, struct tm *time)
{
	int length = 0;

	time->tm_sec = 0;
	if (sscanf(text, "%2d:%2d%n", &time->tm_hour, &time->tm_min, &length) < 2)
		return false;
	if (text[length] == ':') {
		text += length + 1;
		if (sscanf(text, "%2d%n", &time->tm_sec, &length) < 1)
			return false;
	}
	return !text[length] && time->tm_hour >= 0 && time->tm_hour < 24 && time->tm_min >= 0 &&
	       time->tm_min < 60 && time->tm_sec >= 0 && time->tm_sec < 60;
}

/* Of the last day of the recording, or of the one before where it had not come to that. */
static uint64_t on_last_day(const struct tape *tape, struct tm *time)
{
	time_t end = (time_t)(tape->wall_us[tape->count - 1] / US_PER_SEC), at;
	struct tm day = {0};

	localtime_r(&end, &day);
	day.tm_hour = time->tm_hour;
	day.tm_min = time->tm_min;
	day.tm_sec = time->tm_sec;
	day.tm_isdst = -1;
	at = mktime(&day);
	if (at > end)
		at -= DAY_S;
	return at > 0 ? (uint64_t)at * US_PER_SEC : 0;
}

int tape_go_to(struct tape *tape, const char *text, struct uw_err *err)
{
	uint64_t end_us = tape->wall_us[tape->count - 1], before_us;
	struct tm time = {0};

	if (*text == '-' && units_parse_us(text + 1, &before_us) >= 0)
		tape->at = last_until(tape, end_us > before_us ? end_us - before_us : 0);
	else if (read_time_of_day(text, &time))
		/* All of that second. */
		tape->at = last_until(tape, on_last_day(tape, &time) + US_PER_SEC - 1);
	else
		return err_set(err, -EINVAL, "'%.40s' is no time: 22:18, 22:18:30, -3m", text);
	return 0;
}
