// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens the parts of uwd in the order in which one needs the other, puts them into one loop, and
 * closes them again. Nothing else in this folder calls up to here: each part registers what
 * wakes it, and what two parts have to tell each other goes through the hooks that are set here.
 * What is done with each full frame, and that the control socket is served, stands here too, as it
 * takes several parts.
 */
#include "user/daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "user/act/act.h"
#include "user/act/lru_switch.h"
#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/daemon/alone.h"
#include "user/daemon/entered.h"
#include "user/daemon/flight_log.h"
#include "user/daemon/gate.h"
#include "user/daemon/leases.h"
#include "user/daemon/loop.h"
#include "user/daemon/memory.h"
#include "user/daemon/mover.h"
#include "user/daemon/narrow.h"
#include "user/daemon/methods/methods.h"
#include "user/daemon/methods/queue.h"
#include "user/daemon/methods/wait.h"
#include "user/daemon/pool.h"
#include "user/daemon/queue.h"
#include "user/daemon/ration.h"
#include "user/daemon/reload.h"
#include "user/daemon/state.h"
#include "user/daemon/submitters.h"
#include "user/daemon/thresholds_file.h"
#include "user/daemon/tick.h"
#include "user/ipc/server.h"
#include "user/kern/kern.h"
#include "user/ledger/ledger.h"
#include "user/policy/step.h"
#include "user/sense/sense.h"

/* The guard gives the ledger up once the last thread of the uwd before us is gone; one that is in
 * memory.reclaim takes up to 3 s to die (kernel-side batch). */
#define LEDGER_WAIT_US (10 * US_PER_SEC)

/* Until the next uwd has looked: systemd starts it after RestartSec=, and it takes a second or two,
 * many on a machine that thrashes. */
#define HAND_OVER_US (30 * US_PER_SEC)

/* By then the queue has been looked through for what is too old, which takes much of SQLite
 * (MEND_US, user/jobs/recorder.c), and is rarely done again. */
#define START_US (8 * US_PER_SEC)

static int read_host(struct daemon *daemon, struct uw_err *err)
{
	int rc = cg_host_probe(&daemon->host, err);

	if (rc >= 0)
		rc = cg_host_check(&daemon->host, err);
	if (rc >= 0)
		rc = pool_read_config(daemon, &daemon->config, err);
	return rc;
}

/* No BPF is not a failure: PSI triggers and polling take over, and status says so. */
static void open_kern(struct daemon *daemon)
{
	struct kern_options options = pool_kern_options(daemon);

	if (!daemon->config.bpf) {
		err_set(&daemon->kern_why, -EOPNOTSUPP,
			"switched off by the configuration (bpf = no)");
		return;
	}
	if (kern_open(&options, &daemon->kern, &daemon->kern_why) < 0) {
		daemon->kern = NULL;
		journal_say(LOG_LEVEL_WARNING, MESSAGE_SENSOR_OFF,
			    "no BPF sensors, PSI triggers and polling instead: %s",
			    daemon->kern_why.text);
		return;
	}
	for (int i = 0; i < KERN_SENSOR__COUNT; i++) {
		const char *why = kern_sensor_error(daemon->kern, (enum kern_sensor)i);

		if (why)
			journal_say(LOG_LEVEL_WARNING, MESSAGE_SENSOR_OFF,
				    "sensor is off name=%s: %s",
				    kern_sensor_name((enum kern_sensor)i), why);
	}
}

static int make_run_dir(struct uw_err *err)
{
	if (mkdir(RUN_DIR, 0755) < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: cannot be made: %s; uwd runs as root", RUN_DIR,
			       strerror(errno));
	return 0;
}

/* As its unit does; what starts jobs may do more than it. */
static void lock_up(struct daemon *daemon)
{
	struct uw_err err = {0};

	if (!daemon->options.dry_run)
		queue_begin(daemon);
	if (narrow(&err) < 0)
		log_warning("uwd may do more than it needs: %s", err.text);
}

/* Before the ledger, and so the guard, waits for a heartbeat: a switch may take seconds. A uwd that
 * was killed may have left it on. */
