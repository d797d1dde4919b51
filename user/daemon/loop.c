// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop: what wakes the daemon, in which order of importance. Kernel events first, then
 * outcomes of our own writes, the timer, the guard, and clients last; signals before all.
 */
#include "user/daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/thresholds_file.h"
#include "user/jobs/jobs.h"
#include "user/daemon/queue.h"
#include "user/daemon/pool.h"

enum source_priority {
	SOURCE_SIGNALS = -200, /* rare, and nothing may starve them */
	SOURCE_KERNEL_EVENTS = -100,
	SOURCE_OUTCOMES = -50,
	SOURCE_TIMER = 0,
	SOURCE_GUARD = 10,
	SOURCE_MEND = 20,
	SOURCE_JOBS = 50,
	SOURCE_CLIENTS = 100,
};

/* Full frames come at least so often: the heartbeat in the ledger must not grow stale. */
#define TICK_PERIOD_MAX_US (US_PER_SEC)

static void schedule_tick(struct daemon *daemon)
{
	uint64_t latest_us = daemon->frame.now_us + TICK_PERIOD_MAX_US;
	uint64_t next_us = daemon->plan.next_us;

	if (!next_us || next_us > latest_us)
		next_us = latest_us;
	sd_event_source_set_time(daemon->tick_timer, next_us);
	sd_event_source_set_enabled(daemon->tick_timer, SD_EVENT_ONESHOT);
}

static void tick(struct daemon *daemon, enum frame_kind kind)
{
	daemon_tick(daemon, kind);
	ledger_beat(daemon->ledger, LEDGER_UWD, clock_now_us());
	schedule_tick(daemon);
	if (!tree_is_followed(daemon))
		loop_mend_in(daemon, MEND_AFTER_US);
}

static int on_kernel_event(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	tick(data, FRAME_URGENT);
	return 0;
}

static int on_outcome(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	tick(data, FRAME_URGENT);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)usec;
	tick(daemon, FRAME_FULL);
	edges_save(daemon, EDGES_FILE, false);
	queue_tick(daemon);
	ipc_server_expire(daemon->server, daemon->frame.now_us);
	return 0;
}

static int on_mend(sd_event_source *source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)usec;
	daemon_mend_tree(daemon);
	ledger_beat(daemon->ledger, LEDGER_UWD, clock_now_us());
	return 0;
}

static int on_psi(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct loop_psi *psi = data;

	(void)source, (void)fd;
	if (revents & (EPOLLERR | EPOLLHUP)) { /* the group is gone, and it would fire for ever */
		psi->source = sd_event_source_disable_unref(psi->source);
		close(psi->fd);
		return 0;
	}
	psi->daemon->psi_fired |= 1U << psi->component;
	tick(psi->daemon, FRAME_URGENT);
	return 0;
}

static int on_guard_exit(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;
	siginfo_t ended;

	(void)source, (void)revents;
	log_warning("guard is gone, starting another");
	waitid(P_PIDFD, (id_t)fd, &ended, WEXITED | WNOHANG); /* a child of ours, or not */
	loop_unwatch_guard(daemon);
	daemon_mend_guard(daemon);
	return 0;
}

static int on_jobs(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)fd, (void)revents;
	jobs_dispatch(daemon->jobs);
	return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;
	int rc = ipc_server_dispatch(daemon->server, clock_now_us());

	(void)source, (void)fd, (void)revents;
	if (rc < 0)
		log_err("control socket failed error=%s", strerrorname_np(-rc));
	return rc;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct daemon *daemon = data;
	struct uw_err err = {0};

	(void)source, (void)info;
	sd_notify(0, "RELOADING=1");
	if (daemon_reload(daemon, &err) < 0)
		log_err("reload refused, nothing changed: %s", err.text);
	sd_notify(0, "READY=1");
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)info, (void)data;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_io(struct daemon *daemon, int fd, uint32_t events, sd_event_io_handler_t handler,
		  void *data, enum source_priority priority, sd_event_source **ret_source)
{
	int rc = sd_event_add_io(daemon->event, ret_source, fd, events, handler, data);

	return rc < 0 ? rc : sd_event_source_set_priority(*ret_source, priority);
}

static int add_signals(struct daemon *daemon)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} rows[] = {
		{SIGTERM, on_stop},
		{SIGINT, on_stop},
		{SIGHUP, on_reload},
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc >= 0; i++) {
		sd_event_source *source = NULL;

		rc = sd_event_add_signal(daemon->event, &source,
					 rows[i].signal | SD_EVENT_SIGNAL_PROCMASK, rows[i].handler,
					 daemon);
		if (rc < 0)
			break;
		rc = sd_event_source_set_priority(source, SOURCE_SIGNALS);
		sd_event_source_set_floating(source, 1);
		sd_event_source_unref(source);
	}
	return rc < 0 ? rc : 0;
}

int loop_watch_guard(struct daemon *daemon)
{
	return add_io(daemon, daemon->pool.guard, EPOLLIN, on_guard_exit, daemon, SOURCE_GUARD,
		      &daemon->guard_source);
}

