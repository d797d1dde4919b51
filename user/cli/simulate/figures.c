// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works out what a replayed schedule comes to: waits and slowdowns with their quantiles, by class
 * and in all, use of the machine, failures and overtaking; and means over several runs.
 */
#include "user/cli/simulate/figures.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"

#define SHORT_RUN_S 10.0
#define US          1e6

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double at_rank(const double *sorted, uint32_t n, double share)
{
	return sorted[(uint32_t)(share * (n - 1))];
}

/* Sorts. */
static struct figures_spread spread_of(double *value, uint32_t n)
{
	double sum = 0;

	qsort(value, n, sizeof(*value), by_value);
	for (uint32_t i = 0; i < n; i++)
		sum += value[i];
	return (struct figures_spread){
		.mean = sum / n,
		.p50 = at_rank(value, n, .5),
		.p95 = at_rank(value, n, .95),
		.p99 = at_rank(value, n, .99),
		.max = value[n - 1],
	};
}

static double slowdown_of(double wait_s, double run_s)
{
	double slowdown = (wait_s + run_s) / (run_s > SHORT_RUN_S ? run_s : SHORT_RUN_S);

	return slowdown > 1 ? slowdown : 1;
}

static void add_job(struct figures *f, const struct trace_job *job, const struct replay_job *out,
		    double wait_s, double slowdown)
{
	struct figures_class *class = &f->class[job->class];

	class->jobs++;
	class->wait_s += wait_s;
	class->slowdown += slowdown;
	f->failed_pct += out->failed > 0;
	f->failed_attempts += out->failed;
	f->grown += out->grown;
	f->stood_s += (double)out->stood_us / US;
	f->overtaken_mean += out->overtaken;
	if (out->overtaken > f->overtaken_max)
		f->overtaken_max = out->overtaken;
}

static void divide(struct figures *f)
{
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++) {
		struct figures_class *class = &f->class[i];

		class->wait_s /= class->jobs ? class->jobs : 1;
		class->slowdown /= class->jobs ? class->jobs : 1;
	}
	f->failed_pct *= 100.0 / f->jobs;
	f->overtaken_mean /= f->jobs;
}

int figures_of(const struct trace *trace, const struct replay *replay, struct figures *ret,
	       struct uw_err *err)
{
	AUTO_FREE double *wait_s = calloc(replay->count, sizeof(double));
	AUTO_FREE double *slowdown = calloc(replay->count, sizeof(double));
	uint32_t n = 0;

	if (!wait_s || !slowdown)
		return err_set(err, -ENOMEM, "out of memory");
	*ret = (struct figures){0};
	for (uint32_t i = 0; i < replay->count; i++) {
		const struct replay_job *job = &replay->job[i];

		if (!job->end_us)
			continue;
		wait_s[n] = (double)job->wait_us / US;
		slowdown[n] = slowdown_of(wait_s[n], (double)trace->job[i].run_us / US);
		add_job(ret, &trace->job[i], job, wait_s[n], slowdown[n]);
		n++;
	}
	ret->jobs = n;
	divide(ret);
	ret->wait_s = spread_of(wait_s, n);
	ret->slowdown = spread_of(slowdown, n);
	ret->allocated_pct = replay->allocated_permyriad / 100.0;
	ret->used_pct = replay->used_permyriad / 100.0;
	ret->makespan_s = (double)(replay->end_us - replay->begin_us) / US;
	return 0;
}

static void add_spread(struct figures_spread *to, const struct figures_spread *from, double share)
{
	to->mean += share * from->mean;
	to->p50 += share * from->p50;
	to->p95 += share * from->p95;
	to->p99 += share * from->p99;
	to->max += share * from->max;
}

void figures_mean(const struct figures *figures, uint32_t count, struct figures *ret)
{
	double share = 1.0 / count;

	*ret = (struct figures){.jobs = figures->jobs};
	for (uint32_t k = 0; k < count; k++) {
		const struct figures *f = &figures[k];

		add_spread(&ret->wait_s, &f->wait_s, share);
		add_spread(&ret->slowdown, &f->slowdown, share);
		for (int i = 0; i < ADMIT_CLASS__COUNT; i++) {
			ret->class[i].jobs = f->class[i].jobs;
			ret->class[i].wait_s += share * f->class[i].wait_s;
			ret->class[i].slowdown += share * f->class[i].slowdown;
		}
		ret->allocated_pct += share * f->allocated_pct;
		ret->used_pct += share * f->used_pct;
		ret->failed_pct += share * f->failed_pct;
		ret->failed_attempts += share * f->failed_attempts;
		ret->grown += share * f->grown;
		ret->stood_s += share * f->stood_s;
		ret->overtaken_mean += share * f->overtaken_mean;
		ret->overtaken_max += share * f->overtaken_max;
		ret->makespan_s += share * f->makespan_s;
	}
}
