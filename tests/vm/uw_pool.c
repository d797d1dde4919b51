// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program with a pool or a ring, told by lines what to do with it; each is answered by one line.
 *
 *	uw_pool create COMPONENT NAME MIB | attach NAME r|w | ring COMPONENT NAME MIB | join NAME
 *r|w
 *
 * Lines: alloc MIB (one more tensor), fill (stores into each page of them all), read, free (the
 * last one, and trims), pin (the last one), view (it is as it was filled), unpin, zombies (MiB that
 *are freed and pinned), fork (a child that stays; its id), share UID GID MODE, put N (records into
 *the ring), get N, orphan, harm (what a holder must not be able to do), end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define MIB     (1ULL << 20)
#define PAGE    4096U
#define TENSORS 64U

static struct uw *uw;
static struct uw_pool *pool;
static struct uw_ring *ring;
static uint64_t id[TENSORS];
static uint32_t count; /* of tensors, in their slots from the first on */

static void say(const char *what, int rc)
{
	printf("%s %s\n", what, rc < 0 ? strerrorname_np(-rc) : rc ? "outcome" : "ok");
	fflush(stdout);
}

static int need(int rc)
{
	return rc < 0 ? rc : rc ? 0 : -EAGAIN;
}

/* ---- the pool ---- */

static int alloc(uint64_t mib)
{
	const struct uw_tensor tensor = {
		.size = sizeof(tensor),
		.type = UW_UINT,
		.bits = 8,
		.dimensions = 1,
		.shape = {(int64_t)(mib * MIB)},
	};
	int rc = count == TENSORS ? -ENFILE : uw_tensor_alloc(pool, &tensor, 0, &id[count], NULL);

	if (!rc)
		count++;
	return rc;
}

static uint8_t word_of(uint32_t slot, uint64_t offset)
{
	return (uint8_t)((offset / PAGE + slot) | 1);
}

/* What others tell each other by, one who attaches finds by trying: a slot's generation begins at 1
 * and is odd. */
static int find(uint32_t slot, struct uw_tensor *ret_tensor)
{
	int rc = UW_STALE;

	for (uint64_t generation = 1; generation < 32 && rc == UW_STALE; generation += 2)
		rc = uw_tensor_get(pool, 1ULL << 62 | generation << 32 | slot, ret_tensor);
	return rc;
}

static int touch(uint32_t slot, bool store)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	int rc = find(slot, &tensor);
	uint8_t *at = tensor.memory;

	for (uint64_t i = 0; i < tensor.bytes && !rc; i += PAGE)
		if (store)
			at[i] = word_of(slot, i);
		else if (at[i] != word_of(slot, i))
			rc = -EIO;
	return rc;
}

/* As many as there are, and at least one; a slot may be empty, or pinned still. */
static int touch_all(bool store)
{
	uint32_t found = 0;

	for (uint32_t slot = 0; slot < TENSORS; slot++) {
		int rc = touch(slot, store);

		if (rc && rc != UW_STALE)
			return rc;
		found += !rc;
	}
	return found ? 0 : UW_STALE;
}

static int free_last(void)
{
	int rc = count ? uw_pool_free(pool, id[count - 1]) : -ENOENT;

	if (rc)
		return rc;
	count--;
	return uw_pool_trim(pool, UINT64_MAX, NULL);
}

/* ---- what is freed while it is looked at ---- */

static uint64_t pinned;
static uint8_t *view;

static int pin(void)
{
	void *memory = NULL;
	int rc = count ? uw_pool_pin(pool, id[count - 1], &memory) : -ENOENT;

	pinned = rc ? 0 : id[count - 1];
	view = memory;
	return rc;
}

static int look(void)
{
	return view && *view == word_of((uint32_t)pinned, 0) ? 0 : -EIO;
}

static void tell_zombies(void)
{
	struct uw_pool_stats stats = {.size = sizeof(stats)};

	uw_pool_stats(pool, &stats);
	printf("zombies %llu\n", (unsigned long long)(stats.zombie_bytes / MIB));
	fflush(stdout);
}

/* ---- fork ---- */

static bool is_mapped(void)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(*view);
	waitpid(child, &status, 0);
	return !WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV;
}

