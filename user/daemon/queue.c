// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/jobs/jobs.h"
#include "user/jobs/shim_start.h"
#include "user/daemon/methods/queue.h"
#include "user/daemon/submitters.h"
#include "user/daemon/loop.h"
#include "user/policy/admit/admit.h"

#define SHIM_PROGRAM   UW_LIBEXEC_DIR "/uw-shim"
#define CLEAN_WAIT_MS  2000
#define CLEAN_TRIES    40
#define STAT_LEN       4096
#define LOOK_PERIOD_US US_PER_SEC

/* ---- on the recorder's thread ---- */

/* The pool may be made anew at any time, and its fd with it: one of our own. */
static int pool_dir(struct daemon *daemon)
{
	int fd;

	pthread_mutex_lock(&daemon->pool_lock);
	fd = fcntl(daemon->pool.dir, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&daemon->pool_lock);
	return fd < 0 ? -errno : fd;
}

static int open_shims_group(int pool)
{
	int fd;

	if (mkdirat(pool, CG_SHIMS, 0755) && errno != EEXIST)
		return -errno;
	fd = openat(pool, CG_SHIMS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Below the pool, whatever is asked: without a component the path would begin at the root. */
static int leaf_path(const char *component, const char *leaf, char path[CG_PATH_LEN])
{
	int n = snprintf(path, CG_PATH_LEN, "%s/%s", component, leaf);

	return !*component || *component == '/' || n >= CG_PATH_LEN ? -ENOENT : 0;
}

static int open_leaf_dir(int pool, const char *component, const char *leaf)
{
	char path[CG_PATH_LEN];
	int fd = leaf_path(component, leaf, path);

	if (fd)
		return fd;
	fd = openat(pool, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What an ended job left behind does not go on: its memory is given to others. */
static void clean_leaf(int pool, const char *component, const char *leaf)
{
	AUTO_CLOSE int dir = open_leaf_dir(pool, component, leaf);
	int rc = dir < 0 ? 0 : -EBUSY;

	for (int i = 0; rc == -EBUSY && i < CLEAN_TRIES; i++) {
		rc = cg_leaf_remove(pool, component, leaf);
		if (rc != -EBUSY)
			break;
		text_write_at(dir, cg_knob_file(CG_KILL), "1");
		poll(NULL, 0, CLEAN_WAIT_MS / CLEAN_TRIES);
	}
	if (rc && rc != -ENOENT)
		log_warning("leaf of a job stays component=%s leaf=%s error=%s", component, leaf,
			    strerrorname_np(-rc));
}

static void op_clean(void *data, const char *component, const char *leaf)
{
	AUTO_CLOSE int pool = pool_dir(data);

	if (pool >= 0)
		clean_leaf(pool, component, leaf);
}

static int make_leaf(int pool, const struct jobs_launch *launch, int *ret_dirfd, struct uw_err *err)
{
	char name[JOBS_LEAF_LEN], limit[24];
	int rc = cg_leaf_create(pool, launch->component, launch->leaf, name, sizeof(name),
				ret_dirfd, err);

	if (rc == -EEXIST) { /* of an attempt whose end nobody saw */
		clean_leaf(pool, launch->component, launch->leaf);
		rc = cg_leaf_create(pool, launch->component, launch->leaf, name, sizeof(name),
				    ret_dirfd, err);
	}
	if (rc)
		return rc;
	snprintf(limit, sizeof(limit), "%" PRIu64, launch->limit_bytes);
	rc = text_write_at(*ret_dirfd, cg_knob_file(CG_HIGH), limit);
	return rc ? err_set(err, rc, "leaf %s/%s: memory.high: %s", launch->component, launch->leaf,
			    strerror(-rc))
		  : 0;
}

static int op_launch(void *data, const struct jobs_launch *launch, struct uw_err *err)
{
	AUTO_CLOSE int pool = pool_dir(data), shims = -1, leaf = -1;
	struct launch_place place = {
		.dir = QUEUE_DIR,
		.program = SHIM_PROGRAM,
		.log_limit_bytes = launch->output_bytes,
	};
	int rc;

	shims = pool < 0 ? pool : open_shims_group(pool);
	if (shims < 0)
		return err_set(err, shims, "cgroup %s: %s", CG_SHIMS, strerror(-shims));
	rc = make_leaf(pool, launch, &leaf, err);
	if (!rc) {
		place.shims_dirfd = shims;
		place.leaf_dirfd = leaf;
		rc = launch_shim(&place, launch, err);
	}
	if (rc < 0)
		cg_leaf_remove(pool, launch->component, launch->leaf);
	return rc;
}

/* ---- on the loop's thread ---- */

/* Six fds a job with its shim's and the folder's. */
#define LEAF_KNOBS (1U << CG_CURRENT | 1U << CG_SWAP_CURRENT | 1U << CG_PEAK | 1U << CG_FREEZE)

static int op_open(void *data, const char *component, const char *leaf, struct cg_group *ret_leaf)
{
	const struct daemon *daemon = data;
	char path[CG_PATH_LEN];
	int rc = leaf_path(component, leaf, path);

	return rc ? rc : cg_group_open(daemon->pool.dir, path, LEAF_KNOBS, ret_leaf);
}

static void read_rest(const struct cg_group *leaf, struct jobs_usage *usage)
{
	char text[STAT_LEN];

	if (cg_read_text(leaf, CG_EVENTS, text, sizeof(text)) >= 0)
		text_key_u64(text, "oom_kill", &usage->oom_kills);
	if (text_read_at(leaf->dir, "cpu.stat", text, sizeof(text)) >= 0)
		text_key_u64(text, "usage_usec", &usage->cpu_us);
}

/* A page that was read back keeps its place in swap for a while, and counts twice. */
static uint64_t read_swapped(const struct cg_group *leaf)
{
	uint64_t bytes = 0, cached = 0;
	char text[STAT_LEN];

	if (cg_read_u64(leaf, CG_SWAP_CURRENT, &bytes) || !bytes)
		return 0;
	if (text_read_at(leaf->dir, cg_knob_file(CG_STAT), text, sizeof(text)) >= 0)
		text_key_u64(text, "swapcached", &cached);
	return bytes > cached ? bytes - cached : 0;
}

static int op_usage(void *data, const struct cg_group *leaf, bool at_end,
		    struct jobs_usage *ret_usage)
{
	struct jobs_usage usage = {0};
	uint64_t frozen = 0;
	int rc = cg_read_u64(leaf, CG_CURRENT, &usage.current_bytes);

	(void)data;
	if (rc)
		return rc;
	if (cg_read_u64(leaf, CG_PEAK, &usage.peak_bytes))
		usage.peak_bytes = usage.current_bytes;
	usage.swapped_bytes = read_swapped(leaf);
	if (!cg_read_u64(leaf, CG_FREEZE, &frozen))
		usage.frozen = frozen != 0;
	if (at_end)
		read_rest(leaf, &usage);
	*ret_usage = usage;
	return 0;
}

static int op_limit(void *data, const struct cg_group *leaf, uint64_t bytes)
{
	(void)data;
	return cg_write_u64(leaf, CG_HIGH, bytes);
}

static int op_kill(void *data, const struct cg_group *leaf)
{
	(void)data;
	return cg_write_text(leaf, CG_KILL, "1");
}

/* Through policy, as a client's wish: it is in the ledger, with a deadline, before it is done. */
static int op_freeze(void *data, uint32_t component, const struct cg_group *leaf, bool on)
{
	struct frame_request request = {
		.kind = on ? REQUEST_FREEZE : REQUEST_THAW,
		.component = component,
		.leaf = leaf->id,
	};

	return daemon_request(data, &request);
}

static int op_reclaim(void *data, uint32_t component, const struct cg_group *leaf, uint64_t bytes)
{
	struct frame_request request = {
		.kind = REQUEST_RECLAIM,
		.component = component,
		.leaf = leaf->id,
		.amount = bytes,
	};

	return daemon_request(data, &request);
}

static const struct jobs_ops ops = {
	.launch = op_launch,
	.clean = op_clean,
	.open = op_open,
	.usage = op_usage,
	.limit = op_limit,
	.kill = op_kill,
	.freeze = op_freeze,
	.reclaim = op_reclaim,
};

/* ---- what happens to jobs ---- */

static void log_step(void *data, const struct job *job, const struct job_event *event)
{
	char why[160];

	(void)data;
	log_info("job=%" PRIu64 " step=%s name=%s uid=%u attempt=%u reason=%s why=\"%s\"", job->id,
		 job_step_name(event->step), job->name, job->uid, job->attempts,
		 job_reason_name(event->why.reason), job_why_text(&event->why, why, sizeof(why)));
}

static void on_ended(void *data, const struct job *job, const struct job_result *result)
{
	job_methods_ended(data, job, result);
}

/* ---- the configuration and the machine, as the core wants them ---- */

static struct admit_config core_config(const struct config *config)
{
	static const enum admit_strategy strategies[STRATEGY__COUNT] = {
		[STRATEGY_BALANCED] = ADMIT_BALANCED,
		[STRATEGY_THROUGHPUT] = ADMIT_THROUGHPUT,
		[STRATEGY_LATENCY] = ADMIT_LATENCY,
		[STRATEGY_ADAPTIVE] = ADMIT_ADAPTIVE,
	};
	const struct admission_conf *admission = &config->admission;

	return (struct admit_config){
		.order = ADMIT_ORDER_TURN,
		.trust = admission->footprints == FOOTPRINTS_ASKED ? ADMIT_TRUST_REQUEST
								   : ADMIT_TRUST_LEARNED,
		.strategy = strategies[admission->strategy],
		.preempt = admission->preemption,
		.bypass_us = admission->bypass_us,
		.component_count = config->component_count,
	};
}

/* Of what runs in a component without being a job nothing is known but its size now. */
static void read_others(const struct daemon *daemon, struct admit_supply *supply)
{
	uint64_t held[UW_COMPONENTS_MAX] = {0};
	uint32_t slot = 0;
	const struct job *job;

	while ((job = jobs_next_active(daemon->jobs, &slot))) {
		uint64_t current_bytes, peak_bytes;

		if (job->component < UW_COMPONENTS_MAX &&
		    jobs_usage_of(daemon->jobs, job, &current_bytes, &peak_bytes))
			held[job->component] += current_bytes;
	}
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		uint64_t all = daemon->frame.component[i].current_bytes;

		supply->component[i].other_bytes = all > held[i] ? all - held[i] : 0;
	}
}

static void read_supply(const struct daemon *daemon, struct admit_supply *supply)
{
	const struct config *config = &daemon->config;
	const struct host_sample *host = &daemon->frame.host;

	*supply = (struct admit_supply){
		.host_valid = host->valid,
		.host_available_bytes = host->available_bytes,
		.host_reserve_bytes =
			config->usable_bytes / PERMYRIAD_ONE * config->reserve_permyriad,
		.swap_free_bytes = host->swap_free_bytes,
	};
	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component_view *view = &daemon->view[i];

		supply->component[i].budget_bytes = view->in_force_bytes
							    ? view->in_force_bytes
							    : config->component[i].budget_bytes;
		if (view->level > supply->level)
			supply->level = view->level;
	}
	read_others(daemon, supply);
}

/* ---- leaves that an uwd before us could not remove any more ---- */

struct sweep {
	struct daemon *daemon;
	const char *component;
};

/* Those of jobs that have ended, and empty ones. What runs and is not known is not ours to end. */
static int sweep_leaf(void *data, const char *name)
{
	const struct sweep *sweep = data;
	struct store_row row;
	uint64_t id;
	char *end;

	if (strncmp(name, "job-", 4) != 0)
		return 0;
	id = strtoull(name + 4, &end, 10);
	if (*end || !id || jobs_find(sweep->daemon->jobs, id))
		return 0;
	if (!store_find(jobs_reader(sweep->daemon->jobs), id, &row) &&
	    job_state_is_end((enum job_state)row.job.state))
		op_clean(sweep->daemon, sweep->component, name);
	else
		cg_leaf_remove(sweep->daemon->pool.dir, sweep->component, name);
	return 0;
}

static void sweep_leaves(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		struct sweep sweep = {daemon, daemon->config.component[i].name};
		AUTO_CLOSE int dir = openat(daemon->pool.dir, sweep.component,
					    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			cg_leaf_each(dir, sweep_leaf, &sweep);
	}
}

/* ---- in the daemon ---- */

static void resolve_allowed(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		job_allow_resolve(&daemon->config.component[i], &daemon->allow[i]);
}

int queue_open(struct daemon *daemon, struct uw_err *err)
{
	struct admit_config admit = core_config(&daemon->config);
	struct jobs_setup setup = {
		.dir = QUEUE_DIR,
		.ops = &ops,
		.ops_data = daemon,
		.config = &daemon->config,
		.admit = &admit,
		.ended = on_ended,
		.step = log_step,
		.data = daemon,
	};
	int rc = jobs_open(&setup, &daemon->jobs, err);

	resolve_allowed(daemon);
	if (rc == JOBS_SET_ASIDE)
		log_err("%s", err->text);
	if (rc >= 0)
		sweep_leaves(daemon);
	return rc < 0 ? rc : 0;
}

void queue_close(struct daemon *daemon)
{
	jobs_close(daemon->jobs);
	daemon->jobs = NULL;
}

void queue_tick(struct daemon *daemon)
{
	struct admit_supply supply;

	if (!daemon->jobs || daemon->frame.now_us < daemon->jobs_look_us)
		return;
	daemon->jobs_look_us = daemon->frame.now_us + LOOK_PERIOD_US - LOOK_PERIOD_US / 10;
	jobs_look(daemon->jobs);
	read_supply(daemon, &supply);
	jobs_tick(daemon->jobs, &supply);
}

void queue_configure(struct daemon *daemon)
{
	struct admit_config admit = core_config(&daemon->config);
	struct uw_err err = {0};

	resolve_allowed(daemon);
	if (daemon->jobs && jobs_configure(daemon->jobs, &admit, &err))
		log_err("%s", err.text);
	if (ipc_server_set_open(daemon->server, submit_is_open(&daemon->config)))
		log_err("control socket: its mode cannot be changed");
}
