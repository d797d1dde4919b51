// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue on disk, through a job's life: added with two others, begun, ended, learned from,
 * forgotten. What was committed is there afterwards, what was not is there whole or not at all, and
 * a database that is sound is never set aside for a call that failed while it was looked at.
 */
#include <errno.h>
#include <string.h>

#include "tests/chaos/drivers.h"
#include "user/store/history.h"
#include "user/store/store.h"

#define JOBS          3U
#define ROUND_NOTES   8U /* of struct chaos, for the jobs of a round: what is safe of each */
#define RESERVE_BYTES (64U << 10)
#define ENV           "PATH=/bin\0HOME=/root"

enum safe {
	SAFE_NOT,
	SAFE_QUEUED,
	SAFE_BEGUN,
	SAFE_ENDED,
};

static const struct job_spec spec = {
	.component = "ml_models",
	.key = "train",
	.memory_bytes = 800 << 20,
	.priority = 7,
	.memory_priority = 5,
	.index = JOB_NO_INDEX,
	.cwd = "/tmp",
	.argv = {"python3\0train.py", 17},
	.env = {ENV, sizeof(ENV)},
};

static uint64_t *note_of(struct chaos *c, uint64_t id)
{
	return &c->note[id / 10 * ROUND_NOTES + id % 10];
}

static struct job job_of(uint64_t id)
{
	struct job job;

	job_init(&job, &spec);
	job.id = job.array = id;
	job.submit_us = 1000 + id;
	return job;
}

static int add(struct store *store, uint64_t first)
{
	int rc = 0;

	for (uint64_t id = first; !rc && id < first + JOBS; id++) {
		struct job job = job_of(id);
		char pack[1024];
		struct store_new new = {
			.job = &job,
			.component = spec.component,
			.key = spec.key,
			.pack = pack,
			.pack_size = job_pack(&spec, false, pack, sizeof(pack)),
			.env = spec.env,
		};

		rc = store_add(store, &new);
	}
	return rc;
}

static int begin(struct store *store, uint64_t id)
{
	static const struct job_event event = {.wall_us = 5, .step = JOB_STEP_STARTED};
	struct job job = job_of(id);
	int rc;

	job.state = JOB_STARTING;
	job.attempts = 1;
	rc = store_update(store, &job, 5, "boot");
	return rc ? rc : store_add_event(store, id, &event);
}

static int end(struct store *store, uint64_t id)
{
	struct job job = job_of(id);
	struct job_result result = {.state = JOB_DONE, .start_us = 2000, .end_us = 3000};
	struct store_run run = {.job = &job,
				.component = spec.component,
				.key = spec.key,
				.result = &result,
				.has_run = true};
	int rc;

	job.state = JOB_DONE;
	job.attempts = 1;
	rc = store_end(store, &job, &result);
	if (!rc)
		rc = store_add_run(store, &run);
	return rc ? rc : store_put_key(store, 77, 3000, "learned", 7);
}

/* One of these in a transaction; what is safe now is noted. */
static void commit(struct chaos *c, struct store *store, int (*write)(struct store *, uint64_t),
		   uint64_t id, enum safe safe)
{
	struct uw_err err = {0};
	int rc = store_begin(store);

	if (!rc)
		rc = write(store, id);
	if (!rc)
		rc = store_commit(store);
	if (!rc) {
		for (uint64_t i = id; i < id + (safe == SAFE_QUEUED ? JOBS : 1); i++)
			*note_of(c, i) = safe;
		return;
	}
	err_set(&err, rc, "%s", store_error(store));
	store_rollback(store);
	/* What was not written before is not there to be changed. */
	if (rc != -ENOENT || *note_of(c, id))
		chaos_ok(c, "commit", rc, &err);
}

static void forget(struct chaos *c, struct store *store)
{
	static const struct store_keep keep = {.jobs = 100, .runs_last = 100, .runs_a_key = 5};
	int rc = store_begin(store);

	if (!rc)
		rc = store_forget(store, &keep, 10);
	if (!rc)
		rc = store_commit(store);
	if (rc < 0)
		store_rollback(store);
	chaos_done(c, "store_forget", rc);
}

