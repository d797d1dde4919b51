// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes a replayed schedule as one HTML page with SVG pictures: memory over time in layers by
 * class, jobs waiting over time, and tables. Time is cut into 800 equal parts; a job that spans
 * parts adds to their ends only and is summed up once, so that a trace of millions of jobs stays
 * quick.
 */
#include "user/cli/simulate/html.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/draw/chart.h"
#include "user/cli/draw/page.h"

#define BUCKETS 800
#define LAYERS  (ADMIT_CLASS__COUNT + 1) /* the last: attempts that failed */
#define FAILED  ADMIT_CLASS__COUNT

/* Means over equal spans of time, one row a layer. */
struct html_series {
	double value[LAYERS][BUCKETS + 1];
	double change[LAYERS][BUCKETS + 2]; /* of what lasts over whole buckets */
};

struct html_page {
	FILE *out;
	const struct trace *trace;
	const struct replay *replay;
	const struct figures *figures;
	struct html_series reserved, waiting;
	double used[BUCKETS + 1];
};

static const char *layer_name(int layer)
{
	return layer == FAILED ? "failed attempts" : admit_class_name((enum admit_class)layer);
}

/* Where a time lies, in buckets from the begin. */
static double place_of(const struct html_page *page, uint64_t at_us)
{
	const struct replay *replay = page->replay;
	uint64_t all = replay->end_us - replay->begin_us;

	return (double)(at_us - replay->begin_us) / (double)(all ? all : 1) * BUCKETS;
}

static void add(const struct html_page *page, double *value, double *change, uint64_t from_us,
		uint64_t to_us, double amount)
{
	double from = place_of(page, from_us), to = place_of(page, to_us);
	int first = (int)from, last = (int)to;

	if (first == last) {
		value[first] += amount * (to - from);
		return;
	}
	value[first] += amount * (first + 1 - from);
	value[last] += amount * (to - last);
	change[first + 1] += amount;
	change[last] -= amount;
}

static void settle(double *value, const double *change)
{
	double lasting = 0;

	for (int i = 0; i < BUCKETS; i++) {
		lasting += change[i];
		value[i] += lasting;
	}
}

static void gather(struct html_page *page)
{
	const struct replay *replay = page->replay;
	double change[BUCKETS + 2] = {0};

	for (uint32_t k = 0; k < replay->spans; k++) {
		const struct replay_span *span = &replay->span[k];
		const struct trace_job *job = &page->trace->job[span->job];
		int layer = span->failed ? FAILED : job->class;

		add(page, page->reserved.value[layer], page->reserved.change[layer], span->from_us,
		    span->to_us, (double)span->reserved_bytes);
		add(page, page->used, change, span->from_us, span->to_us, (double)span->used_bytes);
	}
	for (uint32_t i = 0; i < replay->count; i++) {
		const struct replay_job *job = &replay->job[i];
		int class = page->trace->job[i].class;

		if (job->ended)
			add(page, page->waiting.value[class], page->waiting.change[class],
			    job->submit_us, job->first_us, 1);
	}
	settle(page->used, change);
	for (int layer = 0; layer < LAYERS; layer++) {
		settle(page->reserved.value[layer], page->reserved.change[layer]);
		settle(page->waiting.value[layer], page->waiting.change[layer]);
	}
}

static struct times times_of(const struct html_page *page)
{
	return (struct times){page->replay->begin_us, page->replay->end_us, false};
}

static struct chart chart_of(const struct html_page *page, int height)
{
	return (struct chart){.out = page->out,
			      .columns = BUCKETS,
			      .height = height,
			      .top = 4,
			      .bottom = 20,
			      .scale = 1,
			      .unit = ""};
}

/* One layer on top of those below, whose sums are in base and which it is added to. */
static void put_layer(const struct chart *chart, const double *value, double *base, int layer)
{
	struct chart_span span[BUCKETS];
	char class[16];
	double most = 0;

	for (int i = 0; i < BUCKETS; i++) {
		most = value[i] > most ? value[i] : most;
		span[i] = (struct chart_span){base[i], base[i] + value[i]};
		base[i] += value[i];
	}
	snprintf(class, sizeof(class), "l%d", layer);
	if (most > 0)
		chart_area(chart, span, class, layer_name(layer));
}

static void put_layers(const struct chart *chart, const struct html_series *series)
{
	double base[BUCKETS] = {0};

	for (int layer = 0; layer < LAYERS; layer++)
		put_layer(chart, series->value[layer], base, layer);
}

static void put_legend(const struct html_page *page, bool with_failed)
{
	char class[16];

	fputs("<ul class=\"key\">\n", page->out);
	for (int layer = 0; layer < LAYERS; layer++) {
		if (layer == FAILED ? !with_failed : !page->figures->class[layer].jobs)
			continue;
		snprintf(class, sizeof(class), "l%d", layer);
		page_key(page->out, class, layer_name(layer));
	}
	fputs("</ul>\n", page->out);
}

