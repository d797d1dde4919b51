// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection that writes: it opens or makes the database, sets a damaged one aside, and turns
 * SQLite's codes into errno. It also keeps the reserve, a file that is given up when the disk is
 * full, so that the ends of jobs still find room.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/store/internal.h"

#define PATH_LEN     512
#define BUSY_WAIT_MS 2000 /* a reader of ours, at most; another uwd is kept out by the ledger */

/* synchronous = FULL: without it a power cut takes the last commits in WAL mode. The log is cut
 * back to 16 MiB after a checkpoint. Memory: half a MiB of pages. */
static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA journal_size_limit = 16777216;"
			       "PRAGMA cache_size = -512;"
			       "PRAGMA foreign_keys = OFF;"
			       "PRAGMA temp_store = MEMORY;";

int store_errno(int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return -EACCES;
	default:
		return -EIO;
	}
}

const char *store_error(const struct store *store)
{
	return store->db ? sqlite3_errmsg(store->db) : "not open";
}

static void path_of(const char *dir, const char *file, char path[PATH_LEN])
{
	snprintf(path, PATH_LEN, "%s/%s", dir, file);
}

/* ---- the reserve ---- */

void store_give_reserve_up(struct store *store)
{
	char path[PATH_LEN];

	path_of(store->dir, STORE_RESERVE_FILE, path);
	unlink(path);
	store->full = true;
}

/* Allocated for real, so that giving it up gives something. */
static int take_reserve(struct store *store)
{
	char path[PATH_LEN];
	AUTO_CLOSE int fd = -1;
	struct stat now;
	int rc;

	path_of(store->dir, STORE_RESERVE_FILE, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &now) && (uint64_t)now.st_blocks * 512 >= store->reserve_bytes)
		return 0;
	rc = -posix_fallocate(fd, 0, (off_t)store->reserve_bytes);
	if (rc)
		unlink(path);
	return rc;
}

bool store_is_full(const struct store *store)
{
	return store->full;
}

int store_mend(struct store *store)
{
	int rc = take_reserve(store);

	store->full = rc < 0;
	return rc;
}

/* ---- statements and transactions ---- */

sqlite3_stmt *store_prepare(struct store *store, enum store_statement which)
{
	sqlite3_stmt **statement = &store->statement[which];

	if (!*statement)
		sqlite3_prepare_v3(store->db, store_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
				   statement, NULL);
	return *statement;
}

int store_run_statement(struct store *store, sqlite3_stmt *statement)
{
	int result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->db), rc;

	while (result == SQLITE_ROW)
		result = sqlite3_step(statement);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	rc = store_failure(store->db, result);
	if (rc == -EUCLEAN)
		store_doubt(store);
	return rc;
}

static int run_plain(struct store *store, enum store_statement which)
{
	return store_run_statement(store, store_prepare(store, which));
}

int store_begin(struct store *store)
{
	return run_plain(store, ST_BEGIN);
}

int store_commit(struct store *store)
{
	int rc = run_plain(store, ST_COMMIT);

	if (rc == -ENOSPC)
		store_give_reserve_up(store);
	return rc;
}

void store_rollback(struct store *store)
{
	/* SQLite may have rolled back by itself: then there is nothing to undo, and it says so. */
	if (!sqlite3_get_autocommit(store->db))
		run_plain(store, ST_ROLLBACK);
	store->env_id = 0;
}

/* ---- opening ---- */

static int pragma_int(sqlite3 *db, const char *sql, int *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret_value = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return result == SQLITE_ROW ? 0 : store_errno(result);
}

/* A new one at once, an older one by a step a version. */
static int run_steps(sqlite3 *db, int version)
{
	int result = SQLITE_OK;

	if (!version)
		return sqlite3_exec(db, store_schema, NULL, NULL, NULL);
	for (; version < STORE_SCHEMA_VERSION && result == SQLITE_OK; version++)
		result = sqlite3_exec(db, store_steps[version], NULL, NULL, NULL);
	return result;
}

