// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names the kinds of events that a frame may carry, for logs and traces.
 */
#include "user/model/frame.h"

static const char *const event_names[EVENT__COUNT] = {
	[EVENT_USAGE_MARK] = "usage-mark",
	[EVENT_STALL_FIRST] = "stall-first",
	[EVENT_STALL_BURST] = "stall-burst",
	[EVENT_OOM] = "oom",
	[EVENT_PSI] = "psi",
	[EVENT_MEMORY] = "memory",
};

const char *event_name(enum event_kind kind)
{
	return (unsigned int)kind < EVENT__COUNT ? event_names[kind] : "?";
}
