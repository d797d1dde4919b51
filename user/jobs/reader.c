// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/jobs/reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_BYTES (256U << 10)
#define NICE        10

struct list {
	struct read *first, **last;
};

struct reading {
	struct store_options options;
	int fd;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list waiting, ended; /* these and what follows under the lock */
	uint32_t count;             /* that wait */
	bool closing;
};

static void list_init(struct list *list)
{
	*list = (struct list){.last = &list->first};
}

static void list_add(struct list *list, struct read *read)
{
	read->next = NULL;
	*list->last = read;
	list->last = &read->next;
}

static struct read *list_take(struct list *list)
{
	struct read *read = list->first;

	if (!read)
		return NULL;
	list->first = read->next;
	if (!list->first)
		list->last = &list->first;
	return read;
}

/* ---- the thread ---- */

static struct read *next_read(struct reading *reading)
{
	struct read *read = NULL;

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

static void hand_back(struct reading *reading, struct read *read)
{
	pthread_mutex_lock(&reading->lock);
	list_add(&reading->ended, read);
	pthread_mutex_unlock(&reading->lock);
	if (eventfd_write(reading->fd, 1) < 0)
		return; /* full: it is readable, which is all that is wanted */
}

static void *run(void *data)
{
	struct reading *reading = data;
	struct store_reader *reader = NULL;
	struct uw_err err = {0};
	struct read *read;

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

static int start_thread(struct reading *reading)
{
	pthread_attr_t small;
	int rc;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	rc = pthread_create(&reading->thread, &small, run, reading);
	pthread_attr_destroy(&small);
	reading->has_thread = !rc;
	return rc ? -EAGAIN : 0;
}

/* ---- the loop's thread ---- */

int reading_new(const struct store_options *options, struct reading **ret_reading)
{
	struct reading *reading = calloc(1, sizeof(*reading));

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

void reading_free(struct reading *reading)
{
	struct read *read;

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
	reading_dispatch(reading);
	pthread_cond_destroy(&reading->wake);
	pthread_mutex_destroy(&reading->lock);
	close(reading->fd);
	free(reading);
}

int reading_put(struct reading *reading, struct read *read)
{
	int rc = reading->has_thread ? 0 : start_thread(reading);

	if (rc)
		return rc;
	pthread_mutex_lock(&reading->lock);
	if (reading->count >= READS_MAX) {
		rc = -EBUSY;
	} else {
		list_add(&reading->waiting, read);
		reading->count++;
		pthread_cond_signal(&reading->wake);
	}
	pthread_mutex_unlock(&reading->lock);
	return rc;
}

int reading_fd(const struct reading *reading)
{
	return reading->fd;
}

void reading_dispatch(struct reading *reading)
{
	struct read *read, *next;
	eventfd_t count;

	if (eventfd_read(reading->fd, &count) < 0 && errno != EAGAIN)
		return;
	pthread_mutex_lock(&reading->lock);
	read = reading->ended.first;
	list_init(&reading->ended);
	pthread_mutex_unlock(&reading->lock);
	for (; read; read = next) {
		next = read->next;
		read->done(read);
	}
}
