// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A running uwd may write while its files are read. In memory it publishes how much of a slot is
 * good, so a copy is right when the slot is still the same after it; on the disk a slot may be half
 * overwritten, which the checks of its records tell. What is in memory goes before what is on the
 * disk of the same slot.
 */
#include "user/record/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/record/files.h"
#include "user/record/reader.h"

#define FILE_BYTES_MAX (1100ULL << 20)
#define STAGE_TRIES    3

static int read_all(int fd, uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = pread(fd, bytes + at, size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO; /* it became shorter meanwhile */
		at += (size_t)n;
	}
	return 0;
}

int record_read_file(const char *path, void **ret_bytes, size_t *ret_size, struct uw_err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE uint8_t *bytes = NULL;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_BYTES_MAX)
		return err_set(err, -EINVAL, "%s: not a regular file, or over 1100 MiB", path);
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	rc = read_all(fd, bytes, (size_t)st.st_size);
	if (rc)
		return err_set(err, rc, "%s: cannot be read: %s", path, strerror(-rc));
	*ret_bytes = TAKE(bytes);
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* ---- what uwd has ---- */

/* A file's bytes and where its slots are. */
struct source {
	void *bytes;
	size_t size;
	struct recording *recording; /* NULL: there is none */
};

static void source_done(struct source *source)
{
	free(source->bytes);
	free(source->recording);
}

static int source_open(struct source *source, const char *path, struct uw_err *err)
{
	int rc = record_read_file(path, &source->bytes, &source->size, err);

	if (rc)
		return rc;
	source->recording = malloc(sizeof(*source->recording));
	if (!source->recording)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	rc = recording_open(source->recording, source->bytes, source->size, err);
	if (rc) {
		free(TAKE(source->recording));
		err_prefix(err, "%s", path);
	}
	return rc;
}

/* Whether the slots in memory are those that were copied. */
static bool is_same_stage(const struct source *source, const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (uint32_t i = 0; fd >= 0 && i < STAGE_SLOTS; i++) {
		struct record_slot_head now, then;

		if (source->size < record_file_at(i + 1))
			return true; /* none of uwd's: it is as it is */
		if (record_file_head(fd, i, &now))
			return false;
		memcpy(&then, (const char *)source->bytes + record_file_at(i), sizeof(then));
		if (then.sequence != now.sequence)
			return false;
	}
	return true;
}

static int stage_open(struct source *source, const char *path, struct uw_err *err)
{
	int rc = -EAGAIN;

	for (int i = 0; i < STAGE_TRIES; i++) {
		rc = source_open(source, path, err);
		if (rc || is_same_stage(source, path))
			return rc;
		source_done(source);
		*source = (struct source){0};
	}
	return err_set(err, -EAGAIN, "%s: uwd writes faster than it can be read", path);
}

/* ---- the export ---- */

struct part {
	struct recording_slot slot;
	uint32_t used;
};

struct parts {
	uint32_t count;
	struct part part[RECORD_SLOTS_MAX + STAGE_SLOTS];
};

/* In the order of the reader; of two of one sequence the longer one stays. */
static void add_part(struct parts *parts, const struct recording_slot *slot)
{
	struct part part = {*slot, recording_slot_used(slot)};
	uint32_t at = parts->count;

	for (; at && !recording_slot_before(&parts->part[at - 1].slot, slot); at--)
		if (!recording_slot_before(slot, &parts->part[at - 1].slot)) {
			if (part.used > parts->part[at - 1].used)
				parts->part[at - 1] = part;
			return;
		}
	if (parts->count == RECORD_SLOTS_MAX + STAGE_SLOTS)
		return;
	memmove(&parts->part[at + 1], &parts->part[at],
		(parts->count - at) * sizeof(parts->part[0]));
	parts->part[at] = part;
	parts->count++;
}

static void add_parts(struct parts *parts, const struct source *source)
{
	for (uint32_t i = 0; source->recording && i < source->recording->slots; i++)
		add_part(parts, &source->recording->index[i]);
}

static uint32_t first_part(const struct parts *parts, uint64_t since_wall_us)
{
	uint32_t first = 0;

	while (first + 1 < parts->count &&
	       parts->part[first + 1].slot.first_wall_us <= since_wall_us)
		first++;
	return first;
}

static bool write_head(FILE *out, uint32_t slots)
{
	union {
		struct record_head head;
		char bytes[RECORD_HEAD_BYTES];
	} page = {.head = {.version = RECORD_VERSION, .slots = slots}};

	memcpy(page.head.magic, RECORD_MAGIC, sizeof(page.head.magic));
	return fwrite(&page, sizeof(page), 1, out) == 1;
}

static bool write_part(FILE *out, const struct part *part)
{
	struct record_slot_head head;

	memcpy(&head, part->slot.at, sizeof(head));
	head.bytes = part->used;
	head.used = part->used;
	return fwrite(&head, sizeof(head), 1, out) == 1 &&
	       fwrite(part->slot.at + sizeof(head), 1, part->used - sizeof(head), out) ==
		       part->used - sizeof(head);
}

static int write_parts(const struct parts *parts, uint64_t since_wall_us, FILE *out,
		       struct record_export *ret_export)
{
	uint32_t first = first_part(parts, since_wall_us);
	struct record_export done = {
		.slots = parts->count - first,
		.bytes = RECORD_HEAD_BYTES,
		.first_wall_us = parts->count ? parts->part[first].slot.first_wall_us : 0,
	};
	bool written = write_head(out, done.slots);

	for (uint32_t i = first; written && i < parts->count; i++) {
		written = write_part(out, &parts->part[i]);
		done.bytes += parts->part[i].used;
	}
	if (!written || fflush(out))
		return -EIO;
	*ret_export = done;
	return 0;
}

/* To one who named no file. */
static int say_unrecorded(const char *path, int rc, struct uw_err *err)
{
	if (rc == -ENOENT)
		return err_set(err, rc,
			       "nothing is recorded in %s: uwd does that while it runs, unless "
			       "[record] of uw.conf says enabled = no",
			       path);
	if (rc == -EACCES)
		return err_set(err, rc, "%s is for root only; use sudo", path);
	return rc;
}

int record_export(const char *path, const char *stage, uint64_t since_wall_us, FILE *out,
		  struct record_export *ret_export, struct uw_err *err)
{
	struct source disk = {0}, memory = {0};
	struct parts *parts = calloc(1, sizeof(*parts));
	struct uw_err stage_err = {0};
	int rc = parts ? 0 : err_set(err, -ENOMEM, "recording: out of memory"), stage_rc;

	if (!rc) {
		/* In this order: what leaves memory meanwhile is looked for on the disk after. */
		stage_rc = stage_open(&memory, stage, &stage_err);
		rc = source_open(&disk, path, err);
		if (!stage_rc)
			rc = 0;
		else if (!rc && stage_rc != -ENOENT)
			rc = err_set(err, stage_rc, "%s", stage_err.text);
		else if (rc)
			say_unrecorded(path, rc, err);
	}
	if (!rc) {
		add_parts(parts, &disk);
		add_parts(parts, &memory);
		rc = write_parts(parts, since_wall_us, out, ret_export);
		if (rc)
			err_set(err, rc, "recording: cannot be written: %s", strerror(-rc));
	}
	source_done(&disk);
	source_done(&memory);
	free(parts);
	return rc;
}
