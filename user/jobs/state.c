// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the queue knows, and the questions that can be asked of it: a job by its id, all of them one
 * after the other, their component, key and tags, and the core's reasons in words of job.h. Nothing
 * here decides or writes; every other part of the queue stands on it.
 */
#include "user/jobs/state.h"

#include "user/jobs/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "user/base/text.h"
#include "user/base/units.h"

/* With what uwd needs for itself below the MemoryMax of uwd.service, 160M. */
#define COMING_BYTES_MAX (24ULL << 20)

uint64_t jobs_now_us(const struct jobs *jobs)
{
	return clock_now_us() + jobs->clock_offset_us;
}

uint64_t jobs_wall_us(const struct jobs *jobs, uint64_t at_us)
{
	uint64_t now_us = jobs_now_us(jobs), wall_us = clock_wall_us();
	uint64_t ago_us = now_us > at_us ? now_us - at_us : 0;

	if (!at_us)
		return 0;
	return wall_us > ago_us ? wall_us - ago_us : 1;
}

/* ---- turns of the loop ---- */

void state_ask_turn(const struct jobs *jobs)
{
	if (eventfd_write(jobs->turn_fd, 1) < 0)
		return; /* full: it was written to, which is all that is wanted */
}

void state_decide_soon(struct jobs *jobs)
{
	jobs->decide_due = true;
}

void state_decide_next_turn(struct jobs *jobs)
{
	jobs->decide_due = true;
	state_ask_turn(jobs);
}

/* ---- the table ---- */

const struct job *jobs_find(const struct jobs *jobs, uint64_t id)
{
	const struct job *job = job_table_find(&jobs->table, id);

	return job && !job_state_is_end((enum job_state)job->state) ? job : NULL;
}

bool jobs_is_unannounced(const struct jobs *jobs, uint64_t id)
{
	return job_table_find(&jobs->table, id);
}

const struct job *jobs_next(const struct jobs *jobs, const struct job *at)
{
	do
		at = job_table_next(&jobs->table, at);
	while (at && job_state_is_end((enum job_state)at->state));
	return at;
}

const struct job *jobs_next_active(const struct jobs *jobs, uint32_t *slot)
{
	const struct job *job;

	while (jobs->stats.slots_used && ++*slot <= SLOTS_COUNT) {
		if (!jobs->run[*slot] || jobs->run[*slot]->ending)
			continue;
		job = job_table_find(&jobs->table, jobs->run[*slot]->id);
		if (job && job_state_is_active((enum job_state)job->state))
			return job;
	}
	return NULL;
}

uint32_t jobs_count(const struct jobs *jobs)
{
	return jobs->table.count;
}

uint32_t jobs_place(const struct jobs *jobs, const struct job *job)
{
	return (uint32_t)(job - jobs->table.job);
}

static void tags_text(const struct job_spec *spec, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < spec->tag_count && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? "," : "", spec->tag[i]);
}

static uint32_t *tally_of(struct jobs *jobs, const struct job *job)
{
	uint32_t component =
		job->component < UW_COMPONENTS_MAX ? job->component : UW_COMPONENTS_MAX;

	return &jobs->tally.count[component][job_class_of(job->priority)][job->state];
}

void state_set(struct jobs *jobs, struct job *job, enum job_state state)
{
	--*tally_of(jobs, job);
	job->state = (uint8_t)state;
	++*tally_of(jobs, job);
}

void state_move(struct jobs *jobs, struct job *job, uint8_t component)
{
	--*tally_of(jobs, job);
	job->component = component;
	++*tally_of(jobs, job);
}

const struct jobs_tally *jobs_tally(const struct jobs *jobs)
{
	return &jobs->tally;
}

struct job *state_insert_job(struct jobs *jobs, const struct job *from, const struct job_spec *spec)
{
	char tags[JOB_TAGS_MAX * JOB_TAG_LEN];
	struct job *job = job_table_add(&jobs->table, from->id);

