// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes and maps the ledger's file, and keeps its lock and the names of those who use it. A fresh
 * file is made aside and appears under its name whole; one of another version or another boot is
 * replaced by uwd and refused to others. uwd and uw-guard sign a line each with their process and
 * beat on it, which tells a dead one from one that hangs.
 */
#include "user/ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/file_id.h"
#include "user/base/pid.h"
#include "user/base/text.h"
#include "user/ledger/file.h"

#define OPEN_TRIES 8

static const char *const kind_names[LEDGER__COUNT] = {
	[LEDGER_HIGH] = "memory.high",
	[LEDGER_MIN] = "memory.min",
	[LEDGER_LOW] = "memory.low",
	[LEDGER_FREEZE] = "cgroup.freeze",
};

const char *ledger_kind_name(enum ledger_kind kind)
{
	return (unsigned int)kind < LEDGER__COUNT ? kind_names[kind] : "?";
}

/* ---- the file ---- */

/* A whole line, as the kernel's file has it: a ledger without the newline would be another one. */
static int read_boot_line(char ret_line[static LEDGER_BOOT_ID_LEN])
{
	char id[CLOCK_BOOT_ID_LEN];
	int rc = clock_boot_id(id);

	if (rc)
		return rc;
	snprintf(ret_line, LEDGER_BOOT_ID_LEN, "%s\n", id);
	return 0;
}

static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int rc;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	rc = pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return -rc;
}

/* Slots are copied as they lie there, and judged when they are read. */
static void copy_entries(const struct ledger_file *from, struct ledger_file *to)
{
	to->adopted = from->adopted;
	to->handed_until_us = from->handed_until_us;
	memcpy(to->pool, from->pool, sizeof(to->pool));
	memcpy((void *)to->slot, (const void *)from->slot, LEDGER_ENTRIES * sizeof(to->slot[0]));
}

/* What a uwd of before has entered in this boot, if the file at path is of one. */
static void carry_over(const char *path, struct ledger_file *file)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const size_t bytes = LEDGER_BYTES(LEDGER_ENTRIES);
	struct ledger_file *old;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != (off_t)bytes)
		return;
	old = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (old == MAP_FAILED)
		return;
	if (!memcmp(old->magic, LEDGER_MAGIC, sizeof(old->magic)) &&
	    old->version == LEDGER_VERSION_4 && old->entries == LEDGER_ENTRIES &&
	    !strncmp(old->boot_id, file->boot_id, LEDGER_BOOT_ID_LEN))
		copy_entries(old, file);
	munmap(old, bytes);
}

static int fill_fresh(int fd, const char *path)
{
	struct ledger_file *file;
	int rc;

	/* Now, not at the first store to a page that a full tmpfs cannot give. */
	rc = posix_fallocate(fd, 0, LEDGER_BYTES(LEDGER_ENTRIES));
	if (rc)
		return -rc;
	file = mmap(NULL, LEDGER_BYTES(LEDGER_ENTRIES), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		return -errno;
	file->version = LEDGER_VERSION;
	file->entries = LEDGER_ENTRIES;
	rc = read_boot_line(file->boot_id);
	if (!rc)
		rc = init_lock(&file->lock);
	if (!rc)
		carry_over(path, file);
	memcpy(file->magic, LEDGER_MAGIC, sizeof(file->magic));
	munmap(file, LEDGER_BYTES(LEDGER_ENTRIES));
	return rc;
}

/* A whole file appears under its name at once: nobody ever maps one that is half made. */
static int create_fresh(const char *path, bool replace)
{
	char temp[512];
	AUTO_CLOSE int fd = -1;
	int rc;

	if ((size_t)snprintf(temp, sizeof(temp), "%s.%d", path, (int)getpid()) >= sizeof(temp))
		return -ENAMETOOLONG;
	unlink(temp);
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = fill_fresh(fd, path);
	if (!rc && (replace ? rename(temp, path) : link(temp, path)) && errno != EEXIST)
		rc = -errno;
	if (rc || !replace)
		unlink(temp);
	return rc;
}

/* -EUCLEAN: another's, or of another boot. One whose boot cannot be told is neither: what is
 * entered in it may be all that tells of a freeze. */
static int check_ours(const struct ledger_file *file, size_t bytes)
{
	char boot_id[LEDGER_BOOT_ID_LEN];
	uint32_t entries = file->entries;
	int rc;

	if (memcmp(file->magic, LEDGER_MAGIC, sizeof(file->magic)) ||
	    file->version != LEDGER_VERSION || entries < LEDGER_ENTRIES ||
	    entries > LEDGER_ENTRIES_MAX || bytes < LEDGER_BYTES(entries))
		return -EUCLEAN;
	rc = read_boot_line(boot_id);
	if (rc)
		return rc;
	return strncmp(file->boot_id, boot_id, LEDGER_BOOT_ID_LEN) ? -EUCLEAN : 0;
}

/* 0 and both outputs, or -EUCLEAN when the content is not ours. */
static int map_existing(const char *path, int *ret_fd, struct ledger_file **ret_file)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct ledger_file *file;
	struct stat st;
	int rc;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)LEDGER_BYTES(LEDGER_ENTRIES))
		return -EUCLEAN;
	/* As far as it may ever grow; as much is brought in as there is. */
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		return -errno;
	rc = check_ours(file, (size_t)st.st_size);
	if (rc) {
		munmap(file, sizeof(*file));
		return rc;
	}
	*ret_fd = TAKE_FD(fd);
	*ret_file = file;
	return 0;
}

