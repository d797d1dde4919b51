// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the thread that writes to the database, so that the loop never waits for a disk. It writes
 * all that waits in one transaction and hands it back; when that fails it writes each entry alone,
 * and tries again what must be written. When nothing waits, and after so many transactions in any
 * case, it deletes what is too old or too much, and restores the reserve that a full disk has used
 * up.
 */
#include "user/jobs/recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/jobs/aging.h"

#define BATCH_MAX       1024U
#define STACK_BYTES     (512U << 10)
#define RETRY_US        US_PER_SEC
#define LINGER_US       (5 * US_PER_MS) /* after the last of it */
#define NAP_US          250U
#define MEND_US         (5 * US_PER_SEC)
#define FORGET_US       (600 * US_PER_SEC)
#define FORGET_BATCH    500U
#define HANDED_A_TURN   64U  /* done, to the loop ... */
#define HANDED_US       500U /* ... or as many as there is time for */
#define HOUSE_BATCHES   64U  /* without a pause: house is kept all the same */
#define CLOSE_TRIES_MAX 5    /* of what must be written, when uwd ends; the slots know it too */

struct queue {
	struct entry *first, **last;
	uint32_t count;
};

struct recorder {
	struct store *store;
	recorder_tidy_fn tidy;
	void *data;
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue waiting, done; /* these and what follows under the lock */
	bool idle;                  /* the thread waits to be woken */
	bool closing;
	struct store_keep keep;
	bool keep_is_new; /* and is to be acted on now */
	struct recorder_stats stats;
	struct queue handed;         /* the loop's own: done, and not yet told */
	uint32_t batches;            /* since house was kept */
	bool grown;                  /* the thread's own: since its size was looked at */
	bool told;                   /* ... that nothing can be written ... */
	uint64_t mend_us, forget_us; /* ... when next ... */
	uint64_t linger_us;          /* ... until when it looks by itself */
	struct aging aging;          /* ... how far that goes ... */
	struct queue taken;          /* ... and what it has taken over */
};

static void queue_init(struct queue *queue)
{
	*queue = (struct queue){.last = &queue->first};
}

static void queue_add(struct queue *queue, struct entry *entry)
{
	entry->next = NULL;
	*queue->last = entry;
	queue->last = &entry->next;
	queue->count++;
}

static struct entry *queue_take(struct queue *queue)
{
	struct entry *entry = queue->first;

	if (!entry)
		return NULL;
	queue->first = entry->next;
	if (!queue->first)
		queue->last = &queue->first;
	queue->count--;
	return entry;
}

/* All of from behind to, in no time: under the lock nothing else is done. */
static void queue_splice(struct queue *from, struct queue *to)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	to->count += from->count;
	queue_init(from);
}

static void queue_move(struct queue *from, struct queue *to, uint32_t max)
{
	struct entry *entry;

	while (max-- && (entry = queue_take(from)))
		queue_add(to, entry);
}

/* ---- one transaction ---- */

static int write_all(struct recorder *recorder, const struct queue *batch)
{
	int rc = store_begin(recorder->store);

	for (struct entry *entry = batch->first; !rc && entry; entry = entry->next) {
		if (entry->new &&store_is_full(recorder->store))
			rc = -ENOSPC;
		else if (entry->write)
			rc = entry->write(recorder->store, entry);
	}
	if (!rc)
		rc = store_commit(recorder->store);
	if (rc)
		store_rollback(recorder->store);
	return rc;
}

static void ask_turn(const struct recorder *recorder)
{
	if (eventfd_write(recorder->fd, 1) < 0)
		return; /* full: it is readable, which is all that is wanted */
}

static void hand_back(struct recorder *recorder, struct queue *ready)
{
	if (!ready->first)
		return;
	pthread_mutex_lock(&recorder->lock);
	queue_splice(ready, &recorder->done);
	pthread_mutex_unlock(&recorder->lock);
	ask_turn(recorder);
}

/* What takes its time afterwards is handed back by itself. */
static void finish(struct recorder *recorder, struct entry *entry, int rc, struct queue *ready)
{
	entry->rc = rc;
	queue_add(ready, entry);
	if (rc || !entry->after)
		return;
	entry->after(recorder->data, entry);
	hand_back(recorder, ready);
}

/* What cannot be written stays in front of what waits, in its order. */
static void keep_for_later(struct recorder *recorder, struct queue *left)
{
	queue_splice(&recorder->taken, left);
	queue_splice(left, &recorder->taken);
}

static int write_alone(struct recorder *recorder, struct entry *entry)
{
	struct queue one;
	int rc;

	if (entry->new &&store_is_full(recorder->store))
		return -ENOSPC;
	queue_init(&one);
	queue_add(&one, entry);
	rc = write_all(recorder, &one);
	/* The first to find the disk full made room by giving the reserve up. */
	return rc == -ENOSPC && !entry->new ? write_all(recorder, &one) : rc;
}

