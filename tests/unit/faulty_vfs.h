/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SQLite's own file layer with a fault in it: dies at the n-th write, sync, truncation or removal,
 * or has a disk that is full after so many bytes. One at a time in a process.
 */
#ifndef UW_TEST_FAULTY_VFS_H
#define UW_TEST_FAULTY_VFS_H

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTY_VFS     "faulty"
#define FAULTY_EXIT    77
#define FAULTY_RESERVE (64 << 10) /* what giving the reserve up brings */

struct faulty {
	long left;           /* changes until it dies; < 0: never */
	int64_t room_bytes;  /* < 0: without end */
	const char *reserve; /* while this file is there, its bytes are taken */
};

static struct faulty faulty = {.left = -1, .room_bytes = -1};

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static void faulty_change(void)
{
	if (faulty.left >= 0 && !faulty.left--)
		_exit(FAULTY_EXIT);
}

static sqlite3_file *faulty_real(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

#define REAL(file) faulty_real(file)->pMethods

static int faulty_close(sqlite3_file *file)
{
	int result = REAL(file)->xClose(faulty_real(file));

	free(faulty_real(file));
	return result;
}

static int faulty_read(sqlite3_file *file, void *to, int count, sqlite3_int64 at)
{
	return REAL(file)->xRead(faulty_real(file), to, count, at);
}

static bool faulty_has_room(sqlite3_file *file, int count, sqlite3_int64 at)
{
	sqlite3_int64 size = 0, more;

	REAL(file)->xFileSize(faulty_real(file), &size);
	more = at + count - size;
	if (faulty.room_bytes < 0 || more <= 0)
		return true;
	if (faulty.room_bytes < more && faulty.reserve && access(faulty.reserve, F_OK)) {
		faulty.room_bytes += FAULTY_RESERVE;
		faulty.reserve = NULL;
	}
	if (faulty.room_bytes < more)
		return false;
	faulty.room_bytes -= more;
	return true;
}

static int faulty_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 at)
{
	faulty_change();
	if (!faulty_has_room(file, count, at))
		return SQLITE_FULL;
	return REAL(file)->xWrite(faulty_real(file), from, count, at);
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	faulty_change();
	return REAL(file)->xTruncate(faulty_real(file), size);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
	faulty_change();
	return REAL(file)->xSync(faulty_real(file), flags);
}

static int faulty_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return REAL(file)->xFileSize(faulty_real(file), size);
}

static int faulty_lock(sqlite3_file *file, int level)
{
	return REAL(file)->xLock(faulty_real(file), level);
}

static int faulty_unlock(sqlite3_file *file, int level)
{
	return REAL(file)->xUnlock(faulty_real(file), level);
}

static int faulty_reserved(sqlite3_file *file, int *out)
{
	return REAL(file)->xCheckReservedLock(faulty_real(file), out);
}

static int faulty_control(sqlite3_file *file, int what, void *arg)
{
	return REAL(file)->xFileControl(faulty_real(file), what, arg);
}

static int faulty_sector(sqlite3_file *file)
{
	return REAL(file)->xSectorSize(faulty_real(file));
}

static int faulty_device(sqlite3_file *file)
{
	return REAL(file)->xDeviceCharacteristics(faulty_real(file));
}

static int faulty_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **at)
{
	return REAL(file)->xShmMap(faulty_real(file), page, size, extend, at);
}

static int faulty_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return REAL(file)->xShmLock(faulty_real(file), offset, n, flags);
}

static void faulty_shm_barrier(sqlite3_file *file)
{
	REAL(file)->xShmBarrier(faulty_real(file));
}

static int faulty_shm_unmap(sqlite3_file *file, int remove)
{
	return REAL(file)->xShmUnmap(faulty_real(file), remove);
}

static const sqlite3_io_methods faulty_methods = {
	.iVersion = 2,
	.xClose = faulty_close,
	.xRead = faulty_read,
	.xWrite = faulty_write,
	.xTruncate = faulty_truncate,
	.xSync = faulty_sync,
	.xFileSize = faulty_size,
	.xLock = faulty_lock,
	.xUnlock = faulty_unlock,
	.xCheckReservedLock = faulty_reserved,
	.xFileControl = faulty_control,
	.xSectorSize = faulty_sector,
	.xDeviceCharacteristics = faulty_device,
	.xShmMap = faulty_shm_map,
	.xShmLock = faulty_shm_lock,
	.xShmBarrier = faulty_shm_barrier,
	.xShmUnmap = faulty_shm_unmap,
};

static int faulty_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
		       int *out)
{
	struct faulty_file *own = (struct faulty_file *)file;
	sqlite3_vfs *real = vfs->pAppData;
	int result;

	own->base.pMethods = NULL;
	own->real = calloc(1, (size_t)real->szOsFile);
	if (!own->real)
		return SQLITE_NOMEM;
	result = real->xOpen(real, name, own->real, flags, out);
	if (result == SQLITE_OK)
		own->base.pMethods = &faulty_methods;
	else
		free(own->real);
	return result;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	sqlite3_vfs *real = vfs->pAppData;

	faulty_change();
	return real->xDelete(real, name, sync);
}

static inline void faulty_register(bool as_default)
{
	static sqlite3_vfs own;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	if (own.zName)
		return;
	own = *real;
	own.pNext = NULL;
	own.zName = FAULTY_VFS;
	own.pAppData = real;
	own.szOsFile = (int)sizeof(struct faulty_file);
	own.xOpen = faulty_open;
	own.xDelete = faulty_delete;
	sqlite3_vfs_register(&own, as_default);
}

#endif