static void switch_lru(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc;

	if (daemon->options.dry_run)
		return;
	daemon->has_switch = true;
	if (daemon->config.lru_gen == LRU_GEN_ON)
		rc = lru_switch_on(&lru_switch_here, &err);
	else
		rc = lru_switch_back(&lru_switch_here, &err);
	if (rc < 0)
		log_warning("multi-generational LRU: %s", err.text);
	if (rc == LRU_SWITCH_CHANGED)
		log_notice("multi-generational LRU was switched to=%s",
			   daemon->config.lru_gen == LRU_GEN_ON ? "on" : "what it was");
}

static void switch_lru_back(struct daemon *daemon)
{
	struct uw_err err = {0};

	if (daemon->has_switch && lru_switch_back(&lru_switch_here, &err) < 0)
		log_err("multi-generational LRU: %s", err.text);
}

static int open_ledger(struct daemon *daemon, struct uw_err *err)
{
	int rc;

	do {
		ledger_close(daemon->ledger);
		daemon->ledger = NULL;
		rc = ledger_open(LEDGER_PATH, true, &daemon->ledger, err);
		if (rc < 0)
			return rc;
		rc = ledger_take(daemon->ledger, LEDGER_UWD, LEDGER_WAIT_US);
	} while (rc == -ESTALE);
	if (rc == -EBUSY)
		return err_set(err, rc, "uwd: another uwd is running (it holds %s); stop it first",
			       LEDGER_PATH);
	if (rc < 0)
		return err_set(err, rc, "ledger %s: %s", LEDGER_PATH, strerror(-rc));
	if (rc == LEDGER_TAKEN_OVER)
		journal_say(LOG_LEVEL_NOTICE, MESSAGE_GUARD,
			    "an earlier uwd died; what it left is being undone");
	return 0;
}

static int arm_mark(void *data, uint32_t component, uint64_t bytes)
{
	struct daemon *daemon = data;
	uint64_t cgid = sense_component_cgid(daemon->sense, component);

	if (!daemon->kern)
		return -ENOSYS;
	return cgid ? kern_mark_set(daemon->kern, cgid, bytes) : -ENOENT;
}

static void note_dry(void *data, const char *verb, const char *path, const char *value)
{
	(void)data;
	log_notice("dry-run %s %s %s", verb, path, value ? value : "");
}

static struct act_dry dry = {.note = note_dry};

static int open_act(struct daemon *daemon, struct uw_err *err)
{
	struct act_setup setup = {
		.ops = daemon->options.dry_run ? &act_ops_dry_run : &act_ops_real,
		.ops_data = &dry,
		.ledger = daemon->ledger,
		.pool_dirfd = daemon->pool.dir,
		.conf = &daemon->config.policy,
		.arm_mark = arm_mark,
		.arm_data = daemon,
	};

	return act_open(&setup, &daemon->act, err);
}

static bool is_in_hurry(void *daemon)
{
	return tick_is_urgent(daemon);
}

static int open_server(struct daemon *daemon, struct uw_err *err)
{
	struct ipc_server_conf conf = {
		.path = IPC_SOCKET_PATH,
		.group = daemon->config.socket_group,
		.version = UW_VERSION,
		.open = submitters_beside_root(&daemon->config),
		.handle = methods_handle,
		.hurry = is_in_hurry,
		.data = daemon,
	};
	int rc = ipc_server_new(&conf, &daemon->server, err);

	if (rc < 0)
		return rc;
	if (rc == IPC_NO_GROUP && !conf.open)
		log_info("no group %s: only root may talk to uwd", conf.group);
	daemon->published = methods_publish;
	daemon->ended = wait_see_end;
	return 0;
}

/* Before the first thread: they all inherit it, and sd-event takes the signals from a signalfd. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Refaults decide where nothing tells. A dry run has nothing aged. */
static void watch_ages(struct daemon *daemon)
{
	if (daemon->options.dry_run)
		err_set(&daemon->ages_why, -EOPNOTSUPP, "this is a dry run");
	else if (sense_watch_ages(daemon->sense, daemon->pool.root, &daemon->ages_why) < 0)
		log_info("no ages of pages, refaults decide: %s", daemon->ages_why.text);
}

/* Without it uwd does all else: the pool must not go unwatched for the queue's sake. */
static void open_queue(struct daemon *daemon)
{
	if (daemon->options.dry_run)
		err_set(&daemon->jobs_why, -EOPNOTSUPP, "this is a dry run");
	else if (queue_open(daemon, &daemon->jobs_why) < 0)
		log_err("no queue of jobs: %s", daemon->jobs_why.text);
}

