// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * New jobs are checked, get ids, and are written, all of a call or none. Thousands of items are
 * checked and copied over many turns of the loop, with their places reserved in between. From the
 * copy on the caller's memory is its own again; elements of an array are made one by one only as
 * they are written. What is on disk goes on to enter.c; what could not be written is
 * answered with the reason.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/jobs/enqueue.h"
#include "user/jobs/enter.h"
#include "user/jobs/state.h"
#include "user/policy/admit/predict.h"
#include "user/policy/num.h"

#define IDS_AHEAD 1000U

/* ---- on the recorder's thread ---- */

static int write_element(struct store *store, const struct submission *submission,
			 const struct jobs_item *item, uint32_t element, char *bytes,
			 unsigned long size)
{
	struct job_spec spec;
	struct job job;
	struct store_new new = {
		.job = &job,
		.component = item->spec.component,
		.key = item->spec.key,
		.pack = bytes,
		.pack_size = size,
		.env = item->spec.env,
	};

	submission_job(submission, item, element, &spec, &job);
	job.submit_us = job.queued_us = submission->submit_wall_us;
	job_pack(&spec, false, bytes, size);
	return store_add(store, &new);
}

static int write_item(struct store *store, const struct submission *submission,
		      const struct jobs_item *item, unsigned long size)
{
	AUTO_FREE char *bytes = malloc(size);
	int rc = bytes ? 0 : -ENOMEM;

	for (uint32_t i = 0; !rc && i < item->count; i++)
		rc = write_element(store, submission, item, i, bytes, size);
	return rc;
}

static int keep_promise(struct jobs *jobs, uint64_t promised_id)
{
	int rc = promised_id > jobs->synced_id ? slots_sync(jobs->slots) : 0;

	if (!rc && promised_id > jobs->synced_id)
		jobs->synced_id = promised_id;
	return rc;
}

static int write_submission(struct store *store, struct entry *entry)
{
	const struct submission *submission = (const struct submission *)entry;
	int rc = keep_promise(submission->jobs, submission->promised_id);

	for (uint32_t i = 0; !rc && i < submission->count; i++)
		rc = write_item(store, submission, &submission->item[i], submission->pack[i].size);
	return rc;
}

/* ---- on the loop's thread ---- */

static void submission_done(void *data, struct entry *entry)
{
	struct submission *submission = (struct submission *)entry;
	struct jobs *jobs = submission->jobs;
	struct uw_err err = {0};

	(void)data;
	if (!entry->rc) {
		enter_add(jobs, submission);
		return;
	}
	for (uint32_t i = 0; i < submission->count; i++)
		submission_unpromise(submission, i, submission->item[i].count);
	if (entry->rc == -ENOSPC)
		err_set(&err, entry->rc,
			"submit: the disk of %s is full; what is queued goes on, nothing new is "
			"taken until there is room",
			jobs->dir);
	else
		err_set(&err, entry->rc, "submit: %s cannot be written: %s", jobs->dir,
			strerror(-entry->rc));
	submission->done(submission->data, entry->rc, &err, submission->item, submission->count);
	submission_free(submission);
}

/* ---- what comes in ---- */

static int check_ranges(struct jobs_item *item, struct uw_err *err)
{
	uint64_t count = item->range_count ? 0 : 1;

	for (uint32_t i = 0; i < item->range_count; i++) {
		const struct jobs_range *range = &item->range[i];

		if (range->first > range->last || range->last >= JOB_ARRAY_MAX)
			return err_set(err, -EINVAL,
				       "submit: array: %u to %u, allowed are 0 to %u, the first "
				       "one not over the last",
				       range->first, range->last, JOB_ARRAY_MAX - 1);
		count += range->last - range->first + 1ULL;
	}
	if (count > JOB_ARRAY_MAX)
		return err_set(err, -EINVAL, "submit: array: %" PRIu64 " elements, at most %u",
			       count, JOB_ARRAY_MAX);
	item->count = (uint32_t)count;
	return 0;
}

static int check_places(const struct jobs_item *items, const struct jobs_item *item,
			struct uw_err *err)
{
	for (uint32_t i = 0; i < item->after_item_count; i++)
		if (item->after_item[i] >= item - items)
			return err_set(err, -EINVAL,
				       "submit: after: job %u of this call does not stand before "
				       "the one that waits for it",
				       item->after_item[i]);
	if (item->spec.after_count + item->after_item_count > JOB_AFTER_MAX)
		return err_set(err, -EINVAL, "submit: after: more than %d jobs", JOB_AFTER_MAX);
	return 0;
}

