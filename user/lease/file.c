// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page that says what the file is, and the slots. It is as large as it may get from the start,
 * but holds memory only for the slots in use, in steps: what has none is not touched. A fresh file
 * is made aside and appears under its name whole.
 */
#include "user/lease/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/file_id.h"
#include "user/base/text.h"

#define MAGIC      "uwleases"
#define VERSION    2
#define HEAD_BYTES 4096
#define STEP       512U /* slots: 96 KiB */
#define FILE_BYTES (HEAD_BYTES + LEASE_SLOTS * sizeof(struct lease_slot))

struct lease_file_head {
	char magic[8];
	uint32_t version, slot_bytes;
	uint32_t slots;
	_Atomic uint32_t room;
	char boot_id[CLOCK_BOOT_ID_LEN];
};

_Static_assert(sizeof(struct lease_file_head) <= HEAD_BYTES, "the head has a page");
_Static_assert(LEASE_SLOTS % STEP == 0, "whole steps");

struct lease_file {
	int fd;
	char *path;
	struct lease_file_head *head; /* and the slots behind it */
};

static int allocate(int fd, uint32_t slots)
{
	return -posix_fallocate(fd, 0, (off_t)(HEAD_BYTES + slots * sizeof(struct lease_slot)));
}

static int fill_fresh(int fd)
{
	struct lease_file_head head = {
		.magic = MAGIC,
		.version = VERSION,
		.slot_bytes = sizeof(struct lease_slot),
		.slots = LEASE_SLOTS,
	};
	int rc = clock_boot_id(head.boot_id);

	memcpy(head.magic, MAGIC, sizeof(head.magic));
	if (!rc && ftruncate(fd, FILE_BYTES) < 0)
		rc = -errno;
	if (!rc)
		rc = allocate(fd, 0);
	if (!rc && pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		rc = -EIO;
	return rc;
}

/* -EUCLEAN: another's, or of another boot. One whose boot cannot be told is neither, and its leases
 * are not to be thrown away. */
static int check_ours(const struct lease_file_head *head)
{
	char boot_id[CLOCK_BOOT_ID_LEN];
	int rc;

	if (memcmp(head->magic, MAGIC, sizeof(head->magic)) || head->version != VERSION ||
	    head->slot_bytes != sizeof(struct lease_slot) || head->slots != LEASE_SLOTS ||
	    head->room > LEASE_SLOTS)
		return -EUCLEAN;
	rc = clock_boot_id(boot_id);
	if (rc)
		return rc;
	return strncmp(head->boot_id, boot_id, CLOCK_BOOT_ID_LEN) ? -EUCLEAN : 0;
}

/* At the address of at, where that is not NULL. */
static int map_file(int fd, void *at, struct lease_file_head **ret_head)
{
	struct stat st;
	void *head;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != FILE_BYTES)
		return -EUCLEAN;
	head = mmap(at, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), fd,
		    0);
	if (head == MAP_FAILED)
		return -errno;
	*ret_head = head;
	return 0;
}

static int open_existing(struct lease_file *file)
{
	int rc;

	file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (file->fd < 0)
		return -errno;
	rc = map_file(file->fd, NULL, &file->head);
	if (!rc)
		rc = check_ours(file->head);
	return rc ? rc : allocate(file->fd, file->head->room);
}

/* A fresh file under another name, to be renamed. */
static int make_aside(const struct lease_file *file, char *ret_path, size_t size, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	int rc;

	if ((size_t)snprintf(ret_path, size, "%s.new", file->path) >= size)
		return -ENAMETOOLONG;
	unlink(ret_path);
	fd = open(ret_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = fill_fresh(fd);
	if (rc) {
		unlink(ret_path);
		return rc;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void let_go(struct lease_file *file)
{
	if (file->head)
		munmap(file->head, FILE_BYTES);
	if (file->fd >= 0)
		close(file->fd);
	file->head = NULL;
	file->fd = -1;
}

static int create(struct lease_file *file)
{
	char aside[256];
	int rc;

	let_go(file);
	rc = make_aside(file, aside, sizeof(aside), &file->fd);
	if (rc)
		return rc;
	rc = map_file(file->fd, NULL, &file->head);
	if (!rc && rename(aside, file->path) < 0)
		rc = -errno;
	if (rc)
		unlink(aside);
	return rc;
}

int lease_file_open(const char *path, struct lease_file **ret_file, struct uw_err *err)
{
	struct lease_file *file = calloc(1, sizeof(*file));
	int rc = -ENOMEM;

	if (file) {
		file->fd = -1;
		file->path = strdup(path);
	}
	if (file && file->path) {
		rc = open_existing(file);
		if (rc == -ENOENT || rc == -ELOOP || rc == -EUCLEAN)
			rc = create(file);
	}
	if (rc) {
		lease_file_close(file);
		return err_set(err, rc, "leases: %s: %s", path, strerror(-rc));
	}
	*ret_file = file;
	return 0;
}

void lease_file_close(struct lease_file *file)
{
	if (!file)
		return;
	let_go(file);
	free(file->path);
	free(file);
}

struct lease_slot *lease_file_slots(struct lease_file *file)
{
	return (struct lease_slot *)((char *)file->head + HEAD_BYTES);
}

uint32_t lease_file_room(const struct lease_file *file)
{
	return file->head->room;
}

int lease_file_grow(struct lease_file *file)
{
	uint32_t room = file->head->room + STEP;
	int rc;

	if (room > LEASE_SLOTS)
		return -ENOSPC;
	rc = allocate(file->fd, room);
	if (!rc)
		file->head->room = room;
	return rc;
}

/* Maps fd, which holds what the file does, in its place. */
static int put_in_place(struct lease_file *file, int fd, const char *aside)
{
	int rc = allocate(fd, file->head->room);
	size_t bytes = HEAD_BYTES + file->head->room * sizeof(struct lease_slot);

	if (!rc && pwrite(fd, file->head, bytes, 0) != (ssize_t)bytes)
		rc = -EIO;
	if (!rc && rename(aside, file->path) < 0)
		rc = -errno;
	return rc ? rc : map_file(fd, file->head, &file->head);
}

int lease_file_mend(struct lease_file *file)
{
	struct file_id id = file_id_of(file->fd);
	AUTO_CLOSE int fd = -1;
	char aside[256];
	int rc;

	if (file_id_is_at(&id, file->path))
		return 0;
	rc = make_aside(file, aside, sizeof(aside), &fd);
	if (rc)
		return rc;
	rc = put_in_place(file, fd, aside);
	if (rc) {
		unlink(aside);
		return rc;
	}
	close(file->fd);
	file->fd = TAKE_FD(fd);
	return 1;
}
