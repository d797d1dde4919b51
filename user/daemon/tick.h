/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tick: sense, decide, act. It never fails, as what could not be read is absent in the frame,
 * and it never allocates.
 */
#ifndef UW_DAEMON_TICK_H
#define UW_DAEMON_TICK_H

#include "user/daemon/state.h"

/* One tick now; kind says which lane. Sets tick_timer for the next full one. */
void tick_run(struct daemon *daemon, enum frame_kind kind);

/* Brings the next full frame forward to now. */
void tick_soon(struct daemon *daemon);

/* Queues a client's request for the next frame and asks for that frame now. -EBUSY when full. */
int tick_request(struct daemon *daemon, const struct frame_request *request);

/* Whether an urgent tick waits for its turn of the loop: what is done meanwhile holds it up. */
bool tick_is_urgent(const struct daemon *daemon);

/* From now on events of the kernel and outcomes of act run urgent ticks. 0 or a negative errno. */
int tick_watch(struct daemon *daemon);
void tick_unwatch(struct daemon *daemon);

#endif
