// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue as uwd holds it: opened and closed, given another configuration, and served by the
 * loop. A turn of the loop takes up what the disk, a shim or a long read has to say, lets new jobs
 * in, decides once about all of it, and then answers who submitted; who changed a job is answered
 * as soon as the change is on disk. When the components change, the core is begun anew and every
 * job goes into it again by the name of its component.
 */
#include "user/jobs/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/sparse.h"
#include "user/base/text.h"
#include "user/jobs/adopt.h"
#include "user/jobs/daily_check.h"
#include "user/jobs/decide.h"
#include "user/jobs/end.h"
#include "user/jobs/enqueue.h"
#include "user/jobs/enter.h"
#include "user/jobs/failed_starts.h"
#include "user/jobs/pause.h"
#include "user/jobs/slot_share.h"
#include "user/jobs/state.h"
#include "user/jobs/supply.h"

#define TAG_RECORDER    0U /* slots count from 1 */
#define EVENTS_A_TURN   64
#define PART_US         1000U /* a fifth of what a turn of the loop may take */
#define ANSWER_MAX      8U    /* decisions between two looks at the clock */
#define TAG_READER      UINT32_MAX
#define TAG_TURN        (UINT32_MAX - 1)
#define KEEP_RUNS_A_KEY 200U

/* ---- another configuration ---- */

static void take_components(struct jobs *jobs)
{
	const struct config *config = jobs->setup.config;

	jobs->component_count = config->component_count;
	for (uint32_t i = 0; i < config->component_count; i++)
		text_copy(jobs->component[i], sizeof(jobs->component[i]),
			  config->component[i].name);
}

static bool components_are_the_same(const struct jobs *jobs)
{
	const struct config *config = jobs->setup.config;

	if (jobs->component_count != config->component_count)
		return false;
	for (uint32_t i = 0; i < config->component_count; i++)
		if (strcmp(jobs->component[i], config->component[i].name) != 0)
			return false;
	return true;
}

/* Its component was not configured when it was last looked for: the disk knows its name. */
static uint8_t find_lost_component(const struct jobs *jobs, const struct job *job)
{
	struct store_row row;

	if (store_find(jobs->reader, job->id, &row))
		return UINT8_MAX;
	return state_find_component(jobs, row.component);
}

/* By its own name, as the indices have changed; then into the core as at a start. */
static void enter_again(struct jobs *jobs, struct job *job, const char *component)
{
	enum job_state state = (enum job_state)job->state;

	state_move(jobs, job,
		   *component ? state_find_component(jobs, component)
			      : find_lost_component(jobs, job));
	if (state == JOB_WAITING || job_state_is_end(state))
		return;
	if (job_state_is_active(state) ||
	    (state == JOB_HELD &&
	     (job->reason == JOB_BECAUSE_NO_COMPONENT || job->reason == JOB_BECAUSE_REFUSED)))
		state_set(jobs, job, JOB_QUEUED);
	if (!job_state_is_active(state)) {
		enqueue_job(jobs, job, NULL);
		return;
	}
	if (!enqueue_job(jobs, job, NULL))
		admit_started(jobs->admit, job->id, job->reserved_bytes, jobs_now_us(jobs));
	state_set(jobs, job, state);
	pause_forget(jobs, job);
}

static int enter_all_again(struct jobs *jobs, struct uw_err *err)
{
	static char before[UW_COMPONENTS_MAX][UW_NAME_LEN];
	struct admit_limits limits = {.tasks = JOBS_MAX, .keys = JOBS_KEYS_MAX};
	uint32_t count = jobs->component_count;

	memcpy(before, jobs->component, sizeof(before));
	take_components(jobs);
	if (admit_init(jobs->admit, &limits, &jobs->admit_config))
		return err_set(err, -EINVAL, "queue: the core takes no such configuration");
	admit_supply(jobs->admit, &jobs->supply, jobs_now_us(jobs));
	slot_share_done(jobs); /* who has no slot will wait again */
	failed_starts_done(jobs);
	jobs->entering = true;
	jobs->without_component = 0;
	for (const struct job *at = job_table_next(&jobs->table, NULL); at;
	     at = job_table_next(&jobs->table, at)) {
		struct job *job = job_table_find(&jobs->table, at->id);

		enter_again(jobs, job, job->component < count ? before[job->component] : "");
	}
	jobs->entering = false;
	if (jobs->without_component)
		log_warning(
			"jobs have no component to run in count=%u: 'uwctl queue' shows them; put "
			"it into the configuration again, or cancel them",
			jobs->without_component);
	return 0;
}

