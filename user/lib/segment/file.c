// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The file behind a segment: made, sealed and of mode 0600, or from elsewhere, and then asked
 * whether it is such a file. Without the seals whoever may write it could have a reader meet
 * SIGBUS, and so it could with huge pages, which a hole that is touched may not find.
 */
#include "user/lib/segment/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/memfd.h>

#include "user/lib/segment/segment.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* linux/memfd.h, from 6.3 on */
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int open_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

int segment_file_make(const char *name, uint64_t bytes)
{
	int fd = open_memfd(name), rc = 0;

	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)bytes) < 0 || fchmod(fd, 0600) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

/* Not hugetlbfs, of which a memfd may be as well, and which tells nobody where its holes are. */
static bool is_of_tmpfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

int segment_file_check(int fd, bool writable, uint64_t *ret_bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (seals < 0 || !is_of_tmpfs(fd))
		return -EINVAL;
	if ((seals & SEALS) != SEALS)
		return -EPERM;
	if ((flags & O_ACCMODE) == O_WRONLY || (writable && (flags & O_ACCMODE) != O_RDWR))
		return -EACCES;
	if (st.st_size <= 0 || (uint64_t)st.st_size > SEGMENT_BYTES_MAX ||
	    (uint64_t)st.st_size % page)
		return -EINVAL;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}
