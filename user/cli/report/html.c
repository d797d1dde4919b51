// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes down the page. The component that it is about comes first, then the others from the worst
 * on; of more actions than a page has room for, limits that followed others are left out first, and
 * it says how many. Whatever is named by somebody else goes through page_text.
 */
#include "user/cli/report/html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/draw/page.h"
#include "user/cli/report/pictures.h"
#include "user/cli/report/story.h"
#include "user/conf/conf.h"

#define ROWS_MAX 600 /* of actions, some 450 bytes each */

/* ---- what happened ---- */

static void put_zone(FILE *out, const struct incident *incident)
{
	long ahead = times_zone(incident->window.from_us) / 60, minutes = labs(ahead);

	fprintf(out, "Times are of UTC%c%02ld:%02ld.", ahead < 0 ? '-' : '+', minutes / 60,
		minutes % 60);
}

static void put_head(FILE *out, const struct incident *incident, const struct incident_sum *sum,
		     const char *host)
{
	struct story_figure figure[STORY_FIGURES];
	char story[STORY_LEN];
	int count = story_figures(sum, figure);

	fputs("<p class=\"said\">", out);
	page_text(out, story_text(incident, sum, story, sizeof(story)));
	fputs("</p>\n<dl>\n", out);
	for (int i = 0; i < count; i++)
		page_tile(out, figure[i].name, figure[i].text);
	fputs("</dl>\n<p>", out);
	if (*host) {
		page_text(out, host);
		fputs(", ", out);
	}
	fputs("uwd ", out);
	page_text(out, incident->version);
	fputs(". ", out);
	put_zone(out, incident);
	fputs("</p>\n", out);
}

static void put_time(FILE *out, uint64_t wall_us)
{
	char when[TIMES_TEXT_LEN];

	fputs(times_date(wall_us, when), out);
}

static void put_notes(FILE *out, const struct incident *incident)
{
	if (!incident->note_count && !incident->gap_count)
		return;
	fputs("<ul>\n", out);
	for (uint32_t i = 0; i < incident->note_count; i++) {
		fputs("<li>", out);
		put_time(out, incident->note[i].wall_us);
		fputs(" ", out);
		page_text(out, incident->note[i].text);
		fputs("</li>\n", out);
	}
	for (uint32_t i = 0; i < incident->gap_count; i++) {
		fputs("<li>", out);
		put_time(out, incident->gap[i].from_us);
		fputs(" to ", out);
		put_time(out, incident->gap[i].to_us);
		fputs(" nothing was recorded", out);
		if (incident->gap[i].frames)
			fprintf(out, ": %" PRIu64 " frames could not be kept",
				incident->gap[i].frames);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

/* ---- the pictures ---- */

struct rank {
	uint32_t component;
	uint64_t acted, level, use_permyriad, stalled_us;
	bool first;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->first != y->first)
		return x->first ? -1 : 1;
	if (x->level != y->level)
		return x->level < y->level ? 1 : -1;
	if (x->stalled_us != y->stalled_us)
		return x->stalled_us < y->stalled_us ? 1 : -1;
	if (x->use_permyriad != y->use_permyriad)
		return x->use_permyriad < y->use_permyriad ? 1 : -1;
	return x->component < y->component ? -1 : x->component > y->component;
}

static void put_pictures(FILE *out, const struct incident *incident, uint32_t subject)
{
	struct rank rank[INCIDENT_COMPONENTS] = {0};

	for (uint32_t i = 0; i < incident->component_count; i++)
		rank[i] = (struct rank){.component = i,
					.level = incident->component[i].worst.level,
					.use_permyriad = incident->component[i].worst.use_permyriad,
					.stalled_us = incident->component[i].stalled_us,
					.first = i == subject};
	qsort(rank, incident->component_count, sizeof(rank[0]), compare_ranks);
	fputs("<h2>On one time axis</h2>\n", out);
	pictures_key(out);
	for (uint32_t i = 0; i < incident->component_count; i++)
		pictures_component(out, incident, rank[i].component);
	pictures_host(out, incident);
	pictures_jobs(out, incident);
}

/* ---- actions ---- */

static void put_cell(FILE *out, const char *name, const char *text)
{
	fprintf(out, "<td data-of=\"%s\">", name);
	page_text(out, text);
	fputs("</td>", out);
}

static void put_number(FILE *out, const struct incident *incident, uint32_t i)
{
	uint32_t mark = pictures_mark_of(incident, i);

	if (mark)
		fprintf(out, "<td class=\"n\"><a href=\"#m%" PRIu32 "\">%" PRIu32 "</a></td>", mark,
			i + 1);
	else
		fprintf(out, "<td class=\"n\">%" PRIu32 "</td>", i + 1);
}

static void put_action(FILE *out, const struct incident *incident, uint32_t i)
{
	const struct incident_action *action = &incident->action[i];
	const struct why *why = &action->action.why;
	enum reason_unit unit = reason_unit(why->reason);
	char cell[STORY_CELL_LEN], when[TIMES_TEXT_LEN];

	fprintf(out, "<tr id=\"a%" PRIu32 "\">", i + 1);
	put_number(out, incident, i);
	put_cell(out, "", times_date(action->wall_us, when));
	put_cell(out, "", story_target(incident, action, cell));
	put_cell(out, "", story_what(action, cell));
	put_cell(out, "tier", tier_name(action->action.tier));
	put_cell(out, "because", reason_text(why, cell, sizeof(cell)));
	put_cell(out, "observed", reason_value_text(unit, why->observed, cell, sizeof(cell)));
	put_cell(out, "threshold", reason_value_text(unit, why->threshold, cell, sizeof(cell)));
	put_cell(out, "effect", story_effect(action, cell));
	put_cell(out, "took", story_took(action, cell));
	fputs("</tr>\n", out);
}

/* Those that act come before limits. */
static uint32_t count_acting(const struct incident *incident)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < incident->action_count; i++)
		count += incident_acts(incident->action[i].action.kind);
	return count;
}

