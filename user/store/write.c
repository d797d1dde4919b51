// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the rows of the database: new jobs with their environments, updates, events, runs, and
 * what was learned of keys. It also deletes what is too old. Equal environments share one row,
 * which is found by its hash. Every function binds in the order of its statement in schema.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/store/internal.h"

#define KEYS_KEPT 20000U /* of 1.1 KiB each */

struct binder {
	sqlite3_stmt *statement;
	int at;
};

static struct binder bind(struct store *store, enum store_statement which)
{
	return (struct binder){.statement = store_prepare(store, which)};
}

static void bind_int(struct binder *binder, uint64_t value)
{
	sqlite3_bind_int64(binder->statement, ++binder->at, (sqlite3_int64)value);
}

static void bind_text(struct binder *binder, const char *text)
{
	sqlite3_bind_text(binder->statement, ++binder->at, text, -1, SQLITE_STATIC);
}

static void bind_bytes(struct binder *binder, const void *bytes, unsigned long size)
{
	sqlite3_bind_blob64(binder->statement, ++binder->at, size ? bytes : "", size,
			    SQLITE_STATIC);
}

static int run(struct store *store, const struct binder *binder)
{
	int rc = store_run_statement(store, binder->statement);

	if (rc == -ENOSPC)
		store_give_reserve_up(store);
	return rc;
}

/* ---- environments ---- */

static bool is_last_env(const struct store *store, const struct job_block *env)
{
	return store->env_id && store->env_size == env->size &&
	       (!env->size || !memcmp(store->env, env->data, env->size));
}

static void remember_env(struct store *store, const struct job_block *env, int64_t id)
{
	char *copy = realloc(store->env, env->size + 1U);

	store->env_id = 0;
	if (!copy)
		return;
	if (env->size)
		memcpy(copy, env->data, env->size);
	store->env = copy;
	store->env_size = env->size;
	store->env_id = id;
}

static int find_env(struct store *store, const struct job_block *env, uint64_t hash,
		    int64_t *ret_id)
{
	struct binder find = bind(store, ST_FIND_ENV);
	int result;

	bind_int(&find, hash);
	bind_bytes(&find, env->data, env->size);
	result = find.statement ? sqlite3_step(find.statement) : sqlite3_errcode(store->db);
	if (result == SQLITE_ROW)
		*ret_id = sqlite3_column_int64(find.statement, 0);
	sqlite3_reset(find.statement);
	sqlite3_clear_bindings(find.statement);
	return result == SQLITE_DONE ? -ENOENT : store_errno(result);
}

static int put_env(struct store *store, const struct job_block *env, int64_t *ret_id)
{
	struct binder add;
	int64_t id = 0;
	uint64_t hash;
	int rc;

	if (is_last_env(store, env)) {
		*ret_id = store->env_id;
		return 0;
	}
	/* To find equal ones by an index; equality is tested in full. */
	hash = hash_keyed(store->secret, env->data, env->size);
	rc = find_env(store, env, hash, &id);
	if (rc == -ENOENT) {
		add = bind(store, ST_ADD_ENV);
		bind_int(&add, hash);
		bind_bytes(&add, env->data, env->size);
		rc = run(store, &add);
		id = sqlite3_last_insert_rowid(store->db);
	}
	if (rc < 0)
		return rc;
	remember_env(store, env, id);
	*ret_id = id;
	return 0;
}

/* ---- jobs ---- */

