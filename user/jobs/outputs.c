// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the outputs of ended jobs below a total. For each user a heap has the output that ended
 * longest ago on top, so that what goes next is found at once. What lies on disk at a start is
 * found by a scan of a few files at a time; jobs that end while it goes on are noted, so that none
 * is counted twice. Too much is removed in small steps between two transactions.
 */
#include "user/jobs/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/dir.h"
#include "user/base/log.h"

/* Of what is done at a time, as commits wait for it: under 1 ms while files are small. */
#define SCAN_FILES   64U
#define REMOVE_JOBS  8U
#define FIRST_PLACES 16U

struct output {
	uint64_t id, end_us, bytes;
};

/* One who has outputs: a heap with the one that ended longest ago on top. */
struct user {
	uint32_t uid;
	uint64_t bytes;
	struct output *heap;
	uint32_t count, capacity;
};

/* Jobs that ended while the scan goes on: they are counted, wherever it is. */
struct late_output {
	uint64_t *id;
	uint32_t count, capacity;
};

struct outputs {
	_Atomic uint64_t total_bytes;
	char *dir;
	int dirfd;
	DIR *scan; /* NULL: through */
	struct late_output late;
	struct user *user;
	uint32_t users, user_capacity;
	uint64_t bytes, removed;
	bool over;
};

/* Room for one more of size bytes each. */
static bool grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
	uint32_t more = *capacity ? *capacity * 2 : FIRST_PLACES;
	void **at = array, *larger;

	if (count < *capacity)
		return true;
	larger = reallocarray(*at, more, size);
	if (!larger)
		return false;
	*at = larger;
	*capacity = more;
	return true;
}

/* ---- a user's outputs, by their ends ---- */

static bool is_before(const struct output *a, const struct output *b)
{
	return a->end_us != b->end_us ? a->end_us < b->end_us : a->id < b->id;
}

static void swap(struct output *a, struct output *b)
{
	struct output was = *a;

	*a = *b;
	*b = was;
}

static void sift_up(struct output *heap, uint32_t at)
{
	for (; at && is_before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct output *heap, uint32_t count, uint32_t at)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= count)
			return;
		if (child + 1 < count && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &heap[at]))
			return;
		swap(&heap[child], &heap[at]);
		at = child;
	}
}

static struct output take(struct outputs *outputs, struct user *user, uint32_t at)
{
	struct output taken = user->heap[at];

	user->heap[at] = user->heap[--user->count];
	if (at < user->count) {
		sift_up(user->heap, at);
		sift_down(user->heap, user->count, at);
	}
	user->bytes -= taken.bytes;
	outputs->bytes -= taken.bytes;
	return taken;
}

/* Without memory it is not counted; the next start finds it. */
static void add(struct outputs *outputs, struct user *user, const struct output *output)
{
	if (!grow(&user->heap, user->count, &user->capacity, sizeof(*user->heap)))
		return;
	user->heap[user->count] = *output;
	sift_up(user->heap, user->count++);
	user->bytes += output->bytes;
	outputs->bytes += output->bytes;
}

static struct user *find_user(const struct outputs *outputs, uint32_t uid)
{
	for (uint32_t i = 0; i < outputs->users; i++)
		if (outputs->user[i].uid == uid)
			return &outputs->user[i];
	return NULL;
}

static struct user *make_user(struct outputs *outputs, uint32_t uid)
{
	struct user *user = find_user(outputs, uid);

	if (user ||
	    !grow(&outputs->user, outputs->users, &outputs->user_capacity, sizeof(*outputs->user)))
		return user;
	user = &outputs->user[outputs->users++];
	*user = (struct user){.uid = uid};
	return user;
}

/* ---- files ---- */

/* What both take, whose they are, and when they were last written to. */
struct files {
	uint64_t bytes, written_us;
	uint32_t uid;
};

static struct files look(const struct outputs *outputs, uint64_t id)
{
	struct files files = {0};
	char name[OUTPUTS_NAME_LEN];
	struct stat file;

