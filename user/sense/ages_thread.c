// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A round reads the whole file, has the kernel age what is due, and reads again where it did. The
 * next round comes no sooner than a hundred times the CPU time that it took, so that a host of many
 * cgroups or of much memory is looked at less often, and never dearer. The loop leaves its wishes
 * and finds the answers in two lists under one lock, which is held for a copy and never waited for
 * by the loop.
 */
#include "user/sense/ages_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/thread.h"

#define STACK_BYTES (64U << 10)
#define NICE        10
#define ROUND_US    US_PER_SEC /* at the least: reclaim changes what is old meanwhile */
/* A round that has aged for so long leaves the rest to the next. */
#define AGING_MAX_US  (500 * US_PER_MS)
#define BREATH_MAX_US (100 * US_PER_MS)
/* seq_file gives a page at a time however much one asks for (fs/seq_file.c). */
#define PIECE_BYTES 4096

struct told {
	uint64_t cgid;
	bool held;
	struct ages_sample sample;
};

struct ages_thread {
	int fd, on_fd;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows, up to the next comment */
	pthread_cond_t wake;
	bool closing;
	uint32_t wish_count, told_count;
	struct ages_wish wish[FRAME_LEAVES_MAX];
	struct told told[FRAME_LEAVES_MAX];
	struct ages_stats stats;

	/* the thread's own */
	struct ages ages;
	struct lru_gen_reader reader;
	struct ages_stats done;
	char piece[PIECE_BYTES];

	/* the loop's own: the last that it could copy */
	uint32_t seen_count;
	struct told seen[FRAME_LEAVES_MAX];
	struct leaf_index index; /* of these */
};

static uint64_t cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * US_PER_SEC + (uint64_t)now.tv_nsec / NS_PER_US;
}

/* ---- one round ---- */

static bool read_file(struct ages_thread *thread)
{
	ssize_t got = -1;

	if (lseek(thread->fd, 0, SEEK_SET) < 0)
		return false;
	ages_begin(&thread->ages, clock_now_us());
	lru_gen_begin(&thread->reader, ages_see, &thread->ages);
	while ((got = read(thread->fd, thread->piece, sizeof(thread->piece))) > 0)
		lru_gen_feed(&thread->reader, thread->piece, (size_t)got);
	lru_gen_end(&thread->reader);
	ages_end(&thread->ages);
	thread->done.readings++;
	return got == 0;
}

/*
 * Anonymous pages too, whether there is swap or not: without it the kernel would not move them up,
 * and the oldest of them would come out as the youngest.
 */
static bool age(struct ages_thread *thread, const struct ages_command *command)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "+ %llu %llu %llu 1 1\n",
			   (unsigned long long)command->memcg, (unsigned long long)command->node,
			   (unsigned long long)command->seq);

	/* It may have gone meanwhile, or have been aged by the kernel itself. */
	if (write(thread->fd, text, (size_t)len) != len)
		return false;
	ages_done(&thread->ages, command);
	thread->done.agings++;
	return true;
}

/* The kernel walks through a gigabyte in one piece (walk_pud_range, mm/vmscan.c). */
static void breathe(uint64_t took_us)
{
	const struct timespec pause = {
		.tv_nsec = (long)((took_us < BREATH_MAX_US ? took_us : BREATH_MAX_US) * NS_PER_US)};

	thread_settle();
	nanosleep(&pause, NULL);
}

static bool age_what_is_due(struct ages_thread *thread)
{
	uint64_t began_us = cpu_us(), done_us = 0;
	bool any = false;

	for (uint32_t i = 0; i < thread->ages.command_count; i++) {
		if (cpu_us() - began_us >= AGING_MAX_US)
			break;
		any |= age(thread, &thread->ages.command[i]);
		breathe(cpu_us() - began_us - done_us);
		done_us = cpu_us() - began_us;
	}
	thread->done.aging_us += cpu_us() - began_us;
	return any;
}

static bool is_on(const struct ages_thread *thread)
{
	char text[16];

	return text_pread(thread->on_fd, text, sizeof(text)) >= 0 && lru_gen_is_on(text);
}

static void round_of(struct ages_thread *thread)
{
	thread->done.on = is_on(thread);
	if (!thread->done.on)
		ages_ask(&thread->ages, NULL, 0, 0);
	if (!thread->ages.leaf_count)
		return;
	if (read_file(thread) && age_what_is_due(thread))
		read_file(thread);
}

/* ---- the thread ---- */

/* Under the lock. Waits for wishes, then until at_us. False when it is to end. */
static bool await(struct ages_thread *thread, uint64_t at_us)
{
	const struct timespec at = {
		.tv_sec = (time_t)(at_us / US_PER_SEC),
		.tv_nsec = (long)(at_us % US_PER_SEC * NS_PER_US),
	};

	while (!thread->closing && !thread->wish_count)
		pthread_cond_wait(&thread->wake, &thread->lock);
	while (!thread->closing && clock_now_us() < at_us)
		pthread_cond_timedwait(&thread->wake, &thread->lock, &at);
	return !thread->closing;
}

