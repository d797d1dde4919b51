// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the two files of setup in /run/uw. One is the lock that keeps two setups apart, the other
 * the path of the pool, by which everybody else finds it. The path is written aside and renamed, so
 * that it is never read in part.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define LOCK_FILE CG_RUN_DIR "/setup.lock"
#define POOL_FILE CG_RUN_DIR "/pool"
#define POOL_TEMP CG_RUN_DIR "/pool.new"

/* Waits, where it may, for another setup to end: each takes milliseconds; a teardown takes as long
 * as what it kills. */
int cg_setup_lock(int *ret_fd, bool may_wait, struct uw_err *err)
{
	AUTO_CLOSE int fd = -1;

	if (mkdir(CG_RUN_DIR, 0755) && errno != EEXIST)
		return err_set(err, -errno, "cgroups: mkdir %s: %s%s", CG_RUN_DIR, strerror(errno),
			       errno == EACCES ? "; run it as root" : "");
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, -errno, "cgroups: open %s: %s%s", LOCK_FILE, strerror(errno),
			       errno == EACCES ? "; run it as root" : "");
	while (flock(fd, LOCK_EX | (may_wait ? 0 : LOCK_NB)))
		if (errno == EWOULDBLOCK)
			return err_set(err, -EAGAIN,
				       "cgroups: another setup or teardown is at work; try again");
		else if (errno != EINTR)
			return err_set(err, -errno, "cgroups: lock %s: %s", LOCK_FILE,
				       strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int cg_pool_file_write(const char *root, struct uw_err *err)
{
	AUTO_CLOSE int fd =
		open(POOL_TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t len = strlen(root);

	if (fd < 0 || write(fd, root, len) != (ssize_t)len || write(fd, "\n", 1) != 1 ||
	    rename(POOL_TEMP, POOL_FILE))
		return err_set(err, errno ? -errno : -EIO, "cgroups: write %s: %s", POOL_FILE,
			       strerror(errno));
	return 0;
}

int cg_tree_root(char *ret_root, size_t size)
{
	char text[CG_PATH_LEN];
	long len = text_read_at(AT_FDCWD, POOL_FILE, text, sizeof(text));

	if (len < 0)
		return (int)len;
	text[strcspn(text, "\n")] = '\0';
	if (cg_check_root(text, NULL))
		return -EINVAL;
	return text_copy(ret_root, size, text) ? 0 : -ENAMETOOLONG;
}

void cg_pool_file_remove(const char *root)
{
	char recorded[CG_PATH_LEN];

	if (!cg_tree_root(recorded, sizeof(recorded)) && !strcmp(recorded, root))
		unlink(POOL_FILE);
}
