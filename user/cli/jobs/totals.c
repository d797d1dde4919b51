// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the queue in figures, for uwctl status. There is a line with counts and memory, and with
 * --jobs tables by class and by component of how jobs waited, ran and ended.
 */
#include "user/cli/jobs/totals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/remote.h"

static const struct state_row {
	const char *key, *words;
} states[] = {
	{"running", "running"}, {"frozen", "frozen"},
	{"queued", "queued"},   {"waiting", "waiting for others"},
	{"held", "held"},
};

/* "3 running, 12 queued", "none" */
static void counts_text(const json_t *queue, char *buf, size_t size)
{
	size_t at = 0;

	snprintf(buf, size, "none in the queue");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		uint64_t count = json_get_u64_or(queue, states[i].key, 0);

		if (count && at < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%" PRIu64 " %s",
					       at ? ", " : "", count, states[i].words);
	}
}

void totals_line(const struct screen *screen, const json_t *queue, int indent)
{
	char counts[160], reserved[VALUE_LEN], room[VALUE_LEN], next[JOB_TEXT_LEN], text[400];
	bool soon = json_get_u64(queue, "next_start_in_us") != UINT64_MAX;

	counts_text(queue, counts, sizeof(counts));
	snprintf(text, sizeof(text), "%s%s%s; %s reserved, %s free; strategy %s%s", counts,
		 soon ? ", next in " : "",
		 soon ? job_text_time(queue, "next_start_in_us", next) : "",
		 value_bytes(queue, "reserved_bytes", reserved),
		 value_bytes(queue, "free_bytes", room), json_get_text(queue, "strategy"),
		 json_get_bool(queue, "adaptive") ? " (adaptive)" : "");
	screen_wrap(screen, PAINT_PLAIN, indent, indent, text);
}

static void add_count(struct table *table, const json_t *stats, const char *key, enum paint paint)
{
	uint64_t count = json_get_u64_or(stats, key, 0);

	table_cell(table, count ? paint : PAINT_DIM, "%" PRIu64, count);
}

static void add_row(struct table *table, const json_t *stats, const char *name)
{
	char text[JOB_TEXT_LEN];

	table_cell(table, PAINT_BOLD, "%s", name);
	add_count(table, stats, "queued", PAINT_PLAIN);
	add_count(table, stats, "running", PAINT_PLAIN);
	add_count(table, stats, "done", PAINT_PLAIN);
	add_count(table, stats, "failed", PAINT_WARN);
	add_count(table, stats, "cancelled", PAINT_PLAIN);
	add_count(table, stats, "lost", PAINT_BAD);
	table_cell(table, PAINT_PLAIN, "%s", value_percent(stats, "completed_permyriad", text));
	table_cell(table, PAINT_PLAIN, "%s", job_text_time(stats, "wait_mean_us", text));
	table_cell(table, PAINT_PLAIN, "%s", job_text_time(stats, "wait_max_us", text));
	table_cell(table, PAINT_PLAIN, "%s", job_text_time(stats, "run_mean_us", text));
	table_cell(table, PAINT_PLAIN, "%s", value_percent(stats, "allocated_permyriad", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(stats, "asked_mean_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(stats, "reserved_mean_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(stats, "peak_mean_bytes", text));
}

static void print_table(const struct screen *screen, const char *title, const json_t *list,
			const json_t *total)
{
	const struct column columns[] = {
		{title, false, 0},   {"QUEUED", true, 2}, {"RUN", true, 3},  {"DONE", true, 0},
		{"FAILED", true, 0}, {"CANC", true, 7},   {"LOST", true, 6}, {"GOOD", true, 0},
		{"WAIT", true, 0},   {"MAX", true, 4},    {"RAN", true, 0},  {"FIT", true, 0},
		{"ASKED", true, 5},  {"GIVEN", true, 0},  {"USED", true, 0},
	};
	struct table table;
	const json_t *stats;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (list, i, stats)
		add_row(&table, stats, json_get_text(stats, "name"));
	if (total)
		add_row(&table, total, "all");
	table_print(&table, screen);
	table_done(&table);
}

void totals_print(const struct screen *screen, const json_t *queue)
{
	const char *why = json_get_text(json_object_get(queue, "why"), "text");
	char text[400], time[JOB_TEXT_LEN];

	totals_line(screen, queue, 0);
	if (*why) {
		snprintf(text, sizeof(text), "%s for %s: %s", json_get_text(queue, "strategy"),
			 job_text_time(queue, "strategy_for_us", time), why);
		screen_wrap(screen, PAINT_DIM, 0, 2, text);
	}
	fputc('\n', screen->out);
	print_table(screen, "CLASS", json_object_get(queue, "classes"),
		    json_object_get(queue, "total"));
	if (!json_array_size(json_object_get(queue, "components")))
		return;
	fputc('\n', screen->out);
	print_table(screen, "COMPONENT", json_object_get(queue, "components"), NULL);
}