static void read_one(struct chaos *c, const struct store_options *options, uint64_t id)
{
	struct store_reader *reader = NULL;
	struct uw_err err = {0};
	struct store_row row;

	if (!chaos_ok(c, "store_reader_open", store_reader_open(options, &reader, &err), &err))
		return;
	if (*note_of(c, id))
		chaos_done(c, "store_find", store_find(reader, id, &row));
	store_reader_close(reader);
}

static void act(struct chaos *c)
{
	struct store_options options = {.dir = c->disk, .reserve_bytes = RESERVE_BYTES};
	struct store *store = NULL;
	struct uw_err err = {0};
	uint64_t first = c->round * 10;
	int rc = store_open(&options, &store, &err);

	if (rc == STORE_SET_ASIDE)
		chaos_violate(c, "set aside: %s", err.text);
	if (!chaos_ok(c, "store_open", rc, &err))
		return;
	commit(c, store, add, first, SAFE_QUEUED);
	commit(c, store, begin, first, SAFE_BEGUN);
	read_one(c, &options, first);
	if (*note_of(c, first) == SAFE_BEGUN)
		commit(c, store, end, first, SAFE_ENDED);
	forget(c, store);
	store_mend(store);
	store_close(store);
}

/* Two starts: the first makes a database, and what it says is what the second finds. */
static void prepare(struct chaos *c)
{
	struct store_options options = {.dir = c->disk, .reserve_bytes = RESERVE_BYTES};
	struct store *store = NULL;
	struct uw_err err = {0};

	c->round = 2;
	if (chaos_ok(c, "store_open", store_open(&options, &store, &err), &err)) {
		commit(c, store, add, 20, SAFE_QUEUED);
		store_close(store);
	}
	c->round = 0;
}

/* ---- afterwards ---- */

struct seen {
	enum safe safe[CHAOS_NOTES];
	uint32_t live;
};

static int see_live(void *data, const struct store_live *live)
{
	struct seen *seen = data;

	seen->safe[live->job.id] = live->job.state == JOB_STARTING ? SAFE_BEGUN : SAFE_QUEUED;
	seen->live++;
	return 0;
}

static void see_ended(struct store_reader *reader, struct seen *seen)
{
	struct store_row row;

	for (uint64_t id = 0; id < 30; id++)
		if (!store_find(reader, id, &row) && row.job.state == JOB_DONE)
			seen->safe[id] = SAFE_ENDED;
}

static void compare(struct chaos *c, const struct seen *seen)
{
	for (uint64_t first = 0; first < 30; first += 10) {
		for (uint64_t id = first; id < first + JOBS; id++)
			if (seen->safe[id] < *note_of(c, id))
				chaos_violate(c, "job %u was safe in state %u and is in %u",
					      (uint32_t)id, (uint32_t)*note_of(c, id),
					      seen->safe[id]);
		if (!seen->safe[first] != !seen->safe[first + 1] ||
		    !seen->safe[first] != !seen->safe[first + 2])
			chaos_violate(c, "half of a transaction is there");
	}
}

static void check(struct chaos *c)
{
	struct store_options options = {.dir = c->disk, .reserve_bytes = RESERVE_BYTES};
	struct store *store = NULL;
	struct store_reader *reader = NULL;
	struct uw_err err = {0};
	struct seen seen = {0};
	int rc;

	rc = store_open(&options, &store, &err);
	if (rc == STORE_SET_ASIDE)
		chaos_violate(c, "set aside: %s", err.text);
	if (!chaos_ok(c, "store_open", rc, &err))
		return;
	chaos_done(c, "store_each_live", store_each_live(store, see_live, &seen));
	if (chaos_ok(c, "store_reader_open", store_reader_open(&options, &reader, &err), &err))
		see_ended(reader, &seen);
	compare(c, &seen);
	store_reader_close(reader);
	store_close(store);
}

const struct chaos_driver chaos_store = {
	.name = "store",
	.how = CHAOS_FAILS | CHAOS_KILLS | CHAOS_CUTS,
	.prepare = prepare,
	.act = act,
	.check = check,
};

/* The same where there was nothing before: a database in its making. */
const struct chaos_driver chaos_store_new = {
	.name = "store-new",
	.how = CHAOS_FAILS | CHAOS_KILLS | CHAOS_CUTS,
	.act = act,
	.check = check,
};
