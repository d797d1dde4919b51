// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Picks the smallest of the usual steps of clocks and calendars of which a span has at most ten,
 * and puts a tick at each whole multiple of it, of the time of day here where that is meant.
 */
#include "user/cli/draw/times.h"

#include <stdio.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

/* What of a time of day is said. */
enum times_form {
	FORM_SECONDS,
	FORM_MINUTES,
	FORM_DATED,
	FORM_DAY,
	FORM_ALL
};

static const struct times_step {
	uint64_t us;
	uint64_t unit_us; /* that a number since the begin is in */
	const char *unit;
	enum times_form form;
} steps[] = {
	{100 * US_PER_MS, US_PER_MS, "ms", FORM_SECONDS},
	{200 * US_PER_MS, US_PER_MS, "ms", FORM_SECONDS},
	{500 * US_PER_MS, US_PER_MS, "ms", FORM_SECONDS},
	{1 * US_PER_SEC, US_PER_SEC, "s", FORM_SECONDS},
	{2 * US_PER_SEC, US_PER_SEC, "s", FORM_SECONDS},
	{5 * US_PER_SEC, US_PER_SEC, "s", FORM_SECONDS},
	{10 * US_PER_SEC, US_PER_SEC, "s", FORM_SECONDS},
	{15 * US_PER_SEC, US_PER_SEC, "s", FORM_SECONDS},
	{30 * US_PER_SEC, US_PER_SEC, "s", FORM_SECONDS},
	{60 * US_PER_SEC, 60 * US_PER_SEC, "min", FORM_MINUTES},
	{120 * US_PER_SEC, 60 * US_PER_SEC, "min", FORM_MINUTES},
	{300 * US_PER_SEC, 60 * US_PER_SEC, "min", FORM_MINUTES},
	{600 * US_PER_SEC, 60 * US_PER_SEC, "min", FORM_MINUTES},
	{900 * US_PER_SEC, 60 * US_PER_SEC, "min", FORM_MINUTES},
	{1800 * US_PER_SEC, 60 * US_PER_SEC, "min", FORM_MINUTES},
	{3600 * US_PER_SEC, 3600 * US_PER_SEC, "h", FORM_MINUTES},
	{2 * 3600 * US_PER_SEC, 3600 * US_PER_SEC, "h", FORM_MINUTES},
	{3 * 3600 * US_PER_SEC, 3600 * US_PER_SEC, "h", FORM_MINUTES},
	{6 * 3600 * US_PER_SEC, 3600 * US_PER_SEC, "h", FORM_DATED},
	{12 * 3600 * US_PER_SEC, 3600 * US_PER_SEC, "h", FORM_DATED},
	{24 * 3600 * US_PER_SEC, 24 * 3600 * US_PER_SEC, "d", FORM_DAY},
};

long times_zone(uint64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / US_PER_SEC);
	struct tm local = {0};

	localtime_r(&seconds, &local);
	return local.tm_gmtoff;
}

static void print_local(uint64_t wall_us, enum times_form form, char buf[static TIMES_TEXT_LEN])
{
	time_t seconds = (time_t)(wall_us / US_PER_SEC);
	struct tm local = {0};
	size_t length = 0;

	localtime_r(&seconds, &local);
	switch (form) {
	case FORM_SECONDS:
		length = strftime(buf, TIMES_TEXT_LEN, "%H:%M:%S", &local);
		break;
	case FORM_MINUTES:
		length = strftime(buf, TIMES_TEXT_LEN, "%H:%M", &local);
		break;
	case FORM_DATED:
		length = strftime(buf, TIMES_TEXT_LEN, "%m-%d %H:%M", &local);
		break;
	case FORM_DAY:
		length = strftime(buf, TIMES_TEXT_LEN, "%Y-%m-%d", &local);
		break;
	case FORM_ALL:
		length = strftime(buf, TIMES_TEXT_LEN, "%Y-%m-%d %H:%M:%S", &local);
		break;
	}
	buf[length] = '\0';
}

const char *times_clock(uint64_t wall_us, char buf[static TIMES_TEXT_LEN])
{
	char clock[TIMES_TEXT_LEN];

	print_local(wall_us, FORM_SECONDS, clock);
	snprintf(buf, TIMES_TEXT_LEN, "%.20s.%03u", clock,
		 (unsigned int)(wall_us / US_PER_MS % 1000));
	return buf;
}

const char *times_date(uint64_t wall_us, char buf[static TIMES_TEXT_LEN])
{
	char date[TIMES_TEXT_LEN];

	print_local(wall_us, FORM_ALL, date);
	snprintf(buf, TIMES_TEXT_LEN, "%.25s.%03u", date,
		 (unsigned int)(wall_us / US_PER_MS % 1000));
	return buf;
}

/* Behind the last row whole multiples of a day. */
static struct times_step step_for(uint64_t all_us)
{
	struct times_step step = steps[ARRAY_SIZE(steps) - 1];

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (all_us / steps[i].us < TIMES_TICKS_MAX)
			return steps[i];
	step.us *= all_us / step.us / TIMES_TICKS_MAX + 1;
	return step;
}

static void print_tick(const struct times *times, const struct times_step *step, uint64_t at_us,
		       char buf[static TIMES_TEXT_LEN])
{
	if (times->wall && step->us < US_PER_SEC)
		times_clock(at_us, buf);
	else if (times->wall)
		print_local(at_us, step->form, buf);
	else
		snprintf(buf, TIMES_TEXT_LEN, "%g%s",
			 (double)(at_us - times->from_us) / (double)step->unit_us, step->unit);
}

int times_ticks(const struct times *times, struct times_tick ret_tick[static TIMES_TICKS_MAX])
{
	uint64_t all_us = times->to_us - times->from_us, ahead_us = 0, at_us;
	struct times_step step = step_for(all_us);
	int count = 0;

	if (!all_us)
		return 0;
	/* The zone is ahead of UTC by so much, modulo a day, so that midnight is a multiple. */
	if (times->wall)
		ahead_us = (uint64_t)(times_zone(times->from_us) + 86400) * US_PER_SEC;
	else
		ahead_us = step.us - times->from_us % step.us;
	at_us = (times->from_us + ahead_us + step.us - 1) / step.us * step.us - ahead_us;
	for (; at_us <= times->to_us && count < TIMES_TICKS_MAX; at_us += step.us) {
		ret_tick[count].at = (double)(at_us - times->from_us) / (double)all_us;
		print_tick(times, &step, at_us, ret_tick[count].text);
		count++;
	}
	return count;
}