int store_add(struct store *store, const struct store_new *new)
{
	const struct job *job = new->job;
	struct binder add;
	int64_t env_id;
	int rc = put_env(store, &new->env, &env_id);

	if (rc < 0)
		return rc;
	add = bind(store, ST_ADD);
	bind_int(&add, job->id);
	bind_int(&add, job->state);
	bind_text(&add, new->component);
	bind_text(&add, new->key);
	bind_text(&add, job->name);
	bind_int(&add, job->uid);
	bind_int(&add, job->gid);
	bind_int(&add, job->priority);
	bind_int(&add, job->memory_priority);
	bind_int(&add, job->memory_bytes);
	bind_int(&add, job->reserved_bytes);
	bind_int(&add, job->time_us);
	bind_int(&add, job->time_limit_us);
	bind_int(&add, job->array);
	bind_int(&add, job->index);
	bind_int(&add, job->flags);
	bind_int(&add, job->retries);
	bind_int(&add, job->attempts);
	bind_int(&add, job->submit_us);
	bind_int(&add, job->queued_us);
	bind_int(&add, job->reason);
	bind_int(&add, job->observed);
	bind_int(&add, job->threshold);
	bind_int(&add, (uint64_t)env_id);
	bind_bytes(&add, new->pack, new->pack_size);
	return run(store, &add);
}

int store_update(struct store *store, const struct job *job, uint32_t slot, const char *boot)
{
	struct binder update = bind(store, ST_UPDATE);
	int rc;

	bind_int(&update, job->id);
	bind_int(&update, job->state);
	bind_int(&update, job->flags);
	bind_int(&update, job->retries);
	bind_int(&update, job->attempts);
	bind_int(&update, job->start_us);
	bind_int(&update, job->reserved_bytes);
	bind_int(&update, job->reason);
	bind_int(&update, job->observed);
	bind_int(&update, job->threshold);
	bind_int(&update, slot);
	bind_text(&update, boot);
	bind_int(&update, job->peak_bytes);
	bind_int(&update, job->queued_us);
	rc = run(store, &update);
	return rc || sqlite3_changes(store->db) ? rc : -ENOENT;
}

int store_end(struct store *store, const struct job *job, const struct job_result *result)
{
	struct binder end = bind(store, ST_END);
	int rc;

	bind_int(&end, job->id);
	bind_int(&end, result->state);
	bind_int(&end, job->flags);
	bind_int(&end, job->attempts);
	bind_int(&end, result->start_us);
	bind_int(&end, result->end_us);
	bind_int(&end, job->reserved_bytes);
	bind_int(&end, result->why.reason);
	bind_int(&end, result->why.observed);
	bind_int(&end, result->why.threshold);
	bind_int(&end, result->peak_bytes);
	bind_int(&end, result->cpu_us);
	bind_int(&end, (uint64_t)(int64_t)result->status);
	bind_int(&end, (uint64_t)result->signal);
	bind_int(&end, result->oom_kills);
	bind_int(&end, result->out_dropped);
	bind_int(&end, result->err_dropped);
	bind_int(&end, result->queued_us);
	rc = run(store, &end);
	return rc || sqlite3_changes(store->db) ? rc : -ENOENT;
}

int store_add_event(struct store *store, uint64_t id, const struct job_event *event)
{
	struct binder add = bind(store, ST_ADD_EVENT), trim;
	int rc;

	bind_int(&add, id);
	bind_int(&add, event->wall_us);
	bind_int(&add, event->step);
	bind_int(&add, event->attempt);
	bind_int(&add, event->before_bytes);
	bind_int(&add, event->after_bytes);
	bind_int(&add, event->why.reason);
	bind_int(&add, event->why.observed);
	bind_int(&add, event->why.threshold);
	rc = run(store, &add);
	/* One in 16 is often enough to look for more than 64 of one job. */
	if (rc || sqlite3_last_insert_rowid(store->db) % 16)
		return rc;
	trim = bind(store, ST_TRIM_EVENTS);
	bind_int(&trim, id);
	return run(store, &trim);
}

/* ---- runs ---- */

static uint64_t since(uint64_t now_us, uint64_t before_us)
{
	return now_us > before_us ? now_us - before_us : 0;
}

static void bind_real(struct binder *binder, uint64_t value)
{
	sqlite3_bind_double(binder->statement, ++binder->at, (double)value);
}

