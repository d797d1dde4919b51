// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seam between uwd and the jobs. Downwards it gives them the real machine, the configuration as
 * the core of admission wants it, and once a second what memory there is to hand out, from the last
 * frame; upwards it logs each step of a job and passes on that one has ended.
 */
#include "user/daemon/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/daemon/entered.h"
#include "user/daemon/loop.h"
#include "user/daemon/pool.h"
#include "user/daemon/spoken.h"
#include "user/daemon/tick.h"
#include "user/ipc/server.h"
#include "user/jobs/jobs.h"
#include "user/jobs/ops.h"
#include "user/launcher/launcher.h"
#include "user/policy/admit/admit.h"
#include "user/policy/lease/lease.h"

#define LOOK_PERIOD_US US_PER_SEC

/* ---- what the machine side of jobs asks of uwd ---- */

static int freeze_leaf(void *data, uint32_t component, uint64_t leaf, bool on)
{
	struct frame_request request = {
		.kind = on ? REQUEST_FREEZE : REQUEST_THAW,
		.component = component,
		.leaf = leaf,
	};

	return tick_request(data, &request);
}

static int reclaim_leaf(void *data, uint32_t component, uint64_t leaf, uint64_t bytes)
{
	struct frame_request request = {
		.kind = REQUEST_RECLAIM,
		.component = component,
		.leaf = leaf,
		.amount = bytes,
	};

	return tick_request(data, &request);
}

/* ---- what happens to jobs ---- */

static void add_job(struct journal_entry *entry, const struct daemon *daemon, const struct job *job)
{
	journal_add(entry, "UW_JOB_ID", "%" PRIu64, job->id);
	journal_add(entry, "UW_USER", "%u", job->uid);
	if (job->component < daemon->config.component_count)
		journal_add(entry, "UW_COMPONENT", "%s",
			    daemon->config.component[job->component].name);
}

static void log_step(void *data, const struct job *job, const struct job_event *event)
{
	bool failed = event->step == JOB_STEP_ENDED && job->state == JOB_FAILED;
	struct journal_entry entry;
	char why[160];

	journal_begin(&entry, failed ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		      failed ? MESSAGE_JOB_FAILED : MESSAGE_JOB);
	add_job(&entry, data, job);
	journal_add(&entry, "UW_STEP", "%s", job_step_name(event->step));
	journal_add(&entry, "UW_REASON", "%s", job_reason_name(event->why.reason));
	journal_send(
		&entry, "job=%" PRIu64 " step=%s name=%s uid=%u attempt=%u reason=%s why=\"%s\"",
		job->id, job_step_name(event->step), job->name, job->uid, job->attempts,
		job_reason_name(event->why.reason), job_why_text(&event->why, why, sizeof(why)));
}

/* Nobody who waits for such a job is told otherwise. */
static void tell_never_fit(struct daemon *daemon)
{
	struct admit_summary summary;

	admit_summary(jobs_admit(daemon->jobs), jobs_now_us(daemon->jobs), &summary);
	if (summary.never_fit > daemon->jobs_never_fit)
		journal_say(LOG_LEVEL_WARNING, MESSAGE_JOB_CANNOT_START,
			    "jobs cannot start count=%u: they are larger than their component can "
			    "ever be, uwctl queue names them",
			    summary.never_fit);
	daemon->jobs_never_fit = summary.never_fit;
}

static void on_ended(void *data, const struct job *job, const struct job_result *result)
{
	struct daemon *daemon = data;

	if (daemon->ended)
		daemon->ended(daemon, job, result);
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

/* What is promised to programs, or reserved for who was let in, and not in use yet, of all
 * components. */
static uint64_t read_promised(const struct daemon *daemon, struct admit_supply *supply)
{
	uint64_t entered[UW_COMPONENTS_MAX], sum = 0;

	entered_promised(daemon, entered);
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		struct lease_component_view view = {0};
		uint64_t promised;

		if (daemon->leases)
			lease_component_view(daemon->leases, i, daemon->frame.now_us, &view);
		promised = view.promised_bytes + entered[i];
		supply->component[i].other_bytes += promised;
		sum += promised;
	}
	return sum;
}

