/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue with a real store and real shims, but without cgroups: jobs are sessions, and memory is
 * what the test says. The fixture plays uwd's loop. A job that is to run on waits at a gate until
 * the test opens it, or is over; time passes for a job when the test says so.
 */
#ifndef UW_TEST_JOBS_FIXTURE_H
#define UW_TEST_JOBS_FIXTURE_H

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/state.h"
#include "user/jobs/shim_start.h"
#include "user/shim/slots.h"

#define JOBS_BUDGET  (1ULL << 30)
#define JOBS_TURN_MS 5 /* a turn of the loop that nothing comes in ends with a tick */

#define AT_GATE "read go <$GATE" /* in the text of a job: one line for each that is let through */

static char jobs_env[192]; /* of every job */
static uint32_t jobs_env_size;

struct jobs_fixture {
	struct tmp_pool pool;
	char dir[96], ran[96], gate[96], shim[PATH_MAX];
	int gate_fd;
	struct config config;
	struct jobs *jobs;
	bool no_ticks;
	uint64_t current_bytes;   /* of every job */
	uint64_t frozen;          /* id of the one that stands still */
	uint64_t limit_bytes;     /* the last that was set */
	uint64_t swap_free_bytes; /* of the host */
	bool preempt;             /* when it is opened */
	bool no_leaf;             /* none can be opened */
	bool has_left;            /* nobody is in any of them */
	uint32_t freezes;         /* asked for */
	bool busy;                /* takes no such request now */
	uint64_t reclaimed_bytes; /* the last that was asked for */
	char opened[UW_NAME_LEN]; /* component of the last leaf that was */
	uint32_t submitted, ended;
	int submit_rc;
	uint64_t first_id;
	struct job_result result;  /* of the last that ended */
	char cleaned[UW_NAME_LEN]; /* the component of the last leaf that was removed */
	int launches_until_exit;   /* < 0: never; the process ends in launch */
	bool exit_before_launch;
	bool launch_waits;         /* until the shim has ended */
	struct launcher *launcher; /* who makes shims; NULL: this process */
	int no_shim;               /* errno of each start; 0: they are made */
	uint64_t no_shim_id;       /* of this job alone; 0: of all */
	_Atomic uint32_t failed_launches;
};

/* ---- the machine ---- */

static int fake_launch(void *data, const struct jobs_launch *launch, struct uw_err *err)
{
	struct jobs_fixture *f = data;
	struct launch_place place = {
		.dir = f->dir,
		.launcher = f->launcher,
		.program = f->shim,
		.log_limit_bytes = 1 << 20,
		.shims_dirfd = -1,
		.leaf_dirfd = -1,
	};
	bool last = f->launches_until_exit >= 0 && !f->launches_until_exit--;
	int rc;

	if (f->no_shim && (!f->no_shim_id || f->no_shim_id == launch->id)) {
		f->failed_launches++;
		return err_set(err, -f->no_shim, "no shim");
	}
	if (last && f->exit_before_launch)
		_exit(77);
	rc = launch_shim(&place, launch, err);
	if (last)
		_exit(77);
	if (rc >= 0 && f->launch_waits)
		poll(&(struct pollfd){.fd = rc, .events = POLLIN}, 1, HANG_GUARD_MS);
	return rc;
}

static void fake_clean(void *data, const char *component, const char *leaf)
{
	struct jobs_fixture *f = data;

	(void)leaf;
	snprintf(f->cleaned, sizeof(f->cleaned), "%s", component);
}

static int fake_open(void *data, const char *component, const char *leaf, struct cg_group *group)
{
	struct jobs_fixture *f = data;

	if (f->no_leaf)
		return -EMFILE;
	snprintf(f->opened, sizeof(f->opened), "%s", component);
	for (int i = 0; i < CG_KNOB__COUNT; i++)
		group->fd[i] = -1;
	group->dir = -1;
	group->id = strtoull(strchr(leaf, '-') + 1, NULL, 10);
	return 0;
}

