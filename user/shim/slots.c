// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file of slots: a head and one sector for each running job. A record is written at once and
 * carries a checksum, so a reader sees either a whole one or that it is torn. A slot's lock covers
 * its sector and is held on an open file description, so that it passes to the shim by inheritance
 * and goes with the last process that has it.
 */
#include "user/shim/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/sync.h"
#include "user/base/text.h"

#define SLOT_MAGIC 0x32534c54U /* "TLS2" */
#define SLOT_MAGIC_1 \
	0x31534c54U             /* "TLS1": a shim that is older than uwd, without the last fields */
#define NOTE_MAGIC  0x31544e54U /* "TNT1" */
#define HEAD_MAGIC  0x31485755U /* "UWH1" */
#define FILE_SIZE   ((off_t)(SLOTS_COUNT + 1) * SLOT_SIZE)
#define NOTE_OFFSET (SLOT_SIZE / 2)
#define PATH_LEN    512
#define AGAIN_NS    1000000 /* a record is written in a few us, by who may lose its processor */
#define AGAIN_TIMES 100U

struct slot_on_disk {
	uint32_t magic;
	uint32_t sum; /* of all that follows */
	struct slot_record slot;
};

struct note_on_disk {
	uint32_t magic;
	uint32_t sum;
	struct slot_note note;
};

_Static_assert(sizeof(struct slot_on_disk) <= NOTE_OFFSET, "a slot lies in half a sector");
_Static_assert(sizeof(struct note_on_disk) <= SLOT_SIZE - NOTE_OFFSET, "and its note in the other");

struct head {
	uint32_t magic;
	uint32_t count, size;
	uint32_t sum; /* of last_id */
	uint64_t last_id;
};

/* FNV-1a: against torn and stale records, not against malice. */
static uint32_t sum_of(const void *bytes, size_t count)
{
	const unsigned char *at = bytes;
	uint32_t sum = 0x811c9dc5U;

	while (count--)
		sum = (sum ^ *at++) * 0x01000193U;
	return sum;
}

static off_t offset_of(uint32_t index)
{
	return (off_t)index * SLOT_SIZE;
}

static int read_at(int fd, void *to, size_t count, off_t at)
{
	ssize_t n = pread(fd, to, count, at);

	if (n < 0)
		return -errno;
	return (size_t)n == count ? 0 : -EUCLEAN;
}

static int write_at(int fd, const void *from, size_t count, off_t at)
{
	ssize_t n = pwrite(fd, from, count, at);

	if (n < 0)
		return -errno;
	return (size_t)n == count ? 0 : -EIO;
}

/* ---- the file ---- */

static int write_head(int fd, uint64_t last_id)
{
	struct head head = {
		.magic = HEAD_MAGIC,
		.count = SLOTS_COUNT,
		.size = SLOT_SIZE,
		.sum = sum_of(&last_id, sizeof(last_id)),
		.last_id = last_id,
	};

	return write_at(fd, &head, sizeof(head), 0);
}

/* Zeros are written, not only allocated: a later write then changes no metadata. */
static int make_file(int fd)
{
	static const char zeros[64 * SLOT_SIZE];

	for (off_t at = 0; at < FILE_SIZE; at += (off_t)sizeof(zeros)) {
		size_t count = FILE_SIZE - at < (off_t)sizeof(zeros) ? (size_t)(FILE_SIZE - at)
								     : sizeof(zeros);
		ssize_t n = pwrite(fd, zeros, count, at);

		if (n < 0)
			return -errno;
		if ((size_t)n < count)
			return -ENOSPC;
	}
	return fsync(fd) ? -errno : 0;
}

static int check_file(int fd)
{
	struct stat now;
	struct head head;
	int rc;

	if (fstat(fd, &now))
		return -errno;
	if (now.st_size < FILE_SIZE) { /* new, or its making was cut short: nothing ran yet */
		rc = make_file(fd);
		if (!rc)
			rc = write_head(fd, 0);
		return rc ? rc : fsync(fd) ? -errno : 0;
	}
	rc = read_at(fd, &head, sizeof(head), 0);
	if (rc)
		return rc;
	if (!head.magic) /* all zeros: the head had not been written */
		return write_head(fd, 0);
	return head.magic == HEAD_MAGIC && head.count == SLOTS_COUNT && head.size == SLOT_SIZE
		       ? 0
		       : -EUCLEAN;
}

static void path_of(const char *dir, char path[PATH_LEN])
{
	snprintf(path, PATH_LEN, "%s/%s", dir, SLOTS_FILE);
}

