// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns series into pictures. Marks of actions that would cover each other share one, which says
 * from which number to which; its shape is that of the gravest of them. A lane tells its state by
 * its height too.
 */
#include "user/cli/report/pictures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/draw/chart.h"
#include "user/cli/draw/page.h"

#define MARK_APART   (SERIES_COLUMNS * 0.03) /* columns between two marks: 12 px of 400 */
#define DIGIT_PX     7.5                     /* of a mark's number, at most; its + is as wide */
#define APART_PX     4                       /* between two numbers */
#define NAME_SHOWN   31                      /* of a leaf; with the rest 360 px */
#define LANES_SHOWN  8                       /* of a component */
#define LANE_HEIGHT  16
#define LEVEL_HEIGHT 36 /* a line of text, and four pixels a level */

static struct times times_of(const struct incident *incident)
{
	return (struct times){incident->window.from_us, incident->window.to_us, true};
}

static struct chart chart_of(FILE *out, int height)
{
	return (struct chart){
		.out = out, .columns = SERIES_COLUMNS, .height = height, .top = 4, .bottom = 4};
}

static void spans_of(const struct series *series, struct chart_span ret_span[SERIES_COLUMNS])
{
	for (int i = 0; i < SERIES_COLUMNS; i++) {
		const struct series_span *span = &series->column[i];
		bool known = span->min <= span->max;

		ret_span[i] = (struct chart_span){known ? (double)span->min : 1,
						  known ? (double)span->max : 0};
	}
}

static void put_area(const struct chart *chart, const struct series *series, const char *class,
		     const char *title)
{
	struct chart_span span[SERIES_COLUMNS];

	spans_of(series, span);
	chart_area(chart, span, class, title);
}

/* Filled from nothing up, and darker from the least to the most. */
static void put_hill(const struct chart *chart, const struct series *series, const char *under,
		     const char *class, const char *title)
{
	struct chart_span span[SERIES_COLUMNS];

	spans_of(series, span);
	for (int i = 0; i < SERIES_COLUMNS; i++)
		if (chart_has(&span[i]))
			span[i].min = 0;
	chart_area(chart, span, under, NULL);
	put_area(chart, series, class, title);
}

static void put_line(const struct chart *chart, const struct series *series, const char *class,
		     const char *title)
{
	struct chart_span span[SERIES_COLUMNS];

	spans_of(series, span);
	chart_line(chart, span, class, title);
}

static void put_gaps(const struct chart *chart, const struct incident *incident)
{
	if (!incident->gap_count)
		return;
	chart_boxes_begin(chart, "gap");
	for (uint32_t i = 0; i < incident->gap_count; i++)
		chart_box(chart, series_place(&incident->window, incident->gap[i].from_us),
			  series_place(&incident->window, incident->gap[i].to_us), chart->height,
			  chart->height);
	chart_boxes_end(chart, "nothing was recorded here");
}

/* Where the most of a column is that value, nothing being known as none. */
static bool is_at(const struct series_span *span, uint64_t value)
{
	return span->min <= span->max && span->max == value;
}

static void put_state(const struct chart *chart, const struct series *series, uint64_t value,
		      int bottom, int height)
{
	for (int i = 0, end; i < SERIES_COLUMNS; i = end) {
		bool at = is_at(&series->column[i], value);

		for (end = i + 1; end < SERIES_COLUMNS && is_at(&series->column[end], value) == at;)
			end++;
		if (at)
			chart_box(chart, i, end, bottom, height);
	}
}

/* ---- marks ---- */

static int gravity_of(enum action_kind kind)
{
	static const int gravity[ACTION__COUNT] = {
		[ACTION_KILL] = 5,    [ACTION_FREEZE] = 4,  [ACTION_NOTICE] = 3,
		[ACTION_SET_MAX] = 2, [ACTION_RECLAIM] = 2, [ACTION_THAW] = 1,
		[ACTION_PAGE_IN] = 1,
	};

	return gravity[kind];
}