/* As with the queue. */
static void open_leases(struct daemon *daemon)
{
	if (daemon->options.dry_run)
		err_set(&daemon->leases_why, -EOPNOTSUPP, "this is a dry run");
	else if (leases_open(daemon, &daemon->leases_why) < 0)
		log_err("no leases: %s", daemon->leases_why.text);
}

/* ---- the loop ---- */

static void settle_once(struct daemon *daemon)
{
	if (daemon->is_settled || daemon->frame.now_us - daemon->stats.started_us < START_US)
		return;
	daemon->is_settled = true;
	memory_settle();
}

/* A full frame, and what is done with each. */
static int on_tick_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)usec;
	tick_run(daemon, FRAME_FULL);
	flight_log_look(daemon);
	thresholds_file_save(daemon, THRESHOLDS_FILE, false);
	gate_look(daemon);
	leases_look(daemon);
	queue_look(daemon);
	entered_keep_house(daemon, clock_now_us());
	if (alone_look(daemon))
		leases_mend(daemon);
	ipc_server_expire(daemon->server, daemon->frame.now_us);
	settle_once(daemon);
	return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;
	uint64_t began_us = ration_begin(daemon);
	int rc = ipc_server_dispatch(daemon->server, clock_now_us());

	(void)source, (void)fd, (void)revents;
	ration_end(daemon, began_us);
	if (rc < 0)
		log_err("control socket failed error=%s", strerrorname_np(-rc));
	return rc;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)info, (void)data;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* The next uwd knows a freeze by its entry, and of a leaf that breathes there is none. */
static void end_breaths(struct daemon *daemon)
{
	const struct frame_request over = {.kind = REQUEST_HAND_OVER};

	if (tick_request(daemon, &over) < 0) {
		tick_run(daemon, FRAME_URGENT); /* takes what others asked for */
		tick_request(daemon, &over);
	}
	tick_run(daemon, FRAME_URGENT);
}

/* Another uwd follows. */
static int on_hand_over(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct daemon *daemon = data;

	daemon->hands_over = true;
	end_breaths(daemon);
	return on_stop(source, info, data);
}

static int watch_own(struct daemon *daemon)
{
	int rc = loop_add_timer(daemon->event, on_tick_timer, daemon, LOOP_TICK,
				&daemon->tick_timer);

	if (rc >= 0)
		rc = loop_add_io(daemon->event, ipc_server_fd(daemon->server), EPOLLIN, on_client,
				 daemon, LOOP_CLIENTS, &daemon->client_source);
	if (rc >= 0)
		rc = loop_add_signal(daemon->event, SIGTERM, on_stop, daemon);
	if (rc >= 0)
		rc = loop_add_signal(daemon->event, SIGINT, on_stop, daemon);
	if (rc >= 0)
		rc = loop_add_signal(daemon->event, SIGUSR2, on_hand_over, daemon);
	return rc;
}

/* Wants all else to be open. */
static int open_loop(struct daemon *daemon, struct uw_err *err)
{
	int rc = sd_event_default(&daemon->event);

	if (rc >= 0)
		rc = watch_own(daemon);
	if (rc >= 0)
		rc = tick_watch(daemon);
	if (rc >= 0)
		rc = pool_watch(daemon);
	if (rc >= 0)
		rc = queue_watch(daemon);
	if (rc >= 0)
		rc = leases_watch(daemon);
	if (rc >= 0)
		rc = mover_watch(daemon);
	if (rc >= 0)
		rc = reload_watch(daemon);
	if (rc >= 0)
		rc = alone_watch(daemon);
	if (rc >= 0)
		rc = ration_watch(daemon);
	if (rc >= 0)
		rc = sd_event_set_watchdog(daemon->event, 1);
	if (rc < 0)
		return err_set(err, rc, "event loop: %s", strerror(-rc));
	pool_watch_psi(daemon);
	tick_soon(daemon);
	return 0;
}

static void close_loop(struct daemon *daemon)
{
	pool_unwatch(daemon);
	queue_unwatch(daemon);
	leases_unwatch(daemon);
	mover_unwatch(daemon);
	ration_unwatch(daemon);
	tick_unwatch(daemon);
	daemon->client_source = sd_event_source_disable_unref(daemon->client_source);
	daemon->tick_timer = sd_event_source_disable_unref(daemon->tick_timer);
	daemon->event = sd_event_unref(daemon->event);
}

