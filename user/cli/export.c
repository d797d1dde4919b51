// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl export prints status in the text format of Prometheus, version 0.0.4, which is what
 * node_exporter's textfile collector reads:
 * https://prometheus.io/docs/instrumenting/exposition_formats/. A metric is a row of a table; rows
 * of one name stand together and are one family.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"
#include "user/model/component.h"
#include "user/model/plan.h"

enum unit {
	UNIT_ONE,
	UNIT_US,
	UNIT_PERMYRIAD
};

struct metric {
	const char *name, *type, *help;
	const char *key; /* of the object; null there: no sample */
	enum unit unit;
	const char *label, *value; /* beside the object's own; NULL: none */
};

#define GAUGE   "gauge"
#define COUNTER "counter"

static const struct metric host_metrics[] = {
	{"uw_host_memory_bytes", GAUGE, "Memory of the host.", "total_bytes", 0, 0, 0},
	{"uw_host_available_bytes", GAUGE, "MemAvailable of the host.", "available_bytes", 0, 0, 0},
	{"uw_host_swap_bytes", GAUGE, "Swap of the host.", "swap_total_bytes", 0, 0, 0},
	{"uw_host_swap_free_bytes", GAUGE, "Free swap of the host.", "swap_free_bytes", 0, 0, 0},
};

static const struct metric pool_metrics[] = {
	{"uw_pool_usable_bytes", GAUGE, "Memory that is shared out.", "usable_bytes", 0, 0, 0},
};

static const struct metric component_metrics[] = {
	{"uw_component_current_bytes", GAUGE, "Memory in use.", "current_bytes", 0, 0, 0},
	{"uw_component_working_set_bytes", GAUGE, "Memory that is in use lately.",
	 "working_set_bytes", 0, 0, 0},
	{"uw_component_swap_bytes", GAUGE, "Memory that was swapped out.", "swap_bytes", 0, 0, 0},
	{"uw_component_budget_bytes", GAUGE, "What its share comes to.", "budget_bytes", 0, 0, 0},
	{"uw_component_in_force_bytes", GAUGE, "Its budget with loans.", "in_force_bytes", 0, 0, 0},
	{"uw_component_borrowed_bytes", GAUGE, "Of others' budgets.", "borrowed_bytes", 0, 0, 0},
	{"uw_component_lent_bytes", GAUGE, "Of its budget, to others.", "lent_bytes", 0, 0, 0},
	{"uw_component_limit_bytes", GAUGE, "Limits; none is no sample.", "min_bytes", 0, "limit",
	 "min"},
	{"uw_component_limit_bytes", GAUGE, "", "low_bytes", 0, "limit", "low"},
	{"uw_component_limit_bytes", GAUGE, "", "high_bytes", 0, "limit", "high"},
	{"uw_component_use_ratio", GAUGE, "Use of the budget in force.", "use_permyriad",
	 UNIT_PERMYRIAD, 0, 0},
	{"uw_component_pressure_ratio", GAUGE, "PSI: share of the time lately.", "some_permyriad",
	 UNIT_PERMYRIAD, "kind", "some"},
	{"uw_component_pressure_ratio", GAUGE, "", "full_permyriad", UNIT_PERMYRIAD, "kind",
	 "full"},
	{"uw_component_frozen_leaves", GAUGE, "Leaves that stand still.", "frozen_leaves", 0, 0, 0},
	{"uw_component_actions_total", COUNTER, "What was done to it and ended well.", "freezes", 0,
	 "action", "freeze"},
	{"uw_component_actions_total", COUNTER, "", "thaws", 0, "action", "thaw"},
	{"uw_component_actions_total", COUNTER, "", "kills", 0, "action", "kill"},
	{"uw_component_actions_total", COUNTER, "", "reclaims", 0, "action", "reclaim"},
	{"uw_component_spoken_bytes", GAUGE, "In use or promised to programs.", "spoken_bytes", 0,
	 0, 0},
	{"uw_component_leases", GAUGE, "Leases that programs have.", "leases", 0, 0, 0},
	{"uw_component_leased_bytes", GAUGE, "What these come to.", "leased_bytes", 0, 0, 0},
	{"uw_component_lease_waits", GAUGE, "Requests that wait for room.", "lease_waits", 0, 0, 0},
	{"uw_component_lease_outcomes_total", COUNTER, "What became of requests, and of leases.",
	 "lease_grants", 0, "outcome", "granted"},
	{"uw_component_lease_outcomes_total", COUNTER, "", "lease_denials", 0, "outcome", "denied"},
	{"uw_component_lease_outcomes_total", COUNTER, "", "lease_revocations", 0, "outcome",
	 "revoked"},
};

