// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was submitted and is on disk goes into the table and the core: a part in each turn of the
 * loop, in the order of the submissions, of their items and of the elements of those, so that who
 * waits for another of its call comes after it. Whoever asks meanwhile finds those that are in.
 */
#include "user/jobs/enter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/jobs/enqueue.h"
#include "user/jobs/state.h"

#define ENTER_US 500U /* of a turn */

void submission_free(struct submission *submission)
{
	if (!submission)
		return;
	accounts_take(&submission->jobs->accounts, submission->uid, ACCOUNT_MEMORY,
		      submission->memory_bytes);
	for (uint32_t i = 0; i < submission->count; i++) {
		accounts_env_drop(&submission->jobs->accounts, submission->pack[i].account_env);
		free(submission->pack[i].bytes);
		free(submission->pack[i].env);
		free(submission->item[i].range);
	}
	free(submission->pack);
	free(submission->item);
	free(submission);
}

/* ---- an element of an item ---- */

static uint32_t index_of(const struct jobs_item *item, uint32_t element)
{
	for (uint32_t i = 0; i < item->range_count; i++) {
		uint32_t size = item->range[i].last - item->range[i].first + 1;

		if (element < size)
			return item->range[i].first + element;
		element -= size;
	}
	return JOB_NO_INDEX;
}

void submission_job(const struct submission *submission, const struct jobs_item *item,
		    uint32_t element, struct job_spec *ret_spec, struct job *ret_job)
{
	*ret_spec = item->spec;
	ret_spec->index = index_of(item, element);
	job_init(ret_job, ret_spec);
	ret_job->id = item->first_id + element;
	ret_job->array = item->first_id;
	ret_job->submit_us = submission->submit_us;
	ret_job->queued_us = submission->submit_us;
	ret_job->reason = ret_spec->held ? JOB_BECAUSE_REQUEST : JOB_BECAUSE_SUBMIT;
	ret_job->observed = ret_spec->uid;
	if (ret_job->state == JOB_WAITING) {
		ret_job->reason = JOB_BECAUSE_AFTER;
		ret_job->observed = ret_spec->after[0];
	}
}

/* ---- one job ---- */

/* From the account of what is on its way: they are in the table from now on, or will never be. */
void submission_unpromise(const struct submission *submission, uint32_t place, uint32_t count)
{
	struct accounts *accounts = &submission->jobs->accounts;

	accounts_take(accounts, submission->uid, ACCOUNT_JOBS, count);
	accounts_take(accounts, submission->uid, ACCOUNT_BYTES,
		      count * submission->pack[place].size);
}

static void enter_one(struct jobs *jobs, const struct submission *submission, uint32_t place,
		      uint32_t element)
{
	const struct jobs_item *item = &submission->item[place];
	const struct pack *pack = &submission->pack[place];
	struct job_spec spec;
	struct job from, *job;

	submission_job(submission, item, element, &spec, &from);
	from.bytes = (uint32_t)pack->size;
	from.env = pack->account_env;
	submission_unpromise(submission, place, 1);
	jobs->stats.submitted++;
	job = state_insert_job(jobs, &from, &spec);
	if (job)
		enqueue_job(jobs, job, &spec);
}

/* ---- a part of a submission ---- */

static bool is_in(const struct submission *submission)
{
	return submission->at_item == submission->count;
}

static void enter_part(struct jobs *jobs, struct submission *submission, uint64_t until_us)
{
	while (!is_in(submission) && clock_now_us() < until_us) {
		const struct jobs_item *item = &submission->item[submission->at_item];

		enter_one(jobs, submission, submission->at_item, submission->at);
		if (++submission->at < item->count)
			continue;
		submission->at_item++;
		submission->at = 0;
	}
}

static void answer(struct submission *submission, int rc)
{
	struct jobs_later *later = submission->waiting;
	static const struct uw_err none;

	submission->done(submission->data, 0, &none, submission->item, submission->count);
	submission_free(submission);
	while (later) {
		struct jobs_later *next = later->next;

		later->fn(later, rc);
		later = next;
	}
}

static void answer_all(struct submission *submission, int rc)
{
	while (submission) {
		struct submission *next = submission->next;

		answer(submission, rc);
		submission = next;
	}
}

/* ---- all of them ---- */

void enter_add(struct jobs *jobs, struct submission *submission)
{
	if (!jobs->coming)
		jobs->coming_last = &jobs->coming;
	*jobs->coming_last = submission;
	jobs->coming_last = &submission->next;
}

/* The first of the list, all of whose jobs are in, and those behind it of which that is true. */
static struct submission *take_entered(struct jobs *jobs)
{
	struct submission *first = jobs->coming, **link = &first;

	while (*link && is_in(*link))
		link = &(*link)->next;
	jobs->coming = *link;
	*link = NULL;
	return first;
}

void enter_some(struct jobs *jobs)
{
	uint64_t until_us = clock_now_us() + ENTER_US;

	if (!jobs->coming)
		return;
	enqueue_keep_awaited(jobs, true);
	for (struct submission *at = jobs->coming; at && clock_now_us() < until_us; at = at->next)
		enter_part(jobs, at, until_us);
	enqueue_keep_awaited(jobs, false);
	if (is_in(jobs->coming))
		state_decide_soon(jobs);
}

void enter_answer(struct jobs *jobs)
{
	answer_all(take_entered(jobs), 0);
	if (jobs->coming)
		state_ask_turn(jobs);
}

void enter_none(struct jobs *jobs)
{
	struct submission *rest = jobs->coming;

	jobs->coming = NULL;
	answer_all(rest, -ECANCELED);
}

bool jobs_wait_coming(struct jobs *jobs, struct jobs_later *later)
{
	struct submission *last = jobs->coming;
	struct jobs_later **link;

	if (!last)
		return false;
	while (last->next)
		last = last->next;
	for (link = &last->waiting; *link; link = &(*link)->next)
		;
	later->next = NULL;
	*link = later;
	return true;
}
