/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flight recorder of this uwd: what goes to it, and when. Where it cannot be opened uwd does
 * all else, and says so once. A dry run records nothing.
 */
#ifndef UW_DAEMON_FLIGHT_LOG_H
#define UW_DAEMON_FLIGHT_LOG_H

#include "user/daemon/state.h"

/* As configured; after the policy and sense are there. */
void flight_log_open(struct daemon *daemon);

/* After a reload: opened anew where that says so, a moment later and without waiting, else the new
 * configuration is entered. */
void flight_log_configure(struct daemon *daemon);

/* Around a step of the policy. */
void flight_log_frame(struct daemon *daemon);
void flight_log_plan(struct daemon *daemon);

/* Tells once when the disk does not take it, and when it does again. After a full frame. */
void flight_log_look(struct daemon *daemon);

void flight_log_close(struct daemon *daemon);

#endif