/* All of it or nothing. */
static int make_schema(struct store *store, int from, struct uw_err *err)
{
	char version[48];
	int result = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), rc;

	snprintf(version, sizeof(version), "PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
	if (result == SQLITE_OK)
		result = run_steps(store->db, from);
	if (result == SQLITE_OK)
		result = sqlite3_exec(store->db, version, NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		return 0;
	rc = err_set(err, store_errno(result), "cannot be made: %s", store_error(store));
	store_rollback(store);
	return rc;
}

static int make_indexes(struct store *store, struct uw_err *err)
{
	int result = sqlite3_exec(store->db, store_indexes, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0
				   : err_set(err, store_errno(result), "cannot be indexed: %s",
					     store_error(store));
}

static int read_secret(struct store *store)
{
	sqlite3_stmt *statement = store_prepare(store, ST_SECRET);
	int result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->db);
	bool has = result == SQLITE_ROW &&
		   sqlite3_column_bytes(statement, 0) == (int)sizeof(store->secret);

	if (has)
		memcpy(store->secret, sqlite3_column_blob(statement, 0), sizeof(store->secret));
	sqlite3_reset(statement);
	return has ? 0 : result == SQLITE_ROW ? -EUCLEAN : store_errno(result);
}

static int make_secret(struct store *store, struct uw_err *err)
{
	int rc = read_secret(store);

	if (rc) {
		rc = store_errno(sqlite3_exec(store->db, store_secret_sql, NULL, NULL, NULL));
		if (rc)
			store_rollback(store);
		else
			rc = read_secret(store);
	}
	return rc ? err_set(err, rc, "cannot keep a secret: %s", store_error(store)) : 0;
}

const uint8_t *store_secret(const struct store *store)
{
	return store->secret;
}

static int check_schema(struct store *store, bool due, struct uw_err *err)
{
	int version = 0;
	int rc = pragma_int(store->db, "PRAGMA user_version", &version);

	if (rc == -EUCLEAN)
		return err_set(err, rc, "is no database: %s", store_error(store));
	if (rc < 0)
		return err_set(err, rc, "cannot be read: %s", store_error(store));
	if (version < 0)
		return err_set(err, -EUCLEAN, "is of no schema (%d)", version);
	if (version > STORE_SCHEMA_VERSION)
		return err_set(err, -EPROTONOSUPPORT,
			       "is of a newer uwd (schema %d, known is %d) and is left as it is; "
			       "install that uwd again, or move the file away for an empty queue",
			       version, STORE_SCHEMA_VERSION);
	if (version && due)
		rc = store_quick_check(store->db, err);
	if (rc == 0 && version < STORE_SCHEMA_VERSION)
		rc = make_schema(store, version, err);
	if (rc < 0)
		return rc;
	if (due)
		store->checked_us = clock_wall_us();
	rc = make_indexes(store, err);
	return rc ? rc : make_secret(store, err);
}

/* The database, its log and its index. */
static const char *const parts[] = {"", "-wal", "-shm"};

/* In there are the environments of all users, and who may open the index may lock it, even for
 * reading only. SQLite gives its log and index the mode of the database. */
static int keep_private(const char *path, struct uw_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		AUTO_CLOSE int fd = -1;
		char name[PATH_LEN + 8];

		snprintf(name, sizeof(name), "%s%s", path, parts[i]);
		fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (*parts[i] ? 0 : O_CREAT),
			  0600);
		if (fd < 0 && errno == ENOENT && *parts[i])
			continue;
		if (fd < 0 || fchmod(fd, 0600))
			return err_set(err, -errno, "%s cannot be kept to root: %s",
				       *parts[i] ? parts[i] : "it", strerror(errno));
	}
	return 0;
}