static int fake_usage(void *data, const struct cg_group *leaf, bool at_end,
		      struct jobs_usage *ret_usage)
{
	const struct jobs_fixture *f = data;

	(void)at_end;
	*ret_usage = (struct jobs_usage){
		.current_bytes = f->current_bytes,
		.peak_bytes = f->current_bytes,
		.frozen = f->frozen == leaf->id,
		.empty = f->has_left,
	};
	return 0;
}

static int fake_limit(void *data, const struct cg_group *leaf, uint64_t bytes, bool raised)
{
	struct jobs_fixture *f = data;

	(void)leaf, (void)raised;
	f->limit_bytes = bytes;
	return 0;
}

/* The slot knows the session. */
static int fake_kill(void *data, const struct cg_group *leaf)
{
	const struct jobs_fixture *f = data;
	int fd = slots_reopen(f->dir);
	struct slot_record slot;

	for (uint32_t i = 1; !f->has_left && i <= SLOTS_COUNT; i++)
		if (!slot_read(fd, i, &slot) && slot.job == leaf->id && slot.child_pid > 0 &&
		    slot.phase == SLOT_RUN)
			kill(-slot.child_pid, SIGKILL);
	close(fd);
	return 0;
}

static int fake_freeze(void *data, uint32_t component, const struct cg_group *leaf, bool on)
{
	struct jobs_fixture *f = data;

	(void)component;
	if (f->busy)
		return -EBUSY;
	f->freezes += on;
	f->frozen = on ? leaf->id : 0;
	return 0;
}

static int fake_reclaim(void *data, uint32_t component, const struct cg_group *leaf, uint64_t bytes)
{
	struct jobs_fixture *f = data;

	(void)component, (void)leaf;
	f->reclaimed_bytes = bytes;
	return 0;
}

static const struct jobs_ops fake_ops = {
	.launch = fake_launch,
	.clean = fake_clean,
	.open = fake_open,
	.usage = fake_usage,
	.limit = fake_limit,
	.kill = fake_kill,
	.freeze = fake_freeze,
	.reclaim = fake_reclaim,
};

/* ---- uwd ---- */

static void on_ended(void *data, const struct job *job, const struct job_result *result)
{
	struct jobs_fixture *f = data;

	(void)job;
	f->ended++;
	f->result = *result;
}

static inline void make_gate(struct jobs_fixture *f)
{
	snprintf(f->gate, sizeof(f->gate), "%s/gate", f->pool.path);
	assert_int_equal(mkfifo(f->gate, 0600), 0);
	f->gate_fd = open(f->gate, O_RDWR | O_CLOEXEC);
	assert_true(f->gate_fd >= 0);
	jobs_env_size = (uint32_t)snprintf(jobs_env, sizeof(jobs_env),
					   "PATH=/usr/bin:/bin%cGATE=%s", 0, f->gate) +
			1;
}

/* Lets so many of those at the gate go on. */
static inline void open_gate(const struct jobs_fixture *f, uint32_t count)
{
	while (count--)
		assert_int_equal(write(f->gate_fd, "\n", 1), 1);
}

static inline void jobs_fixture_init(struct jobs_fixture *f)
{
	char self[PATH_MAX - 32] = "";

	memset(f, 0, sizeof(*f));
	tmp_pool_init(&f->pool);
	chmod(f->pool.path, 0755);
	snprintf(f->dir, sizeof(f->dir), "%s/state", f->pool.path);
	snprintf(f->ran, sizeof(f->ran), "%s/ran", f->pool.path);
	make_gate(f);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	/* build/tests/unit/test_jobs -> build/uw-shim */
	snprintf(f->shim, sizeof(f->shim), "%s/../../uw-shim", dirname(self));
	if (access(f->shim, X_OK))
		fail_msg("there is no %s", f->shim);
	f->launches_until_exit = -1;
	f->config.component_count = 2;
	strcpy(f->config.component[0].name, "ml_models");
	strcpy(f->config.component[1].name, "cache");
	f->config.component[0].budget_bytes = f->config.component[1].budget_bytes = JOBS_BUDGET;
	f->config.admission.max_queued = 1000;
	f->config.admission.kill_grace_us = 200 * US_PER_MS;
	f->config.admission.output_total_bytes = 1ULL << 30;
	f->config.admission.history_count = 1000;
	f->config.admission.history_age_us = 3600 * US_PER_SEC;
	f->current_bytes = 1 << 20;
	log_set_level(LOG_LEVEL_ERR);
}

