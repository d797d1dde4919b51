/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of plain files in a temporary directory, for tests of what only opens, reads and writes
 * cgroup files. A file's first word is its value.
 */
#ifndef UW_TEST_TMP_POOL_H
#define UW_TEST_TMP_POOL_H

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/text.h"

struct tmp_pool {
	char path[64];   /* a fresh directory, holding "pool" and "ledger" */
	char ledger[96]; /* where a ledger may be made */
	int dirfd;       /* of the pool */
};

static inline void tmp_pool_init(struct tmp_pool *pool)
{
	char dir[96];
	struct statvfs shm;
	/* In memory where there is enough: what a test writes need not outlive the machine. */
	bool is_roomy = !access("/dev/shm", W_OK) && !statvfs("/dev/shm", &shm) &&
			(uint64_t)shm.f_bavail * shm.f_frsize > 1ULL << 30;

	snprintf(pool->path, sizeof(pool->path), "%s/uw-test-XXXXXX",
		 is_roomy ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(pool->path));
	snprintf(pool->ledger, sizeof(pool->ledger), "%s/ledger", pool->path);
	snprintf(dir, sizeof(dir), "%s/pool", pool->path);
	assert_int_equal(mkdir(dir, 0700), 0);
	pool->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(pool->dirfd >= 0);
}

static inline int tmp_pool_remove(const char *path, const struct stat *st, int flag,
				  struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline void tmp_pool_done(struct tmp_pool *pool)
{
	close(pool->dirfd);
	nftw(pool->path, tmp_pool_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes path/file with a value; directories as needed must be there. */
static inline void tmp_pool_write(const struct tmp_pool *pool, const char *group, const char *file,
				  const char *value)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", group, file);
	fd = openat(pool->dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

/* The cgid: the directory's inode. */
static inline uint64_t tmp_pool_group(const struct tmp_pool *pool, const char *group)
{
	static const char *const file[][2] = {
		{"memory.current", "1000000"}, {"memory.high", "max"},
		{"memory.low", "0"},           {"memory.min", "0"},
		{"memory.reclaim", ""},        {"cgroup.freeze", "0"},
		{"cgroup.kill", ""},           {"cgroup.events", "populated 1\nfrozen 0\n"},
	};
	struct stat st;

	assert_int_equal(mkdirat(pool->dirfd, group, 0700), 0);
	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		tmp_pool_write(pool, group, file[i][0], file[i][1]);
	assert_int_equal(fstatat(pool->dirfd, group, &st, 0), 0);
	return st.st_ino;
}

/* UINT64_MAX for "max"; an empty file, caught between truncation and write, is 0. */
static inline uint64_t tmp_pool_read(const struct tmp_pool *pool, const char *group,
				     const char *file)
{
	char path[192], text[128];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	assert_true(text_read_at(pool->dirfd, path, text, sizeof(text)) >= 0);
	return strncmp(text, "max", 3) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

#endif
