// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of what is counted of jobs. How many there are comes from memory, how they ended from the
 * history on disk, and how long they waited and ran is since uwd started.
 */
#include "user/metrics/parts.h"

#include <string.h>

#include "user/ipc/json.h"

/* Of queue.components, since the history of jobs begins. */
static const struct metric_row ended_rows[] = {
	{"uw_jobs_ended_total",
	 METRIC_COUNTER,
	 "Jobs that have ended, by how.",
	 "done",
	 0,
	 {"state", "done"}},
	{"uw_jobs_ended_total", METRIC_COUNTER, "", "failed", 0, {"state", "failed"}},
	{"uw_jobs_ended_total", METRIC_COUNTER, "", "cancelled", 0, {"state", "cancelled"}},
	{"uw_jobs_ended_total", METRIC_COUNTER, "", "lost", 0, {"state", "lost"}},
	{"uw_job_runs_total", METRIC_COUNTER, "Attempts at jobs that are over.", "runs", 0, {0}},
	{"uw_job_runs_sufficed_total",
	 METRIC_COUNTER,
	 "Attempts at jobs whose first reservation sufficed.",
	 "sufficed",
	 0,
	 {0}},
};

static const struct metric_row job_rows[] = {
	{"uw_job_starts_total",
	 METRIC_COUNTER,
	 "Jobs that were started, each attempt.",
	 "starts",
	 0,
	 {0}},
	{"uw_queue_oldest_wait_seconds",
	 METRIC_GAUGE,
	 "How long the job that has waited longest for its turn has waited.",
	 "oldest_wait_us",
	 METRIC_US,
	 {0}},
	{"uw_queue_jobs_never_fit",
	 METRIC_GAUGE,
	 "Jobs that wait and are larger than their component can ever be.",
	 "never_fit",
	 0,
	 {0}},
	{"uw_queue_jobs_at_limit",
	 METRIC_GAUGE,
	 "Jobs that run at their limit with no room to grow.",
	 "at_limit",
	 0,
	 {0}},
	{"uw_queue_store_writable",
	 METRIC_GAUGE,
	 "1 while what happens to jobs can be written to the disk.",
	 "store_writable",
	 0,
	 {0}},
};

static const struct metric_row queue_rows[] = {
	{"uw_queue_free_bytes",
	 METRIC_GAUGE,
	 "Memory for a job that would start now.",
	 "free_bytes",
	 0,
	 {0}},
};

/* By component, class and state. */
static const struct metric_row tally_rows[] = {
	{"uw_jobs",
	 METRIC_GAUGE,
	 "Jobs that have not ended, by state.",
	 "held",
	 0,
	 {"state", "held"}},
	{"uw_jobs", METRIC_GAUGE, "", "waiting", 0, {"state", "waiting"}},
	{"uw_jobs", METRIC_GAUGE, "", "queued", 0, {"state", "queued"}},
	{"uw_jobs", METRIC_GAUGE, "", "starting", 0, {"state", "starting"}},
	{"uw_jobs", METRIC_GAUGE, "", "running", 0, {"state", "running"}},
	{"uw_jobs", METRIC_GAUGE, "", "frozen", 0, {"state", "frozen"}},
};

static const struct metric_own by_component = {{{"component", "name"}}},
			       by_class = {{{"component", "component"}, {"class", "class"}}};

static const struct metric_label none = {NULL, NULL};

static void print_predictions(const struct metrics_text *text, const json_t *predictions)
{
	static const struct {
		const char *what, *name, *help;
	} rows[] = {
		{"memory", "uw_job_memory_predicted_ratio",
		 "What attempts at jobs started with by their peak; above 1 was too much."},
		{"time", "uw_job_time_predicted_ratio",
		 "Predicted by actual run time of jobs; above 1 was too long."},
	};
	const json_t *prediction;
	size_t at;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		text_head(text, rows[i].name, METRIC_HISTOGRAM, rows[i].help);
		json_array_foreach (predictions, at, prediction) {
			struct metric_label label = {"component",
						     json_get_text(prediction, "component")};

			if (!strcmp(json_get_text(prediction, "what"), rows[i].what))
				families_print_histogram(text, rows[i].name, &label, prediction,
							 METRIC_PERMYRIAD);
		}
	}
}

static void print_waits(const struct metrics_text *text, const json_t *waits)
{
	const json_t *wait;
	size_t at;

	text_head(text, "uw_job_wait_seconds", METRIC_HISTOGRAM,
		  "How long jobs waited that were started since uwd was.");
	json_array_foreach (waits, at, wait) {
		struct metric_label label = {"class", json_get_text(wait, "name")};

		families_print_histogram(text, "uw_job_wait_seconds", &label, wait, METRIC_US);
	}
}

void metrics_print_jobs(const struct metrics_text *text, const json_t *queue, const json_t *jobs)
{
	PRINT_LIST(text, tally_rows, &by_class, json_object_get(jobs, "jobs"));
	PRINT(text, job_rows, jobs);
	PRINT(text, queue_rows, queue);
	PRINT_LIST(text, ended_rows, &by_component, json_object_get(queue, "components"));
	print_waits(text, json_object_get(jobs, "wait"));
	text_head(text, "uw_job_run_seconds", METRIC_HISTOGRAM,
		  "How long attempts at jobs ran that are over since uwd started.");
	families_print_histogram(text, "uw_job_run_seconds", &none, json_object_get(jobs, "run"),
				 METRIC_US);
	print_predictions(text, json_object_get(queue, "predictions"));
}