static inline void jobs_fixture_done(struct jobs_fixture *f)
{
	jobs_close(f->jobs);
	close(f->gate_fd); /* who waits there ends */
	tmp_pool_done(&f->pool);
}

static inline int jobs_fixture_open(struct jobs_fixture *f)
{
	struct admit_config admit = {
		.component_count = f->config.component_count,
		.preempt = f->preempt,
	};
	struct jobs_setup setup = {
		.dir = f->dir,
		.ops = &fake_ops,
		.ops_data = f,
		.config = &f->config,
		.admit = &admit,
		.ended = on_ended,
		.data = f,
	};
	struct uw_err err = {0};
	int rc = jobs_open(&setup, &f->jobs, &err);

	if (rc)
		fprintf(stderr, "%s\n", err.text);
	return rc;
}

static inline void jobs_fixture_tick(struct jobs_fixture *f)
{
	struct admit_supply supply = {
		.host_valid = true,
		.host_available_bytes = 2 * JOBS_BUDGET,
		.swap_free_bytes = f->swap_free_bytes,
	};

	for (uint32_t i = 0; i < f->config.component_count; i++)
		supply.component[i].budget_bytes = JOBS_BUDGET;
	jobs_look(f->jobs);
	jobs_tick(f->jobs, &supply);
}

/* What is counted as jobs come, change and go is what a look at all of them finds. */
static inline void jobs_fixture_check_tally(const struct jobs_fixture *f)
{
	static struct jobs_tally walk, live;

	memset(&walk, 0, sizeof(walk));
	live = *jobs_tally(f->jobs);
	for (const struct job *job = jobs_next(f->jobs, NULL); job; job = jobs_next(f->jobs, job))
		walk.count[job->component < UW_COMPONENTS_MAX ? job->component : UW_COMPONENTS_MAX]
			  [job_class_of(job->priority)][job->state]++;
	for (uint32_t i = 0; i <= UW_COMPONENTS_MAX; i++)
		for (int class = 0; class < JOB_CLASS__COUNT; class ++)
			for (int state = 0; state < JOB_STATE__COUNT; state++)
				if (job_state_is_end((enum job_state)state))
					live.count[i][class][state] = 0;
	assert_memory_equal(&walk, &live, sizeof(walk));
}

/* One turn of the loop. */
static inline void jobs_fixture_turn(struct jobs_fixture *f)
{
	struct pollfd fd = {.fd = jobs_fd(f->jobs), .events = POLLIN};

	if (poll(&fd, 1, JOBS_TURN_MS) > 0)
		jobs_dispatch(f->jobs);
	else if (!f->no_ticks)
		jobs_fixture_tick(f);
	jobs_fixture_check_tally(f);
}

/* Turns until what is true. */
#define JOBS_UNTIL(f, what)                                          \
	do {                                                         \
		uint64_t hangs_us_ = clock_now_us() + HANG_GUARD_US; \
		while (!(what)) {                                    \
			assert_true(clock_now_us() < hangs_us_);     \
			jobs_fixture_turn(f);                        \
		}                                                    \
	} while (0)

/* So much time goes by that every job whose start came to nothing may be tried again. */
static inline void jobs_fixture_retry(struct jobs_fixture *f)
{
	struct failed_starts *failed = &f->jobs->failed_starts;

	for (uint32_t i = 0; i < failed->count; i++)
		failed->start[i].failed_us = failed->start[i].wait_us = 0;
	failed->due_us = 0;
	f->jobs->held_back_until_us = 0;
}

