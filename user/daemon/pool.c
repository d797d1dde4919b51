// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pool is read and made in one way at the start, by a reload, and when a cgroup of ours was
 * removed under a living uwd. Whoever changed it then calls pool_sync, which has act, sense and
 * kern turn to the cgroups as they stand. What can go wrong with the pool while uwd runs wakes the
 * loop here: a guard that died is started anew, a lost cgroup is made again when the repair timer
 * fires, and without the stall sensor a PSI trigger of each component stands in for its events.
 */
#include "user/daemon/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/act/act.h"
#include "user/act/setup.h"
#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/daemon/alone.h"
#include "user/daemon/loop.h"
#include "user/daemon/tick.h"
#include "user/ledger/ledger.h"
#include "user/sense/sense.h"

#define REPAIR_AGAIN_US (5 * US_PER_SEC) /* after a failure */

int pool_read_config(const struct daemon *daemon, struct config *ret_config, struct uw_err *err)
{
	return setup_read_config(&daemon->host, daemon->options.config_file, daemon->options.root,
				 ret_config, err);
}

int pool_open(struct daemon *daemon, struct uw_err *err)
{
	struct cg_change change = {.dry_run = daemon->options.dry_run};
	int rc = setup_pool(&daemon->host, &daemon->config, &change, &daemon->pool, err);

	if (rc >= 0 && !change.dry_run)
		daemon->pool_had_uwd = cg_pool_note_uwd(daemon->pool.dir);
	return rc;
}

static uint32_t path_depth(const char *path)
{
	uint32_t depth = 1;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

int pool_own_dir(void *data)
{
	struct daemon *daemon = data;
	int fd;

	pthread_mutex_lock(&daemon->pool_lock);
	fd = fcntl(daemon->pool.dir, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&daemon->pool_lock);
	return fd < 0 ? -errno : fd;
}

struct kern_options pool_kern_options(const struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct kern_options options = {
		.sensors = KERN_SENSORS_DEFAULT,
		.component_level = path_depth(daemon->pool.root) + 1,
		.calm_us = US_PER_SEC,
		.burst_us = config->policy.stall_burst_us,
		.window_us = config->policy.stall_window_us,
	};

	if (config->pages == SENSE_PAGES_OFF)
		options.sensors &= ~(1U << KERN_PAGES);
	if (config->pages == SENSE_PAGES_FULL)
		options.sensors |= 1U << KERN_TRACE;
	if (config_refuses(config) && !daemon->options.dry_run)
		options.sensors |= 1U << KERN_GATE;
	return options;
}

/* ---- everybody turns to it ---- */

static void on_leaf(void *data, uint32_t component, uint64_t cgid, const char *name)
{
	struct daemon *daemon = data;
	uint64_t seen;
	int rc;

	if (!name) {
		act_untrack_leaf(daemon->act, cgid);
		return;
	}
	rc = act_track_leaf(daemon->act, component, name, &seen);
	if (rc < 0 && rc != -ENOENT)
		log_warning("leaf cannot be acted upon component=%s leaf=%s error=%s",
			    daemon->config.component[component].name, name, strerrorname_np(-rc));
}

static void sync_kern(struct daemon *daemon)
{
	for (uint32_t i = 0; daemon->kern && i < daemon->config.component_count; i++) {
		const char *name = daemon->config.component[i].name;
		uint64_t cgid = sense_component_cgid(daemon->sense, i);
		int rc = cgid ? kern_track(daemon->kern, name, cgid, i) : 0;

		if (rc < 0)
			log_warning("component is not counted by BPF component=%s error=%s", name,
				    strerrorname_np(-rc));
	}
}

/* Unless the timer is set already. */
static void repair_in(struct daemon *daemon, uint64_t us)
{
	loop_start_timer(daemon->repair_timer, us);
}

/* act first: of what goes it undoes everything, before sense says that it is gone. */
int pool_sync(struct daemon *daemon, struct uw_err *err)
{
	int rc = act_sync(daemon->act, &daemon->config, err);

	if (rc < 0)
		return rc;
	sense_sync(daemon->sense, &daemon->config, daemon->pool.dir);
	sync_kern(daemon);
	memset(daemon->frame.component, 0, sizeof(daemon->frame.component)); /* other indices */
	sense_watch_leaves(daemon->sense, on_leaf, daemon);
	daemon->synced = sense_generation(daemon->sense);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		if (sense_component_cgid(daemon->sense, i) != act_component_cgid(daemon->act, i)) {
			repair_in(daemon, REPAIR_AGAIN_US); /* its last worker is still ending */
			break;
		}
	return 0;
}

/* ---- PSI triggers ---- */

static int on_psi(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon_psi *psi = data;

	(void)source, (void)fd;
	if (revents & (EPOLLERR | EPOLLHUP)) { /* the group is gone, and it would fire for ever */
		psi->source = sd_event_source_disable_unref(psi->source);
		thread_close(psi->fd);
		return 0;
	}
	psi->fired = true;
	tick_run(psi->daemon, FRAME_URGENT);
	return 0;
}

/* Takes the fd. */
static int add_psi(struct daemon *daemon, uint32_t component, int fd)
{
	struct daemon_psi *psi = &daemon->component[component].psi;
	int rc;

	*psi = (struct daemon_psi){.daemon = daemon, .component = component, .fd = fd};
	rc = loop_add_io(daemon->event, fd, EPOLLPRI, on_psi, psi, LOOP_KERNEL_EVENTS,
			 &psi->source);
	if (rc < 0)
		thread_close(fd);
	return rc;
}

void pool_unwatch_psi(struct daemon *daemon)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct daemon_psi *psi = &daemon->component[i].psi;

		if (psi->source) {
			sd_event_source_disable_unref(psi->source);
			thread_close(psi->fd);
		}
		*psi = (struct daemon_psi){0};
	}
}