/* Around the middle of its top: a cross, a block, a triangle up, a disk, a triangle down. */
static const char *shape_of(enum action_kind kind)
{
	switch (kind) {
	case ACTION_KILL:
		return "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z";
	case ACTION_FREEZE:
		return "M-4-4H4V4H-4Z";
	case ACTION_NOTICE:
		return "M0-5 5 4H-5Z";
	case ACTION_THAW:
		return "M0 5 5-4H-5Z";
	default:
		return "M-4 0A4 4 0 0 0 4 0 4 4 0 0 0-4 0Z";
	}
}

struct picture_mark {
	uint32_t first, last; /* actions, by index */
	double place;
	enum action_kind gravest;
};

/* The mark that begins with the first action of the component from i on. False: there is none. */
static bool next_mark(const struct incident *incident, uint32_t component, uint32_t i,
		      struct picture_mark *ret_mark)
{
	bool begun = false;

	for (; i < incident->action_count; i++) {
		const struct incident_action *action = &incident->action[i];
		double place = series_place(&incident->window, action->wall_us);

		if (action->component != component || !incident_acts(action->action.kind))
			continue;
		if (begun && place - ret_mark->place > MARK_APART)
			break;
		if (!begun)
			*ret_mark = (struct picture_mark){i, i, place, action->action.kind};
		begun = true;
		ret_mark->last = i;
		if (gravity_of(action->action.kind) > gravity_of(ret_mark->gravest))
			ret_mark->gravest = action->action.kind;
	}
	return begun;
}

uint32_t pictures_mark_of(const struct incident *incident, uint32_t i)
{
	const struct incident_action *action = &incident->action[i];
	struct picture_mark mark;
	uint32_t from = 0;

	if (action->component == INCIDENT_NONE || !incident_acts(action->action.kind))
		return 0;
	while (next_mark(incident, action->component, from, &mark) && mark.last < i)
		from = mark.last + 1;
	return mark.first + 1;
}

/* Half of one at an edge would be outside. */
static double within_edges(double place)
{
	const double edge = SERIES_COLUMNS * 0.01;

	return place < edge ? edge : place > SERIES_COLUMNS - edge ? SERIES_COLUMNS - edge : place;
}

/* What a picture has at least on a wide page, on a narrower one and on a telephone; of what has no
 * room there, the class. Each is hidden where the next are. */
static const struct {
	double px;
	const char *without;
} widths[] = {{960, NULL}, {600, "near"}, {360, "odd"}};

/* Where the numbers end at each of these, in columns. */
struct number_row {
	double end[ARRAY_SIZE(widths)];
};

static void put_number(FILE *out, const struct picture_mark *mark, struct number_row *row)
{
	const char *class = "";
	char text[16];
	int length = snprintf(text, sizeof(text), "%" PRIu32 "%s", mark->first + 1,
			      mark->last > mark->first ? "+" : "");

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		double px = SERIES_COLUMNS / widths[i].px, half = length * DIGIT_PX / 2 * px;

		if (mark->place - half < row->end[i]) {
			class = widths[i].without;
			break;
		}
		row->end[i] = mark->place + half + APART_PX * px;
	}
	if (class)
		fprintf(out, "<text class=\"%s\" y=\"18\">%s</text>", class, text);
}

static void put_mark(FILE *out, const struct picture_mark *mark, struct number_row *row)
{
	double share = mark->place / SERIES_COLUMNS * 100;

	fprintf(out,
		"<svg class=\"m\" id=\"m%" PRIu32 "\" x=\"%.2f%%\" y=\"8\" overflow=\"visible\">"
		"<a href=\"#a%" PRIu32 "\"><title>%s</title><path d=\"%s\"/>",
		mark->first + 1, share, mark->first + 1, action_name(mark->gravest),
		shape_of(mark->gravest));
	put_number(out, mark, row);
	fputs("</a></svg>\n", out);
}