static const struct metric queue_metrics[] = {
	{"uw_queue_jobs", GAUGE, "Jobs that have not ended.", "held", 0, "state", "held"},
	{"uw_queue_jobs", GAUGE, "", "waiting", 0, "state", "waiting"},
	{"uw_queue_jobs", GAUGE, "", "queued", 0, "state", "queued"},
	{"uw_queue_jobs", GAUGE, "", "running", 0, "state", "running"},
	{"uw_queue_jobs", GAUGE, "", "frozen", 0, "state", "frozen"},
	{"uw_queue_reserved_bytes", GAUGE, "Held by those that run.", "reserved_bytes", 0, 0, 0},
	{"uw_queue_free_bytes", GAUGE, "For one that would start now.", "free_bytes", 0, 0, 0},
};

/* Of a class and of a component alike: PREFIX is the first part of the names. */
#define JOB_METRICS(PREFIX)                                                                        \
	{                                                                                          \
		{PREFIX "_jobs", GAUGE,   "Jobs that have not ended.", "queued", 0,                \
		 "state",        "queued"},                                                        \
			{PREFIX "_jobs", GAUGE, "", "running", 0, "state", "running"},             \
			{PREFIX "_jobs_ended_total",                                               \
			 COUNTER,                                                                  \
			 "Jobs that have ended, by how.",                                          \
			 "done",                                                                   \
			 0,                                                                        \
			 "state",                                                                  \
			 "done"},                                                                  \
			{PREFIX "_jobs_ended_total", COUNTER, "", "failed", 0, "state", "failed"}, \
			{PREFIX "_jobs_ended_total",                                               \
			 COUNTER,                                                                  \
			 "",                                                                       \
			 "cancelled",                                                              \
			 0,                                                                        \
			 "state",                                                                  \
			 "cancelled"},                                                             \
			{PREFIX "_jobs_ended_total", COUNTER, "", "lost", 0, "state", "lost"},     \
			{PREFIX "_job_runs_total",                                                 \
			 COUNTER,                                                                  \
			 "Attempts that are over.",                                                \
			 "runs",                                                                   \
			 0,                                                                        \
			 0,                                                                        \
			 0},                                                                       \
			{PREFIX "_job_runs_sufficed_total",                                        \
			 COUNTER,                                                                  \
			 "Attempts whose first reservation sufficed.",                             \
			 "sufficed",                                                               \
			 0,                                                                        \
			 0,                                                                        \
			 0},                                                                       \
			{PREFIX "_job_wait_seconds_total",                                         \
			 COUNTER,                                                                  \
			 "Waiting before those attempts.",                                         \
			 "wait_us",                                                                \
			 UNIT_US,                                                                  \
			 0,                                                                        \
			 0},                                                                       \
			{PREFIX "_job_run_seconds_total",                                          \
			 COUNTER,                                                                  \
			 "Running in those attempts.",                                             \
			 "run_us",                                                                 \
			 UNIT_US,                                                                  \
			 0,                                                                        \
			 0},                                                                       \
	}

static const struct metric class_metrics[] = JOB_METRICS("uw_class");
static const struct metric component_job_metrics[] = JOB_METRICS("uw_component");

