// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue with a real database, real slots and real shims, but without cgroups: jobs are
 * submitted, run, end and are written down. Whatever fails, a job that was acknowledged ends, is
 * found in the history, and its command has run once, or not at all where its end says that it
 * could not; where uwd alone dies, each has run exactly once and its status is known.
 */
#include "tests/chaos/drivers.h"
#include "tests/unit/jobs_fixture.h"

#define JOBS     2U
#define STATUSES 5U

/* struct chaos: the first id of each round, 0 while nobody was told that they are there. */
enum note {
	NOTE_FIRST,
	NOTE_FIRST_AGAIN,
};

static struct jobs_fixture fixture;

static void fill(const struct chaos *c, struct jobs_fixture *f)
{
	char self[PATH_MAX - 32] = "";

	memset(f, 0, sizeof(*f));
	snprintf(f->pool.path, sizeof(f->pool.path), "%s", c->dir);
	snprintf(f->dir, sizeof(f->dir), "%s", c->disk);
	snprintf(f->ran, sizeof(f->ran), "%s/ran", c->dir);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
		abort();
	/* build/tests/chaos -> build/uw-shim */
	snprintf(f->shim, sizeof(f->shim), "%s/../uw-shim", dirname(self));
	f->launches_until_exit = -1;
	f->config.component_count = 1;
	strcpy(f->config.component[0].name, "ml_models");
	f->config.admission.max_queued = 1000;
	f->config.admission.kill_grace_us = 200 * US_PER_MS;
	f->config.admission.output_total_bytes = 1ULL << 30;
	f->config.admission.history_count = 1000;
	f->config.admission.history_age_us = 3600 * US_PER_SEC;
	f->current_bytes = 1 << 20;
	jobs_env_size = (uint32_t)snprintf(jobs_env, sizeof(jobs_env), "PATH=/usr/bin:/bin") + 1;
}

static void prepare(struct chaos *c)
{
	fill(c, &fixture);
}

/* ---- uwd ---- */

static bool open_jobs(struct chaos *c, struct jobs_fixture *f)
{
	struct admit_config admit = {.component_count = f->config.component_count};
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

	return chaos_ok(c, "jobs_open", jobs_open(&setup, &f->jobs, &err), &err);
}

static void submit_some(struct chaos *c, struct jobs_fixture *f)
{
	struct jobs_range range = {0, JOBS - 1};
	char buf[256], text[192];
	struct jobs_item item;
	struct uw_err err = {0};

	snprintf(text, sizeof(text), "echo $UW_JOB_ID >>%s; exit $((UW_JOB_ID %% %u))", f->ran,
		 STATUSES);
	item = sh_item(text, buf, sizeof(buf));
	item.range = &range;
	item.range_count = 1;
	f->submitted = 0;
	if (!chaos_ok(c, "jobs_submit", jobs_submit(f->jobs, &item, 1, on_submitted, f, &err),
		      &err))
		return;
	while (!f->submitted)
		jobs_fixture_turn(f);
	if (chaos_done(c, "the submission", f->submit_rc))
		c->note[c->round] = f->first_id;
}

static void run_all(struct chaos *c, struct jobs_fixture *f)
{
	uint64_t hangs_us = clock_now_us() + HANG_GUARD_US / 2;

	while (jobs_count(f->jobs) && clock_now_us() < hangs_us) {
		jobs_fixture_retry(f);
		jobs_fixture_turn(f);
	}
	if (jobs_count(f->jobs))
		chaos_violate(c, "%u jobs do not end", jobs_count(f->jobs));
}

static void act(struct chaos *c)
{
	struct jobs_fixture *f = &fixture;

	f->jobs = NULL;
	if (!open_jobs(c, f))
		return;
	jobs_fixture_tick(f);
	submit_some(c, f);
	run_all(c, f);
	jobs_close(f->jobs);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* ---- afterwards ---- */

static uint32_t times_ran(const struct jobs_fixture *f, uint64_t id)
{
	FILE *ran = fopen(f->ran, "re");
	unsigned long long line;
	uint32_t times = 0;

	while (ran && fscanf(ran, "%llu", &line) == 1)
		times += line == id;
	if (ran)
		fclose(ran);
	return times;
}

static void check_one(struct chaos *c, const struct jobs_fixture *f, struct store_reader *reader,
		      uint64_t id, bool acked)
{
	struct store_row row;
	uint32_t times = times_ran(f, id);
	int rc = store_find(reader, id, &row);
	bool has_exited;

	if (rc && (acked || times))
		chaos_violate(c, "job %u ran %u times and is lost (%d)", (uint32_t)id, times, rc);
	if (rc)
		return;
	/* 127: what asks for the user's rights could not be loaded. */
	has_exited = row.result.why.reason == JOB_BECAUSE_EXIT && row.result.status != 127;
	if (!job_state_is_end((enum job_state)row.job.state))
		chaos_violate(c, "job %u has not ended", (uint32_t)id);
	if (times > 1)
		chaos_violate(c, "job %u ran %u times", (uint32_t)id, times);
	if (row.result.why.reason == JOB_BECAUSE_START_FAILED && times)
		chaos_violate(c, "job %u could not start, and ran", (uint32_t)id);
	if (has_exited && (times != 1 || row.result.status != (int32_t)(id % STATUSES)))
		chaos_violate(c, "job %u exited with %d, and ran %u times", (uint32_t)id,
			      row.result.status, times);
	if (c->died && acked && !has_exited)
		chaos_violate(c, "job %u ran %u times, and nobody knows how it ended (%u)",
			      (uint32_t)id, times, row.result.why.reason);
}

static void check(struct chaos *c)
{
	struct jobs_fixture *f = &fixture;
	struct store_options options = {.dir = c->disk};
	struct store_reader *reader = NULL;
	struct uw_err err = {0};

	fill(c, f);
	if (!open_jobs(c, f))
		return;
	jobs_fixture_tick(f);
	run_all(c, f);
	jobs_close(f->jobs);
	if (!chaos_ok(c, "store_reader_open", store_reader_open(&options, &reader, &err), &err))
		return;
	for (uint64_t id = 1; id <= 4 * JOBS; id++)
		check_one(c, f, reader, id,
			  (c->note[NOTE_FIRST] && id - c->note[NOTE_FIRST] < JOBS) ||
				  (c->note[NOTE_FIRST_AGAIN] &&
				   id - c->note[NOTE_FIRST_AGAIN] < JOBS));
	store_reader_close(reader);
}

const struct chaos_driver chaos_jobs = {
	.name = "jobs",
	.how = CHAOS_FAILS | CHAOS_KILLS,
	.prepare = prepare,
	.act = act,
	.check = check,
};