/* Others of the call become ids; an array's is that of its first element. */
static void resolve_after(const struct jobs_item *items, struct jobs_item *item)
{
	for (uint32_t i = 0; i < item->after_item_count; i++)
		item->spec.after[item->spec.after_count++] = items[item->after_item[i]].first_id;
}

/* Neither whether others' jobs are there nor how they ended is a user's business. */
static bool may_await(const struct jobs *jobs, uint64_t id, uint32_t uid)
{
	const struct job *job = job_table_find(&jobs->table, id);
	struct store_row row;

	if (!uid || job)
		return !uid || job->uid == uid;
	return !store_find(jobs->reader, id, &row) && row.job.uid == uid;
}

static int check_after(struct jobs *jobs, const struct job_spec *spec, uint64_t *ret_failed)
{
	uint64_t live;

	for (uint32_t i = 0; i < spec->after_count; i++) {
		*ret_failed = spec->after[i];
		if (!may_await(jobs, spec->after[i], spec->uid))
			return -ESRCH;
	}
	return enqueue_check_after(jobs, spec->after, spec->after_count,
				   spec->flags & JOB_AFTER_ANY, &live, ret_failed);
}

static int check_item(struct jobs *jobs, struct jobs_item *item, struct uw_err *err)
{
	uint64_t failed = 0;
	int rc = job_spec_check(&item->spec, err);

	if (!rc)
		rc = check_ranges(item, err);
	if (!rc && state_find_component(jobs, item->spec.component) == UINT8_MAX)
		rc = err_set(err, -EINVAL, "submit: component: there is no '%s'",
			     item->spec.component);
	if (rc)
		return rc;
	rc = check_after(jobs, &item->spec, &failed);
	if (rc == -ESRCH)
		return err_set(err, rc, "submit: after: there is no job %" PRIu64, failed);
	if (rc == -ECANCELED)
		return err_set(err, -EINVAL,
			       "submit: after: job %" PRIu64 " did not end well; --after-any "
			       "waits for any end",
			       failed);
	return rc;
}

static int copy_block(struct job_block *block, char **ret_copy)
{
	char *copy = malloc(block->size + 1UL);

	if (!copy)
		return -ENOMEM;
	if (block->size)
		memcpy(copy, block->data, block->size);
	block->data = copy;
	*ret_copy = copy;
	return 0;
}

/* From here on the strings are ours. */
static int copy_item(const struct jobs_item *from, struct jobs_item *to, struct pack *pack)
{
	struct job_block env = from->spec.env;
	int rc;

	*to = *from;
	to->range = NULL;
	if (from->range_count) {
		to->range = reallocarray(NULL, from->range_count, sizeof(*to->range));
		if (!to->range)
			return -ENOMEM;
		memcpy(to->range, from->range, from->range_count * sizeof(*to->range));
	}
	pack->size = job_pack(&from->spec, false, NULL, 0);
	pack->bytes = malloc(pack->size);
	if (!pack->bytes)
		return -ENOMEM;
	job_pack(&from->spec, false, pack->bytes, pack->size);
	rc = job_unpack(pack->bytes, pack->size, &to->spec);
	if (!rc && !from->same_env)
		rc = copy_block(&env, &pack->env);
	to->spec.env = env;
	return rc;
}

/* What a call takes: places, bytes on disk, and bytes here - the items twice, as who submits keeps
 * them for its answer - until all of it is in the queue. */
static void add_demand(struct submission *submission, const struct jobs_item *item)
{
	uint64_t pack = job_pack(&item->spec, false, NULL, 0);
	uint64_t env = item->same_env ? 0 : item->spec.env.size;
	uint64_t *demand = submission->demand;

	demand[ACCOUNT_JOBS] += item->count;
	demand[ACCOUNT_BYTES] += item->count * pack + env;
	demand[ACCOUNT_MEMORY] += pack + env + 2 * sizeof(*item) + sizeof(struct pack) +
				  item->range_count * sizeof(*item->range);
}

static int check_room(const struct submission *submission, struct uw_err *err)
{
	int rc = 0;

	for (int what = 0; !rc && what < ACCOUNT__COUNT; what++)
		rc = state_check_room(submission->jobs, submission->uid, (enum accounts_what)what,
				      submission->demand[what], err);
	return rc;
}

/* It has its places from now on, whatever else is submitted before it is on its way. */
static void reserve(struct submission *submission)
{
	for (int what = 0; what < ACCOUNT__COUNT; what++)
		accounts_add(&submission->jobs->accounts, submission->uid, (enum accounts_what)what,
			     submission->demand[what]);
	submission->reserved = true;
}