/* What it has of its parent's pool is an error; it stays until it is killed. */
static void be_child(int answer)
{
	uint64_t none;
	char bad = uw_pool_alloc(pool, MIB, 0, &none, NULL) != -ECHILD ||
		   uw_free(uw, 1) != -ECHILD || uw_pool_fd(pool) >= 0 || is_mapped();

	if (write(answer, &bad, 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

static void have_child(void)
{
	char bad = 1;
	int ends[2];
	pid_t child;

	if (pipe(ends))
		return;
	child = fork();
	if (!child)
		be_child(ends[1]);
	close(ends[1]);
	if (read(ends[0], &bad, 1) != 1)
		bad = 1;
	close(ends[0]);
	printf("fork %d\n", bad ? 0 : (int)child);
	fflush(stdout);
}

/* ---- the ring ---- */

static int put(uint64_t records)
{
	for (uint64_t i = 0; i < records; i++) {
		struct uw_record record = {.length = sizeof(i)};
		int rc = need(uw_ring_reserve(ring, &record, 1));

		if (rc)
			return rc;
		memcpy(record.bytes, &i, sizeof(i));
		rc = uw_ring_commit(ring, &record, 1);
		if (rc)
			return rc;
	}
	return 0;
}

static int get(uint64_t records)
{
	for (uint64_t i = 0; i < records; i++) {
		struct uw_record record;
		int rc = need(uw_ring_peek(ring, &record, 1));

		if (rc)
			return rc;
		if (record.length != sizeof(i) || memcmp(record.bytes, &i, sizeof(i)) != 0)
			return -EIO;
		rc = uw_ring_release(ring, &record, 1);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- harm ---- */

static int fd_of(void)
{
	return pool ? uw_pool_fd(pool) : uw_ring_fd(ring);
}

static bool maps_to_write(int fd)
{
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	return mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED ||
	       (map != MAP_FAILED && !mprotect(map, PAGE, PROT_READ | PROT_WRITE));
}

/* Each of these must fail; the names of those that did not. */
static void harm(void)
{
	char path[32], done[128] = "";
	int fd = fd_of();
	struct stat st = {0};

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (open(path, O_RDWR | O_CLOEXEC) >= 0)
		strcat(done, " reopen");
	if (write(fd, "x", 1) >= 0)
		strcat(done, " write");
	if (maps_to_write(fd))
		strcat(done, " map");
	if (fstat(fd, &st) || !ftruncate(fd, st.st_size * 2))
		strcat(done, " grow");
	if (!ftruncate(fd, 0))
		strcat(done, " truncate");
	if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE))
		strcat(done, " punch");
	if (!fallocate(fd, 0, 0, st.st_size))
		strcat(done, " commit");
	if (!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		strcat(done, " seal");
	if (!fchmod(fd, 0666))
		strcat(done, " chmod");
	printf("harm%s\n", *done ? done : " none");
	fflush(stdout);
}

/* ---- lines ---- */

static int share(uint32_t uid, uint32_t gid, uint32_t mode)
{
	return pool ? uw_pool_share(pool, uid, gid, mode) : uw_ring_share(ring, uid, gid, mode);
}

static int orphan(void)
{
	if (uw_dispatch(uw) < 0)
		return -EIO;
	return uw_pool_is_orphan(pool) ? 0 : -EAGAIN;
}

static bool obey(const char *line)
{
	unsigned long long number = 0, group = 0, mode = 0;
	char word[16] = "";

	sscanf(line, "%15s %llu %llu %llo", word, &number, &group, &mode);
	if (!strcmp(word, "alloc"))
		say(word, alloc(number));
	else if (!strcmp(word, "fill") || !strcmp(word, "read"))
		say(word, touch_all(word[0] == 'f'));
	else if (!strcmp(word, "free"))
		say(word, free_last());
	else if (!strcmp(word, "pin"))
		say(word, pin());
	else if (!strcmp(word, "view"))
		say(word, look());
	else if (!strcmp(word, "unpin"))
		say(word, uw_pool_unpin(pool, pinned));
	else if (!strcmp(word, "trim"))
		say(word, uw_pool_trim(pool, UINT64_MAX, NULL));
	else if (!strcmp(word, "zombies"))
		tell_zombies();
	else if (!strcmp(word, "fork"))
		have_child();
	else if (!strcmp(word, "put"))
		say(word, put(number));
	else if (!strcmp(word, "get"))
		say(word, get(number));
	else if (!strcmp(word, "share"))
		say(word, share((uint32_t)number, (uint32_t)group, (uint32_t)mode));
	else if (!strcmp(word, "orphan"))
		say(word, orphan());
	else if (!strcmp(word, "harm"))
		harm();
	else
		return false;
	return true;
}

static int create(char **argv)
{
	const struct uw_pool_options options = {
		.size = sizeof(options),
		.tensors = TENSORS,
		.component = argv[2],
		.name = argv[3],
		.bytes = strtoull(argv[4], NULL, 10) * MIB,
	};
	const struct uw_ring_options ring_options = {
		.size = sizeof(ring_options),
		.component = argv[2],
		.name = argv[3],
		.bytes = options.bytes,
	};

	return argv[1][0] == 'c' ? uw_pool_create(uw, &options, &pool)
				 : uw_ring_create(uw, &ring_options, &ring);
}

static int attach(char **argv)
{
	uint32_t access = *argv[3] == 'w' ? UW_READ_WRITE : UW_READ_ONLY;

	return argv[1][0] == 'a' ? uw_pool_attach(uw, argv[2], access, &pool)
				 : uw_ring_attach(uw, argv[2], access, &ring);
}

int main(int argc, char **argv)
{
	char line[64];
	int rc = argc < 4 ? -EINVAL : uw_open(NULL, &uw);

	if (!rc)
		rc = argc > 4 ? create(argv) : attach(argv);
	say(argc > 1 ? argv[1] : "usage", rc);
	while (!rc && fgets(line, sizeof(line), stdin) && obey(line))
		continue;
	uw_pool_close(pool);
	uw_ring_close(ring);
	uw_close(uw);
	say("end", 0);
	return rc ? 1 : 0;
}