	for (int err_file = 0; err_file < 2; err_file++) {
		uint64_t at_us;

		if (fstatat(outputs->dirfd, outputs_name(id, err_file, name), &file,
			    AT_SYMLINK_NOFOLLOW))
			continue;
		at_us = (uint64_t)file.st_mtim.tv_sec * US_PER_SEC +
			(uint64_t)file.st_mtim.tv_nsec / NS_PER_US;
		files.bytes += (uint64_t)file.st_blocks * 512;
		if (at_us > files.written_us)
			files.written_us = at_us;
		output_owner(outputs->dir, name, &files.uid);
	}
	return files;
}

/* The one that the scan goes by is the last to go. */
static void remove_files(const struct outputs *outputs, uint64_t id)
{
	char name[OUTPUTS_NAME_LEN];

	for (int err_file = 1; err_file >= 0; err_file--)
		if (unlinkat(outputs->dirfd, outputs_name(id, err_file, name), 0) &&
		    errno != ENOENT)
			log_warning("output of a job stays file=%s error=%s", name,
				    strerrorname_np(errno));
}

/* ---- what is counted ---- */

static void count(struct outputs *outputs, uint64_t id, uint32_t uid, uint64_t end_us,
		  uint64_t bytes)
{
	struct output output = {.id = id, .end_us = end_us, .bytes = bytes};
	struct user *user = bytes ? make_user(outputs, uid) : NULL;

	if (user)
		add(outputs, user, &output);
}

static bool is_late(const struct late_output *late, uint64_t id)
{
	for (uint32_t i = 0; i < late->count; i++)
		if (late->id[i] == id)
			return true;
	return false;
}

static bool note_late(struct late_output *late, uint64_t id)
{
	if (!grow(&late->id, late->count, &late->capacity, sizeof(*late->id)))
		return false;
	late->id[late->count++] = id;
	return true;
}

void outputs_ended(struct outputs *outputs, uint64_t id, uint32_t uid, uint64_t end_us)
{
	if (!outputs->scan || note_late(&outputs->late, id))
		count(outputs, id, uid, end_us, look(outputs, id).bytes);
}

/* One that is forgotten ended before all others, and is on top, or nearly. */
void outputs_again(struct outputs *outputs, uint64_t id)
{
	struct files files = look(outputs, id);
	struct user *user = files.bytes ? find_user(outputs, files.uid) : NULL;

	for (uint32_t i = 0; user && i < user->count; i++) {
		if (user->heap[i].id == id) {
			take(outputs, user, i);
			return;
		}
	}
}

void outputs_forget(struct outputs *outputs, uint64_t id)
{
	outputs_again(outputs, id);
	remove_files(outputs, id);
}

/* *ret_us 0: nobody knows it any more. One that cannot be read is left alone. */
static bool has_ended(struct store *store, uint64_t id, uint64_t *ret_us)
{
	int rc = store_find_end(store, id, ret_us);

	if (rc == -ENOENT)
		*ret_us = 0;
	return rc == -ENOENT || (!rc && *ret_us);
}

/* ---- the scan ---- */

static bool is_output(const char *name, uint64_t *ret_id)
{
	char *end;

	if (*name < '1' || *name > '9')
		return false;
	errno = 0;
	*ret_id = strtoull(name, &end, 10);
	return !errno && !strcmp(end, ".out");
}

int outputs_highest_id(const char *dir, uint64_t *ret_id)
{
	AUTO_CLOSEDIR DIR *files = opendir(dir);
	const struct dirent *entry;
	uint64_t highest = 0, id;

	if (!files && errno != ENOENT)
		return -errno;
	while (files && (entry = dir_next(files)))
		if (is_output(entry->d_name, &id) && id > highest)
			highest = id;
	if (files && errno)
		return -errno;
	*ret_id = highest;
	return 0;
}

/* Of a job that nobody knows, as of a database that was set aside, the last line is its end. */
static void scan_one(struct outputs *outputs, struct store *store, uint64_t id)
{
	struct files files = look(outputs, id);
	uint64_t end_us;

	if (!files.bytes || is_late(&outputs->late, id) || !has_ended(store, id, &end_us))
		return;
	count(outputs, id, files.uid, end_us ? end_us : files.written_us, files.bytes);
}

