// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thin layer over sd-event that knows none of the daemon's parts. It is here so that the order of
 * importance stands in one enum, and so that every source gets its priority in the same breath in
 * which it is made.
 */
#include "user/daemon/loop.h"

#include "user/base/clock.h"

int loop_add_io(sd_event *event, int fd, uint32_t events, sd_event_io_handler_t handler, void *data,
		enum loop_priority priority, sd_event_source **ret_source)
{
	int rc = sd_event_add_io(event, ret_source, fd, events, handler, data);

	return rc < 0 ? rc : sd_event_source_set_priority(*ret_source, priority);
}

int loop_add_signal(sd_event *event, int signal, sd_event_signal_handler_t handler, void *data)
{
	sd_event_source *source = NULL;
	int rc = sd_event_add_signal(event, &source, signal | SD_EVENT_SIGNAL_PROCMASK, handler,
				     data);

	if (rc < 0)
		return rc;
	rc = sd_event_source_set_priority(source, LOOP_SIGNALS);
	sd_event_source_set_floating(source, 1);
	sd_event_source_unref(source);
	return rc;
}

int loop_add_timer(sd_event *event, sd_event_time_handler_t handler, void *data,
		   enum loop_priority priority, sd_event_source **ret_timer)
{
	int rc = sd_event_add_time(event, ret_timer, CLOCK_MONOTONIC, 0, 1, handler, data);

	if (rc >= 0)
		rc = sd_event_source_set_priority(*ret_timer, priority);
	if (rc >= 0)
		rc = sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF);
	return rc;
}

void loop_set_timer(sd_event_source *timer, uint64_t at_us)
{
	sd_event_source_set_time(timer, at_us);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void loop_start_timer(sd_event_source *timer, uint64_t us)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(timer, &enabled);
	if (enabled == SD_EVENT_OFF)
		loop_set_timer(timer, clock_now_us() + us);
}
