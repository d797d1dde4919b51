/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection and its prepared statements. Internal to store. */
#ifndef UW_STORE_INTERNAL_H
#define UW_STORE_INTERNAL_H

#include <sqlite3.h>

#include "user/base/hash.h"
#include "user/store/store.h"

enum store_statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_ADD,
	ST_FIND_ENV,
	ST_ADD_ENV,
	ST_UPDATE,
	ST_ADD_EVENT,
	ST_TRIM_EVENTS,
	ST_ADD_RUN,
	ST_ADD_TOTALS,
	ST_ADD_PREDICTED,
	ST_END,
	ST_PUT_KEY,
	ST_EACH_LIVE,
	ST_EACH_KEY,
	ST_LAST_ID,
	ST_FIND_END,
	ST_READ_PACK,
	ST_SECRET,
	ST_OLDEST,
	ST_USED,
	ST_FORGET_CUT,
	ST_FORGET_WHOM,
	ST_FORGET_JOBS,
	ST_FORGET_EVENTS,
	ST_FORGET_RUNS,
	ST_FORGET_KEYS,
	ST_FORGET_ENV,
	ST__COUNT
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statement[ST__COUNT];
	char *dir;
	uint64_t reserve_bytes;
	uint64_t checked_us; /* wall clock; 0: not known to be sound */
	uint8_t secret[HASH_SECRET_LEN];
	bool full;
	int64_t env_id; /* of the environment that was added last ... */
	uint32_t env_size;
	char *env; /* ... which most often is the next one's too */
};

extern const char *const store_sql[ST__COUNT];
#define STORE_SCHEMA_VERSION 2

extern const char store_schema[], store_indexes[], store_secret_sql[];
extern const char *const store_steps[STORE_SCHEMA_VERSION]; /* [0]: none, store_schema makes it */

/* A ready statement, prepared when it is first used; NULL with the error in the connection. */
sqlite3_stmt *store_prepare(struct store *store, enum store_statement which);

/* Runs a statement that yields no rows and makes it ready for the next use. 0 or a negative errno.
 */
int store_run_statement(struct store *store, sqlite3_stmt *statement);

/* SQLite's result as a negative errno, 0 for success. */
int store_errno(int result);

/* ---- check.c ---- */

/* Whether all of it must be read before it is used, by what is beside it; ask before it is opened.
 * *ret_checked_us: when that was last done, 0 when it is to be done soon. */
bool store_check_is_due(const char *dir, uint64_t *ret_checked_us);
void store_check_opened(struct store *store);
void store_check_closed(const char *dir);
/* 0 when SQLite finds every page and index in order; -EUCLEAN with its first complaint; -ECANCELED
 * when it was interrupted. */
int store_quick_check(sqlite3 *db, struct uw_err *err);
sqlite3 *store_reader_db(struct store_reader *reader);

/*
 * The same as store_errno of what db has just said, with the disk asked: -EIO for damage on a disk
 * that gives nothing back, of which SQLite says the same, and -EROFS where it may only be read.
 */
int store_failure(sqlite3 *db, int result);

/* Frees what stands for bad weather, so that the next commit finds room. */
void store_give_reserve_up(struct store *store);

/* A row that is read column by column, in the order of its statement. */
struct columns {
	sqlite3_stmt *statement;
	int at;
};

static inline uint64_t next_int(struct columns *row)
{
	return (uint64_t)sqlite3_column_int64(row->statement, row->at++);
}

static inline const char *next_text(struct columns *row)
{
	const char *text = (const char *)sqlite3_column_text(row->statement, row->at++);

	return text ? text : "";
}

#endif