static void put_actions(FILE *out, const struct incident *incident)
{
	uint32_t acting = count_acting(incident), limits = incident->action_count - acting;
	uint32_t acting_room = acting < ROWS_MAX ? acting : ROWS_MAX;
	uint32_t limit_room = limits < ROWS_MAX - acting_room ? limits : ROWS_MAX - acting_room;
	uint64_t left_out = incident->action_count - acting_room - limit_room +
			    (uint64_t)incident->actions_left_out;

	fputs("<h2>What was done</h2>\n", out);
	if (!incident->action_count) {
		fputs("<p>Nothing.</p>\n", out);
		return;
	}
	fputs("<div class=\"wide\"><table class=\"acts\"><thead><tr><th class=\"n\">#</th>"
	      "<th>Time</th><th>Target</th><th>Action</th><th>Tier</th><th>Reason</th>"
	      "<th>Observed</th><th>Threshold</th><th>Effect</th><th>Took</th></tr></thead>"
	      "<tbody>\n",
	      out);
	for (uint32_t i = 0; i < incident->action_count; i++) {
		bool acts = incident_acts(incident->action[i].action.kind);
		uint32_t *room = acts ? &acting_room : &limit_room;

		if (!*room)
			continue;
		--*room;
		put_action(out, incident, i);
	}
	fputs("</tbody></table></div>\n", out);
	if (left_out)
		fprintf(out, "<p>and %" PRIu64 " more, which found no room here.</p>\n", left_out);
}

/* ---- the worst moment ---- */

static void put_condition(FILE *out, const struct condition *condition)
{
	char cell[STORY_CELL_LEN];

	fputs("<tr>", out);
	put_cell(out, "", condition->name);
	put_cell(out, "now",
		 reason_value_text(condition->unit, condition->observed, cell, sizeof(cell)));
	fprintf(out, "<td data-of=\"fires at\">%s ", condition->at_most ? "&lt;=" : "&gt;=");
	page_text(out,
		  reason_value_text(condition->unit, condition->threshold, cell, sizeof(cell)));
	fputs("</td>", out);
	put_cell(out, "met", condition_is_met(condition) ? "yes" : "no");
	put_cell(out, "leads to",
		 condition->tier == TIER_NONE ? condition->leads_to : tier_name(condition->tier));
	put_cell(out, "", condition->text);
	fputs("</tr>\n", out);
}

static void put_worst(FILE *out, const struct incident_component *component)
{
	char why[STORY_CELL_LEN];

	if (!component->conditions.count)
		return;
	fputs("<h2>Conditions of ", out);
	page_text(out, component->shown);
	fputs(" at its worst</h2>\n<p>At ", out);
	put_time(out, component->worst_us);
	fprintf(out, ": level %s, tier %s; ", level_name(component->worst.level),
		tier_name(component->worst.tier));
	page_text(out, reason_text(&component->worst.why, why, sizeof(why)));
	fputs(".</p>\n<div class=\"wide\"><table class=\"acts\"><thead><tr><th>Condition</th>"
	      "<th>Now</th><th>Fires at</th><th>Met</th><th>Leads to</th><th>Distance</th>"
	      "</tr></thead><tbody>\n",
	      out);
	for (uint32_t i = 0; i < component->conditions.count; i++)
		put_condition(out, &component->conditions.condition[i]);
	fputs("</tbody></table></div>\n", out);
}

static void put_config(FILE *out, const struct incident *incident)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *to;

	fputs("<h2>Configuration at the end</h2>\n", out);
	if (!incident->has_config) {
		fputs("<p>It is one that this version cannot read.</p>\n", out);
		return;
	}
	to = open_memstream(&text, &size);
	if (!to)
		return;
	conf_print(&incident->config, to);
	fclose(to);
	fputs("<pre>", out);
	/* Line by line: a line's end is no text. */
	for (char *line = text, *end; line && *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		page_text(out, line);
		fputc('\n', out);
	}
	fputs("</pre>\n", out);
}

void report_html(FILE *out, const struct incident *incident, const struct incident_sum *sum,
		 const char *host)
{
	const struct times times = {incident->window.from_us, incident->window.to_us, true};
	char title[UW_NAME_LEN + 64], when[TIMES_TEXT_LEN];

	snprintf(title, sizeof(title), "%s on %.10s",
		 sum->subject == INCIDENT_NONE ? "uwctl report"
					       : incident->component[sum->subject].shown,
		 times_date(incident->window.from_us, when));
	page_begin(out, title, &times);
	put_head(out, incident, sum, host);
	put_notes(out, incident);
	put_pictures(out, incident, sum->subject);
	put_actions(out, incident);
	if (sum->subject != INCIDENT_NONE)
		put_worst(out, &incident->component[sum->subject]);
	put_config(out, incident);
	page_end(out);
}