	if (!job)
		return NULL;
	*job = *from;
	job->component = state_find_component(jobs, spec->component);
	job->key = strings_hold(jobs->strings, spec->key);
	tags_text(spec, tags, sizeof(tags));
	job->tags = strings_hold(jobs->strings, tags);
	accounts_add(&jobs->accounts, job->uid, ACCOUNT_JOBS, 1);
	accounts_add(&jobs->accounts, job->uid, ACCOUNT_BYTES, job->bytes);
	accounts_env_hold(&jobs->accounts, job->env);
	++*tally_of(jobs, job);
	return job;
}

void state_forget_job(struct jobs *jobs, struct job *job)
{
	strings_drop(jobs->strings, job->key);
	strings_drop(jobs->strings, job->tags);
	accounts_take(&jobs->accounts, job->uid, ACCOUNT_JOBS, 1);
	accounts_take(&jobs->accounts, job->uid, ACCOUNT_BYTES, job->bytes);
	accounts_env_drop(&jobs->accounts, job->env);
	--*tally_of(jobs, job);
	job_table_remove(&jobs->table, job);
}

uint32_t state_most_jobs(const struct jobs *jobs)
{
	uint32_t max = jobs->setup.config->admission.max_queued;

	return max && max < JOBS_MAX ? max : JOBS_MAX;
}

uint64_t state_most_bytes(const struct jobs *jobs)
{
	uint64_t max = jobs->setup.config->admission.queue_bytes;

	return max ? max : UINT64_MAX;
}

uint64_t state_most_running(const struct jobs *jobs)
{
	uint32_t max = jobs->setup.config->admission.max_running;

	return max && max < SLOTS_COUNT ? max : SLOTS_COUNT;
}

static const struct bound {
	const char *text; /* what there is of it, as a refusal says it */
	bool in_bytes;
} bounds[ACCOUNT__COUNT] = {
	[ACCOUNT_JOBS] = {"jobs (max-queued)", false},
	[ACCOUNT_BYTES] = {"of commands and environments (queue-size)", true},
	[ACCOUNT_MEMORY] = {"on its way to the disk", true},
	[ACCOUNT_RUNNING] = {"jobs that run (max-running)", false},
};

static uint64_t most_of(const struct jobs *jobs, enum accounts_what what)
{
	switch (what) {
	case ACCOUNT_JOBS:
		return state_most_jobs(jobs);
	case ACCOUNT_BYTES:
		return state_most_bytes(jobs);
	case ACCOUNT_RUNNING:
		return state_most_running(jobs);
	default:
		return COMING_BYTES_MAX;
	}
}

static const char *amount(uint64_t count, bool in_bytes, char buf[UNITS_TEXT_LEN])
{
	if (in_bytes)
		return units_print_bytes(count, buf);
	snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64, count);
	return buf;
}

/* All of it is held, whoever asks: or what is left is for others. */
static int refuse(const struct jobs *jobs, uint32_t uid, enum accounts_what what, uint64_t count,
		  uint64_t room, struct uw_err *err)
{
	const struct accounts *accounts = &jobs->accounts;
	const struct account *largest = accounts_largest(accounts, what);
	uint64_t most = most_of(jobs, what), all = accounts->total[what];
	char a[UNITS_TEXT_LEN], b[UNITS_TEXT_LEN], c[UNITS_TEXT_LEN], d[UNITS_TEXT_LEN],
		who[48 + UNITS_TEXT_LEN] = "";
	bool bytes = bounds[what].in_bytes;

	if (largest)
		snprintf(who, sizeof(who), "; uid %u holds most of it, %s", largest->uid,
			 amount(largest->held[what], bytes, a));
	if (all > most || count > most - all)
		return err_set(
			err, -EDQUOT,
			"submit: the queue holds %s of %s %s, there is no room for %s more%s",
			amount(all, bytes, b), amount(most, bytes, c), bounds[what].text,
			amount(count, bytes, d), who);
	return err_set(
		err, -EDQUOT,
		"submit: uid %u holds %s of %s %s and may have %s more by its user-share, not "
		"%s%s",
		uid, amount(accounts_held(accounts, uid, what), bytes, a), amount(most, bytes, b),
		bounds[what].text, amount(room, bytes, c), amount(count, bytes, d), who);
}