/* Sums of bytes outgrow 63 bits in a long life: they are kept as reals. */
static int add_totals(struct store *store, const struct store_run *run_row)
{
	const struct job *job = run_row->job;
	const struct job_result *result = run_row->result;
	struct binder add = bind(store, ST_ADD_TOTALS);
	bool ended = job_state_is_end((enum job_state)job->state), ran = run_row->has_run;

	bind_text(&add, run_row->component);
	bind_int(&add, job_class_of(job->priority));
	bind_int(&add, ended ? job->state : JOB_QUEUED);
	bind_int(&add, ended);
	bind_int(&add, ran && job->reserved_bytes <= run_row->reserved_first_bytes);
	bind_int(&add, ran ? since(result->start_us, result->queued_us) : 0);
	bind_int(&add, ran ? since(result->end_us, result->start_us) : 0);
	bind_real(&add, ran ? job->memory_bytes : 0);
	bind_real(&add, ran ? run_row->reserved_first_bytes : 0);
	bind_real(&add, ran ? result->peak_bytes : 0);
	bind_int(&add, ran);
	return run(store, &add);
}

static int add_run(struct store *store, const struct store_run *run_row)
{
	const struct job *job = run_row->job;
	const struct job_result *result = run_row->result;
	struct binder add = bind(store, ST_ADD_RUN);

	bind_int(&add, job->id);
	bind_int(&add, job->attempts);
	bind_int(&add, job->uid);
	bind_text(&add, run_row->component);
	bind_text(&add, run_row->key);
	bind_int(&add, job_class_of(job->priority));
	bind_int(&add, result->state);
	bind_int(&add, job->memory_bytes);
	bind_int(&add, run_row->reserved_first_bytes);
	bind_int(&add, job->reserved_bytes);
	bind_int(&add, result->peak_bytes);
	bind_int(&add, result->cpu_us);
	bind_int(&add, since(result->start_us, result->queued_us));
	bind_int(&add, since(result->end_us, result->start_us));
	bind_int(&add, result->end_us);
	bind_int(&add, run_row->outgrew);
	bind_int(&add, job->input_bytes);
	return run(store, &add);
}

const uint32_t store_bounds_permyriad[STORE_BOUNDS] = {5000,  8000,  9000,  10000, 11000,
						       12500, 15000, 20000, 40000, 80000};

#define RATIO_MAX 1000000000ULL /* permyriad: what is above says nothing more */

static int add_predicted(struct store *store, const char *component, enum store_predicted what,
			 uint64_t predicted, uint64_t actual)
{
	double exact = (double)predicted * 10000 / (double)actual;
	uint64_t ratio = exact < RATIO_MAX ? (uint64_t)exact : RATIO_MAX;
	uint32_t bucket = 0;
	struct binder add;

	while (bucket < STORE_BOUNDS && ratio > store_bounds_permyriad[bucket])
		bucket++;
	add = bind(store, ST_ADD_PREDICTED);
	bind_text(&add, component);
	bind_int(&add, what);
	bind_int(&add, bucket);
	bind_int(&add, ratio);
	return run(store, &add);
}

static int add_predictions(struct store *store, const struct store_run *run_row)
{
	const struct job_result *result = run_row->result;
	uint64_t ran_us = since(result->end_us, result->start_us);
	int rc = 0;

	/* One that failed at once says nothing of what it would have needed. */
	if (run_row->reserved_first_bytes && result->peak_bytes &&
	    (result->state == JOB_DONE || run_row->outgrew))
		rc = add_predicted(store, run_row->component, STORE_PREDICTED_MEMORY,
				   run_row->reserved_first_bytes, result->peak_bytes);
	if (!rc && result->state == JOB_DONE && run_row->predicted_us && ran_us)
		rc = add_predicted(store, run_row->component, STORE_PREDICTED_TIME,
				   run_row->predicted_us, ran_us);
	return rc;
}

int store_add_run(struct store *store, const struct store_run *run_row)
{
	int rc = run_row->has_run ? add_run(store, run_row) : 0;

	if (run_row->no_job)
		return rc;
	if (!rc && run_row->has_run)
		rc = add_predictions(store, run_row);
	return rc ? rc : add_totals(store, run_row);
}

