// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks the admission core for one task at a time on an empty machine: what it would start the task
 * with is its size, and what it starts it with after a failure the next one.
 */
#include "user/cli/simulate/sizing.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/policy/num.h"

#define US   1e6
#define HOUR 3600
#define GB   1e9

struct sizes {
	const struct replay_options *options;
	struct admit *admit;
	uint64_t now_us;
	double wasted; /* byte seconds */
	uint32_t tasks, failed;
};

static int by_draw(const void *a, const void *b, void *data)
{
	const uint64_t *draw = data;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (draw[x] != draw[y])
		return draw[x] < draw[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* What the one task that waits is started with; 0: it is not. */
static uint64_t size_of_next(struct sizes *sizes)
{
	struct admit_decisions decisions;
	uint64_t bytes = 0;

	do {
		admit_decide(sizes->admit, sizes->now_us, &decisions);
		for (uint32_t i = 0; i < decisions.count; i++)
			if (decisions.decision[i].verdict == ADMIT_START)
				bytes = decisions.decision[i].amount;
	} while (decisions.more);
	return bytes;
}

/* Until it has been given as much as its peak. */
static void run(struct sizes *sizes, const struct trace_job *job, uint64_t id)
{
	double run_s = (double)job->run_us / US;
	uint64_t bytes;

	while ((bytes = size_of_next(sizes)) != 0) {
		bool fails = bytes < job->peak_bytes;

		admit_started(sizes->admit, id, 0, sizes->now_us);
		sizes->now_us += job->run_us;
		sizes->wasted += (double)(bytes - (fails ? 0 : job->peak_bytes)) * run_s;
		sizes->failed += fails;
		admit_exit(sizes->admit, id, fails ? ADMIT_EXIT_MEMORY : ADMIT_EXIT_DONE,
			   fails ? bytes : job->peak_bytes, sizes->now_us);
	}
}

static void size_all(struct sizes *sizes, const struct trace *trace, const uint32_t *order)
{
	struct admit_supply supply = {
		.component[0] = {.budget_bytes = sizes->options->capacity_bytes}};
	struct admit_task task;

	for (uint32_t k = 0; k < trace->count; k++) {
		const struct trace_job *job = &trace->job[order[k]];

		if (max_u64(job->peak_bytes, job->asked_bytes) > supply.component[0].budget_bytes)
			continue;
		replay_task(sizes->options->policy, job, order[k], sizes->now_us, &task);
		admit_supply(sizes->admit, &supply, sizes->now_us);
		if (admit_submit(sizes->admit, &task, sizes->now_us))
			continue;
		run(sizes, job, task.id);
		sizes->tasks++;
	}
}

int sizing_of(const struct trace *trace, const struct replay_options *options, struct sizing *ret,
	      struct uw_err *err)
{
	AUTO_FREE struct admit *admit = replay_core(options, 1);
	AUTO_FREE uint32_t *order = calloc(trace->count, sizeof(*order));
	AUTO_FREE uint64_t *draw = calloc(trace->count, sizeof(*draw));
	struct sizes sizes = {.options = options, .admit = admit};
	uint64_t state = options->seed;

	if (!admit || !order || !draw)
		return err_set(err, -ENOMEM, "out of memory for %u jobs", trace->count);
	for (uint32_t i = 0; i < trace->count; i++) {
		order[i] = i;
		draw[i] = replay_random(&state);
	}
	qsort_r(order, trace->count, sizeof(*order), by_draw, draw);
	size_all(&sizes, trace, order);
	ret->waste_gb_h = sizes.wasted / HOUR / GB;
	ret->failed_pct = sizes.tasks ? 100.0 * sizes.failed / sizes.tasks : 0;
	return 0;
}
