// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works out how much memory jobs held at the same time, for Recommend. Starts and ends of runs are
 * sorted by time, which gives stretches of an unchanged sum; sorted by that sum, these tell what
 * was not exceeded in 95 % of the time.
 */
#include "user/daemon/methods/together.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"

struct edge_of_run {
	uint64_t at_us;
	const struct together_run *run;
	int is_start;
};

/* So long the sum was that. */
struct stretch {
	uint64_t us, bytes;
};

/* What ends at an instant has gone when what starts at it comes. */
static int by_time(const void *a, const void *b)
{
	const struct edge_of_run *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x->is_start - y->is_start;
}

static int by_bytes(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static uint32_t list_edges(const struct together_run *runs, uint32_t count,
			   struct edge_of_run *edges)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (runs[i].end_us <= runs[i].start_us)
			continue;
		edges[n++] = (struct edge_of_run){runs[i].start_us, &runs[i], 1};
		edges[n++] = (struct edge_of_run){runs[i].end_us, &runs[i], 0};
	}
	qsort(edges, n, sizeof(*edges), by_time);
	return n;
}

/* The sums of peaks, or of what was asked for, between each two edges. */
static uint32_t list_stretches(const struct edge_of_run *edges, uint32_t count, int asked,
			       struct stretch *stretches)
{
	uint64_t sum = 0, running = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct together_run *run = edges[i].run;
		uint64_t bytes = asked ? run->asked_bytes : run->peak_bytes;

		if (running && edges[i].at_us > edges[i - 1].at_us)
			stretches[n++] = (struct stretch){edges[i].at_us - edges[i - 1].at_us, sum};
		sum = edges[i].is_start ? sum + bytes : sum - bytes;
		running = edges[i].is_start ? running + 1 : running - 1;
	}
	qsort(stretches, n, sizeof(*stretches), by_bytes);
	return n;
}

static uint64_t time_of(const struct stretch *stretches, uint32_t count)
{
	uint64_t us = 0;

	for (uint32_t i = 0; i < count; i++)
		us += stretches[i].us;
	return us;
}

/* The least sum that held for at least pct of the time, with all below it. */
static uint64_t quantile(const struct stretch *stretches, uint32_t count, uint64_t busy_us,
			 uint32_t pct)
{
	uint64_t us = 0;

	for (uint32_t i = 0; i < count; i++) {
		us += stretches[i].us;
		if (us >= busy_us - busy_us / 100 * (100 - pct))
			return stretches[i].bytes;
	}
	return 0;
}

int together_of(const struct together_run *runs, uint32_t count, struct together *ret_together)
{
	AUTO_FREE struct edge_of_run *edges = calloc(2UL * count + 1, sizeof(*edges));
	AUTO_FREE struct stretch *stretches = calloc(2UL * count + 1, sizeof(*stretches));
	struct together together = {0};
	uint32_t n, edge_count;

	if (!edges || !stretches)
		return -ENOMEM;
	edge_count = list_edges(runs, count, edges);
	n = list_stretches(edges, edge_count, 1, stretches);
	together.busy_us = time_of(stretches, n);
	together.asked_p95_bytes = quantile(stretches, n, together.busy_us, 95);
	n = list_stretches(edges, edge_count, 0, stretches);
	together.p50_bytes = quantile(stretches, n, together.busy_us, 50);
	together.p95_bytes = quantile(stretches, n, together.busy_us, 95);
	together.max_bytes = n ? stretches[n - 1].bytes : 0;
	*ret_together = together;
	return 0;
}
