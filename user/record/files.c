// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes and checks the files of a flight recorder. A file that is there and is as it should be is
 * kept; any other is replaced by a fresh one, which appears under its name whole. Its room is taken
 * then, so that a disk that is full later does not matter.
 */
#include "user/record/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"

#define FREE_PART 4 /* of what is free on its disk, at the most */

static void fill_head(struct record_head *head, uint32_t slots, uint32_t thin_slots)
{
	*head = (struct record_head){
		.version = RECORD_VERSION,
		.slot_bytes = RECORD_SLOT_BYTES,
		.slots = slots,
		.thin_slots = thin_slots,
	};
	memcpy(head->magic, RECORD_MAGIC, sizeof(head->magic));
}

/* -EUCLEAN: another's, or of another size. What cannot be read now may be a recording. */
static int check_ours(int fd, uint32_t slots, uint32_t thin_slots)
{
	struct record_head head, want;
	struct stat st;
	ssize_t n;

	fill_head(&want, slots, thin_slots);
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != record_file_at(slots))
		return -EUCLEAN;
	n = pread(fd, &head, sizeof(head), 0);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(head) && !memcmp(&head, &want, sizeof(head)) ? 0 : -EUCLEAN;
}

/* -EUCLEAN also when there is nothing to be kept. */
static int open_existing(const char *path, uint32_t slots, uint32_t thin_slots, int *ret_fd)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == EISDIR ? -EUCLEAN : -errno;
	rc = check_ours(fd, slots, thin_slots);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

/* What others need the disk for comes first, as the queue of jobs beside it. */
static bool is_a_small_part(int fd, uint64_t bytes)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) < 0 || bytes <= fs.f_bavail * fs.f_frsize / FREE_PART;
}

static int fill_fresh(int fd, uint32_t slots, uint32_t thin_slots)
{
	struct record_head head;
	int rc = -ENOSPC;

	if (is_a_small_part(fd, record_file_at(slots)))
		rc = -posix_fallocate(fd, 0, (off_t)record_file_at(slots));
	fill_head(&head, slots, thin_slots);
	if (!rc && pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		rc = -EIO;
	return rc;
}

static int make_fresh(const char *path, uint32_t slots, uint32_t thin_slots, int *ret_fd)
{
	char aside[512];
	AUTO_CLOSE int fd = -1;
	int rc;

	if ((size_t)snprintf(aside, sizeof(aside), "%s.new", path) >= sizeof(aside))
		return -ENAMETOOLONG;
	unlink(aside);
	fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = fill_fresh(fd, slots, thin_slots);
	if (!rc && rename(aside, path) < 0)
		rc = -errno;
	if (rc) {
		unlink(aside);
		return rc;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The last folder alone: what is above it is the system's. */
static void make_parent(const char *path)
{
	char parent[512];
	char *slash;

	text_copy(parent, sizeof(parent), path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return;
	*slash = '\0';
	mkdir(parent, 0755);
}

int record_file_open(const char *path, uint32_t slots, uint32_t thin_slots, int *ret_fd,
		     struct uw_err *err)
{
	int rc = open_existing(path, slots, thin_slots, ret_fd);

	if (rc == -EUCLEAN) {
		make_parent(path);
		rc = make_fresh(path, slots, thin_slots, ret_fd);
	}
	if (rc == -ENOSPC)
		return err_set(
			err, rc,
			"recording: %s: its %llu MiB are more than a quarter of what is free on "
			"its disk; make size in [record] smaller",
			path, (unsigned long long)(record_file_at(slots) / MIB));
	return rc ? err_set(err, rc, "recording: %s: %s", path, strerror(-rc)) : 0;
}

int record_file_head(int fd, uint32_t slot, struct record_slot_head *ret_head)
{
	ssize_t n = pread(fd, ret_head, sizeof(*ret_head), (off_t)record_file_at(slot));

	if (n == (ssize_t)sizeof(*ret_head) &&
	    !memcmp(ret_head->magic, RECORD_SLOT_MAGIC, sizeof(ret_head->magic)))
		return 0;
	memset(ret_head, 0, sizeof(*ret_head));
	return n < 0 ? -errno : 0;
}