static void give_back(struct submission *submission)
{
	if (!submission->reserved)
		return;
	for (int what = 0; what < ACCOUNT__COUNT; what++)
		accounts_take(&submission->jobs->accounts, submission->uid,
			      (enum accounts_what)what, submission->demand[what]);
	submission->reserved = false;
}

/* To the byte, until the jobs are in the accounts, and its memory until all is answered. */
static void promise(struct submission *submission)
{
	struct accounts *accounts = &submission->jobs->accounts;

	give_back(submission);
	for (uint32_t i = 0; i < submission->count; i++) {
		const struct jobs_item *item = &submission->item[i];
		struct pack *pack = &submission->pack[i];

		accounts_add(accounts, submission->uid, ACCOUNT_JOBS, item->count);
		accounts_add(accounts, submission->uid, ACCOUNT_BYTES, item->count * pack->size);
		if (pack->env)
			pack->account_env =
				accounts_env_new(accounts, submission->uid, item->spec.env.size);
	}
	submission->memory_bytes = submission->demand[ACCOUNT_MEMORY];
	accounts_add(accounts, submission->uid, ACCOUNT_MEMORY, submission->memory_bytes);
}

/* Those that have it from another have its number, too. */
static void share_env(struct submission *submission, uint32_t place, uint32_t with)
{
	struct pack *pack = &submission->pack[place];

	pack->account_env = submission->pack[with].account_env;
	accounts_env_hold(&submission->jobs->accounts, pack->account_env);
	submission->item[place].same_env = NULL;
}

/*
 * Beside the database stands an id that is not below any that was given, for the day when the
 * database has to be set aside. It is written ahead of time, as every submission would have to.
 */
static int promise_ids(struct jobs *jobs, uint64_t upto)
{
	int rc;

	if (upto <= jobs->promised_id)
		return 0;
	rc = slots_write_last_id(jobs->slots, upto + IDS_AHEAD);
	if (!rc)
		jobs->promised_id = upto + IDS_AHEAD;
	return rc;
}

static int give_ids(struct submission *submission, struct uw_err *err)
{
	struct jobs *jobs = submission->jobs;
	struct jobs_item *items = submission->from;
	uint64_t total = 0, next = jobs->last_id + 1;
	int rc = promise_ids(jobs, jobs->last_id + submission->demand[ACCOUNT_JOBS]);

	if (rc)
		return err_set(err, rc, "submit: %s: %s", jobs->dir, strerror(-rc));
	for (uint32_t i = 0; i < submission->count; i++) {
		resolve_after(items, &items[i]);
		items[i].first_id = next + total;
		total += items[i].count;
	}
	jobs->last_id += total;
	submission->promised_id = jobs->promised_id;
	return 0;
}

/* ---- in parts ---- */

static int check_one(struct submission *submission, struct uw_err *err)
{
	struct jobs_item *item = &submission->from[submission->at];
	int rc = check_item(submission->jobs, item, err);

	if (!rc)
		rc = check_places(submission->from, item, err);
	if (!rc)
		add_demand(submission, item);
	return rc;
}

static int copy_one(struct submission *submission, struct uw_err *err)
{
	const struct jobs_item *from = &submission->from[submission->at];
	struct jobs_item *item = &submission->item[submission->at];
	int rc = copy_item(from, item, &submission->pack[submission->at]);

	if (!rc && item->same_env)
		item->spec.env = submission->item[item->same_env - submission->from].spec.env;
	return rc ? err_set(err, rc, "submit: %s", strerror(-rc)) : 0;
}

/* 1: there are more items, as the time is over. */
static int each_item(struct submission *submission, uint64_t until_us, struct uw_err *err,
		     int (*one)(struct submission *submission, struct uw_err *err))
{
	int rc = 0;

	while (!rc && submission->at < submission->count) {
		rc = one(submission, err);
		submission->at++;
		if (!rc && clock_now_us() >= until_us)
			break;
	}
	return rc ? rc : submission->at < submission->count;
}

static int check_some(struct submission *submission, uint64_t until_us, struct uw_err *err)
{
	int rc;

	enqueue_keep_awaited(submission->jobs, true);
	rc = each_item(submission, until_us, err, check_one);
	enqueue_keep_awaited(submission->jobs, false);
	if (!rc)
		rc = check_room(submission, err);
	if (rc || !submission->done)
		return rc;
	rc = give_ids(submission, err);
	if (rc)
		return rc;
	reserve(submission);
	submission->checked = true;
	submission->at = 0;
	return 1;
}