/* On the recorder's thread: what a job wrote goes when the job is forgotten. */
static void remove_logs(void *data, uint64_t id)
{
	outputs_forget(data, id);
}

static bool tidy_logs(void *data, struct store *store)
{
	const struct jobs *jobs = data;

	return outputs_tidy(jobs->outputs, store);
}

static struct store_keep what_to_keep(struct jobs *jobs)
{
	const struct admission_conf *admission = &jobs->setup.config->admission;

	return (struct store_keep){
		.jobs = admission->history_count,
		.bytes = 2 * admission->queue_bytes,
		.runs_last = JOBS_RUNS_KEPT,
		.runs_a_key = KEEP_RUNS_A_KEY,
		.oldest_us = admission->history_age_us,
		.forget = remove_logs,
		.data = jobs->outputs,
	};
}

static void take_admit_config(struct jobs *jobs, const struct admit_config *admit)
{
	jobs->admit_config = *admit;
	jobs->admit_config.answer_max = ANSWER_MAX;
}

int jobs_configure(struct jobs *jobs, const struct admit_config *admit, struct uw_err *err)
{
	struct store_keep keep = what_to_keep(jobs);
	int rc;

	outputs_limit(jobs->outputs, jobs->setup.config->admission.output_total_bytes);
	recorder_configure(jobs->recorder, &keep);
	take_admit_config(jobs, admit);
	if (!components_are_the_same(jobs))
		return enter_all_again(jobs, err);
	rc = admit_configure(jobs->admit, &jobs->admit_config);
	return rc ? err_set(err, rc, "queue: the core refuses this configuration: %s",
			    strerror(-rc))
		  : 0;
}

/* ---- opening ---- */

static int make_dir(const char *path, mode_t mode, struct uw_err *err)
{
	if (mkdir(path, mode) && errno != EEXIST)
		return err_set(err, -errno, "queue: %s cannot be made: %s", path, strerror(errno));
	return 0;
}

