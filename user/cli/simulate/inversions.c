// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An inversion is a start that no order by class, size or length explains. For each job that waited
 * those that were submitted meanwhile are gone through in the order of their submits, until one
 * that started before it is found to be behind it in each of the three, or enough were looked at.
 */
#include "user/cli/simulate/inversions.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

#define WAITED_US (60 * US_PER_SEC)
#define LOOKS     2048

struct passing {
	bool by_class, by_size, by_length;
};

static int by_submit(const void *a, const void *b, void *data)
{
	const struct replay_job *job = data;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (job[x].submit_us != job[y].submit_us)
		return job[x].submit_us < job[y].submit_us ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void see(struct passing *passing, const struct trace_job *waits,
		const struct trace_job *passed)
{
	if (passed->class < waits->class || passed->peak_bytes < waits->peak_bytes ||
	    passed->run_us < waits->run_us)
		return;
	passing->by_class |= passed->class > waits->class;
	passing->by_size |= passed->peak_bytes > waits->peak_bytes;
	passing->by_length |= passed->run_us > waits->run_us;
}

/* Of the job at place k of the order of submits. */
static struct passing passing_of(const struct trace *trace, const struct replay *replay,
				 const uint32_t *order, uint32_t k)
{
	const struct replay_job *job = replay->job, *waits = &job[order[k]];
	struct passing passing = {0};
	uint32_t end = replay->count - k > LOOKS ? k + LOOKS : replay->count;

	for (uint32_t n = k + 1; n < end; n++) {
		const struct replay_job *later = &job[order[n]];

		if (later->submit_us >= waits->first_us ||
		    (passing.by_class && passing.by_size && passing.by_length))
			break;
		if (later->ended && later->submit_us > waits->submit_us &&
		    later->first_us < waits->first_us)
			see(&passing, &trace->job[order[k]], &trace->job[order[n]]);
	}
	return passing;
}

int inversions_count(const struct trace *trace, const struct replay *replay, struct figures *ret,
		     struct uw_err *err)
{
	AUTO_FREE uint32_t *order = calloc(replay->count, sizeof(*order));

	if (!order)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < replay->count; i++)
		order[i] = i;
	qsort_r(order, replay->count, sizeof(*order), by_submit, replay->job);
	for (uint32_t k = 0; k < replay->count; k++) {
		const struct replay_job *job = &replay->job[order[k]];
		struct passing passing;

		if (!job->ended || job->first_us - job->submit_us <= WAITED_US)
			continue;
		passing = passing_of(trace, replay, order, k);
		ret->inversions.by_class += passing.by_class;
		ret->inversions.by_size += passing.by_size;
		ret->inversions.by_length += passing.by_length;
		ret->class[trace->job[order[k]].class].inverted += passing.by_class;
	}
	return 0;
}