static int map_or_create(const char *path, bool replace, int *ret_fd, struct ledger_file **ret_file)
{
	int rc = -EAGAIN;

	for (int try = 0; try < OPEN_TRIES; try++) {
		rc = map_existing(path, ret_fd, ret_file);
		if (rc == -ENOENT)
			rc = create_fresh(path, false);
		else if (rc == -EUCLEAN && replace)
			rc = create_fresh(path, true);
		else
			return rc;
		if (rc)
			return rc;
	}
	return rc ? rc : -EAGAIN;
}

int ledger_open(const char *path, bool replace, struct ledger **ret_ledger, struct uw_err *err)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int rc;

	if (!ledger)
		return err_set(err, -ENOMEM, "ledger: out of memory");
	rc = map_or_create(path, replace, &ledger->fd, &ledger->file);
	if (rc) {
		free(ledger);
		return err_set(err, rc, "ledger: %s: %s", path,
			       rc == -EUCLEAN ? "not a ledger of this version and boot"
					      : strerror(-rc));
	}
	*ret_ledger = ledger;
	return 0;
}

int ledger_reserve(struct ledger *ledger, uint32_t entries)
{
	uint32_t have = ledger->file->entries, want = have;
	int rc;

	if (entries > LEDGER_ENTRIES_MAX)
		return -ENOSPC;
	while (want < entries)
		want *= 2;
	if (want > LEDGER_ENTRIES_MAX)
		want = LEDGER_ENTRIES_MAX;
	if (want == have)
		return 0;
	rc = posix_fallocate(ledger->fd, 0, (off_t)LEDGER_BYTES(want));
	if (rc)
		return -rc;
	atomic_store_explicit(&ledger->file->entries, want, memory_order_release);
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger_release(ledger);
	munmap(ledger->file, sizeof(*ledger->file));
	close(ledger->fd);
	free(ledger);
}

/* ---- who is who ---- */