/* What has no row any more never will: to try on would keep all that waits behind it. */
static bool is_final(const struct entry *entry, int rc)
{
	return !rc || rc == -ENOENT || !entry->must;
}

/* Not of what was to be written, nor of a disk that is full, which is told of by itself. */
static bool is_of_disk(int rc)
{
	return rc == -EIO || rc == -EROFS || rc == -EACCES || rc == -EUCLEAN;
}

/* 0, or the error that something must be kept for. Behind that nothing is written: a start that
 * overtook the end before it would be undone by it. *ret_refused: why something was not kept. */
static int write_each(struct recorder *recorder, struct queue *batch, int *ret_refused)
{
	struct queue left, ready;
	struct entry *entry;
	int rc, stuck = 0;

	queue_init(&left);
	queue_init(&ready);
	while ((entry = queue_take(batch))) {
		rc = stuck ? stuck : write_alone(recorder, entry);
		if (is_final(entry, rc)) {
			if (is_of_disk(rc))
				*ret_refused = rc;
			finish(recorder, entry, rc, &ready);
		} else {
			stuck = rc;
			queue_add(&left, entry);
		}
	}
	hand_back(recorder, &ready);
	if (stuck)
		keep_for_later(recorder, &left);
	return stuck;
}

/* Said once, until something was written. */
static void tell(struct recorder *recorder, int error)
{
	bool was_told = recorder->told;

	recorder->told = error != 0;
	if (was_told && !error)
		log_notice("the queue can be written again");
	if (was_told || !error)
		return;
	journal_say(LOG_LEVEL_ERR, MESSAGE_STORE_UNWRITABLE,
		    "the queue cannot be written, %s error=%s: %s",
		    error == -EUCLEAN ? "its database is damaged: restart uwd, which sets it "
					"aside and begins another"
				      : "trying on: jobs go on, new ones are refused",
		    strerrorname_np(-error), store_error(recorder->store));
}

static void note(struct recorder *recorder, int rc, int stuck, uint64_t took_us)
{
	struct recorder_stats *stats = &recorder->stats;
	bool full = store_is_full(recorder->store), was_full;

	pthread_mutex_lock(&recorder->lock);
	was_full = stats->full;
	stats->commits++;
	stats->failures += rc != 0;
	stats->stuck = stuck != 0;
	stats->full = full;
	if (rc)
		stats->error = rc;
	if (took_us > stats->commit_max_us)
		stats->commit_max_us = took_us;
	pthread_mutex_unlock(&recorder->lock);
	if (full && !was_full)
		journal_say(LOG_LEVEL_ERR, MESSAGE_STORE_UNWRITABLE,
			    "the disk of the queue is full: jobs go on, new ones are refused");
}

static int write_batch(struct recorder *recorder, struct queue *batch)
{
	uint64_t began_us = clock_now_us();
	struct queue ready;
	struct entry *entry;
	int rc = write_all(recorder, batch), stuck = 0, refused = 0;

	queue_init(&ready);
	if (rc)
		stuck = write_each(recorder, batch, &refused);
	while (!rc && (entry = queue_take(batch)))
		finish(recorder, entry, 0, &ready);
	hand_back(recorder, &ready);
	recorder->linger_us = clock_now_us() + LINGER_US;
	note(recorder, rc, stuck, clock_now_us() - began_us);
	tell(recorder, stuck ? stuck : refused);
	return stuck;
}

/* ---- housekeeping, when nothing waits ---- */

static struct store_keep what_to_keep(struct recorder *recorder)
{
	struct store_keep keep;

	pthread_mutex_lock(&recorder->lock);
	keep = recorder->keep;
	recorder->keep_is_new = false;
	pthread_mutex_unlock(&recorder->lock);
	return keep;
}

static bool keep_is_new(struct recorder *recorder)
{
	bool is_new;

	pthread_mutex_lock(&recorder->lock);
	is_new = recorder->keep_is_new;
	pthread_mutex_unlock(&recorder->lock);
	return is_new;
}

/* Who is forgotten in a transaction: told of when it is on disk, and not before. */
struct forgotten {
	uint64_t id[FORGET_BATCH];
	uint32_t count;
};

static void note_forgotten(void *data, uint64_t id)
{
	struct forgotten *forgotten = data;

	if (forgotten->count < FORGET_BATCH)
		forgotten->id[forgotten->count++] = id;
}

static void tell_forgotten(const struct store_keep *keep, const struct forgotten *forgotten)
{
	for (uint32_t i = 0; keep->forget && i < forgotten->count; i++)
		keep->forget(keep->data, forgotten->id[i]);
}

