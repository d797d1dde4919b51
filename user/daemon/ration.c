// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After a turn of clients the loop does not look at their sockets for as long as
 * user/base/urgency.c says, seven times what the turn took. What else wakes the loop is not held
 * up, and a client alone hardly notices: a call takes a fraction of a millisecond.
 */
#include "user/daemon/ration.h"

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/loop.h"

static void look_at_clients(struct daemon *daemon, int enabled)
{
	sd_event_source_set_enabled(daemon->client_source, enabled);
	if (daemon->lease_source)
		sd_event_source_set_enabled(daemon->lease_source, enabled);
}

/* CPU time is asked of the kernel by a system call, where the time of day is none: in calm, not. */
uint64_t ration_begin(const struct daemon *daemon)
{
	return clock_now_us() < daemon->urgency.rationed_until_us ? urgency_used_us() : 0;
}

/* Once for as long as it lasts. */
static void tell(struct daemon *daemon, uint64_t now_us)
{
	if (now_us >= daemon->rationed_us)
		log_notice("clients keep uwd busy while others want the processor: they get a "
			   "small part of one, for a minute at a time");
	daemon->rationed_us = daemon->urgency.rationed_until_us;
}

void ration_end(struct daemon *daemon, uint64_t began_us)
{
	uint64_t now_us, pause_us;

	if (!began_us)
		return;
	now_us = clock_now_us();
	pause_us = urgency_pause_us(&daemon->urgency, now_us, urgency_used_us() - began_us);
	if (!pause_us)
		return;
	tell(daemon, now_us);
	look_at_clients(daemon, SD_EVENT_OFF);
	loop_set_timer(daemon->ration_timer, now_us + pause_us);
}

static int on_ration_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	look_at_clients(data, SD_EVENT_ON);
	return 0;
}

int ration_watch(struct daemon *daemon)
{
	return loop_add_timer(daemon->event, on_ration_timer, daemon, LOOP_CLIENTS,
			      &daemon->ration_timer);
}

void ration_unwatch(struct daemon *daemon)
{
	daemon->ration_timer = sd_event_source_disable_unref(daemon->ration_timer);
}