/* Without the stall sensor each component gets one. */
void pool_watch_psi(struct daemon *daemon)
{
	const struct policy_conf *policy = &daemon->config.policy;

	pool_unwatch_psi(daemon);
	if (daemon->kern && (kern_sensors(daemon->kern) & (1U << KERN_STALL)))
		return;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		int fd;
		int rc = sense_psi_open(daemon->sense, i, policy->stall_burst_us,
					policy->stall_window_us, &fd);

		if (rc >= 0)
			rc = add_psi(daemon, i, fd);
		if (rc < 0)
			log_warning("no PSI trigger component=%s error=%s",
				    daemon->config.component[i].name, strerrorname_np(-rc));
	}
}

/* ---- the guard ---- */

static int watch_guard(struct daemon *daemon);

static void unwatch_guard(struct daemon *daemon)
{
	daemon->guard_source = sd_event_source_disable_unref(daemon->guard_source);
}

/* Starts a guard when none lives, and watches it. */
static void repair_guard(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc = cg_pool_guard_spawn(&daemon->host, &daemon->pool, NULL, &err);

	if (rc == -EAGAIN || rc == -ENOENT || rc == -ENODEV) {
		/* A teardown is at work, or an idle systemd scope went with its last process. */
		log_warning("the pool may have gone with its guard: %s", err.text);
		repair_in(daemon, POOL_REPAIR_AFTER_US);
		return;
	}
	daemon->stats.guard_restarts++;
	if (rc >= 0)
		rc = watch_guard(daemon);
	if (rc >= 0)
		return;
	journal_say(
		LOG_LEVEL_ERR, MESSAGE_GUARD,
		"no guard, tried again in 5 s: what uwd leaves behind until then is undone only at "
		"its next start: %s",
		err.text);
	repair_in(daemon, REPAIR_AGAIN_US);
}

static int on_guard_exit(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;
	siginfo_t ended;

	(void)source, (void)revents;
	journal_say(LOG_LEVEL_WARNING, MESSAGE_GUARD, "guard is gone, starting another");
	waitid(P_PIDFD, (id_t)fd, &ended, WEXITED | WNOHANG); /* a child of ours, or not */
	unwatch_guard(daemon);
	repair_guard(daemon);
	return 0;
}