static int copy_some(struct submission *submission, uint64_t until_us, struct uw_err *err)
{
	int rc = each_item(submission, until_us, err, copy_one);

	if (rc)
		return rc;
	promise(submission);
	for (uint32_t i = 0; i < submission->count; i++) {
		const struct jobs_item *same = submission->item[i].same_env;

		if (same)
			share_env(submission, i, (uint32_t)(same - submission->from));
	}
	submission->at = 0;
	submission->from = NULL;
	recorder_put(submission->jobs->recorder, &submission->entry);
	return 0;
}

struct submission *jobs_submit_begin(struct jobs *jobs, struct jobs_item *items, uint32_t count,
				     jobs_submitted_fn done, void *data)
{
	struct submission *submission = calloc(1, sizeof(*submission));

	if (!submission)
		return NULL;
	submission->jobs = jobs;
	submission->item = calloc(count, sizeof(*submission->item));
	submission->pack = calloc(count, sizeof(*submission->pack));
	if (!submission->item || !submission->pack) {
		submission_free(submission);
		return NULL;
	}
	submission->from = items;
	submission->count = count;
	submission->uid = items[0].spec.uid;
	submission->done = done;
	submission->data = data;
	submission->submit_us = jobs_now_us(jobs);
	submission->submit_wall_us = clock_wall_us();
	submission->entry = (struct entry){
		.new = true,
		.write = write_submission,
		.done = submission_done,
	};
	return submission;
}

void jobs_submit_drop(struct submission *submission)
{
	give_back(submission);
	submission_free(submission);
}

int jobs_submit_some(struct submission *submission, uint64_t until_us, struct uw_err *err)
{
	int rc = submission->checked ? copy_some(submission, until_us, err)
				     : check_some(submission, until_us, err);

	if (rc < 0 || (!rc && !submission->done))
		jobs_submit_drop(submission);
	return rc;
}

int jobs_submit(struct jobs *jobs, struct jobs_item *items, uint32_t count, jobs_submitted_fn done,
		void *data, struct uw_err *err)
{
	struct submission *submission = jobs_submit_begin(jobs, items, count, done, data);
	int rc = 1;

	if (!submission)
		return err_set(err, -ENOMEM, "submit: out of memory");
	while (rc > 0)
		rc = jobs_submit_some(submission, UINT64_MAX, err);
	return rc;
}

int jobs_check(struct jobs *jobs, struct jobs_item *items, uint32_t count, struct uw_err *err)
{
	return jobs_submit(jobs, items, count, NULL, NULL, err);
}

/* What the runs of a spec's key tell of the next one. */
struct learned {
	uint64_t by_key;   /* in bytes, and never as a share of what was asked, as nothing was */
	uint64_t by_input; /* 0 where an input tells no more than the key; else no less than one had
			      that was too small, as no line goes through that */
	uint64_t run_us;
};

static int tell_learned(const struct jobs *jobs, const struct job_spec *spec,
			struct learned *ret_learned)
{
	uint64_t key = jobs_learn_key(jobs, spec->component, spec->uid, spec->key);
	struct admit_wish wish = {.input_bytes = spec->input_bytes};
	struct admit_estimate estimate;
	struct admit_digest digest;
	struct admit_score score;
	struct admit_key known;
	uint64_t by_input = 0;

	if (!key || jobs_recall(jobs, key, &known) || !known.count)
		return -ENOENT;
	admit_key_digest(&known, &digest);
	admit_score_again(&known, &score);
	admit_key_estimate(&known, &digest, &score, &wish, 0, false, &estimate);
	if (score.peak_by == ADMIT_PEAK_INPUT || score.peak_by == ADMIT_PEAK_NEAR)
		by_input = admit_predict_peak(&known, &digest, (enum admit_peak_by)score.peak_by, 0,
					      spec->input_bytes);
	*ret_learned = (struct learned){
		.by_key = digest.base_bytes,
		.by_input = by_input ? max_u64(by_input, known.least_kib * KIB) : 0,
		.run_us = estimate.run_us,
	};
	return 0;
}

int jobs_learned_memory(const struct jobs *jobs, const struct job_spec *spec, uint64_t *ret_bytes)
{
	struct learned learned;
	int rc = tell_learned(jobs, spec, &learned);

	if (!rc)
		*ret_bytes = max_u64(learned.by_key, learned.by_input);
	return rc;
}

int jobs_learned_task(const struct jobs *jobs, const struct job_spec *spec, uint64_t *ret_bytes,
		      uint64_t *ret_run_us)
{
	struct learned learned;
	int rc = tell_learned(jobs, spec, &learned);

	if (rc)
		return rc;
	*ret_bytes = learned.by_input ?: learned.by_key;
	*ret_run_us = learned.run_us;
	return 0;
}