int state_check_room(const struct jobs *jobs, uint32_t uid, enum accounts_what what, uint64_t count,
		     struct uw_err *err)
{
	uint64_t room = accounts_room(&jobs->accounts, uid, what, most_of(jobs, what),
				      jobs->setup.config->admission.user_share_permyriad);

	return count <= room ? 0 : refuse(jobs, uid, what, count, room, err);
}

/* ---- components, keys and tags ---- */

uint8_t state_find_component(const struct jobs *jobs, const char *name)
{
	for (uint32_t i = 0; i < jobs->component_count; i++)
		if (!strcmp(jobs->component[i], name))
			return (uint8_t)i;
	return UINT8_MAX;
}

const char *state_component_of(const struct jobs *jobs, const struct job *job)
{
	const struct run *run = job->slot ? jobs->run[job->slot] : NULL;

	if (run && run->id == job->id)
		return run->component;
	return job->component < jobs->component_count ? jobs->component[job->component] : "";
}

const char *jobs_component_name(const struct jobs *jobs, const struct job *job)
{
	return state_component_of(jobs, job);
}

void state_recall_component(const struct jobs *jobs, const struct job *job, char buf[UW_NAME_LEN])
{
	struct store_row row;

	text_copy(buf, UW_NAME_LEN, state_component_of(jobs, job));
	if (!*buf && jobs->reader && !store_find(jobs->reader, job->id, &row))
		text_copy(buf, UW_NAME_LEN, row.component);
}

const char *jobs_key(const struct jobs *jobs, const struct job *job)
{
	return strings_text(jobs->strings, job->key);
}

const char *jobs_tags(const struct jobs *jobs, const struct job *job)
{
	return strings_text(jobs->strings, job->tags);
}

uint64_t jobs_learn_key(const struct jobs *jobs, const char *component, uint32_t uid,
			const char *key)
{
	return jobs_hash_key(jobs->secret, component, uid, key);
}

const uint8_t *jobs_secret(const struct jobs *jobs)
{
	return jobs->secret;
}

/* Of each user by itself: nobody may teach the scheduler about the jobs of others. */
uint64_t jobs_hash_key(const uint8_t *secret, const char *component, uint32_t uid, const char *key)
{
	char text[sizeof("4294967295//") + UW_NAME_LEN + JOB_KEY_LEN];
	uint64_t hash;
	int size = snprintf(text, sizeof(text), "%" PRIu32 "/%s/%s", uid, component, key);

	if (!*key)
		return 0;
	hash = hash_keyed(secret, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text));
	return hash >> 1 ? hash >> 1 : 1; /* SQLite's integers have a sign */
}

int jobs_recall(const struct jobs *jobs, uint64_t key, struct admit_key *ret_key)
{
	const void *bytes;
	unsigned long size;
	int rc = admit_key_export(jobs->admit, key, ret_key);

	if (!rc)
		return 0;
	rc = store_find_key(jobs->reader, key, &bytes, &size);
	if (rc || size != sizeof(*ret_key))
		return rc ? rc : -ENOENT;
	memcpy(ret_key, bytes, sizeof(*ret_key));
	return ret_key->version == ADMIT_KEY_VERSION ? 0 : -ENOENT;
}

/* ---- why ---- */