/* The log directory may be entered but not listed: each file in it is its owner's. */
static int make_dirs(struct jobs *jobs, struct uw_err *err)
{
	char path[JOBS_DIR_LEN + 8];
	int rc;

	if (!text_copy(jobs->dir, sizeof(jobs->dir), jobs->setup.dir))
		return err_set(err, -ENAMETOOLONG, "queue: %s: longer than %d bytes",
			       jobs->setup.dir, JOBS_DIR_LEN - 1);
	rc = make_dir(jobs->dir, 0755, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/%s", jobs->dir, JOBS_LOG_DIR);
	rc = make_dir(path, 0711, err);
	if (rc)
		return rc;
	rc = chmod(path, 0711) ? -errno
			       : outputs_new(path, jobs->setup.config->admission.output_total_bytes,
					     &jobs->outputs);
	return rc ? err_set(err, rc, "queue: %s: %s", path, strerror(-rc)) : 0;
}

static int open_core(struct jobs *jobs, struct uw_err *err)
{
	struct admit_limits limits = {.tasks = JOBS_MAX, .keys = JOBS_KEYS_MAX};
	int rc;

	jobs->admit_bytes = admit_size(&limits);
	jobs->admit = sparse_map(jobs->admit_bytes);
	if (!jobs->admit)
		return err_set(err, -errno, "queue: %" PRIu64 " bytes for the core: %s",
			       jobs->admit_bytes, strerror(errno));
	rc = admit_init(jobs->admit, &limits, &jobs->admit_config);
	return rc ? err_set(err, rc, "queue: the core takes no such configuration") : 0;
}

static int open_memory(struct jobs *jobs, struct uw_err *err)
{
	int rc = job_table_init(&jobs->table);

	if (!rc)
		rc = after_init(&jobs->after);
	if (!rc) {
		jobs->strings = strings_new();
		rc = jobs->strings ? 0 : -ENOMEM;
	}
	return rc ? err_set(err, rc, "queue: out of memory") : open_core(jobs, err);
}

static int watch(struct jobs *jobs, int fd, uint32_t events, uint32_t tag, struct uw_err *err)
{
	struct epoll_event event = {.events = events, .data.u32 = tag};

	if (epoll_ctl(jobs->epoll, EPOLL_CTL_ADD, fd, &event))
		return err_set(err, -errno, "queue: epoll: %s", strerror(errno));
	return 0;
}

/* Written to once for each turn that is to come, and never read. */
static int watch_turn(struct jobs *jobs, struct uw_err *err)
{
	jobs->turn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (jobs->turn_fd < 0)
		return err_set(err, -errno, "queue: eventfd: %s", strerror(errno));
	return watch(jobs, jobs->turn_fd, EPOLLIN | EPOLLET, TAG_TURN, err);
}

static int start_reading(struct jobs *jobs, struct uw_err *err)
{
	struct store_options options = {.dir = jobs->dir};
	int rc = reader_thread_new(&options, &jobs->reader_thread);

	return rc ? err_set(err, rc, "queue: %s", strerror(-rc))
		  : watch(jobs, reader_thread_fd(jobs->reader_thread), EPOLLIN, TAG_READER, err);
}

/* Takes the store over. */
static int start_recorder(struct jobs *jobs, struct store *store, struct uw_err *err)
{
	struct store_keep keep = what_to_keep(jobs);
	int rc = recorder_new(store, &keep, tidy_logs, jobs, &jobs->recorder, err);

	if (rc) {
		store_close(store);
		return rc;
	}
	return watch(jobs, recorder_fd(jobs->recorder), EPOLLIN | EPOLLET, TAG_RECORDER, err);
}

/* The database that knew it is set aside. Where what stands beside it is torn, outputs tell. */
static int find_last_id(const struct jobs *jobs, uint64_t *ret_id)
{
	char path[JOBS_DIR_LEN + 8];
	uint64_t written = 0, used = 0;
	int torn = slots_read_last_id(jobs->slots, &written), rc;

	snprintf(path, sizeof(path), "%s/%s", jobs->dir, JOBS_LOG_DIR);
	rc = outputs_highest_id(path, &used);
	if (torn && rc)
		return rc;
	*ret_id = !torn && written > used ? written : used;
	return 0;
}

static int open_store(struct jobs *jobs, struct uw_err *err)
{
	struct store_options options = {.dir = jobs->dir};
	struct store *store = NULL;
	struct uw_err aside = {0};
	int set_aside = store_open(&options, &store, &aside), rc;

	if (set_aside < 0)
		return err_set(err, set_aside, "%s", aside.text);
	memcpy(jobs->secret, store_secret(store), sizeof(jobs->secret));
	rc = set_aside ? find_last_id(jobs, &jobs->last_id) : 0;
	if (rc)
		err_set(err, rc, "ids of jobs that were cannot be told from outputs in %s: %s",
			jobs->dir, strerror(-rc));
	else
		rc = store_reader_open(&options, &jobs->reader, err);
	if (!rc)
		rc = adopt_load(jobs, store, err);
	if (rc == -EUCLEAN)
		store_doubt(store);
	daily_check_init(jobs, store);
	if (rc) {
		store_close(store);
		return rc;
	}
	rc = start_recorder(jobs, store, err);
	if (!rc)
		rc = start_reading(jobs, err);
	if (!rc && set_aside)
		err_set(err, aside.code, "%s", aside.text);
	return rc ? rc : set_aside;
}

#define PATH_LEN (JOBS_DIR_LEN + 32)

static const char *path_in(const struct jobs *jobs, const char *name, char buf[PATH_LEN])
{
	snprintf(buf, PATH_LEN, "%s/%s", jobs->dir, name);
	return buf;
}

bool jobs_are_there(const struct jobs *jobs)
{
	struct file_id slots = file_id_of(jobs->slots);
	char path[PATH_LEN];

	return file_id_is_at(&jobs->database, path_in(jobs, STORE_FILE, path)) &&
	       file_id_is_at(&slots, path_in(jobs, SLOTS_FILE, path));
}

static int open_jobs(struct jobs *jobs, struct uw_err *err)
{
	char path[PATH_LEN];
	int rc = make_dirs(jobs, err);

	if (!rc)
		rc = slots_open(jobs->dir, &jobs->slots, err);
	if (!rc) {
		rc = clock_boot_id(jobs->boot);
		if (rc)
			err_set(err, rc, "queue: this boot's id: %s", strerror(-rc));
	}
	if (!rc)
		rc = open_memory(jobs, err);
	if (!rc)
		rc = watch_turn(jobs, err);
	if (rc)
		return rc;
	rc = open_store(jobs, err);
	if (rc >= 0) {
		jobs->database = file_id_at(path_in(jobs, STORE_FILE, path));
		adopt_all(jobs);
	}
	return rc;
}

static int try_to_open(const struct jobs_setup *setup, struct jobs **ret_jobs, struct uw_err *err)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));
	int rc;

	if (!jobs)
		return err_set(err, -ENOMEM, "queue: out of memory");
	jobs->setup = *setup;
	take_admit_config(jobs, setup->admit);
	take_components(jobs);
	jobs->slots = -1;
	jobs->oldest.least_us = jobs->oldest.found_us = UINT64_MAX;
	jobs->part_us = PART_US;
	jobs->turn_fd = -1;
	jobs->clock_offset_us = clock_wall_us() - clock_now_us();
	jobs->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = jobs->epoll < 0 ? err_set(err, -errno, "queue: epoll: %s", strerror(errno))
			     : open_jobs(jobs, err);
	if (rc < 0) {
		jobs_close(jobs);
		return rc;
	}
	*ret_jobs = jobs;
	return rc;
}