/* ---- from the start to the end ---- */

int daemon_open(struct daemon *daemon, const struct daemon_options *options, struct uw_err *err)
{
	int rc;

	daemon->options = *options;
	daemon->pool = (struct cg_pool){.dir = -1, .guard = -1};
	daemon->alone_fd = -1;
	pthread_mutex_init(&daemon->pool_lock, NULL);
	daemon->stats.started_us = clock_now_us();
	daemon->stats.started_wall_us = clock_wall_us();
	action_log_init(&daemon->action_log);
	rc = read_host(daemon, err);
	if (rc >= 0)
		rc = alone_before(daemon, err); /* first: a second uwd must change nothing */
	if (rc >= 0)
		rc = make_run_dir(err);
	if (rc >= 0) {
		lock_up(daemon);
		switch_lru(daemon);
		rc = open_ledger(daemon, err);
	}
	if (rc >= 0)
		rc = pool_open(daemon, err);
	if (rc >= 0)
		rc = alone_on_pool(daemon, err);
	if (rc < 0)
		return rc;
	open_kern(daemon); /* forks, so before threads and locked memory */
	block_signals();
	memory_lock();
	daemon->policy = calloc(1, policy_state_size()); /* as policy_init would make it */
	if (!daemon->policy)
		return err_set(err, -ENOMEM, "uwd: out of memory");
	thresholds_file_load(daemon, THRESHOLDS_FILE);
	rc = open_act(daemon, err);
	if (rc >= 0)
		rc = sense_new(&daemon->config, daemon->pool.dir, &daemon->sense, err);
	if (rc >= 0)
		watch_ages(daemon);
	if (rc >= 0)
		rc = pool_sync(daemon, err);
	if (rc >= 0) {
		rc = mover_open(daemon);
		if (rc < 0)
			err_set(err, rc, "uwd: %s", strerror(-rc));
	}
	if (rc >= 0) {
		entered_find_again(daemon);
		flight_log_open(daemon);
		open_queue(daemon);
		open_leases(daemon);
	}
	if (rc >= 0)
		rc = open_server(daemon, err);
	if (rc >= 0)
		rc = open_loop(daemon, err);
	return rc;
}

int daemon_run(struct daemon *daemon, struct uw_err *err)
{
	int rc;

	journal_say(LOG_LEVEL_NOTICE, MESSAGE_READY,
		    "ready version=" UW_VERSION " pool=%s components=%u usable_bytes=%" PRIu64
		    " bpf=%s",
		    daemon->pool.root, daemon->config.component_count, daemon->config.usable_bytes,
		    daemon->kern ? "yes" : "no");
	sd_notifyf(0, "READY=1\nSTATUS=%u components, %s", daemon->config.component_count,
		   daemon->kern ? "BPF sensors" : "PSI triggers and polling");
	memory_trim();
	urgency_begin(&daemon->urgency, URGENCY_UWD, clock_now_us());
	rc = sd_event_loop(daemon->event);
	sd_notify(0, "STOPPING=1");
	return rc < 0 ? err_set(err, rc, "event loop: %s", strerror(-rc)) : 0;
}

static uint32_t release(struct daemon *daemon)
{
	if (!daemon->act)
		return 0;
	return daemon->hands_over ? act_hand_over(daemon->act, HAND_OVER_US)
				  : act_release_all(daemon->act);
}

void daemon_close(struct daemon *daemon)
{
	uint32_t left = release(daemon);

	if (left)
		log_err("could not be undone, the guard goes on trying entries=%u", left);
	if (daemon->policy)
		thresholds_file_save(daemon, THRESHOLDS_FILE, true);
	close_loop(daemon);
	leases_close(daemon);
	mover_close(daemon);
	free(daemon->entered);
	queue_close(daemon);
	ipc_server_free(daemon->server);
	flight_log_close(daemon);
	act_close(daemon->act);
	sense_free(daemon->sense);
	kern_close(daemon->kern);
	ledger_close(daemon->ledger);
	free(daemon->policy);
	switch_lru_back(daemon);
	cg_pool_close(&daemon->pool);
	alone_close(daemon);
}