static void put_memory(const struct html_page *page)
{
	bool processors = page->trace->processors;
	double capacity = (double)page->replay->capacity_bytes;
	struct chart chart = chart_of(page, 320);
	struct times times = times_of(page);
	struct chart_span used[BUCKETS];

	chart_fit_bytes(&chart, capacity);
	if (processors) {
		chart.scale = (double)MIB;
		chart.unit = "";
	}
	for (int i = 0; i < BUCKETS; i++)
		used[i] = (struct chart_span){page->used[i], page->used[i]};
	fprintf(page->out,
		"<h2>%s reserved, by class</h2>\n<p>From the top class down, one on the other. The "
		"line is what was in use; dashed, the capacity.</p>\n",
		processors ? "Processors" : "Memory");
	put_legend(page, page->replay->failed_attempts > 0);
	chart_begin(&chart, "memory reserved over time");
	put_layers(&chart, &page->reserved);
	chart_line(&chart, used, "used", "in use");
	chart_level(&chart, capacity, "cap");
	chart_over(&chart);
	chart_end(&chart, &times);
}

static void put_waiting(const struct html_page *page)
{
	struct chart chart = chart_of(page, 220);
	struct times times = times_of(page);

	chart.most = 1;
	for (int i = 0; i < BUCKETS; i++) {
		double all = 0;

		for (int layer = 0; layer < LAYERS; layer++)
			all += page->waiting.value[layer][i];
		chart.most = all > chart.most ? all : chart.most;
	}
	chart.most *= 1.05;
	fputs("<h2>Jobs that waited, by class</h2>\n<p>From their submit to their first start."
	      "</p>\n",
	      page->out);
	put_legend(page, false);
	chart_begin(&chart, "jobs waiting over time");
	put_layers(&chart, &page->waiting);
	chart_over(&chart);
	chart_end(&chart, &times);
}

static void put_tiles(const struct html_page *page)
{
	const struct figures *f = page->figures;
	char buf[UNITS_TEXT_LEN];

	fprintf(page->out,
		"<dl><div><dt>Jobs</dt><dd>%u</dd></div>"
		"<div><dt>Mean wait</dt><dd>%s</dd></div>"
		"<div><dt>Mean bounded slowdown</dt><dd>%.2f</dd></div>"
		"<div><dt>p95</dt><dd>%.2f</dd></div>"
		"<div><dt>Allocated</dt><dd>%.1f %%</dd></div>"
		"<div><dt>Used</dt><dd>%.1f %%</dd></div>"
		"<div><dt>Failed</dt><dd>%.2f %%</dd></div></dl>\n",
		f->jobs, units_print_us((uint64_t)(f->wait_s.mean * 1e6), buf), f->slowdown.mean,
		f->slowdown.p95, f->allocated_pct, f->used_pct, f->failed_pct);
}

/* Jobs of the trace that are in none of the figures. */
static void put_left_out(const struct html_page *page)
{
	const struct trace *trace = page->trace;

	if (trace->left_out)
		fprintf(page->out, "<p>Left out: %u that never ran or asked for nothing.</p>\n",
			trace->left_out);
	if (trace->faulty)
		fprintf(page->out, "<p>Left out: %u lines that are not as they should be.</p>\n",
			trace->faulty);
	if (page->replay->never)
		fprintf(page->out, "<p>Left out: %u that are wider than the capacity.</p>\n",
			page->replay->never);
}

static void put_classes(const struct html_page *page)
{
	char buf[UNITS_TEXT_LEN];

	fputs("<h2>By class</h2>\n<table class=\"num\"><tr><th>Class</th><th>Jobs</th><th>Mean wait</th>"
	      "<th>Mean bounded slowdown</th></tr>\n",
	      page->out);
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++) {
		const struct figures_class *class = &page->figures->class[i];

		if (class->jobs)
			fprintf(page->out,
				"<tr><td>%s</td><td>%u</td><td>%s</td><td>%.2f</td></tr>\n",
				admit_class_name((enum admit_class)i), class->jobs,
				units_print_us((uint64_t)(class->wait_s.mean * 1e6), buf),
				class->slowdown.mean);
	}
	fputs("</table>\n", page->out);
}

static void put_page(const struct html_page *page, const char *title)
{
	struct times times = times_of(page);

	page_begin(page->out, title, &times);
	fputs("<p>A replay by uwctl simulate.</p>\n", page->out);
	put_tiles(page);
	put_left_out(page);
	put_memory(page);
	put_waiting(page);
	put_classes(page);
	page_end(page->out);
}

int html_write(const char *path, const char *title, const struct trace *trace,
	       const struct replay *replay, const struct figures *figures, struct uw_err *err)
{
	AUTO_FREE struct html_page *page = calloc(1, sizeof(*page));
	int bad;

	if (!page)
		return err_set(err, -ENOMEM, "out of memory");
	page->trace = trace;
	page->replay = replay;
	page->figures = figures;
	page->out = fopen(path, "we");
	if (!page->out)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	gather(page);
	put_page(page, title);
	bad = ferror(page->out);
	if (fclose(page->out) != 0 || bad)
		return err_set(err, -EIO, "%s: cannot be written: %s", path, strerror(errno));
	return 0;
}