static int open_database(struct store *store, const char *path, const char *vfs, struct uw_err *err)
{
	bool due = store_check_is_due(store->dir, &store->checked_us);
	int rc = keep_private(path, err), result;

	if (rc)
		return rc;
	result = sqlite3_open_v2(path, &store->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				 vfs);
	if (result == SQLITE_OK)
		result = sqlite3_extended_result_codes(store->db, 1);
	if (result == SQLITE_OK)
		result = sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
	if (result == SQLITE_OK)
		result = sqlite3_exec(store->db, settings, NULL, NULL, NULL);
	if (store_errno(result) == -EUCLEAN)
		return err_set(err, -EUCLEAN, "is no database: %s", store_error(store));
	if (result != SQLITE_OK)
		return err_set(err, store_errno(result), "cannot be opened: %s",
			       store_error(store));
	return check_schema(store, due, err);
}

static void close_database(struct store *store)
{
	for (int i = 0; i < ST__COUNT; i++)
		sqlite3_finalize(TAKE(store->statement[i]));
	sqlite3_close(TAKE(store->db));
}

/* With its log and index, so that it can be looked into as it was. */
static int set_aside(const char *path, struct uw_err *err)
{
	char from[PATH_LEN + 8], to[PATH_LEN + 48], why[UW_ERR_TEXT_LEN];
	uint64_t at_s = clock_wall_us() / US_PER_SEC;

	snprintf(why, sizeof(why), "%s", err->text);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s.set-aside-%" PRIu64 "%s", path, at_s, parts[i]);
		if (rename(from, to) && errno != ENOENT)
			return err_set(err, -errno, "store: %s %.160s, and cannot be set aside: %s",
				       path, why, strerror(errno));
	}
	err_set(err, -EUCLEAN,
		"store: %s %.160s; set aside as %s.set-aside-%" PRIu64 ", the queue begins empty",
		path, why, path, at_s);
	return STORE_SET_ASIDE;
}

static int open_or_set_aside(struct store *store, const char *vfs, struct uw_err *err)
{
	struct uw_err again = {0};
	char path[PATH_LEN];
	int rc;

	path_of(store->dir, STORE_FILE, path);
	rc = open_database(store, path, vfs, err);
	if (rc == -ENOSPC) { /* making its log may be all that is missing */
		close_database(store);
		store_give_reserve_up(store);
		rc = open_database(store, path, vfs, err);
	}
	if (rc == -EUCLEAN) { /* SQLite says so of a read that failed, too: that may not again */
		close_database(store);
		store_doubt(store);
		rc = open_database(store, path, vfs, err);
	}
	if (rc != -EUCLEAN)
		return rc < 0 ? err_prefix(err, "store: %s", path) : rc;
	close_database(store);
	rc = set_aside(path, err);
	if (rc < 0)
		return rc;
	store_doubt(store);
	rc = open_database(store, path, vfs, &again);
	return rc < 0 ? err_set(err, rc, "store: %s: %s", path, again.text) : STORE_SET_ASIDE;
}

int store_open(const struct store_options *options, struct store **ret_store, struct uw_err *err)
{
	struct uw_err mine = {0};
	struct store *store = calloc(1, sizeof(*store));
	int rc;

	if (!store)
		return err_set(err, -ENOMEM, "store: out of memory");
	store->reserve_bytes =
		options->reserve_bytes ? options->reserve_bytes : STORE_RESERVE_BYTES;
	store->dir = strdup(options->dir);
	rc = store->dir ? open_or_set_aside(store, options->vfs, &mine)
			: err_set(&mine, -ENOMEM, "store: out of memory");
	if (rc)
		err_set(err, mine.code, "%s", mine.text);
	if (rc < 0) {
		store_close(store);
		return rc;
	}
	store_check_opened(store);
	store_mend(store);
	*ret_store = store;
	return rc;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->db) {
		close_database(store);
		store_check_closed(store->dir);
	}
	free(store->dir);
	free(store->env);
	free(store);
}