/* ---- the format ---- */

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void print_label(FILE *out, const char *before, const char *name, const char *value)
{
	fprintf(out, "%s%s=\"", before, name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void print_value(FILE *out, uint64_t value, enum unit unit)
{
	if (unit == UNIT_US)
		fprintf(out, " %" PRIu64 ".%06" PRIu64 "\n", value / 1000000, value % 1000000);
	else if (unit == UNIT_PERMYRIAD)
		fprintf(out, " %" PRIu64 ".%04" PRIu64 "\n", value / 10000, value % 10000);
	else
		fprintf(out, " %" PRIu64 "\n", value);
}

static void print_sample(FILE *out, const struct metric *metric, const char *label,
			 const json_t *object)
{
	uint64_t value = json_get_u64(object, metric->key);

	if (value == UINT64_MAX)
		return;
	fputs(metric->name, out);
	if (label)
		print_label(out, "{", label, json_get_text(object, "name"));
	if (metric->label)
		print_label(out, label ? "," : "{", metric->label, metric->value);
	if (label || metric->label)
		fputc('}', out);
	print_value(out, value, metric->unit);
}

/* Each family of the table with its samples of all objects in list, which label tells apart. */
static void print_list(FILE *out, const struct metric *metrics, size_t count, const char *label,
		       const json_t *list)
{
	for (size_t i = 0, end; i < count; i = end) {
		const json_t *object;
		size_t at;

		print_head(out, metrics[i].name, metrics[i].type, metrics[i].help);
		for (end = i; end < count && !strcmp(metrics[end].name, metrics[i].name); end++)
			;
		json_array_foreach (list, at, object)
			for (size_t row = i; row < end; row++)
				print_sample(out, &metrics[row], label, object);
	}
}

static void print_object(FILE *out, const struct metric *metrics, size_t count,
			 const json_t *object)
{
	AUTO_JSON json_t *list = json_pack("[O]", (json_t *)(uintptr_t)object);

	print_list(out, metrics, count, NULL, list);
}

/* ---- what is no number ---- */

static void print_levels(FILE *out, const json_t *components)
{
	const json_t *component;
	size_t i;

	print_head(out, "uw_component_level", GAUGE, "1 for the level it is at.");
	json_array_foreach (components, i, component) {
		for (int level = 0; level < LEVEL__COUNT; level++) {
			const char *name = level_name((enum level)level);

			fputs("uw_component_level", out);
			print_label(out, "{", "component", json_get_text(component, "name"));
			print_label(out, ",", "level", name);
			fprintf(out, "} %d\n", !strcmp(name, json_get_text(component, "level")));
		}
	}
}

static void print_bucket(FILE *out, const char *name, const char *component, const char *bound,
			 uint64_t count)
{
	fprintf(out, "%s_bucket", name);
	print_label(out, "{", "component", component);
	print_label(out, ",", "le", bound);
	fprintf(out, "} %" PRIu64 "\n", count);
}

/* Buckets of the format count all that is not above their bound. */
static void print_histogram(FILE *out, const char *name, const json_t *prediction)
{
	const json_t *bounds = json_object_get(prediction, "bounds_permyriad");
	const json_t *counts = json_object_get(prediction, "counts");
	const char *component = json_get_text(prediction, "component");
	json_int_t sum = 0;
	char bound[32];

	for (size_t i = 0; i < json_array_size(counts); i++) {
		json_int_t at = json_integer_value(json_array_get(bounds, i));

		sum += json_integer_value(json_array_get(counts, i));
		snprintf(bound, sizeof(bound), "%g", (double)at / 10000);
		print_bucket(out, name, component, i < json_array_size(bounds) ? bound : "+Inf",
			     (uint64_t)sum);
	}
	fprintf(out, "%s_sum", name);
	print_label(out, "{", "component", component);
	fputc('}', out);
	print_value(out, json_get_u64_or(prediction, "sum_permyriad", 0), UNIT_PERMYRIAD);
	fprintf(out, "%s_count", name);
	print_label(out, "{", "component", component);
	fprintf(out, "} %" JSON_INTEGER_FORMAT "\n", sum);
}

static void print_predictions(FILE *out, const json_t *predictions)
{
	static const struct {
		const char *what, *name, *help;
	} rows[] = {
		{"memory", "uw_component_job_memory_predicted_ratio",
		 "What attempts started with by their peak; above 1 was too much."},
		{"time", "uw_component_job_time_predicted_ratio",
		 "Predicted by actual run time; above 1 was too long."},
	};
	const json_t *prediction;
	size_t at;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		print_head(out, rows[i].name, "histogram", rows[i].help);
		json_array_foreach (predictions, at, prediction)
			if (!strcmp(json_get_text(prediction, "what"), rows[i].what))
				print_histogram(out, rows[i].name, prediction);
	}
}

static void print_version(FILE *out, const json_t *daemon)
{
	print_head(out, "uw_daemon_info", GAUGE, "The uwd that runs.");
	fputs("uw_daemon_info", out);
	print_label(out, "{", "version", json_get_text(daemon, "version"));
	fputs("} 1\n", out);
}

static void print_queue(FILE *out, const json_t *queue)
{
	print_object(out, queue_metrics, ARRAY_SIZE(queue_metrics), queue);
	print_list(out, class_metrics, ARRAY_SIZE(class_metrics), "class",
		   json_object_get(queue, "classes"));
	print_list(out, component_job_metrics, ARRAY_SIZE(component_job_metrics), "component",
		   json_object_get(queue, "components"));
	print_predictions(out, json_object_get(queue, "predictions"));
}

int command_export(struct cli *cli)
{
	AUTO_JSON json_t *status = NULL;
	FILE *out = cli->screen.out;
	struct uw_err err = {0};
	const json_t *components;

	if (strcmp(cli->argv[0], "metrics") != 0)
		return cli_usage(cli, "'%s' is not known, allowed: metrics", cli->argv[0]);
	if (remote_call(cli, IPC_STATUS, json_object(), &status, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(status));
	components = json_object_get(status, "components");
	print_version(out, json_object_get(status, "daemon"));
	print_object(out, host_metrics, ARRAY_SIZE(host_metrics), json_object_get(status, "host"));
	print_object(out, pool_metrics, ARRAY_SIZE(pool_metrics), json_object_get(status, "pool"));
	print_list(out, component_metrics, ARRAY_SIZE(component_metrics), "component", components);
	print_levels(out, components);
	if (json_is_object(json_object_get(status, "queue")))
		print_queue(out, json_object_get(status, "queue"));
	return CLI_OK;
}
