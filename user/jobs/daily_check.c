// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Once a day all of the database is read, on the thread of long reads: what a disk spoils is found
 * while the file can still be set aside, and not by the job that needs it. When uwd ends, a check
 * that runs is interrupted; the next uwd begins it again soon.
 */
#include "user/jobs/daily_check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/state.h"

#define EACH_US (24 * 3600 * US_PER_SEC)
#define SOON_US (60 * US_PER_SEC) /* after a start, and after one that found no place */

struct check {
	struct long_read read;
	struct jobs *jobs;
	struct uw_err err;
	int rc;
};

/* On the read's thread. While it is in checking the reader is open: uwd ends that thread later. */
static void read_all(struct long_read *read, struct store_reader *reader)
{
	struct check *check = (struct check *)read;

	check->rc = -EAGAIN;
	if (!reader)
		return;
	atomic_store(&check->jobs->checking, reader);
	check->rc = store_reader_check(reader, check->jobs->dir, &check->err);
	atomic_store(&check->jobs->checking, NULL);
}

static void read_done(struct long_read *read)
{
	struct check *check = (struct check *)read;
	struct jobs *jobs = check->jobs;

	if (check->rc == -EUCLEAN)
		log_err("%s; the next start sets it aside", check->err.text);
	else if (check->rc)
		jobs->check_us = clock_now_us() + SOON_US;
	free(check);
}

void daily_check_init(struct jobs *jobs, const struct store *store)
{
	uint64_t checked_us = store_checked_us(store), now_us = clock_wall_us();
	uint64_t ago_us = checked_us && checked_us <= now_us ? now_us - checked_us : EACH_US;
	uint64_t in_us = ago_us < EACH_US ? EACH_US - ago_us : 0;

	jobs->check_us = clock_now_us() + (in_us > SOON_US ? in_us : SOON_US);
}

void daily_check_stop(struct jobs *jobs)
{
	struct store_reader *reader = atomic_load(&jobs->checking);

	if (reader)
		store_reader_interrupt(reader);
}

void daily_check_tick(struct jobs *jobs)
{
	uint64_t now_us = clock_now_us();
	struct check *check = now_us < jobs->check_us ? NULL : calloc(1, sizeof(*check));

	if (!check)
		return;
	*check = (struct check){.read = {.read = read_all, .done = read_done}, .jobs = jobs};
	jobs->check_us = now_us + EACH_US;
	if (!reader_thread_put(jobs->reader_thread, &check->read))
		return;
	jobs->check_us = now_us + SOON_US;
	free(check);
}
