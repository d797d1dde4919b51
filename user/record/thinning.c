// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes on in the newest thin slot, and from there to the place of the oldest one. All that is
 * needed is mapped for the time, since it is needed once in an hour or a day.
 */
#include "user/record/thinning.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/record/files.h"
#include "user/record/thin.h"

struct thinning {
	int fd, rc;
	uint32_t first, count; /* the thin slots */
	uint64_t sequence;     /* of the one that is written; 0: none yet */
	struct thin thin;
	struct recording recording;
	uint64_t from[RECORD_SLOT_BYTES / 8], to[RECORD_SLOT_BYTES / 8];
};

static uint64_t place(const struct thinning *thinning, uint64_t sequence)
{
	return record_file_at(thinning->first + (uint32_t)(sequence % thinning->count));
}

static int read_slot(int fd, uint64_t at, void *slot)
{
	ssize_t n = pread(fd, slot, RECORD_SLOT_BYTES, (off_t)at);

	if (n < 0)
		return -errno;
	return n == (ssize_t)RECORD_SLOT_BYTES ? 0 : -EIO;
}

static int write_slot(struct thinning *thinning)
{
	const struct record_slot_head *head = (const void *)thinning->to;
	ssize_t n;

	if (!thinning->thin.writer.slot)
		return 0; /* none yet, or one that is damaged: what it says of itself is no size */
	n = pwrite(thinning->fd, thinning->to, head->used,
		   (off_t)place(thinning, thinning->sequence));
	if (n < 0)
		return -errno;
	return (uint64_t)n == head->used ? 0 : -EIO;
}

static bool next_slot(void *data, struct record_writer *writer, uint64_t wall_us)
{
	struct thinning *thinning = data;

	thinning->rc = write_slot(thinning);
	if (thinning->rc)
		return false;
	thinning->sequence++;
	record_slot_begin(writer, thinning->to, RECORD_SLOT_BYTES, thinning->sequence,
			  RECORD_SLOT_THIN, wall_us);
	return true;
}

/* The newest thin slot, to go on in it. */
static int take_up(struct thinning *thinning)
{
	struct record_slot_head head;
	int rc;

	for (uint32_t i = 0; i < thinning->count; i++) {
		rc = record_file_head(thinning->fd, thinning->first + i, &head);
		if (rc)
			return rc;
		if (head.sequence > thinning->sequence)
			thinning->sequence = head.sequence;
	}
	if (!thinning->sequence)
		return 0;
	rc = read_slot(thinning->fd, place(thinning, thinning->sequence), thinning->to);
	if (!rc)
		record_slot_resume(&thinning->thin.writer, thinning->to, RECORD_SLOT_BYTES);
	return rc;
}

static int thin(struct thinning *thinning, uint32_t index)
{
	int rc = read_slot(thinning->fd, record_file_at(index), thinning->from);

	if (rc || !recording_open_slot(&thinning->recording, thinning->from, RECORD_SLOT_BYTES))
		return rc;
	rc = take_up(thinning);
	if (rc)
		return rc;
	thinning->thin.next = next_slot;
	thinning->thin.data = thinning;
	if (!thin_slot(&thinning->thin, &thinning->recording))
		return thinning->rc;
	return write_slot(thinning);
}

int record_thin_file(int fd, uint32_t full_slots, uint32_t thin_slots, uint32_t index)
{
	struct thinning *thinning;
	struct record_slot_head head;
	int rc;

	if (!thin_slots)
		return 0;
	rc = record_file_head(fd, index, &head);
	if (rc || !head.sequence)
		return rc;
	thinning = mmap(NULL, sizeof(*thinning), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (thinning == MAP_FAILED)
		return -errno;
	thinning->fd = fd;
	thinning->first = full_slots;
	thinning->count = thin_slots;
	rc = thin(thinning, index);
	munmap(thinning, sizeof(*thinning));
	return rc;
}
