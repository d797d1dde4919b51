/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "user/daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/act/pool.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/conf/conf.h"
#include "user/daemon/edges.h"
#include "user/daemon/loop.h"

/* The guard gives the ledger up once the last thread of the uwd before us is gone; one that is in
 * memory.reclaim takes up to 3 s to die (kernel-side batch). */
#define LEDGER_WAIT_US (10 * US_PER_SEC)
#define RUN_DIR        "/run/uw"

static int read_config(const struct daemon *daemon, struct config *ret_config, struct uw_err *err)
{
	return pool_read_config(&daemon->host, daemon->options.config_file, daemon->options.root,
				ret_config, err);
}

static int read_host(struct daemon *daemon, struct uw_err *err)
{
	int rc = cg_host_probe(&daemon->host, err);

	if (rc >= 0)
		rc = cg_host_check(&daemon->host, err);
	if (rc >= 0)
		rc = read_config(daemon, &daemon->config, err);
	return rc;
}

static int open_pool(struct daemon *daemon, struct uw_err *err)
{
	struct cg_change change = {.dry_run = daemon->options.dry_run};

	return pool_setup(&daemon->host, &daemon->config, &change, &daemon->pool, err);
}

static uint32_t path_depth(const char *path)
{
	uint32_t depth = 1;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

static struct kern_options kern_options(const struct daemon *daemon)
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
	return options;
}

/* No BPF is not a failure: PSI triggers and polling take over, and status says so. */
static void open_kern(struct daemon *daemon)
{
	struct kern_options options = kern_options(daemon);

	if (!daemon->config.bpf) {
		err_set(&daemon->kern_why, -EOPNOTSUPP,
			"switched off by the configuration (bpf = no)");
		return;
	}
	if (kern_open(&options, &daemon->kern, &daemon->kern_why) < 0) {
		daemon->kern = NULL;
		log_warning("no BPF sensors, PSI triggers and polling instead: %s",
			    daemon->kern_why.text);
		return;
	}
	for (int i = 0; i < KERN_SENSOR__COUNT; i++) {
		const char *why = kern_sensor_error(daemon->kern, (enum kern_sensor)i);

		if (why)
			log_warning("sensor is off name=%s: %s",
				    kern_sensor_name((enum kern_sensor)i), why);
	}
}

/* What is touched stays; what is only mapped is not made resident. */
static void lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning("memory is not locked: %s; raise LimitMEMLOCK", strerror(errno));
}

static int open_ledger(struct daemon *daemon, struct uw_err *err)
{
	int rc;

	if (mkdir(RUN_DIR, 0755) < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: cannot be made: %s; uwd runs as root", RUN_DIR,
			       strerror(errno));
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
		log_notice("an earlier uwd died; what it left is being undone");
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

/* Everybody learns of the components of the configuration in force. */
static int track_components(struct daemon *daemon, struct uw_err *err)
{
	int rc = sense_new(&daemon->config, daemon->pool.dir, &daemon->sense, err);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		const char *name = daemon->config.component[i].name;
		uint64_t cgid = sense_component_cgid(daemon->sense, i);

		rc = act_track_component(daemon->act, i, name);
		if (rc < 0)
			return err_set(err, rc, "component %s: its cgroup cannot be acted upon: %s",
				       name, strerror(-rc));
		if (!daemon->kern)
			continue;
		rc = kern_track(daemon->kern, name, cgid, i);
		if (rc < 0)
			log_warning("component is not counted by BPF component=%s error=%s", name,
				    strerrorname_np(-rc));
	}
	memset(daemon->frame.component, 0, sizeof(daemon->frame.component)); /* other indices */
	sense_watch_leaves(daemon->sense, on_leaf, daemon);
	return 0;
}

static void untrack_components(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		act_untrack_component(daemon->act, i);
	sense_free(daemon->sense);
	daemon->sense = NULL;
}

/* Without the stall sensor each component gets a PSI trigger. */
static void open_psi(struct daemon *daemon)
{
	const struct policy_conf *policy = &daemon->config.policy;

	if (daemon->kern && (kern_sensors(daemon->kern) & (1U << KERN_STALL)))
		return;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		int fd;
		int rc = sense_psi_open(daemon->sense, i, policy->stall_burst_us,
					policy->stall_window_us, &fd);

		if (rc >= 0)
			rc = loop_watch_psi(daemon, i, fd);
		if (rc < 0)
			log_warning("no PSI trigger component=%s error=%s",
				    daemon->config.component[i].name, strerrorname_np(-rc));
	}
}

static int open_server(struct daemon *daemon, struct uw_err *err)
{
	struct ipc_server_conf conf = {
		.path = IPC_SOCKET_PATH,
		.group = daemon->config.socket_group,
		.version = UW_VERSION,
		.handle = methods_handle,
		.data = daemon,
	};
	int rc = ipc_server_new(&conf, &daemon->server, err);

	if (rc == IPC_NO_GROUP)
		log_info("no group %s: only root may talk to uwd", conf.group);
	return rc < 0 ? rc : 0;
}

