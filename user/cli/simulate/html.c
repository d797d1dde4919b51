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

#define BUCKETS 800
#define LAYERS  (ADMIT_CLASS__COUNT + 1) /* the last: attempts that failed */
#define FAILED  ADMIT_CLASS__COUNT

/* Of a picture, in SVG units: the frame and the room for the words of its axes. */
#define WIDTH  960.0
#define LEFT   64.0
#define RIGHT  16.0
#define TOP    12.0
#define BOTTOM 26.0

/* Means over equal spans of time, one row a layer. */
struct series {
	double value[LAYERS][BUCKETS + 1];
	double change[LAYERS][BUCKETS + 2]; /* of what lasts over whole buckets */
};

struct html_page {
	FILE *out;
	const struct trace *trace;
	const struct replay *replay;
	const struct figures *figures;
	struct series reserved, waiting;
	double used[BUCKETS + 1];
};

struct picture {
	double height;
	double most; /* at the top of the y axis */
	const char *unit;
	double scale; /* values a unit */
};

static const char style[] =
	"<style>\n"
	":root{--page:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;--grid:#e4e3df;--c0:#b3261e;--c1:#e08a00;"
	"--c2:#2a78d6;--c3:#1baf7a;--c4:#8d8b86;--c5:#4a3aa7}\n"
	"@media(prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#f4f3ef;--soft:#b5b3ac;"
	"--grid:#34332f;--c0:#ef6a5f;--c1:#f0a93b;--c2:#4c93e6;--c3:#2fc48f;--c4:#7c7a75;"
	"--c5:#9085e9}}\n"
	"body{margin:0 auto;max-width:1000px;padding:24px 20px;background:var(--page);"
	"color:var(--ink);font:15px/1.45 system-ui,sans-serif}\n"
	"h1{font-size:20px;margin:0 0 4px}h2{font-size:15px;margin:28px 0 2px}\n"
	"p{margin:0 0 8px;color:var(--soft)}\n"
	"dl{display:flex;flex-wrap:wrap;gap:12px 32px;margin:16px 0}dt{color:var(--soft);"
	"font-size:13px}dd{margin:0;font-size:20px}\n"
	"svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}\n"
	".grid{stroke:var(--grid)}.used{fill:none;stroke:var(--ink);stroke-width:1.5}"
	".cap{stroke:var(--ink);stroke-dasharray:5 4}\n"
	".l0{fill:var(--c0)}.l1{fill:var(--c1)}.l2{fill:var(--c2)}.l3{fill:var(--c3)}"
	".l4{fill:var(--c4)}.l5{fill:var(--c5)}\n"
	"ul{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:4px 0;padding:0;"
	"font-size:13px}li svg{display:inline-block;width:11px;height:11px;margin-right:6px}\n"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:3px 18px 3px 0;"
	"text-align:right;font-weight:400;border-bottom:1px solid var(--grid)}th{color:var(--soft)}"
	"td:first-child,th:first-child{text-align:left}\n"
	"</style>\n";

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}

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

static double x_of(double bucket)
{
	return LEFT + bucket / BUCKETS * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct picture *picture, double value)
{
	double room = picture->height - TOP - BOTTOM;

	return picture->height - BOTTOM - value / picture->most * room;
}

/* The next of 1, 2, 5, 10, 20, 50 ... that makes at most `parts` of all. */
static double round_step(double all, int parts)
{
	static const double factor[] = {2, 2.5, 2};
	double step = 1;

	for (int i = 0; all / step > parts; i++)
		step *= factor[i % 3];
	return step;
}

static void put_y_axis(const struct html_page *page, const struct picture *picture)
{
	double top = picture->most / picture->scale, step = round_step(top, 5);

	for (int k = 0; k * step <= top; k++) {
		double v = k * step;
		double y = y_of(picture, v * picture->scale);

		fprintf(page->out,
			"<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%g%s</text>\n",
			LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, v, v > 0 ? picture->unit : "");
	}
}

static void put_x_axis(const struct html_page *page, const struct picture *picture)
{
	static const struct {
		uint64_t us;
		const char *unit;
	} units[] = {{24 * 3600 * US_PER_SEC, "d"},
		     {3600 * US_PER_SEC, "h"},
		     {60 * US_PER_SEC, "min"},
		     {US_PER_SEC, "s"}};
	double all_us = (double)(page->replay->end_us - page->replay->begin_us);
	size_t u = 0;
	double all, step;

	while (u + 1 < ARRAY_SIZE(units) && all_us / (double)units[u].us < 4)
		u++;
	all = all_us / (double)units[u].us;
	step = round_step(all, 9);
	for (int k = 0; all > 0 && k * step <= all; k++)
		fprintf(page->out,
			"<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%g%s</text>\n",
			x_of(k * step / all * BUCKETS), picture->height - 8, k * step,
			units[u].unit);
}