/* Turns and ticks often enough for what must not happen to happen. */
static inline void jobs_fixture_go_on(struct jobs_fixture *f)
{
	for (int i = 0; i < 10; i++) {
		jobs_fixture_turn(f);
		jobs_fixture_tick(f);
	}
}

static void on_submitted(void *data, int rc, const struct uw_err *err,
			 const struct jobs_item *items, uint32_t count)
{
	struct jobs_fixture *f = data;

	(void)err;
	f->submit_rc = rc;
	f->first_id = items[0].first_id;
	for (uint32_t i = 0; i < count; i++)
		f->submitted += items[i].count;
}

/* An item that runs sh -c text; the strings must outlive the call of jobs_submit only. */
static inline struct jobs_item sh_item(const char *text, char *buf, size_t size)
{
	struct jobs_item item = {
		.spec =
			{
				.component = "ml_models",
				.memory_bytes = 64 << 20,
				.priority = 5,
				.memory_priority = 5,
				.index = JOB_NO_INDEX,
				.uid = getuid(),
				.gid = getgid(),
				.umask = 022,
				.cwd = "/",
				.env = {jobs_env, jobs_env_size},
			},
	};

	item.spec.argv.data = buf;
	item.spec.argv.size = (uint32_t)snprintf(buf, size, "sh%c-c%c%s", 0, 0, text) + 1;
	return item;
}

static inline void submit(struct jobs_fixture *f, struct jobs_item *items, uint32_t count)
{
	struct uw_err err = {0};
	uint32_t before = f->submitted;
	int rc = jobs_submit(f->jobs, items, count, on_submitted, f, &err);

	if (rc)
		fail_msg("%s", err.text);
	JOBS_UNTIL(f, f->submitted > before);
	assert_int_equal(f->submit_rc, 0);
}

static inline uint64_t submit_sh(struct jobs_fixture *f, const char *text)
{
	char buf[512];
	struct jobs_item item = sh_item(text, buf, sizeof(buf));

	submit(f, &item, 1);
	return f->first_id;
}

static inline struct store_row row_of(const struct jobs_fixture *f, uint64_t id)
{
	struct store_row row;

	assert_int_equal(store_find(jobs_reader(f->jobs), id, &row), 0);
	return row;
}

/* JOB_STATE__COUNT: it has ended, or nobody knows it. */
static inline enum job_state state_of(const struct jobs_fixture *f, uint64_t id)
{
	const struct job *job = jobs_find(f->jobs, id);

	return job ? (enum job_state)job->state : JOB_STATE__COUNT;
}

static inline struct run *run_of(const struct jobs_fixture *f, uint64_t id)
{
	const struct job *job = jobs_find(f->jobs, id);

	assert_non_null(job);
	assert_non_null(f->jobs->run[job->slot]);
	return f->jobs->run[job->slot];
}

/* So much time goes by for a job that runs. */
static inline void let_pass(const struct jobs_fixture *f, uint64_t id, uint64_t us)
{
	struct run *run = run_of(f, id);

	run->started_us -= us;
	if (run->freeze.seen_us)
		run->freeze.seen_us -= us;
	if (run->stop.kill_us)
		run->stop.kill_us -= us;
}

/* ---- of a test ---- */

static inline int jobs_fixture_begin(struct jobs_fixture *f)
{
	int rc = jobs_fixture_open(f);

	if (!rc)
		jobs_fixture_tick(f);
	return rc;
}

/* A new uwd. */
static inline void restart(struct jobs_fixture *f)
{
	jobs_close(f->jobs);
	f->jobs = NULL;
	assert_int_equal(jobs_fixture_begin(f), 0);
}

static inline int jobs_setup(void **state)
{
	static struct jobs_fixture f;

	jobs_fixture_init(&f);
	*state = &f;
	return jobs_fixture_begin(&f);
}

static inline int jobs_teardown(void **state)
{
	jobs_fixture_done(*state);
	return 0;
}

#endif