static int watch_guard(struct daemon *daemon)
{
	return loop_add_io(daemon->event, daemon->pool.guard, EPOLLIN, on_guard_exit, daemon,
			   LOOP_GUARD, &daemon->guard_source);
}

/* ---- a pool that was made anew ---- */

static bool is_same_group(int a, int b)
{
	struct stat one, other;

	return !fstat(a, &one) && !fstat(b, &other) && one.st_ino == other.st_ino;
}

/* The same pool, and the guard that setup found or started in it. */
static int take_guard(struct daemon *daemon, struct cg_pool *pool)
{
	if (daemon->guard_source) {
		cg_pool_close(pool);
		return 0;
	}
	daemon->stats.guard_restarts++;
	cg_pool_take_guard(&daemon->pool, pool);
	return watch_guard(daemon);
}

/* Takes pool. Fds of one that is the old one stay: nothing in it has come or gone. */
static int take_pool(struct daemon *daemon, struct cg_pool *pool)
{
	struct uw_err err = {0};

	if (daemon->options.dry_run) {
		cg_pool_close(pool);
		return 0;
	}
	if (is_same_group(daemon->pool.dir, pool->dir))
		return take_guard(daemon, pool);
	daemon->stats.guard_restarts++;
	unwatch_guard(daemon);
	act_set_pool(daemon->act, pool->dir);
	sense_sync(daemon->sense, &daemon->config, pool->dir);
	pthread_mutex_lock(&daemon->pool_lock);
	cg_pool_close(&daemon->pool);
	daemon->pool = *pool;
	pthread_mutex_unlock(&daemon->pool_lock);
	cg_pool_note_uwd(pool->dir);
	if (alone_on_pool(daemon, &err)) {
		log_err("%s", err.text);
		return sd_event_exit(daemon->event, -EBUSY);
	}
	return watch_guard(daemon);
}

int pool_set_up(struct daemon *daemon, const struct config *config, struct uw_err *err)
{
	struct cg_change change = {.dry_run = daemon->options.dry_run, .no_wait = true};
	struct cg_pool pool;
	int rc = setup_pool(&daemon->host, config, &change, &pool, err);

	if (rc >= 0)
		rc = take_pool(daemon, &pool);
	return rc;
}

/*
 * Cgroups of ours were removed, or made anew by hand or by a setup: makes what is missing and sets
 * what is configured, as at the start, and has everybody turn to them. What fails is said and tried
 * again.
 */
static void repair(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc = pool_set_up(daemon, &daemon->config, &err);

	if (rc >= 0)
		rc = pool_sync(daemon, &err);
	if (rc == -EAGAIN) {
		repair_in(daemon, POOL_REPAIR_AFTER_US);
		return;
	}
	if (rc < 0) {
		log_err("the pool is incomplete, looked at again in 5 s: %s", err.text);
		repair_in(daemon, REPAIR_AGAIN_US);
		return;
	}
	journal_say(LOG_LEVEL_NOTICE, MESSAGE_POOL_MENDED,
		    "the pool is as configured again pool=%s guard=%d", daemon->pool.root,
		    (int)daemon->pool.guard_pid);
	pool_watch_psi(daemon);
	tick_soon(daemon);
}

static int on_repair(sd_event_source *source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)usec;
	repair(daemon);
	ledger_beat(daemon->ledger, LEDGER_UWD, clock_now_us());
	return 0;
}

int pool_watch(struct daemon *daemon)
{
	int rc = loop_add_timer(daemon->event, on_repair, daemon, LOOP_REPAIR,
				&daemon->repair_timer);

	return rc < 0 ? rc : watch_guard(daemon);
}

void pool_unwatch(struct daemon *daemon)
{
	unwatch_guard(daemon);
	pool_unwatch_psi(daemon);
	daemon->repair_timer = sd_event_source_disable_unref(daemon->repair_timer);
}
