/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon's event loop is made of: sources with a priority, and timers that stand still
 * until they are set. Who owns a source adds it, keeps it in struct daemon and drops it with
 * sd_event_source_disable_unref. Functions return 0 or a negative errno.
 */
#ifndef UW_DAEMON_LOOP_H
#define UW_DAEMON_LOOP_H

#include <stdint.h>
#include <systemd/sd-event.h>

/* Whose turn it is when several are ready: the lowest. */
enum loop_priority {
	LOOP_SIGNALS = -200, /* rare, and nothing may starve them */
	LOOP_KERNEL_EVENTS = -100,
	LOOP_OUTCOMES = -50, /* of our own writes */
	LOOP_TICK = 0,
	LOOP_GUARD = 10,
	LOOP_REPAIR = 20,
	LOOP_JOBS = 50,
	LOOP_CLIENTS = 100,
};

/* events as of epoll(7). */
int loop_add_io(sd_event *event, int fd, uint32_t events, sd_event_io_handler_t handler, void *data,
		enum loop_priority priority, sd_event_source **ret_source);

/* Stays as long as the loop does, and blocks the signal. */
int loop_add_signal(sd_event *event, int signal, sd_event_signal_handler_t handler, void *data);

/* On CLOCK_MONOTONIC; it fires once each time that it is set. */
int loop_add_timer(sd_event *event, sd_event_time_handler_t handler, void *data,
		   enum loop_priority priority, sd_event_source **ret_timer);
void loop_set_timer(sd_event_source *timer, uint64_t at_us);

/* In us from now, unless it is set already. */
void loop_start_timer(sd_event_source *timer, uint64_t us);

#endif