static void sign(struct ledger *ledger, enum ledger_role role)
{
	struct ledger_line *line = &ledger->file->line[role];
	uint64_t ticks = 0;

	pid_start_ticks(getpid(), &ticks);
	atomic_store_explicit(&line->beat_us, clock_now_us(), memory_order_relaxed);
	atomic_store_explicit(&line->start_ticks, ticks, memory_order_relaxed);
	atomic_store_explicit(&line->pid, getpid(), memory_order_release);
	atomic_fetch_add_explicit(&line->sequence, 1, memory_order_release);
	syscall(SYS_futex, &line->sequence, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int ledger_sign_guard(struct ledger *ledger)
{
	if (flock(ledger->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	sign(ledger, LEDGER_GUARD);
	return 0;
}

void ledger_beat(struct ledger *ledger, enum ledger_role role, uint64_t now_us)
{
	atomic_store_explicit(&ledger->file->line[role].beat_us, now_us, memory_order_relaxed);
}

void ledger_read_peer(const struct ledger *ledger, enum ledger_role role,
		      struct ledger_peer *ret_peer)
{
	const struct ledger_line *line = &ledger->file->line[role];

	*ret_peer = (struct ledger_peer){
		.pid = (pid_t)atomic_load_explicit(&line->pid, memory_order_acquire),
		.start_ticks = atomic_load_explicit(&line->start_ticks, memory_order_relaxed),
		.beat_us = atomic_load_explicit(&line->beat_us, memory_order_relaxed),
	};
}

/* EINVAL, and ENOENT from Linux 6.15 on, of pidfd_open(2): the number is a thread's by now. */
static bool is_nobody(int rc)
{
	return rc == -ESRCH || rc == -ENOENT || rc == -EINVAL;
}

int ledger_open_peer(const struct ledger *ledger, enum ledger_role role, int *ret_pidfd)
{
	AUTO_CLOSE int fd = -1;
	struct ledger_peer peer;
	uint64_t ticks = 0;
	int rc;

	ledger_read_peer(ledger, role, &peer);
	if (peer.pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	if (fd < 0)
		return is_nobody(-errno) ? -ESRCH : -errno;
	/* Looked at after the open: if it is the same process now, it was when the fd was made. */
	rc = pid_start_ticks(peer.pid, &ticks);
	if (rc && !is_nobody(rc))
		return rc;
	if (rc || ticks != peer.start_ticks)
		return -ESRCH;
	*ret_pidfd = TAKE_FD(fd);
	return 0;
}

bool ledger_is_at(const struct ledger *ledger, const char *path)
{
	struct file_id place = file_id_of(ledger->fd);

	return file_id_is_at(&place, path);
}

int ledger_write_pool(struct ledger *ledger, int pool_dirfd)
{
	char link[32], path[LEDGER_POOL_LEN];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", pool_dirfd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return -errno;
	path[len] = '\0';
	text_copy(ledger->file->pool, LEDGER_POOL_LEN, path);
	return 0;
}

void ledger_read_pool(const struct ledger *ledger, char ret_path[static LEDGER_POOL_LEN])
{
	text_copy(ret_path, LEDGER_POOL_LEN, ledger->file->pool);
}

/* ---- the lock ---- */

static int lock_within(pthread_mutex_t *lock, uint64_t timeout_us)
{
	uint64_t until_us = clock_now_us() + timeout_us;
	struct timespec until = {
		.tv_sec = (time_t)(until_us / US_PER_SEC),
		.tv_nsec = (long)(until_us % US_PER_SEC * NS_PER_US),
	};

	return timeout_us ? pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until)
			  : pthread_mutex_trylock(lock);
}

bool ledger_is_replaced(const struct ledger *ledger)
{
	struct stat st;

	return fstat(ledger->fd, &st) || !st.st_nlink;
}

bool ledger_is_adopted(const struct ledger *ledger)
{
	return atomic_load(&ledger->file->adopted);
}

void ledger_set_adopted(struct ledger *ledger)
{
	atomic_store(&ledger->file->adopted, 1);
}

void ledger_hand_over(struct ledger *ledger, uint64_t until_us)
{
	atomic_store(&ledger->file->handed_until_us, until_us);
}

bool ledger_is_handed_over(const struct ledger *ledger, uint64_t now_us)
{
	return now_us < atomic_load(&ledger->file->handed_until_us);
}

int ledger_take(struct ledger *ledger, enum ledger_role role, uint64_t timeout_us)
{
	pthread_mutex_t *lock = &ledger->file->lock;
	int rc = lock_within(lock, timeout_us);

	if (rc == EBUSY || rc == ETIMEDOUT)
		return -EBUSY;
	if (rc == EOWNERDEAD)
		pthread_mutex_consistent(lock);
	else if (rc)
		return -rc;
	if (role != LEDGER_GUARD && ledger_is_replaced(ledger)) {
		pthread_mutex_unlock(lock);
		return -ESTALE;
	}
	ledger->taken = true;
	ledger_find_end(ledger);
	if (role == LEDGER_UWD)
		sign(ledger, role);
	return rc ? LEDGER_TAKEN_OVER : 0;
}

void ledger_release(struct ledger *ledger)
{
	if (!ledger->taken)
		return;
	ledger->taken = false;
	pthread_mutex_unlock(&ledger->file->lock);
}

void ledger_release_and_wait(struct ledger *ledger, uint64_t timeout_us)
{
	_Atomic uint32_t *sequence = &ledger->file->line[LEDGER_UWD].sequence;
	const struct timespec timeout = {
		.tv_sec = (time_t)(timeout_us / US_PER_SEC),
		.tv_nsec = (long)(timeout_us % US_PER_SEC * NS_PER_US),
	};
	/* Read with the lock still held: no uwd signs before it has it. */
	uint32_t seen = atomic_load_explicit(sequence, memory_order_relaxed);

	ledger_release(ledger);
	syscall(SYS_futex, sequence, FUTEX_WAIT, seen, &timeout, NULL, 0);
}

bool ledger_is_taken(const struct ledger *ledger)
{
	return ledger->taken;
}