static void put_marks(FILE *out, const struct incident *incident, uint32_t component)
{
	struct number_row row = {{-SERIES_COLUMNS, -SERIES_COLUMNS, -SERIES_COLUMNS}};
	struct picture_mark mark;
	uint32_t from = 0;

	while (next_mark(incident, component, from, &mark)) {
		from = mark.last + 1;
		mark.place = within_edges(mark.place);
		put_mark(out, &mark, &row);
	}
}

/* ---- a component ---- */

static uint64_t most_of(const struct incident_component *component)
{
	uint64_t use = series_most(&component->use), force = series_most(&component->in_force);
	uint64_t high = series_most(&component->high), most = use > force ? use : force;

	return most > high ? most : high;
}

static void put_use(FILE *out, const struct incident *incident, uint32_t index)
{
	const struct incident_component *component = &incident->component[index];
	struct chart chart = chart_of(out, component->acted ? 190 : 130);
	struct times times = times_of(incident);
	char label[UW_NAME_LEN + 32];

	chart.top = component->acted ? 32 : 8;
	chart.bottom = 20;
	chart_fit_bytes(&chart, (double)most_of(component));
	snprintf(label, sizeof(label), "memory of %s over time", component->shown);
	chart_begin(&chart, label);
	put_gaps(&chart, incident);
	put_hill(&chart, &component->use, "under", "use", "in use");
	put_line(&chart, &component->in_force, "force", "in force");
	put_line(&chart, &component->high, "high", "memory.high");
	chart_over(&chart);
	put_marks(out, incident, index);
	chart_end(&chart, &times);
}

static int first_column_at(const struct series *series, uint64_t value)
{
	int i = 0;

	while (i < SERIES_COLUMNS && !is_at(&series->column[i], value))
		i++;
	return i;
}

static void put_level(FILE *out, const struct incident *incident,
		      const struct incident_component *component)
{
	struct chart chart = chart_of(out, LEVEL_HEIGHT);
	uint64_t most = series_most(&component->level);
	double worst = first_column_at(&component->level, most);
	char class[4];

	if (!most)
		return;
	chart_begin(&chart, "level over time");
	put_gaps(&chart, incident);
	for (unsigned int level = LEVEL_LOW; level < LEVEL__COUNT; level++) {
		snprintf(class, sizeof(class), "v%u", level % 10);
		chart_boxes_begin(&chart, class);
		put_state(&chart, &component->level, level, LEVEL_HEIGHT, 4 * (int)level);
		chart_boxes_end(&chart, level_name((enum level)level));
	}
	chart_over(&chart);
	chart_text(&chart, worst < SERIES_COLUMNS * 0.75 ? worst : SERIES_COLUMNS * 0.75, 12, "",
		   level_name((enum level)most));
	chart_end(&chart, NULL);
}

static void put_stall(FILE *out, const struct incident *incident, const struct series *series,
		      const char *label)
{
	struct chart chart = chart_of(out, 64);
	uint64_t most = series_most(series);

	if (!most)
		return;
	chart.top = 14;
	chart.most = most < 1000 ? 1000 : PERMYRIAD_ONE;
	chart.scale = 100;
	chart.unit = "% stalled";
	chart_begin(&chart, label);
	put_gaps(&chart, incident);
	put_hill(&chart, series, "pain", "stall", "of the time some task stalled");
	chart_over(&chart);
	chart_end(&chart, NULL);
}

/* ---- lanes ---- */