/* Under the lock. */
static void publish(struct ages_thread *thread)
{
	thread->told_count = thread->ages.leaf_count;
	for (uint32_t i = 0; i < thread->told_count; i++)
		thread->told[i] = (struct told){
			.cgid = thread->ages.leaf[i].wish.cgid,
			.held = ages_are_held(&thread->ages.leaf[i]),
			.sample = thread->ages.leaf[i].sample,
		};
	thread->stats = thread->done;
}

static uint64_t duty_part(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t processors = count < 1 ? 1 : (uint64_t)count;

	return processors < AGES_PROCESSORS ? AGES_DUTY_PART * AGES_PROCESSORS / processors
					    : AGES_DUTY_PART;
}

static void *run(void *data)
{
	struct ages_thread *thread = data;
	uint64_t next_us = 0, pause_us;

	setpriority(PRIO_PROCESS, 0, NICE); /* of this thread alone, setpriority(2) */
	pthread_mutex_lock(&thread->lock);
	while (await(thread, next_us)) {
		uint64_t began_us = cpu_us(), took_us;

		ages_ask(&thread->ages, thread->wish, thread->wish_count, clock_now_us());
		pthread_mutex_unlock(&thread->lock);
		round_of(thread);
		took_us = cpu_us() - began_us;
		thread->done.cpu_us += took_us;
		pause_us = took_us * duty_part();
		next_us = clock_now_us() + (pause_us > ROUND_US ? pause_us : ROUND_US);
		pthread_mutex_lock(&thread->lock);
		publish(thread);
	}
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

/* ---- the loop ---- */

void ages_thread_ask(struct ages_thread *thread, const struct ages_wish *wish, uint32_t count)
{
	bool begins;

	if (pthread_mutex_trylock(&thread->lock))
		return;
	begins = count && !thread->wish_count;
	thread->wish_count = count;
	if (count)
		memcpy(thread->wish, wish, count * sizeof(*wish));
	if (begins)
		pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
}

static void copy_told(struct ages_thread *thread)
{
	if (pthread_mutex_trylock(&thread->lock))
		return;
	thread->seen_count = thread->wish_count ? thread->told_count : 0;
	memcpy(thread->seen, thread->told, thread->seen_count * sizeof(thread->seen[0]));
	pthread_mutex_unlock(&thread->lock);
	leaf_index_build(&thread->index, LEAF_IDS(thread->seen, cgid), thread->seen_count,
			 thread->seen_count);
}

void ages_thread_tell(struct ages_thread *thread, struct leaf_sample *leaf, uint32_t count,
		      uint64_t now_us)
{
	copy_told(thread);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at =
			leaf_index_find(&thread->index, LEAF_IDS(thread->seen, cgid), leaf[i].cgid);

		leaf[i].ages = (struct ages_sample){0};
		if (at != LEAF_NONE)
			leaf[i].ages =
				ages_told(&thread->seen[at].sample, thread->seen[at].held, now_us);
	}
}

void ages_thread_read_stats(struct ages_thread *thread, struct ages_stats *ret_stats)
{
	pthread_mutex_lock(&thread->lock);
	*ret_stats = thread->stats;
	pthread_mutex_unlock(&thread->lock);
}

/* ---- lifetime ---- */

static int start(struct ages_thread *thread)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&thread->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&thread->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return thread_start(&thread->thread, STACK_BYTES, 0, run, thread);
}

static void close_files(struct ages_thread *thread)
{
	if (thread->fd >= 0)
		close(thread->fd);
	if (thread->on_fd >= 0)
		close(thread->on_fd);
}

static int open_files(struct ages_thread *thread, const struct ages_files *files,
		      struct uw_err *err)
{
	const char *missing = NULL;
	int rc = 0;

	thread->fd = open(files->ages, O_RDWR | O_CLOEXEC);
	if (thread->fd < 0) {
		rc = -errno;
		missing = files->ages;
	}
	thread->on_fd = open(files->on, O_RDONLY | O_CLOEXEC);
	if (thread->on_fd < 0 && !rc) {
		rc = -errno;
		missing = files->on;
	}
	return rc ? err_set(err, rc, "%s: %s", missing, strerror(-rc)) : 0;
}

int ages_thread_new(const struct ages_files *files, const char *root,
		    struct ages_thread **ret_thread, struct uw_err *err)
{
	struct ages_thread *thread = calloc(1, sizeof(*thread));
	int rc;

	if (!thread)
		return err_set(err, -ENOMEM, "ages: out of memory");
	rc = open_files(thread, files, err);
	if (!rc && ages_init(&thread->ages, root, (uint64_t)sysconf(_SC_PAGESIZE)))
		rc = err_set(err, -ENAMETOOLONG, "ages: %s: %s", root, strerror(ENAMETOOLONG));
	thread->stats.on = thread->done.on = !rc && is_on(thread);
	if (!rc) {
		rc = start(thread);
		if (rc)
			err_set(err, rc, "ages: no thread: %s", strerror(-rc));
	}
	if (rc) {
		close_files(thread);
		free(thread);
		return rc;
	}
	*ret_thread = thread;
	return 0;
}

void ages_thread_free(struct ages_thread *thread)
{
	if (!thread)
		return;
	pthread_mutex_lock(&thread->lock);
	thread->closing = true;
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->thread, NULL);
	pthread_cond_destroy(&thread->wake);
	pthread_mutex_destroy(&thread->lock);
	close_files(thread);
	free(thread);
}