int slots_reopen(const char *dir)
{
	char path[PATH_LEN];
	int fd;

	path_of(dir, path);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int slots_open(const char *dir, int *ret_fd, struct uw_err *err)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_LEN];
	int rc;

	path_of(dir, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, -errno, "store: %s: %s", path, strerror(errno));
	rc = check_file(fd);
	if (!rc) /* each time: an earlier start may have come just so far */
		rc = sync_dir(dir);
	if (rc == -EUCLEAN)
		return err_set(err, rc,
			       "store: %s is of another uwd; with no job running, remove it", path);
	if (rc)
		return err_set(err, rc, "store: %s: %s", path, strerror(-rc));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int slots_read_last_id(int fd, uint64_t *ret_id)
{
	struct head head;
	int rc = read_at(fd, &head, sizeof(head), 0);

	if (!rc && head.sum != sum_of(&head.last_id, sizeof(head.last_id)))
		rc = -EUCLEAN;
	if (!rc)
		*ret_id = head.last_id;
	return rc;
}

int slots_write_last_id(int fd, uint64_t id)
{
	return write_head(fd, id);
}

int slots_sync(int fd)
{
	return fdatasync(fd) ? -errno : 0;
}

/* ---- slots ---- */

static bool is_slot(uint32_t index)
{
	return index && index <= SLOTS_COUNT;
}

static bool is_blank(const struct slot_on_disk *record)
{
	static const struct slot_on_disk blank;

	return !memcmp(record, &blank, sizeof(blank));
}

static bool is_whole(const struct slot_on_disk *record)
{
	size_t size = record->magic == SLOT_MAGIC_1 ? offsetof(struct slot_record, began_us)
						    : sizeof(record->slot);

	return (record->magic == SLOT_MAGIC || record->magic == SLOT_MAGIC_1) &&
	       record->sum == sum_of(&record->slot, size);
}

int slot_read(int fd, uint32_t index, struct slot_record *ret_slot)
{
	struct slot_on_disk record;
	int rc = is_slot(index) ? read_at(fd, &record, sizeof(record), offset_of(index)) : -EINVAL;

	*ret_slot = (struct slot_record){0};
	if (rc)
		return rc;
	if (is_blank(&record))
		return -ENODATA;
	if (!is_whole(&record) || record.slot.phase >= SLOT_PHASE__COUNT)
		return -EUCLEAN;
	if (record.magic == SLOT_MAGIC_1)
		record.slot.began_us = record.slot.ran_us = 0;
	*ret_slot = record.slot;
	return 0;
}

int slot_read_again(int fd, uint32_t index, struct slot_record *ret_slot)
{
	const struct timespec nap = {.tv_nsec = AGAIN_NS};
	int rc = slot_read(fd, index, ret_slot);

	for (uint32_t i = 0; rc == -EUCLEAN && i < AGAIN_TIMES; i++) {
		nanosleep(&nap, NULL);
		rc = slot_read(fd, index, ret_slot);
	}
	return rc;
}

int slot_write(int fd, uint32_t index, const struct slot_record *slot, bool sync)
{
	struct slot_on_disk record;
	int rc;

	if (!is_slot(index))
		return -EINVAL;
	memset(&record, 0, sizeof(record)); /* the padding is summed too */
	record.magic = SLOT_MAGIC;
	memcpy(&record.slot, slot, sizeof(*slot));
	record.sum = sum_of(&record.slot, sizeof(record.slot));
	rc = write_at(fd, &record, sizeof(record), offset_of(index));
	return !rc && sync ? slots_sync(fd) : rc;
}

int slot_read_note(int fd, uint32_t index, struct slot_note *ret_note)
{
	struct note_on_disk record;
	int rc = is_slot(index)
			 ? read_at(fd, &record, sizeof(record), offset_of(index) + NOTE_OFFSET)
			 : -EINVAL;

	*ret_note = (struct slot_note){0};
	if (rc)
		return rc;
	if (!record.magic)
		return -ENODATA;
	if (record.magic != NOTE_MAGIC || record.sum != sum_of(&record.note, sizeof(record.note)))
		return -EUCLEAN;
	*ret_note = record.note;
	return 0;
}

int slot_write_note(int fd, uint32_t index, const struct slot_note *note)
{
	struct note_on_disk record = {
		.magic = NOTE_MAGIC,
		.sum = sum_of(note, sizeof(*note)),
		.note = *note,
	};

	return is_slot(index)
		       ? write_at(fd, &record, sizeof(record), offset_of(index) + NOTE_OFFSET)
		       : -EINVAL;
}

static struct flock range_of(uint32_t index, short type)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = offset_of(index),
		.l_len = SLOT_SIZE,
	};
}

int slot_lock(int fd, uint32_t index)
{
	struct flock range = range_of(index, F_WRLCK);

	if (!fcntl(fd, F_OFD_SETLK, &range))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

void slot_unlock(int fd, uint32_t index)
{
	struct flock range = range_of(index, F_UNLCK);

	if (fcntl(fd, F_OFD_SETLK, &range))
		return; /* not held: that is what was wanted */
}

bool slot_is_locked(int fd, uint32_t index)
{
	struct flock range = range_of(index, F_WRLCK);

	return fcntl(fd, F_OFD_GETLK, &range) || range.l_type != F_UNLCK;
}