static void put_lane(const struct chart *chart, const struct incident_lane *lane, int bottom)
{
	static const struct {
		const char *class, *name;
		int height;
	} looks[STATE__COUNT] = {
		[STATE_RUNNING] = {"run", "running", 2},
		[STATE_THROTTLED] = {"slow", "throttled", 6},
		[STATE_FROZEN] = {"ice", "frozen", 13},
	};

	for (uint64_t state = 0; state < STATE__COUNT; state++) {
		if (first_column_at(&lane->state, state) == SERIES_COLUMNS)
			continue;
		chart_boxes_begin(chart, looks[state].class);
		put_state(chart, &lane->state, state, bottom, looks[state].height);
		chart_boxes_end(chart, looks[state].name);
	}
}

/* Those first that stood still, then by what they held; the order of ids decides else. */
static int compare_lanes(const void *a, const void *b)
{
	const struct incident_lane *x = *(const struct incident_lane *const *)a;
	const struct incident_lane *y = *(const struct incident_lane *const *)b;

	if (x->frozen_us != y->frozen_us)
		return x->frozen_us < y->frozen_us ? 1 : -1;
	if (x->most_bytes != y->most_bytes)
		return x->most_bytes < y->most_bytes ? 1 : -1;
	return x->cgid < y->cgid ? -1 : x->cgid > y->cgid;
}

static uint32_t pick_lanes(const struct incident *incident, uint32_t component,
			   const struct incident_lane **ret_lane)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < incident->lane_count; i++)
		if (incident->lane[i].component == component)
			ret_lane[count++] = &incident->lane[i];
	qsort(ret_lane, count, sizeof(*ret_lane), compare_lanes);
	return count;
}

/* How much of a name is shown: all of it, or whole characters. */
static int shown_length(const char *name)
{
	size_t length = strlen(name);

	if (length <= NAME_SHOWN)
		return (int)length;
	for (length = NAME_SHOWN; length && (name[length] & 0xc0) == 0x80;)
		length--;
	return (int)length;
}

static void name_lane(const struct chart *chart, const struct incident_lane *lane, double y)
{
	char most[UNITS_TEXT_LEN], frozen[UNITS_TEXT_LEN], text[RECORD_LEAF_LEN + 96];
	int length = shown_length(lane->shown);

	units_print_bytes(lane->most_bytes, most);
	snprintf(text, sizeof(text), "%.*s%s: up to %s%s%s", length, lane->shown,
		 lane->shown[length] ? "..." : "", most, lane->frozen_us ? ", frozen " : "",
		 lane->frozen_us ? units_print_us(lane->frozen_us, frozen) : "");
	chart_text(chart, 2, y, "lane", text);
}

static void put_lanes(FILE *out, const struct incident *incident, uint32_t component)
{
	AUTO_FREE const struct incident_lane **lane = calloc(INCIDENT_LANES, sizeof(*lane));
	uint32_t count = lane ? pick_lanes(incident, component, lane) : 0;
	uint32_t shown = count < LANES_SHOWN ? count : LANES_SHOWN;
	struct chart chart = chart_of(out, (int)shown * 2 * LANE_HEIGHT + 2);

	if (!shown)
		return;
	chart_begin(&chart, "leaves over time");
	put_gaps(&chart, incident);
	for (uint32_t i = 0; i < shown; i++)
		put_lane(&chart, lane[i], (2 * (int)i + 2) * LANE_HEIGHT - 2);
	chart_over(&chart);
	for (uint32_t i = 0; i < shown; i++)
		name_lane(&chart, lane[i], (2 * i + 1) * LANE_HEIGHT - 2);
	chart_end(&chart, NULL);
	if (count > shown)
		fprintf(out, "<p>and %" PRIu32 " leaves more.</p>\n", count - shown);
}

void pictures_component(FILE *out, const struct incident *incident, uint32_t index)
{
	const struct incident_component *component = &incident->component[index];
	char stalled[UNITS_TEXT_LEN];

	fprintf(out, "<section><h3 id=\"c%" PRIu32 "\">", index);
	page_text(out, component->shown);
	fprintf(out, " <b>%s at worst, stalled %s, priority %" PRIu32 "%s</b></h3>\n",
		level_name(component->worst.level), units_print_us(component->stalled_us, stalled),
		component->priority, component->is_protected ? ", protected" : "");
	put_use(out, incident, index);
	put_level(out, incident, component);
	put_stall(out, incident, &component->stall, "stalls over time");
	put_lanes(out, incident, index);
	fputs("</section>\n", out);
}

