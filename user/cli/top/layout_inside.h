/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a screen, between the files of the layout. Each draws into rows y to y + height of
 * the canvas. */
#ifndef UW_CLI_TOP_LAYOUT_INSIDE_H
#define UW_CLI_TOP_LAYOUT_INSIDE_H

#include "user/base/units.h"
#include "user/cli/top/layout.h"

#define HEAD_HEIGHT 4 /* with the tabs */

/* "-" for what is absent. */
const char *layout_bytes(uint64_t bytes, char buf[static UNITS_TEXT_LEN]);
const char *layout_percent(uint64_t permyriad, char buf[static UNITS_TEXT_LEN]);

/* In one unit, "58s", "12min", "3d"; "-" for what is absent. */
const char *layout_time(uint64_t us, char buf[static UNITS_TEXT_LEN]);

/* "484/509M", "16M/1.2G" */
#define LAYOUT_PAIR_LEN (2 * UNITS_TEXT_LEN)
const char *layout_pair(uint64_t part, uint64_t whole, char buf[static LAYOUT_PAIR_LEN]);

/* The title row of columns, and where the row of a list stands: '>' before the chosen one. */
struct top_column;
void layout_titles(struct canvas *canvas, int y, const struct top_column *column, int count,
		   const int *width);
#define LAYOUT_MARGIN 2

void layout_head(const struct top_model *model, struct canvas *canvas);
void layout_foot(const struct top_model *model, struct canvas *canvas);
void layout_help(const struct top_model *model, struct canvas *canvas);

void layout_components(struct top_model *model, struct canvas *canvas, int y, int height);
void layout_jobs(struct top_model *model, struct canvas *canvas, int y, int height);
void layout_actions(struct top_model *model, struct canvas *canvas, int y, int height);
void layout_explain(struct top_model *model, struct canvas *canvas, int y, int height);
void layout_lines(struct top_model *model, struct canvas *canvas, int y, int height);

/* One line of what was done: when, to whom, what, why and what came of it. */
void layout_record(struct canvas *canvas, int x, int y, const struct top_record *record);

/* Rows of the list that are in view, from model->cursor on: calls draw for each. */
void layout_rows(struct top_model *model, struct canvas *canvas, int y, int height, int row_height,
		 void (*draw)(const struct top_model *model, struct canvas *canvas, int y,
			      const struct model_row *row, const int *width),
		 const int *width);

#endif
