// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the queue's part of Status: how many jobs there are, how they waited, ran and ended, by
 * class and by component. Ended jobs come from totals in the store, of the others memory keeps the
 * count. The sums are static, as only the loop's thread comes here.
 */
#include "user/daemon/methods/totals.h"

#include <string.h>

#include "user/daemon/methods/encode_job.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

#define PERMYRIAD 10000

struct sums {
	uint64_t queued, running;
	uint64_t ended[JOB_STATE__COUNT];
	uint64_t runs, sufficed, wait_us, wait_max_us, run_us;
	double asked_bytes, reserved_bytes, peak_bytes;
};

struct all_sums {
	const struct config *config;
	struct sums total, class[JOB_CLASS__COUNT], component[UW_COMPONENTS_MAX];
};

static void add_to(struct sums *sums, const struct store_total *from)
{
	sums->ended[from->state] += from->jobs;
	sums->runs += from->runs;
	sums->sufficed += from->sufficed;
	sums->wait_us += from->wait_us;
	sums->run_us += from->run_us;
	if (from->wait_max_us > sums->wait_max_us)
		sums->wait_max_us = from->wait_max_us;
	sums->asked_bytes += from->asked_bytes;
	sums->reserved_bytes += from->reserved_bytes;
	sums->peak_bytes += from->peak_bytes;
}

static int add_total(void *data, const struct store_total *total)
{
	struct all_sums *all = data;
	int component = config_find(all->config, total->component);

	if (total->state >= JOB_STATE__COUNT || total->class >= JOB_CLASS__COUNT)
		return 0;
	add_to(&all->total, total);
	add_to(&all->class[total->class], total);
	if (component >= 0)
		add_to(&all->component[component], total);
	return 0;
}

/* Held jobs and those that wait for others are counted by state alone, as in the queue's own
 * figures. */
static void add_live(struct sums *sums, enum job_state state, uint32_t count)
{
	if (job_state_is_active(state))
		sums->running += count;
	else if (state == JOB_QUEUED)
		sums->queued += count;
}

/* Those that have not ended. */
static void add_tally(struct all_sums *all, const struct jobs_tally *tally)
{
	for (uint32_t component = 0; component <= UW_COMPONENTS_MAX; component++)
		for (int class = 0; class < JOB_CLASS__COUNT; class ++)
			for (int state = 0; state < JOB_STATE__COUNT; state++) {
				uint32_t count = tally->count[component][class][state];

				add_live(&all->total, (enum job_state)state, count);
				add_live(&all->class[class], (enum job_state)state, count);
				if (component < all->config->component_count)
					add_live(&all->component[component], (enum job_state)state,
						 count);
			}
}

static json_t *ratio(uint64_t part, uint64_t whole, uint64_t scale)
{
	return whole ? json_number(part * scale / whole) : json_null();
}

static json_t *mean(double sum, uint64_t count)
{
	return count ? json_integer((json_int_t)(sum / (double)count)) : json_null();
}

static json_t *encode_sums(const char *name, const struct sums *sums)
{
	const uint64_t *ended = sums->ended;
	uint64_t all = ended[JOB_DONE] + ended[JOB_FAILED] + ended[JOB_CANCELLED] + ended[JOB_LOST];

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:o}",
			 "name", name, "queued", json_number(sums->queued), "running",
			 json_number(sums->running), "done", json_number(ended[JOB_DONE]), "failed",
			 json_number(ended[JOB_FAILED]), "cancelled",
			 json_number(ended[JOB_CANCELLED]), "lost", json_number(ended[JOB_LOST]),
			 "runs", json_number(sums->runs), "sufficed", json_number(sums->sufficed),
			 "wait_us", json_number(sums->wait_us), "run_us", json_number(sums->run_us),
			 "completed_permyriad", ratio(ended[JOB_DONE], all, PERMYRIAD),
			 "allocated_permyriad", ratio(sums->sufficed, sums->runs, PERMYRIAD),
			 "wait_mean_us", ratio(sums->wait_us, sums->runs, 1), "wait_max_us",
			 sums->runs ? json_number(sums->wait_max_us) : json_null(), "run_mean_us",
			 ratio(sums->run_us, sums->runs, 1), "asked_mean_bytes",
			 mean(sums->asked_bytes, sums->runs), "reserved_mean_bytes",
			 mean(sums->reserved_bytes, sums->runs), "peak_mean_bytes",
			 mean(sums->peak_bytes, sums->runs));
}

