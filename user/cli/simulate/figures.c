// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works out what a replayed schedule comes to: waits and slowdowns with their quantiles, by class
 * and in all, use of the machine, failures and overtaking; and means over several runs.
 */
#include "user/cli/simulate/figures.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/simulate/inversions.h"

#define SHORT_RUN_S 10.0
#define US          1e6
#define HOUR_S      3600

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

static void add_job(struct figures *f, const struct trace_job *job, const struct replay_job *out)
{
	f->class[job->class].jobs++;
	f->failed_jobs += out->failed > 0;
	f->failed_attempts += out->failed;
	f->grown += out->grown;
	f->stood_s += (double)out->stood_us / US;
	f->overtaken_mean += out->overtaken;
	if (out->overtaken > f->overtaken_max)
		f->overtaken_max = out->overtaken;
}

struct job_figures {
	double wait_s, slowdown;
	enum admit_class class;
};

/* Of one class, or with ADMIT_CLASS__COUNT of all. value has room for all. */
static void spread_class(const struct job_figures *job, uint32_t n, enum admit_class class,
			 double *value, struct figures_spread *ret_wait_s,
			 struct figures_spread *ret_slowdown)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		if (class == ADMIT_CLASS__COUNT || job[i].class == class)
			value[count++] = job[i].wait_s;
	if (!count)
		return;
	*ret_wait_s = spread_of(value, count);
	count = 0;
	for (uint32_t i = 0; i < n; i++)
		if (class == ADMIT_CLASS__COUNT || job[i].class == class)
			value[count++] = job[i].slowdown;
	*ret_slowdown = spread_of(value, count);
}

static void spread_all(struct figures *f, const struct job_figures *job, double *value)
{
	spread_class(job, f->jobs, ADMIT_CLASS__COUNT, value, &f->wait_s, &f->slowdown);
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		spread_class(job, f->jobs, (enum admit_class)i, value, &f->class[i].wait_s,
			     &f->class[i].slowdown);
	f->failed_pct = f->failed_jobs * 100 / f->jobs;
	f->overtaken_mean /= f->jobs;
}

/* Of attempts that failed it is all that they had. */
static double waste_of(const struct trace *trace, const struct replay *replay)
{
	double bytes_us = 0;

	for (uint32_t i = 0; i < replay->spans; i++)
		bytes_us += (double)replay->span[i].reserved_bytes *
			    (double)(replay->span[i].to_us - replay->span[i].from_us);
	for (uint32_t i = 0; i < replay->count; i++)
		if (replay->job[i].ended)
			bytes_us -= (double)trace->job[i].peak_bytes * (double)trace->job[i].run_us;
	return bytes_us / US / HOUR_S / (double)GIB;
}

int figures_of(const struct trace *trace, const struct replay *replay, struct figures *ret,
	       struct uw_err *err)
{
	AUTO_FREE struct job_figures *of = calloc(replay->count, sizeof(*of));
	AUTO_FREE double *value = calloc(replay->count, sizeof(double));

	*ret = (struct figures){0};
	if (!of || !value)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < replay->count; i++) {
		const struct replay_job *job = &replay->job[i];
		double wait_s = (double)job->wait_us / US;

		if (!job->ended)
			continue;
		of[ret->jobs++] = (struct job_figures){
			wait_s, slowdown_of(wait_s, (double)trace->job[i].run_us / US),
			(enum admit_class)trace->job[i].class};
		add_job(ret, &trace->job[i], job);
	}
	spread_all(ret, of, value);
	ret->allocated_pct = replay->allocated_permyriad / 100.0;
	ret->used_pct = replay->used_permyriad / 100.0;
	ret->waste_gib_h = waste_of(trace, replay);
	ret->makespan_s = (double)(replay->end_us - replay->begin_us) / US;
	return inversions_count(trace, replay, ret, err);
}

uint32_t figures_worst(const struct figures *figures, uint32_t count)
{
	uint32_t worst = 0;

	for (uint32_t k = 1; k < count; k++)
		if (figures[k].wait_s.mean > figures[worst].wait_s.mean)
			worst = k;
	return worst;
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
			add_spread(&ret->class[i].wait_s, &f->class[i].wait_s, share);
			add_spread(&ret->class[i].slowdown, &f->class[i].slowdown, share);
			ret->class[i].inverted += share * f->class[i].inverted;
		}
		ret->allocated_pct += share * f->allocated_pct;
		ret->used_pct += share * f->used_pct;
		ret->failed_jobs += share * f->failed_jobs;
		ret->failed_pct += share * f->failed_pct;
		ret->failed_attempts += share * f->failed_attempts;
		ret->grown += share * f->grown;
		ret->stood_s += share * f->stood_s;
		ret->overtaken_mean += share * f->overtaken_mean;
		ret->overtaken_max += share * f->overtaken_max;
		ret->waste_gib_h += share * f->waste_gib_h;
		ret->makespan_s += share * f->makespan_s;
		ret->sizing.waste_gb_h += share * f->sizing.waste_gb_h;
		ret->sizing.failed_pct += share * f->sizing.failed_pct;
		ret->inversions.by_class += share * f->inversions.by_class;
		ret->inversions.by_size += share * f->inversions.by_size;
		ret->inversions.by_length += share * f->inversions.by_length;
	}
}