static void forget_old(struct recorder *recorder)
{
	struct store_keep told = what_to_keep(recorder), keep = told;
	struct forgotten forgotten = {.count = 0};
	int rc;

	keep.forget = note_forgotten;
	keep.data = &forgotten;

	keep.oldest_us = aging_cut(&recorder->aging, recorder->store, keep.oldest_us,
				   clock_now_us(), clock_wall_us());
	rc = store_begin(recorder->store);
	if (!rc)
		rc = store_forget(recorder->store, &keep, FORGET_BATCH);
	if (rc < 0 || store_commit(recorder->store) < 0) {
		store_rollback(recorder->store);
		recorder->grown = true; /* looked at in vain */
	} else {
		tell_forgotten(&told, &forgotten);
	}
	/* More of it: soon, but after whoever waits. */
	recorder->forget_us = clock_now_us() + (rc == 1 ? RETRY_US / 10 : FORGET_US);
}

/* Whoever submits and cancels all the time may fill a disk within the time that old jobs are looked
 * at again. */
static bool is_too_large(struct recorder *recorder)
{
	uint64_t bytes;

	if (!recorder->grown)
		return false;
	recorder->grown = false;
	pthread_mutex_lock(&recorder->lock);
	bytes = recorder->keep.bytes;
	pthread_mutex_unlock(&recorder->lock);
	recorder->mend_us = clock_now_us() + MEND_US;
	return bytes && store_used_bytes(recorder->store) > bytes;
}

static void keep_house(struct recorder *recorder)
{
	uint64_t now_us = clock_now_us();

	recorder->batches = 0;
	if (store_is_full(recorder->store) && now_us >= recorder->mend_us) {
		recorder->mend_us = now_us + MEND_US;
		if (!store_mend(recorder->store)) {
			pthread_mutex_lock(&recorder->lock);
			recorder->stats.full = false;
			pthread_mutex_unlock(&recorder->lock);
			log_notice("the disk of the queue has room again");
		}
	}
	if (!store_is_full(recorder->store) &&
	    (now_us >= recorder->forget_us || keep_is_new(recorder) ||
	     (now_us >= recorder->mend_us && is_too_large(recorder))))
		forget_old(recorder);
}

static void tidy_up(struct recorder *recorder)
{
	if (recorder->tidy && recorder->tidy(recorder->data, recorder->store))
		recorder->linger_us = clock_now_us() + LINGER_US;
}

/* ---- the thread ---- */

/* When house is to be kept next; who has more to say of it wakes the thread. */
static uint64_t next_house_us(const struct recorder *recorder, uint64_t now_us)
{
	bool is_due = recorder->grown || store_is_full(recorder->store);
	uint64_t at_us = is_due && recorder->mend_us < recorder->forget_us ? recorder->mend_us
									   : recorder->forget_us;

	return at_us > now_us + US_PER_SEC ? at_us : now_us + US_PER_SEC;
}

/*
 * Some seconds, or until it is woken. To wake a thread on a processor that sleeps is the dearest
 * part of handing something over (7 to 9 us of 15 to 20, in a VM), so where one follows the other
 * this one looks by itself: few naps, and each lets more come together in one transaction.
 */
static void wait_for_more(struct recorder *recorder, bool stuck)
{
	uint64_t now_us = clock_now_us();
	bool nap = !stuck && now_us < recorder->linger_us;
	uint64_t until_us = nap     ? now_us + NAP_US
			    : stuck ? now_us + US_PER_SEC
				    : next_house_us(recorder, now_us);
	struct timespec until = {
		.tv_sec = (time_t)(until_us / US_PER_SEC),
		.tv_nsec = (long)(until_us % US_PER_SEC * 1000),
	};

	recorder->idle = !nap;
	pthread_cond_timedwait(&recorder->wake, &recorder->lock, &until);
	recorder->idle = false;
}

/* What is to be kept may have changed when nobody waited here to be woken. On a full disk nothing
 * is let go. */
static bool has_more(const struct recorder *recorder)
{
	return recorder->waiting.first || recorder->taken.first ||
	       (recorder->keep_is_new && !store_is_full(recorder->store));
}

/* False when it is time to end. stuck: what waits has just failed, so wait first. */
static bool next_batch(struct recorder *recorder, bool stuck, struct queue *ret_batch)
{
	bool go_on;

	queue_init(ret_batch);
	pthread_mutex_lock(&recorder->lock);
	if ((stuck || !has_more(recorder)) && !recorder->closing)
		wait_for_more(recorder, stuck);
	queue_splice(&recorder->waiting, &recorder->taken);
	go_on = recorder->taken.first || !recorder->closing;
	recorder->stats.waiting = recorder->taken.count;
	pthread_mutex_unlock(&recorder->lock);
	queue_move(&recorder->taken, ret_batch, BATCH_MAX);
	return go_on;
}

