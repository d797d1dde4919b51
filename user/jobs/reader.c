// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread that is made when the first long read comes and ends with uwd. Reads wait in a list, are
 * done one after the other on the thread's own connection, and come back through a second list and
 * an eventfd. One lock guards both lists; nothing is read while it is held.
 */
#include "user/jobs/reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "user/base/thread.h"

#define STACK_BYTES (256U << 10)
#define NICE        10

struct read_list {
	struct long_read *first, **last;
};

struct reader_thread {
	struct store_options options;
	int fd;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct read_list waiting, ended; /* these and what follows under the lock */
	uint32_t count;                  /* that wait */
	bool closing;
};

static void list_init(struct read_list *list)
{
	*list = (struct read_list){.last = &list->first};
}

static void list_add(struct read_list *list, struct long_read *read)
{
	read->next = NULL;
	*list->last = read;
	list->last = &read->next;
}

static struct long_read *list_take(struct read_list *list)
{
	struct long_read *read = list->first;

	if (!read)
		return NULL;
	list->first = read->next;
	if (!list->first)
		list->last = &list->first;
	return read;
}

/* ---- the thread ---- */

static struct long_read *next_read(struct reader_thread *reading)
{
	struct long_read *read = NULL;

	pthread_mutex_lock(&reading->lock);
	while (!reading->closing && !reading->waiting.first)
		pthread_cond_wait(&reading->wake, &reading->lock);
	if (!reading->closing) {
		read = list_take(&reading->waiting);
		reading->count--;
	}
	pthread_mutex_unlock(&reading->lock);
	return read;
}

static void hand_back(struct reader_thread *reading, struct long_read *read)
{
	pthread_mutex_lock(&reading->lock);
	list_add(&reading->ended, read);
	pthread_mutex_unlock(&reading->lock);
	if (eventfd_write(reading->fd, 1) < 0)
		return; /* full: it is readable, which is all that is wanted */
}

static void *run(void *data)
{
	struct reader_thread *reading = data;
	struct store_reader *reader = NULL;
	struct uw_err err = {0};
	struct long_read *read;

	setpriority(PRIO_PROCESS, 0, NICE); /* of this thread alone, setpriority(2) */
	while ((read = next_read(reading))) {
		if (!reader && store_reader_open(&reading->options, &reader, &err) < 0)
			reader = NULL;
		read->read(read, reader);
		hand_back(reading, read);
	}
	store_reader_close(reader);
	return NULL;
}

static int start_thread(struct reader_thread *reading)
{
	int rc = thread_start(&reading->thread, STACK_BYTES, 0, run, reading);

	reading->has_thread = !rc;
	return rc ? -EAGAIN : 0;
}

/* ---- the loop's thread ---- */

int reader_thread_new(const struct store_options *options, struct reader_thread **ret_reading)
{
	struct reader_thread *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return -ENOMEM;
	reading->options = *options;
	reading->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (reading->fd < 0) {
		int rc = -errno;

		free(reading);
		return rc;
	}
	list_init(&reading->waiting);
	list_init(&reading->ended);
	pthread_mutex_init(&reading->lock, NULL);
	pthread_cond_init(&reading->wake, NULL);
	*ret_reading = reading;
	return 0;
}

static struct long_read *next_ended(struct reader_thread *reading)
{
	struct long_read *read;

	pthread_mutex_lock(&reading->lock);
	read = list_take(&reading->ended);
	pthread_mutex_unlock(&reading->lock);
	return read;
}

/* One: its answer may be half a megabyte. True when there are more. */
static bool end_one(struct reader_thread *reading)
{
	struct long_read *read = next_ended(reading);

	if (read)
		read->done(read);
	return read;
}

void reader_thread_free(struct reader_thread *reading)
{
	struct long_read *read;

	if (!reading)
		return;
	pthread_mutex_lock(&reading->lock);
	reading->closing = true;
	pthread_cond_signal(&reading->wake);
	pthread_mutex_unlock(&reading->lock);
	if (reading->has_thread)
		pthread_join(reading->thread, NULL);
	while ((read = list_take(&reading->waiting)))
		list_add(&reading->ended, read);
	while (end_one(reading))
		continue;
	pthread_cond_destroy(&reading->wake);
	pthread_mutex_destroy(&reading->lock);
	close(reading->fd);
	free(reading);
}

/* Under the lock. */
static bool has_room(const struct reader_thread *reading, const struct long_read *for_read)
{
	uint32_t own = 0;

	if (!for_read->uid || for_read->goes_on)
		return true;
	for (const struct long_read *read = reading->waiting.first; read; read = read->next)
		own += read->uid == for_read->uid;
	return reading->count < READS_MAX && own < (READS_MAX - (reading->count - own)) / 2;
}

int reader_thread_put(struct reader_thread *reading, struct long_read *read)
{
	int rc = reading->has_thread ? 0 : start_thread(reading);

	if (rc)
		return rc;
	pthread_mutex_lock(&reading->lock);
	if (!has_room(reading, read)) {
		rc = -EBUSY;
	} else {
		list_add(&reading->waiting, read);
		reading->count++;
		pthread_cond_signal(&reading->wake);
	}
	pthread_mutex_unlock(&reading->lock);
	return rc;
}

int reader_thread_fd(const struct reader_thread *reading)
{
	return reading->fd;
}

void reader_thread_dispatch(struct reader_thread *reading)
{
	eventfd_t count;

	if (eventfd_read(reading->fd, &count) < 0 && errno != EAGAIN)
		return;
	if (end_one(reading) && eventfd_write(reading->fd, 1) < 0)
		return; /* full: it is readable, which is all that is wanted */
}