static void end_scan(struct outputs *outputs)
{
	if (outputs->scan)
		closedir(TAKE(outputs->scan));
	free(outputs->late.id);
	outputs->late = (struct late_output){0};
}

static void scan_some(struct outputs *outputs, struct store *store)
{
	for (uint32_t i = 0; i < SCAN_FILES; i++) {
		const struct dirent *entry = dir_next(outputs->scan);
		uint64_t id;

		if (!entry) {
			if (errno)
				log_warning("outputs are counted in part dir=%s error=%s",
					    outputs->dir, strerrorname_np(errno));
			end_scan(outputs);
			return;
		}
		if (is_output(entry->d_name, &id))
			scan_one(outputs, store, id);
	}
}

/* ---- what is too much ---- */

static struct user *find_largest(const struct outputs *outputs)
{
	struct user *largest = NULL;

	for (uint32_t i = 0; i < outputs->users; i++) {
		struct user *user = &outputs->user[i];

		if (user->count && (!largest || user->bytes > largest->bytes ||
				    (user->bytes == largest->bytes && user->uid < largest->uid)))
			largest = user;
	}
	return largest;
}

static bool is_over(struct outputs *outputs)
{
	uint64_t total_bytes = atomic_load(&outputs->total_bytes);
	bool over = outputs->bytes > total_bytes;

	if (over && !outputs->over)
		log_notice("output of ended jobs is removed for want of room bytes=%" PRIu64
			   " output-total=%" PRIu64,
			   outputs->bytes, total_bytes);
	outputs->over = over;
	return over;
}

static void remove_some(struct outputs *outputs, struct store *store)
{
	for (uint32_t i = 0; i < REMOVE_JOBS && is_over(outputs); i++) {
		struct user *user = find_largest(outputs);
		struct output output;
		uint64_t end_us;

		if (!user)
			return;
		output = take(outputs, user, 0);
		if (!has_ended(store, output.id, &end_us))
			continue; /* queued again since; its next end counts it */
		remove_files(outputs, output.id);
		outputs->removed++;
		log_debug("output removed job=%" PRIu64 " uid=%" PRIu32 " bytes=%" PRIu64,
			  output.id, user->uid, output.bytes);
	}
}

bool outputs_tidy(struct outputs *outputs, struct store *store)
{
	if (outputs->scan) {
		scan_some(outputs, store);
		return true;
	}
	if (is_over(outputs))
		remove_some(outputs, store);
	return is_over(outputs);
}

/* ---- life ---- */

int outputs_new(const char *dir, uint64_t total_bytes, struct outputs **ret_outputs)
{
	AUTO_FREE struct outputs *outputs = calloc(1, sizeof(*outputs));
	AUTO_FREE char *copy = strdup(dir);

	if (!outputs || !copy)
		return -ENOMEM;
	outputs->scan = opendir(dir);
	if (!outputs->scan)
		return -errno;
	outputs->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (outputs->dirfd < 0) {
		int rc = -errno;

		closedir(outputs->scan);
		return rc;
	}
	outputs->dir = TAKE(copy);
	outputs_limit(outputs, total_bytes);
	*ret_outputs = TAKE(outputs);
	return 0;
}

void outputs_free(struct outputs *outputs)
{
	if (!outputs)
		return;
	end_scan(outputs);
	for (uint32_t i = 0; i < outputs->users; i++)
		free(outputs->user[i].heap);
	free(outputs->user);
	close(outputs->dirfd);
	free(outputs->dir);
	free(outputs);
}

void outputs_limit(struct outputs *outputs, uint64_t total_bytes)
{
	atomic_store(&outputs->total_bytes, total_bytes);
}

void outputs_stats(const struct outputs *outputs, struct outputs_stats *ret_stats)
{
	*ret_stats = (struct outputs_stats){
		.bytes = outputs->bytes,
		.removed = outputs->removed,
		.scanned = !outputs->scan,
	};
}