static const enum job_reason reason_of[ADMIT_REASON__COUNT] = {
	[ADMIT_WHY_FITS] = JOB_BECAUSE_FITS,
	[ADMIT_WHY_ENDS_BEFORE] = JOB_BECAUSE_BACKFILL,
	[ADMIT_WHY_BESIDE] = JOB_BECAUSE_BESIDE,
	[ADMIT_WHY_CANARY] = JOB_BECAUSE_CANARY,
	[ADMIT_WHY_NO_ROOM_HOST] = JOB_BECAUSE_HOST,
	[ADMIT_WHY_NO_ROOM_BUDGET] = JOB_BECAUSE_MEMORY,
	[ADMIT_WHY_NEVER_FITS] = JOB_BECAUSE_TOO_LARGE,
	[ADMIT_WHY_TURN] = JOB_BECAUSE_TURN,
	[ADMIT_WHY_HEAD_FIRST] = JOB_BECAUSE_HEAD_FIRST,
	[ADMIT_WHY_HELD] = JOB_BECAUSE_REQUEST,
	[ADMIT_WHY_GROWTH_FIRST] = JOB_BECAUSE_GROWTH_FIRST,
	[ADMIT_WHY_OUTGREW] = JOB_BECAUSE_GROWTH,
	[ADMIT_WHY_PLATEAU] = JOB_BECAUSE_PLATEAU,
	[ADMIT_WHY_NO_ROOM_TO_GROW] = JOB_BECAUSE_NO_GROWTH,
	[ADMIT_WHY_ROOM] = JOB_BECAUSE_ROOM,
	[ADMIT_WHY_DEADLOCK] = JOB_BECAUSE_DEADLOCK,
	[ADMIT_WHY_PREEMPTED] = JOB_BECAUSE_PREEMPTED,
	[ADMIT_WHY_PRESSURE] = JOB_BECAUSE_PRESSURE,
};

enum job_reason jobs_reason_of(enum admit_reason reason)
{
	return (unsigned int)reason < ADMIT_REASON__COUNT ? reason_of[reason] : JOB_BECAUSE_NONE;
}

struct job_why state_why_of(const struct admit_decision *decision)
{
	struct job_why why = {
		.reason = reason_of[decision->why.reason],
		.observed = decision->why.observed,
		.threshold = decision->why.threshold,
	};

	if (decision->verdict == ADMIT_FREEZE && decision->for_id)
		why = (struct job_why){JOB_BECAUSE_PREEMPTED, decision->for_id, 0};
	return why;
}

void state_set_why(struct job *job, const struct job_why *why)
{
	job->reason = (uint8_t)why->reason;
	job->observed = why->observed;
	job->threshold = why->threshold;
}

/* ---- the rest ---- */

bool jobs_usage_of(const struct jobs *jobs, const struct job *job, uint64_t *ret_current_bytes,
		   uint64_t *ret_peak_bytes)
{
	const struct run *run = job->slot ? jobs->run[job->slot] : NULL;

	if (!run || !run->launched)
		return false;
	*ret_current_bytes = run->current_bytes;
	*ret_peak_bytes = run->peak_bytes;
	return true;
}

uint64_t jobs_leaf_of(const struct jobs *jobs, const struct job *job)
{
	const struct run *run = job->slot ? jobs->run[job->slot] : NULL;

	return run && run->leaf_open ? run->leaf.id : 0;
}

const struct admit *jobs_admit(const struct jobs *jobs)
{
	return jobs->admit;
}

struct store_reader *jobs_reader(const struct jobs *jobs)
{
	return jobs->reader;
}

struct reader_thread *jobs_reader_thread(const struct jobs *jobs)
{
	return jobs->reader_thread;
}

const char *jobs_log_path(const struct jobs *jobs, uint64_t id, bool err_file, char *buf,
			  size_t size)
{
	char name[OUTPUTS_NAME_LEN];

	snprintf(buf, size, "%s/%s/%s", jobs->dir, JOBS_LOG_DIR, outputs_name(id, err_file, name));
	return buf;
}

void jobs_stats(const struct jobs *jobs, struct jobs_stats *ret_stats)
{
	struct recorder_stats disk;

	recorder_stats(jobs->recorder, &disk);
	*ret_stats = jobs->stats;
	ret_stats->queue_waiting = disk.waiting;
	ret_stats->disk_full = disk.full;
	ret_stats->disk_stuck = disk.stuck;
	for (uint32_t component = 0; component <= UW_COMPONENTS_MAX; component++)
		for (int class = 0; class < JOB_CLASS__COUNT; class ++)
			for (int state = 0; state < JOB_STATE__COUNT; state++)
				if (!job_state_is_end((enum job_state)state))
					ret_stats->count[state] +=
						jobs->tally.count[component][class][state];
}