/* What is damaged where it is read back is set aside by the second try, as it is in doubt then. */
int jobs_open(const struct jobs_setup *setup, struct jobs **ret_jobs, struct uw_err *err)
{
	int rc = try_to_open(setup, ret_jobs, err);

	return rc == -EUCLEAN ? try_to_open(setup, ret_jobs, err) : rc;
}

/* What ends or fails on the way out is told to the core, but nothing is decided about it any more.
 */
void jobs_close(struct jobs *jobs)
{
	if (!jobs)
		return;
	daily_check_stop(jobs);
	reader_thread_free(jobs->reader_thread);
	recorder_free(jobs->recorder);
	outputs_free(jobs->outputs);
	enter_none(jobs);
	for (uint32_t slot = 1; slot <= SLOTS_COUNT; slot++)
		run_free(jobs, slot);
	store_reader_close(jobs->reader);
	strings_free(jobs->strings);
	failed_starts_done(jobs);
	slot_share_done(jobs);
	accounts_done(&jobs->accounts);
	after_done(&jobs->after);
	job_table_done(&jobs->table);
	sparse_unmap(jobs->admit, jobs->admit_bytes);
	if (jobs->slots >= 0)
		close(jobs->slots);
	if (jobs->turn_fd >= 0)
		close(jobs->turn_fd);
	if (jobs->epoll >= 0)
		close(jobs->epoll);
	free(jobs->loaded_waiting);
	free(jobs);
}

/* ---- the loop ---- */

int jobs_fd(const struct jobs *jobs)
{
	return jobs->epoll;
}

/* A first one has its end at once; what there is no time for is heard of again in the next turn. */
static void hear_of_end(struct jobs *jobs, uint32_t slot, uint64_t *until_us)
{
	struct run *run = jobs->run[slot];

	if (!run || !run->launched) {
		if (run)
			run->gone = true; /* seen before its start is through */
		return;
	}
	if (*until_us && clock_now_us() >= *until_us && !run_watch(jobs, slot, run->pidfd))
		return;
	if (!*until_us)
		*until_us = clock_now_us() + jobs->part_us;
	end_attempt(jobs, slot);
}

void jobs_dispatch(struct jobs *jobs)
{
	uint64_t until_us = 0; /* for ends */
	struct epoll_event events[EVENTS_A_TURN];
	int count = epoll_wait(jobs->epoll, events, EVENTS_A_TURN, 0);

	for (int i = 0; i < count; i++) {
		uint32_t tag = events[i].data.u32;

		if (tag == TAG_RECORDER)
			recorder_dispatch(jobs->recorder);
		else if (tag == TAG_READER)
			reader_thread_dispatch(jobs->reader_thread);
		else if (tag == TAG_TURN)
			continue;
		else
			hear_of_end(jobs, tag, &until_us);
	}
	enter_some(jobs);
	enqueue_waiting(jobs);
	decide_if_due(jobs);
	enter_answer(jobs);
}

void jobs_tick(struct jobs *jobs, const struct admit_supply *supply)
{
	jobs->supply = *supply;
	supply_give(jobs);
	state_decide_soon(jobs);
	decide_if_due(jobs);
	daily_check_tick(jobs);
}