static void *run(void *data)
{
	struct recorder *recorder = data;
	struct queue batch;
	int stuck = 0, tries = 0;

	while (next_batch(recorder, stuck, &batch)) {
		bool busy = batch.first;

		stuck = busy ? write_batch(recorder, &batch) : 0;
		recorder->grown |= busy;
		if (stuck && recorder->closing && ++tries == CLOSE_TRIES_MAX)
			break;
		if ((!busy || ++recorder->batches >= HOUSE_BATCHES) && !recorder->closing)
			keep_house(recorder);
		if (!recorder->closing)
			tidy_up(recorder);
	}
	return NULL;
}

static int start_thread(struct recorder *recorder)
{
	pthread_condattr_t clock;

	pthread_mutex_init(&recorder->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&recorder->wake, &clock);
	pthread_condattr_destroy(&clock);
	return thread_start(&recorder->thread, STACK_BYTES, 0, run, recorder);
}

int recorder_new(struct store *store, const struct store_keep *keep, recorder_tidy_fn tidy,
		 void *data, struct recorder **ret_recorder, struct uw_err *err)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int rc;

	if (!recorder)
		return err_set(err, -ENOMEM, "recorder: out of memory");
	recorder->store = store;
	recorder->keep = *keep;
	recorder->tidy = tidy;
	recorder->data = data;
	recorder->forget_us = clock_now_us() + MEND_US;
	recorder->grown = true; /* by those before */
	queue_init(&recorder->waiting);
	queue_init(&recorder->done);
	queue_init(&recorder->taken);
	queue_init(&recorder->handed);
	recorder->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = recorder->fd < 0 ? -errno : start_thread(recorder);
	if (rc) {
		if (recorder->fd >= 0)
			close(recorder->fd);
		free(recorder);
		return err_set(err, rc, "recorder: %s", strerror(-rc));
	}
	*ret_recorder = recorder;
	return 0;
}

void recorder_free(struct recorder *recorder)
{
	struct entry *entry;

	if (!recorder)
		return;
	pthread_mutex_lock(&recorder->lock);
	recorder->closing = true;
	pthread_cond_signal(&recorder->wake);
	pthread_mutex_unlock(&recorder->lock);
	pthread_join(recorder->thread, NULL);
	queue_splice(&recorder->waiting, &recorder->taken);
	queue_splice(&recorder->taken, &recorder->waiting);
	do { /* what is done may hand more over */
		while ((entry = queue_take(&recorder->waiting))) {
			entry->rc = -ECANCELED;
			queue_add(&recorder->done, entry);
		}
		recorder_dispatch(recorder);
	} while (recorder->waiting.first || recorder->handed.first);
	store_close(recorder->store);
	pthread_cond_destroy(&recorder->wake);
	pthread_mutex_destroy(&recorder->lock);
	close(recorder->fd);
	free(recorder);
}

void recorder_configure(struct recorder *recorder, const struct store_keep *keep)
{
	pthread_mutex_lock(&recorder->lock);
	recorder->keep = *keep;
	recorder->keep_is_new = true;
	if (recorder->idle) {
		recorder->idle = false;
		pthread_cond_signal(&recorder->wake);
	}
	pthread_mutex_unlock(&recorder->lock);
}

void recorder_put(struct recorder *recorder, struct entry *entry)
{
	pthread_mutex_lock(&recorder->lock);
	queue_add(&recorder->waiting, entry);
	recorder->stats.entries++;
	if (recorder->idle) {
		recorder->idle = false;
		pthread_cond_signal(&recorder->wake);
	}
	pthread_mutex_unlock(&recorder->lock);
}

int recorder_fd(const struct recorder *recorder)
{
	return recorder->fd;
}

void recorder_dispatch(struct recorder *recorder)
{
	struct entry *entry;
	uint64_t until_us;

	pthread_mutex_lock(&recorder->lock);
	queue_splice(&recorder->done, &recorder->handed);
	pthread_mutex_unlock(&recorder->lock);
	until_us = clock_now_us() + HANDED_US;
	for (uint32_t i = 0; i < HANDED_A_TURN && clock_now_us() < until_us &&
			     (entry = queue_take(&recorder->handed));
	     i++)
		entry->done(recorder->data, entry);
	if (recorder->handed.first)
		ask_turn(recorder);
}

void recorder_stats(struct recorder *recorder, struct recorder_stats *ret_stats)
{
	pthread_mutex_lock(&recorder->lock);
	*ret_stats = recorder->stats;
	ret_stats->waiting += recorder->waiting.count;
	pthread_mutex_unlock(&recorder->lock);
}