/* Before the first thread: they all inherit it, and sd-event takes the signals from a signalfd. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int daemon_open(struct daemon *daemon, const struct daemon_options *options, struct uw_err *err)
{
	int rc;

	memset(daemon, 0, sizeof(*daemon));
	daemon->options = *options;
	daemon->pool = (struct cg_pool){.dir = -1, .guard = -1};
	daemon->stats.started_us = clock_now_us();
	records_init(&daemon->records);
	rc = read_host(daemon, err);
	if (rc >= 0)
		rc = open_ledger(daemon, err); /* first: a second uwd must change nothing */
	if (rc >= 0)
		rc = open_pool(daemon, err);
	if (rc < 0)
		return rc;
	open_kern(daemon); /* forks, so before threads and locked memory */
	block_signals();
	lock_memory();
	daemon->policy = calloc(1, policy_state_size());
	if (!daemon->policy)
		return err_set(err, -ENOMEM, "uwd: out of memory");
	policy_init(daemon->policy);
	edges_load(daemon, EDGES_FILE);
	rc = open_act(daemon, err);
	if (rc >= 0)
		rc = track_components(daemon, err);
	if (rc >= 0)
		rc = open_server(daemon, err);
	if (rc >= 0)
		rc = loop_open(daemon, err);
	if (rc >= 0)
		open_psi(daemon);
	return rc;
}

int daemon_run(struct daemon *daemon, struct uw_err *err)
{
	log_notice("ready version=" UW_VERSION " pool=%s components=%u usable_bytes=%" PRIu64
		   " bpf=%s",
		   daemon->pool.root, daemon->config.component_count, daemon->config.usable_bytes,
		   daemon->kern ? "yes" : "no");
	return loop_run(daemon, err);
}

void daemon_close(struct daemon *daemon)
{
	uint32_t left = daemon->act ? act_release_all(daemon->act) : 0;

	if (left)
		log_err("could not be undone, the guard goes on trying entries=%u", left);
	loop_close(daemon);
	ipc_server_free(daemon->server);
	act_close(daemon->act);
	sense_free(daemon->sense);
	kern_close(daemon->kern);
	ledger_close(daemon->ledger);
	free(daemon->policy);
	cg_pool_close(&daemon->pool);
}

int daemon_request(struct daemon *daemon, const struct frame_request *request)
{
	if (daemon->request_count == FRAME_REQUESTS_MAX)
		return -EBUSY;
	daemon->request[daemon->request_count++] = *request;
	loop_tick_now(daemon);
	return 0;
}

void daemon_mend_guard(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc = cg_pool_guard_spawn(&daemon->host, &daemon->pool, NULL, &err);

	daemon->stats.guard_restarts++;
	if (rc == -ENOENT || rc == -ENODEV) {
		/* An idle systemd scope goes with its last process: start over from nothing. */
		log_err("the pool has gone with its guard, uwd ends to be started anew: %s",
			err.text);
		loop_stop(daemon, rc);
		return;
	}
	if (rc >= 0)
		rc = loop_watch_guard(daemon);
	if (rc < 0)
		log_err("no guard: what uwd leaves behind is undone only at its next start: %s",
			err.text);
}

/* Those that the new configuration does not know are counted no longer. */
static void forget_components(struct daemon *daemon, const struct config *next)
{
	for (uint32_t i = 0; daemon->kern && i < daemon->config.component_count; i++) {
		uint64_t cgid = sense_component_cgid(daemon->sense, i);

		if (cgid && config_find(next, daemon->config.component[i].name) < 0)
			kern_untrack(daemon->kern, cgid);
	}
}

static void log_change(const struct conf_change *change, void *arg)
{
	char text[CONF_PATH_LEN + 2 * CONF_VALUE_LEN];

	(void)arg;
	log_notice("reload %s", conf_change_text(change, text, sizeof(text)));
}

int daemon_reload(struct daemon *daemon, struct uw_err *err)
{
	static struct config config; /* large, and reload is not reentrant */
	struct cg_change change = {.dry_run = daemon->options.dry_run};
	struct kern_options options;
	struct cg_pool pool;
	int rc = read_config(daemon, &config, err);

	if (rc >= 0 && strcmp(config.root, daemon->config.root) != 0)
		rc = err_set(err, -EINVAL,
			     "pool.root: cannot change from %s to %s while uwd runs; "
			     "teardown and setup",
			     daemon->config.root, config.root);
	if (rc >= 0)
		rc = pool_setup(&daemon->host, &config, &change, &pool, err);
	if (rc < 0)
		return rc;
	cg_pool_close(&pool);
	conf_diff(&daemon->config, &config, log_change, NULL);

	loop_unwatch_psi(daemon);
	forget_components(daemon, &config);
	untrack_components(daemon);
	daemon->config = config;
	act_configure(daemon->act, &daemon->config.policy);
	if (daemon->kern) {
		options = kern_options(daemon);
		kern_configure(daemon->kern, &options);
	}
	rc = track_components(daemon, err);
	if (rc < 0) {
		loop_stop(daemon, rc); /* half a set of components is worse than a restart */
		return rc;
	}
	open_psi(daemon);
	loop_tick_now(daemon);
	return 0;
}
