// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides when the whole database is read to see whether it is sound, and reads it. SQLite's log
 * repairs what a crash of uwd leaves, but a file that its disk damaged looks the same from
 * outside. So it is read at the first start of a boot, at one that finds the file otherwise than
 * uwd left it, after SQLite met damage, and once a day; to do it at each start would hold up what
 * most often follows an update or a crash. The result is in a mark file, which may be lost at any
 * instant and is not synced: without it all is read again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/store/history.h"
#include "user/store/internal.h"

#define MARK_FILE "checked"
#define MARK_LEN  160
#define PATH_LEN  512
#define MARK_SCAN "1 %36s %" SCNu64 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNu64

struct mark {
	char boot[CLOCK_BOOT_ID_LEN];
	uint64_t checked_us; /* wall clock */
	uint32_t closed;     /* the file was left as: */
	uint64_t inode, bytes, written_ns;
};

static void path_of(const char *dir, const char *file, char path[PATH_LEN])
{
	snprintf(path, PATH_LEN, "%s/%s", dir, file);
}

static bool read_mark(const char *dir, struct mark *ret_mark)
{
	char path[PATH_LEN], text[MARK_LEN];

	path_of(dir, MARK_FILE, path);
	*ret_mark = (struct mark){0};
	return text_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       sscanf(text, MARK_SCAN, ret_mark->boot, &ret_mark->checked_us, &ret_mark->closed,
		      &ret_mark->inode, &ret_mark->bytes, &ret_mark->written_ns) == 6;
}

static void remove_mark(const char *dir)
{
	char path[PATH_LEN];

	path_of(dir, MARK_FILE, path);
	unlink(path);
}

static void write_mark(const char *dir, const struct mark *mark)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_LEN], text[MARK_LEN];
	int size = snprintf(text, sizeof(text),
			    "1 %s %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			    mark->boot, mark->checked_us, mark->closed, mark->inode, mark->bytes,
			    mark->written_ns);

	path_of(dir, MARK_FILE, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)size) != size)
		unlink(path);
}

/* How the file is now. */
static bool look(const char *dir, struct mark *mark)
{
	char path[PATH_LEN];
	struct stat file;

	path_of(dir, STORE_FILE, path);
	if (stat(path, &file))
		return false;
	mark->inode = file.st_ino;
	mark->bytes = (uint64_t)file.st_size;
	mark->written_ns =
		(uint64_t)file.st_mtim.tv_sec * 1000000000U + (uint64_t)file.st_mtim.tv_nsec;
	return true;
}

/* One that did not come to close it leaves a log, and a file that need not be as at any time. */
static bool is_as_left(const struct mark *left, const struct mark *now)
{
	return left->inode == now->inode &&
	       (!left->closed ||
		(left->bytes == now->bytes && left->written_ns == now->written_ns));
}

bool store_check_is_due(const char *dir, uint64_t *ret_checked_us)
{
	char boot[CLOCK_BOOT_ID_LEN];
	struct mark mark, now = {0};
	bool due = !read_mark(dir, &mark) || clock_boot_id(boot) || strcmp(boot, mark.boot) != 0 ||
		   !look(dir, &now) || !is_as_left(&mark, &now);

	*ret_checked_us = due || !mark.closed ? 0 : mark.checked_us;
	return due;
}

static void mark_checked(const char *dir, uint64_t checked_us)
{
	struct mark mark = {.checked_us = checked_us};

	if (!clock_boot_id(mark.boot) && look(dir, &mark))
		write_mark(dir, &mark);
}

void store_check_opened(struct store *store)
{
	mark_checked(store->dir, store->checked_us);
}

void store_check_closed(const char *dir)
{
	struct mark mark;

	if (!read_mark(dir, &mark))
		return; /* in doubt, and to stay so */
	mark.closed = 1;
	if (look(dir, &mark))
		write_mark(dir, &mark);
}

void store_doubt(struct store *store)
{
	remove_mark(store->dir);
}

uint64_t store_checked_us(const struct store *store)
{
	return store->checked_us;
}

/* SQLite's own, as to close another of the same file would give up its locks; NULL: not open. */
static sqlite3_file *file_of(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;

	return sqlite3_file_control(db, "main", which, &file) || !file || !file->pMethods ? NULL
											  : file;
}

static bool is_read(sqlite3_file *file)
{
	char head[16];
	int result = file ? file->pMethods->xRead(file, head, sizeof(head), 0) : SQLITE_OK;

	return result == SQLITE_OK || result == SQLITE_IOERR_SHORT_READ;
}

static bool is_read_only(sqlite3_file *file)
{
	int error = 0;

	return file && !file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) &&
	       error == EROFS;
}

int store_failure(sqlite3 *db, int result)
{
	sqlite3_file *file, *log;
	int rc = store_errno(result);

	if (rc != -EUCLEAN && rc != -EIO)
		return rc;
	file = file_of(db, SQLITE_FCNTL_FILE_POINTER);
	log = file_of(db, SQLITE_FCNTL_JOURNAL_POINTER);
	if (rc == -EIO) /* looked at first: a read may set the errno anew */
		return is_read_only(file) || is_read_only(log) ? -EROFS : rc;
	return is_read(file) && is_read(log) ? rc : -EIO;
}

/* What could not be read to its end is not known to be damaged. */
int store_quick_check(sqlite3 *db, struct uw_err *err)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
	const char *said = NULL;
	int rc;

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	rc = store_failure(db, result);
	if (result == SQLITE_INTERRUPT)
		rc = -ECANCELED;
	if (result == SQLITE_ROW)
		said = (const char *)sqlite3_column_text(statement, 0);
	if (said && strcmp(said, "ok") != 0)
		rc = err_set(err, -EUCLEAN, "is damaged: %.120s", said);
	else if (rc == -EUCLEAN)
		rc = err_set(err, rc, "is damaged: %.120s", sqlite3_errmsg(db));
	else if (rc || !said)
		rc = err_set(err, rc ? rc : -ENOMEM, "cannot be checked: %.120s",
			     sqlite3_errmsg(db));
	sqlite3_finalize(statement);
	return rc;
}

int store_reader_check(struct store_reader *reader, const char *dir, struct uw_err *err)
{
	int rc = store_quick_check(store_reader_db(reader), err);

	if (rc == -EUCLEAN) {
		remove_mark(dir);
		return err_prefix(err, "store: %s/%s", dir, STORE_FILE);
	}
	if (!rc)
		mark_checked(dir, clock_wall_us());
	return rc;
}