int store_put_key(struct store *store, uint64_t key, uint64_t used_us, const void *bytes,
		  unsigned long size)
{
	struct binder put = bind(store, ST_PUT_KEY);

	bind_int(&put, key);
	bind_int(&put, used_us);
	bind_bytes(&put, bytes, size);
	return run(store, &put);
}

/* ---- forgetting ---- */

/* What is over the bytes that may be kept goes in small portions, oldest first: what one takes is
 * not known before it has gone with its environment. */
#define TOO_LARGE_BATCH 50U

uint64_t store_used_bytes(struct store *store)
{
	struct binder used = bind(store, ST_USED);
	uint64_t bytes = 0;

	if (used.statement && sqlite3_step(used.statement) == SQLITE_ROW)
		bytes = (uint64_t)sqlite3_column_int64(used.statement, 0);
	sqlite3_reset(used.statement);
	return bytes;
}

static int find_cut(struct store *store, const struct store_keep *keep, uint64_t *ret_us)
{
	struct binder cut = bind(store, ST_FORGET_CUT);
	int result;

	bind_int(&cut, keep->jobs);
	bind_int(&cut, keep->oldest_us);
	result = cut.statement ? sqlite3_step(cut.statement) : sqlite3_errcode(store->db);
	if (result == SQLITE_ROW)
		*ret_us = (uint64_t)sqlite3_column_int64(cut.statement, 0);
	sqlite3_reset(cut.statement);
	return result == SQLITE_ROW ? 0 : store_errno(result);
}

static int tell_whom(struct store *store, const struct store_keep *keep, uint64_t cut_us,
		     uint32_t batch)
{
	struct binder whom = bind(store, ST_FORGET_WHOM);
	int result = SQLITE_DONE;

	if (!keep->forget)
		return 0;
	bind_int(&whom, cut_us);
	bind_int(&whom, batch);
	while (whom.statement && (result = sqlite3_step(whom.statement)) == SQLITE_ROW)
		keep->forget(keep->data, (uint64_t)sqlite3_column_int64(whom.statement, 0));
	if (!whom.statement)
		result = sqlite3_errcode(store->db);
	sqlite3_reset(whom.statement);
	return store_errno(result);
}

static int forget_upto(struct store *store, enum store_statement which, uint64_t cut_us,
		       uint32_t second)
{
	struct binder forget = bind(store, which);

	bind_int(&forget, cut_us);
	bind_int(&forget, second);
	return run(store, &forget);
}

static int forget_rest(struct store *store, const struct store_keep *keep)
{
	struct binder plain;
	int rc;

	plain = bind(store, ST_FORGET_RUNS);
	bind_int(&plain, keep->oldest_us);
	bind_int(&plain, keep->runs_a_key);
	bind_int(&plain, keep->runs_last);
	rc = run(store, &plain);
	if (!rc)
		rc = forget_upto(store, ST_FORGET_KEYS, keep->oldest_us, KEYS_KEPT);
	if (!rc) {
		plain = bind(store, ST_FORGET_ENV);
		rc = run(store, &plain);
		store->env_id = 0;
	}
	return rc;
}

int store_forget(struct store *store, const struct store_keep *keep, uint32_t batch)
{
	bool too_large = keep->bytes && store_used_bytes(store) > keep->bytes;
	uint64_t cut_us = INT64_MAX;
	uint32_t gone;
	int rc = too_large ? 0 : find_cut(store, keep, &cut_us);

	if (too_large && batch > TOO_LARGE_BATCH)
		batch = TOO_LARGE_BATCH;
	if (!rc)
		rc = tell_whom(store, keep, cut_us, batch);
	if (!rc)
		rc = forget_upto(store, ST_FORGET_EVENTS, cut_us, batch);
	if (!rc)
		rc = forget_upto(store, ST_FORGET_JOBS, cut_us, batch);
	if (rc)
		return rc;
	gone = (uint32_t)sqlite3_changes(store->db);
	if (gone == batch && !too_large)
		return 1;
	rc = forget_rest(store, keep);
	return rc ? rc : gone == batch;
}