static void read_supply(struct daemon *daemon, struct admit_supply *supply)
{
	const struct config *config = &daemon->config;
	uint64_t room = spoken_room(daemon), promised;
	const struct host_sample *host = spoken_host(daemon);
	struct spoken_jobs jobs;

	*supply = (struct admit_supply){
		.host_valid = host->valid,
		.host_reserve_bytes = spoken_reserve(daemon),
		.swap_free_bytes = host->swap_free_bytes,
	};
	spoken_by_jobs(daemon, &jobs);
	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component_view *view = &daemon->component[i].view;

		/* What it has lent is its right, and comes back when it is wanted. */
		supply->component[i].budget_bytes =
			view->in_force_bytes > config->component[i].budget_bytes
				? view->in_force_bytes
				: config->component[i].budget_bytes;
		supply->component[i].other_bytes = spoken_by_others(daemon, i, &jobs);
		if (view->level > supply->level)
			supply->level = view->level;
	}
	promised = read_promised(daemon, supply);
	supply->host_available_bytes = room > promised ? room - promised : 0;
}

/* ---- in the daemon ---- */

static void resolve_allowed(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		submitters_resolve(&daemon->config.component[i], &daemon->component[i].allow);
}

void queue_begin(struct daemon *daemon)
{
	struct uw_err err = {0};

	daemon->jobs_machine.launcher = jobs_ops_launcher();
	if (launcher_begin(&daemon->jobs_machine.launcher, &err) < 0)
		log_err("no queued job can be started: %s", err.text);
}

int queue_open(struct daemon *daemon, struct uw_err *err)
{
	struct admit_config admit = core_config(&daemon->config);
	struct jobs_setup setup = {
		.dir = QUEUE_DIR,
		.ops = &jobs_ops_real,
		.ops_data = &daemon->jobs_machine,
		.config = &daemon->config,
		.admit = &admit,
		.ended = on_ended,
		.step = log_step,
		.data = daemon,
	};
	int rc;

	daemon->jobs_machine = (struct jobs_machine){
		.state_dir = QUEUE_DIR,
		.pool_dir = pool_own_dir,
		.freeze = freeze_leaf,
		.reclaim = reclaim_leaf,
		.data = daemon,
		.launcher = daemon->jobs_machine.launcher,
	};
	resolve_allowed(daemon);
	rc = leaf_keeper_new(pool_own_dir, daemon, &daemon->jobs_machine.keeper);
	if (rc)
		return err_set(err, rc, "queue: %s", strerror(-rc));
	rc = jobs_open(&setup, &daemon->jobs, err);
	if (rc == JOBS_SET_ASIDE)
		log_err("%s", err->text);
	if (rc >= 0)
		jobs_ops_sweep(&daemon->jobs_machine, daemon->jobs, &daemon->config);
	return rc < 0 ? rc : 0;
}

void queue_close(struct daemon *daemon)
{
	jobs_close(daemon->jobs);
	daemon->jobs = NULL;
	leaf_keeper_free(daemon->jobs_machine.keeper);
	daemon->jobs_machine.keeper = NULL;
	launcher_close(&daemon->jobs_machine.launcher);
}

void queue_look(struct daemon *daemon)
{
	struct admit_supply supply;

	if (!daemon->jobs || daemon->frame.now_us < daemon->jobs_look_us)
		return;
	daemon->jobs_look_us = daemon->frame.now_us + LOOK_PERIOD_US - LOOK_PERIOD_US / 10;
	jobs_look(daemon->jobs);
	read_supply(daemon, &supply);
	jobs_tick(daemon->jobs, &supply);
	tell_never_fit(daemon);
}

void queue_configure(struct daemon *daemon)
{
	struct admit_config admit = core_config(&daemon->config);
	struct uw_err err = {0};

	resolve_allowed(daemon);
	daemon->jobs_look_us = 0; /* the supply is by the old indices: the next tick, which is due,
				     tells the new */
	if (daemon->jobs && jobs_configure(daemon->jobs, &admit, &err))
		log_err("%s", err.text);
	if (ipc_server_set_open(daemon->server, submitters_beside_root(&daemon->config)))
		log_err("control socket: its mode cannot be changed");
}

/* ---- what wakes it ---- */

static int on_jobs(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)fd, (void)revents;
	jobs_dispatch(daemon->jobs);
	return 0;
}

int queue_watch(struct daemon *daemon)
{
	return daemon->jobs ? loop_add_io(daemon->event, jobs_fd(daemon->jobs), EPOLLIN, on_jobs,
					  daemon, LOOP_JOBS, &daemon->jobs_source)
			    : 0;
}

void queue_unwatch(struct daemon *daemon)
{
	daemon->jobs_source = sd_event_source_disable_unref(daemon->jobs_source);
}