void loop_unwatch_guard(struct daemon *daemon)
{
	daemon->guard_source = sd_event_source_disable_unref(daemon->guard_source);
}

int loop_watch_jobs(struct daemon *daemon)
{
	return daemon->jobs ? add_io(daemon, jobs_fd(daemon->jobs), EPOLLIN, on_jobs, daemon,
				     SOURCE_JOBS, &daemon->jobs_source)
			    : 0;
}

void loop_unwatch_jobs(struct daemon *daemon)
{
	daemon->jobs_source = sd_event_source_disable_unref(daemon->jobs_source);
}

int loop_watch_psi(struct daemon *daemon, uint32_t component, int fd)
{
	struct loop_psi *psi = &daemon->psi[component];

	*psi = (struct loop_psi){.daemon = daemon, .component = component, .fd = fd};
	return add_io(daemon, fd, EPOLLPRI, on_psi, psi, SOURCE_KERNEL_EVENTS, &psi->source);
}

void loop_unwatch_psi(struct daemon *daemon)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct loop_psi *psi = &daemon->psi[i];

		if (!psi->source)
			continue;
		psi->source = sd_event_source_disable_unref(psi->source);
		close(psi->fd);
	}
}

void loop_mend_in(struct daemon *daemon, uint64_t us)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(daemon->mend_timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	sd_event_source_set_time(daemon->mend_timer, clock_now_us() + us);
	sd_event_source_set_enabled(daemon->mend_timer, SD_EVENT_ONESHOT);
}

void loop_tick_now(struct daemon *daemon)
{
	sd_event_source_set_time(daemon->tick_timer, 0);
	sd_event_source_set_enabled(daemon->tick_timer, SD_EVENT_ONESHOT);
}

void loop_stop(struct daemon *daemon, int rc)
{
	sd_event_exit(daemon->event, rc);
}

int loop_open(struct daemon *daemon, struct uw_err *err)
{
	int rc = sd_event_default(&daemon->event);

	if (rc >= 0)
		rc = sd_event_add_time(daemon->event, &daemon->tick_timer, CLOCK_MONOTONIC, 0, 1,
				       on_timer, daemon);
	if (rc >= 0)
		rc = sd_event_source_set_priority(daemon->tick_timer, SOURCE_TIMER);
	if (rc >= 0)
		rc = sd_event_add_time(daemon->event, &daemon->mend_timer, CLOCK_MONOTONIC, 0, 1,
				       on_mend, daemon);
	if (rc >= 0)
		rc = sd_event_source_set_priority(daemon->mend_timer, SOURCE_MEND);
	if (rc >= 0)
		rc = sd_event_source_set_enabled(daemon->mend_timer, SD_EVENT_OFF);
	if (rc >= 0 && daemon->kern)
		rc = add_io(daemon, kern_events_fd(daemon->kern), EPOLLIN, on_kernel_event, daemon,
			    SOURCE_KERNEL_EVENTS, &daemon->kern_source);
	if (rc >= 0)
		rc = add_io(daemon, act_outcomes_fd(daemon->act), EPOLLIN, on_outcome, daemon,
			    SOURCE_OUTCOMES, &daemon->outcome_source);
	if (rc >= 0)
		rc = add_io(daemon, ipc_server_fd(daemon->server), EPOLLIN, on_client, daemon,
			    SOURCE_CLIENTS, &daemon->client_source);
	if (rc >= 0)
		rc = loop_watch_guard(daemon);
	if (rc >= 0)
		rc = loop_watch_jobs(daemon);
	if (rc >= 0)
		rc = add_signals(daemon);
	if (rc >= 0)
		rc = sd_event_set_watchdog(daemon->event, 1);
	return rc < 0 ? err_set(err, rc, "event loop: %s", strerror(-rc)) : 0;
}

int loop_run(struct daemon *daemon, struct uw_err *err)
{
	int rc;

	sd_notifyf(0, "READY=1\nSTATUS=%u components, %s", daemon->config.component_count,
		   daemon->kern ? "BPF sensors" : "PSI triggers and polling");
	rc = sd_event_loop(daemon->event);
	sd_notify(0, "STOPPING=1");
	return rc < 0 ? err_set(err, rc, "event loop: %s", strerror(-rc)) : 0;
}

void loop_close(struct daemon *daemon)
{
	loop_unwatch_guard(daemon);
	loop_unwatch_psi(daemon);
	loop_unwatch_jobs(daemon);
	daemon->client_source = sd_event_source_disable_unref(daemon->client_source);
	daemon->outcome_source = sd_event_source_disable_unref(daemon->outcome_source);
	daemon->kern_source = sd_event_source_disable_unref(daemon->kern_source);
	daemon->mend_timer = sd_event_source_disable_unref(daemon->mend_timer);
	daemon->tick_timer = sd_event_source_disable_unref(daemon->tick_timer);
	daemon->event = sd_event_unref(daemon->event);
}