/* One layer on top of those below, whose sums are in base and which it is added to. */
static void put_layer(const struct html_page *page, const struct picture *picture,
		      const double *value, double *base, int layer)
{
	FILE *out = page->out;
	double most = 0;

	for (int i = 0; i < BUCKETS; i++)
		most = value[i] > most ? value[i] : most;
	if (most <= 0)
		return;
	fprintf(out, "<path class=\"l%d\" d=\"M", layer);
	for (int i = 0; i < BUCKETS; i++)
		fprintf(out, "%.1f %.1fH%.1f%s", x_of(i), y_of(picture, base[i] + value[i]),
			x_of(i + 1), i + 1 < BUCKETS ? "L" : "");
	for (int i = BUCKETS - 1; i >= 0; i--)
		fprintf(out, "L%.1f %.1fH%.1f", x_of(i + 1), y_of(picture, base[i]), x_of(i));
	fprintf(out, "Z\"><title>%s</title></path>\n", layer_name(layer));
	for (int i = 0; i < BUCKETS; i++)
		base[i] += value[i];
}

static void put_layers(const struct html_page *page, const struct picture *picture,
		       const struct series *series)
{
	double base[BUCKETS] = {0};

	for (int layer = 0; layer < LAYERS; layer++)
		put_layer(page, picture, series->value[layer], base, layer);
}

static void begin_picture(const struct html_page *page, const struct picture *picture,
			  const char *what)
{
	fprintf(page->out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n",
		WIDTH, picture->height, what);
	put_y_axis(page, picture);
	put_x_axis(page, picture);
}

static void put_legend(const struct html_page *page, bool with_failed)
{
	for (int layer = 0; layer < LAYERS; layer++) {
		if (layer == FAILED ? !with_failed : !page->figures->class[layer].jobs)
			continue;
		fprintf(page->out,
			"<li><svg viewBox=\"0 0 1 1\"><rect class=\"l%d\" width=\"1\" height=\"1\"/>"
			"</svg>%s</li>\n",
			layer, layer_name(layer));
	}
}

static void put_memory(const struct html_page *page)
{
	bool processors = page->trace->processors;
	double capacity = (double)page->replay->capacity_bytes;
	struct picture picture = {.height = 320,
				  .most = capacity * 1.05,
				  .unit = processors ? "" : " GiB",
				  .scale = processors ? (double)MIB : (double)GIB};
	double y = y_of(&picture, capacity);

	fprintf(page->out,
		"<h2>%s reserved, by class</h2>\n<p>The line is what was in use; dashed, the capacity.</p>\n<ul>\n",
		processors ? "Processors" : "Memory");
	put_legend(page, page->replay->failed_attempts > 0);
	fputs("</ul>\n", page->out);
	begin_picture(page, &picture, "memory reserved over time");
	put_layers(page, &picture, &page->reserved);
	fputs("<path class=\"used\" d=\"M", page->out);
	for (int i = 0; i < BUCKETS; i++)
		fprintf(page->out, "%.1f %.1fH%.1f%s", x_of(i), y_of(&picture, page->used[i]),
			x_of(i + 1), i + 1 < BUCKETS ? "L" : "");
	fprintf(page->out,
		"\"/>\n<line class=\"cap\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>\n"
		"</svg>\n",
		LEFT, WIDTH - RIGHT, y, y);
}

static void put_waiting(const struct html_page *page)
{
	struct picture picture = {.height = 220, .most = 1, .unit = "", .scale = 1};

	for (int i = 0; i < BUCKETS; i++) {
		double all = 0;

		for (int layer = 0; layer < LAYERS; layer++)
			all += page->waiting.value[layer][i];
		picture.most = all > picture.most ? all : picture.most;
	}
	picture.most *= 1.05;
	fputs("<h2>Jobs that waited, by class</h2>\n<p>From their submit to their first start."
	      "</p>\n",
	      page->out);
	begin_picture(page, &picture, "jobs waiting over time");
	put_layers(page, &picture, &page->waiting);
	fputs("</svg>\n", page->out);
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

static void put_classes(const struct html_page *page)
{
	char buf[UNITS_TEXT_LEN];

	fputs("<h2>By class</h2>\n<table><tr><th>Class</th><th>Jobs</th><th>Mean wait</th>"
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
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
	      page->out);
	put_escaped(page->out, title);
	fputs("</title>\n", page->out);
	fputs(style, page->out);
	fputs("</head><body>\n<h1>", page->out);
	put_escaped(page->out, title);
	fputs("</h1>\n<p>A replay by uwctl simulate.</p>\n", page->out);
	put_tiles(page);
	put_memory(page);
	put_waiting(page);
	put_classes(page);
	fputs("</body></html>\n", page->out);
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