/* ---- the host, jobs ---- */

static uint64_t more_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void pictures_host(FILE *out, const struct incident *incident)
{
	struct chart chart = chart_of(out, 130);
	struct times times = times_of(incident);
	char total[UNITS_TEXT_LEN], swap[UNITS_TEXT_LEN];

	units_print_bytes(incident->total_bytes, total);
	units_print_bytes(incident->swap_total_bytes, swap);
	chart.top = 8;
	chart.bottom = 20;
	chart_fit_bytes(&chart, (double)more_of(series_most(&incident->available),
						series_most(&incident->swap)));
	fprintf(out, "<section><h3>host <b>%s of memory, %s of swap</b></h3>\n<ul class=\"key\">",
		total, swap);
	page_key(out, "use", "available");
	page_key(out, "swap", "swap in use");
	fputs("</ul>\n", out);
	chart_begin(&chart, "memory of the host over time");
	put_gaps(&chart, incident);
	put_hill(&chart, &incident->available, "under", "use", "available");
	put_line(&chart, &incident->swap, "swap", "swap in use");
	chart_over(&chart);
	chart_end(&chart, &times);
	put_stall(out, incident, &incident->host_stall, "stalls of the host over time");
	fputs("</section>\n", out);
}

void pictures_jobs(FILE *out, const struct incident *incident)
{
	struct chart chart = chart_of(out, 110);
	struct times times = times_of(incident);
	uint64_t most = more_of(
		series_most(&incident->jobs_used),
		more_of(series_most(&incident->jobs_queued), series_most(&incident->promised)));

	if (!most)
		return;
	chart.top = 8;
	chart.bottom = 20;
	chart_fit_bytes(&chart, (double)most);
	fputs("<section><h3>jobs and leases</h3>\n<ul class=\"key\">", out);
	page_key(out, "use", "in use by jobs");
	page_key(out, "wait", "asked for by queued jobs");
	page_key(out, "high", "leased and not in use yet");
	fputs("</ul>\n", out);
	chart_begin(&chart, "memory of jobs and leases over time");
	put_gaps(&chart, incident);
	put_hill(&chart, &incident->jobs_used, "under", "use", "in use by jobs");
	put_line(&chart, &incident->jobs_queued, "wait", "asked for by queued jobs");
	put_line(&chart, &incident->promised, "high", "leased and not in use yet");
	chart_over(&chart);
	chart_end(&chart, &times);
	fputs("</section>\n", out);
}

static void put_shape(FILE *out, enum action_kind kind, const char *words)
{
	fprintf(out,
		"<li><svg viewBox=\"-9 -5.5 18 11\"><g class=\"m\"><path d=\"%s\"/></g></svg>%s"
		"</li>\n",
		shape_of(kind), words);
}

void pictures_key(FILE *out)
{
	fputs("<ul class=\"key\">", out);
	page_key(out, "use", "in use, from least to most");
	page_key(out, "force", "in force: budget and loans");
	page_key(out, "high", "memory.high");
	page_key(out, "stall", "some task stalled");
	page_key(out, "ice", "frozen (high)");
	page_key(out, "slow", "throttled (middle)");
	page_key(out, "run", "running (low)");
	page_key(out, "gap", "nothing recorded");
	put_shape(out, ACTION_FREEZE, "freeze");
	put_shape(out, ACTION_THAW, "thaw");
	put_shape(out, ACTION_KILL, "kill");
	put_shape(out, ACTION_RECLAIM, "reclaim and others");
	put_shape(out, ACTION_NOTICE, "out of tiers");
	fputs("</ul>\n", out);
}