static json_t *encode_classes(const struct all_sums *all)
{
	json_t *list = json_array();

	for (int class = JOB_CLASS__COUNT - 1; class >= 0; class --)
		json_array_append_new(list, encode_sums(job_class_name((enum job_class) class),
							&all->class[class]));
	return list;
}

static json_t *encode_components(const struct all_sums *all)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < all->config->component_count; i++)
		json_array_append_new(
			list, encode_sums(all->config->component[i].name, &all->component[i]));
	return list;
}

/* ---- predictions ---- */

struct near {
	uint64_t count[STORE_BOUNDS + 1], sum_permyriad;
};

struct all_near {
	const struct config *config;
	struct near near[UW_COMPONENTS_MAX][STORE_PREDICTED__COUNT];
};

static int add_prediction(void *data, const struct store_prediction *prediction)
{
	struct all_near *all = data;
	int component = config_find(all->config, prediction->component);
	struct near *near;

	if (component < 0 || prediction->what >= STORE_PREDICTED__COUNT ||
	    prediction->bucket > STORE_BOUNDS)
		return 0;
	near = &all->near[component][prediction->what];
	near->count[prediction->bucket] += prediction->count;
	near->sum_permyriad += prediction->sum_permyriad;
	return 0;
}

static json_t *encode_near(const char *component, const char *what, const struct near *near)
{
	json_t *bounds = json_array(), *counts = json_array();

	for (uint32_t i = 0; i < STORE_BOUNDS; i++)
		json_array_append_new(bounds, json_number(store_bounds_permyriad[i]));
	for (uint32_t i = 0; i <= STORE_BOUNDS; i++)
		json_array_append_new(counts, json_number(near->count[i]));
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "component", component, "what", what,
			 "bounds_permyriad", bounds, "counts", counts, "sum_permyriad",
			 json_number(near->sum_permyriad));
}

static json_t *encode_predictions(struct daemon *daemon)
{
	static const char *const words[STORE_PREDICTED__COUNT] = {
		[STORE_PREDICTED_MEMORY] = "memory",
		[STORE_PREDICTED_TIME] = "time",
	};
	static struct all_near all; /* on the loop's thread alone */
	json_t *list = json_array();

	memset(&all, 0, sizeof(all));
	all.config = &daemon->config;
	store_each_prediction(jobs_reader(daemon->jobs), add_prediction, &all);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		for (int what = 0; what < STORE_PREDICTED__COUNT; what++)
			json_array_append_new(list, encode_near(daemon->config.component[i].name,
								words[what], &all.near[i][what]));
	return list;
}

json_t *totals_encode(struct daemon *daemon)
{
	static struct all_sums all; /* on the loop's thread alone */
	struct admit_summary summary;
	struct jobs_stats stats;
	json_t *next = json_null();
	uint64_t now_us;

	if (!daemon->jobs)
		return json_null();
	memset(&all, 0, sizeof(all));
	all.config = &daemon->config;
	now_us = jobs_now_us(daemon->jobs);
	store_each_total(jobs_reader(daemon->jobs), add_total, &all);
	add_tally(&all, jobs_tally(daemon->jobs));
	jobs_stats(daemon->jobs, &stats);
	admit_summary(jobs_admit(daemon->jobs), now_us, &summary);
	if (summary.head_id && summary.head_start_us != UINT64_MAX && summary.head_start_us)
		next = json_number(summary.head_start_us > now_us ? summary.head_start_us - now_us
								  : 0);
	return json_pack(
		"{s:s, s:b, s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"strategy", admit_strategy_name(summary.strategy), "adaptive",
		daemon->config.admission.strategy == STRATEGY_ADAPTIVE, "strategy_for_us",
		json_number(now_us > summary.strategy_since_us ? now_us - summary.strategy_since_us
							       : 0),
		"why", encode_admit_why(daemon->jobs, &summary.strategy_why), "held",
		stats.count[JOB_HELD], "waiting", stats.count[JOB_WAITING], "queued",
		stats.count[JOB_QUEUED], "running",
		stats.count[JOB_RUNNING] + stats.count[JOB_STARTING], "frozen",
		stats.count[JOB_FROZEN], "reserved_bytes", json_number(summary.reserved_bytes),
		"free_bytes", json_number(summary.free_bytes), "next_start_in_us", next, "total",
		encode_sums("", &all.total), "classes", encode_classes(&all), "components",
		encode_components(&all), "predictions", encode_predictions(daemon));
}
