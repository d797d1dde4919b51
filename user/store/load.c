// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads back what a new uwd needs: every job that has not ended, what was learned of each key, and
 * the last id that was given. The columns are read in the order of their statements in schema.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/store/internal.h"

/* In the order of ST_EACH_LIVE. */
static int read_live(sqlite3_stmt *statement, struct store_live *live)
{
	struct columns row = {.statement = statement};
	struct job *job = &live->job;
	int rc;

	*live = (struct store_live){0};
	job->id = next_int(&row);
	job->state = (uint8_t)next_int(&row);
	live->key = next_text(&row);
	text_copy(job->name, sizeof(job->name), next_text(&row));
	job->uid = (uint32_t)next_int(&row);
	job->gid = (uint32_t)next_int(&row);
	job->priority = (uint8_t)next_int(&row);
	job->memory_priority = (uint8_t)next_int(&row);
	job->memory_bytes = next_int(&row);
	job->reserved_bytes = next_int(&row);
	job->time_us = next_int(&row);
	job->time_limit_us = next_int(&row);
	job->array = next_int(&row);
	job->index = (uint32_t)next_int(&row);
	job->flags = (uint16_t)next_int(&row);
	job->retries = (uint8_t)next_int(&row);
	job->attempts = (uint16_t)next_int(&row);
	live->slot = (uint32_t)next_int(&row);
	live->boot = next_text(&row);
	job->submit_us = next_int(&row);
	job->queued_us = next_int(&row);
	job->start_us = next_int(&row);
	job->reason = (uint8_t)next_int(&row);
	job->observed = next_int(&row);
	job->threshold = next_int(&row);
	job->peak_bytes = next_int(&row);
	live->env = next_int(&row);
	live->env_bytes = next_int(&row);
	job->bytes = (uint32_t)sqlite3_column_bytes(statement, row.at);
	rc = job_unpack(sqlite3_column_blob(statement, row.at),
			(unsigned long)sqlite3_column_bytes(statement, row.at), &live->spec);
	job->input_bytes = live->spec.input_bytes;
	return rc;
}

int store_each_live(struct store *store, store_live_fn fn, void *data)
{
	sqlite3_stmt *statement = store_prepare(store, ST_EACH_LIVE);
	struct store_live live;
	int rc = 0, result = SQLITE_ROW;

	while (statement && !rc && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		if (read_live(statement, &live) < 0)
			log_err("job cannot be read back, its row makes no sense; it stays in the "
				"database and is not run job=%llu name=%s",
				(unsigned long long)live.job.id, live.job.name);
		else
			rc = fn(data, &live);
	}
	if (!statement)
		result = sqlite3_errcode(store->db);
	sqlite3_reset(statement);
	return rc ? rc : store_errno(result);
}

int store_each_key(struct store *store, uint32_t max, store_key_fn fn, void *data)
{
	sqlite3_stmt *statement = store_prepare(store, ST_EACH_KEY);
	int rc = 0, result = SQLITE_ROW;

	sqlite3_bind_int64(statement, 1, max);
	while (statement && !rc && (result = sqlite3_step(statement)) == SQLITE_ROW)
		rc = fn(data, sqlite3_column_blob(statement, 0),
			(unsigned long)sqlite3_column_bytes(statement, 0));
	if (!statement)
		result = sqlite3_errcode(store->db);
	sqlite3_reset(statement);
	return rc ? rc : store_errno(result);
}

int store_last_id(struct store *store, uint64_t *ret_id)
{
	sqlite3_stmt *statement = store_prepare(store, ST_LAST_ID);
	int result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->db);

	if (store_errno(result) == 0)
		*ret_id = result == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return store_errno(result);
}

int store_oldest(struct store *store, uint64_t *ret_us)
{
	sqlite3_stmt *statement = store_prepare(store, ST_OLDEST);
	int result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->db);

	if (result == SQLITE_ROW)
		*ret_us = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return store_errno(result);
}

int store_find_end(struct store *store, uint64_t id, uint64_t *ret_us)
{
	sqlite3_stmt *statement = store_prepare(store, ST_FIND_END);
	int result;

	if (!statement)
		return store_errno(sqlite3_errcode(store->db));
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret_us = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (result == SQLITE_DONE)
		return -ENOENT;
	return store_errno(result);
}

/* The two halves, as one pack with its environment. */
static int join_pack(sqlite3_stmt *row, char **ret_pack, unsigned long *ret_size)
{
	AUTO_FREE char *pack = NULL;
	struct job_spec spec;
	unsigned long size;

	if (job_unpack(sqlite3_column_blob(row, 0), (unsigned long)sqlite3_column_bytes(row, 0),
		       &spec) < 0)
		return -EUCLEAN;
	spec.env.data = sqlite3_column_blob(row, 1);
	spec.env.size = (uint32_t)sqlite3_column_bytes(row, 1);
	size = job_pack(&spec, true, NULL, 0);
	pack = malloc(size);
	if (!pack)
		return -ENOMEM;
	job_pack(&spec, true, pack, size);
	*ret_pack = TAKE(pack);
	*ret_size = size;
	return 0;
}

int store_read_pack(struct store *store, uint64_t id, char **ret_pack, unsigned long *ret_size)
{
	sqlite3_stmt *row = store_prepare(store, ST_READ_PACK);
	int rc, result;

	if (!row)
		return store_errno(sqlite3_errcode(store->db));
	sqlite3_bind_int64(row, 1, (sqlite3_int64)id);
	result = sqlite3_step(row);
	if (result == SQLITE_ROW)
		rc = join_pack(row, ret_pack, ret_size);
	else
		rc = result == SQLITE_DONE ? -ENOENT : store_errno(result);
	sqlite3_reset(row);
	return rc;
}
