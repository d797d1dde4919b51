// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts the parts of the screen together. The last rows belong to what was done last, where there is
 * height for it, and to the keys; where a view has no rows a sentence says why.
 */
#include "user/cli/top/layout.h"

#include "user/cli/top/layout_inside.h"

/* What was done last, below Components: the newest first. */
static void draw_last(const struct top_model *model, struct canvas *canvas, int y, int height)
{
	for (int i = 0; i < height && i < (int)model->record_count; i++)
		layout_record(canvas, 1, y + i,
			      &model->record[model->record_count - 1 - (uint32_t)i]);
}

#define LAST_ROOM 24 /* a screen that is lower has one row of it, or none */

static int last_height(const struct top_model *model, int height)
{
	int rows = height < 14 ? 0 : height < LAST_ROOM ? 1 : (height - 12) / 4;

	if (model->view != TOP_COMPONENTS)
		return 0;
	return rows < (int)model->record_count ? rows : (int)model->record_count;
}

int layout_height_of_all(const struct top_model *model)
{
	int rows = model->view < TOP_TABS ? (int)model->row_count : (int)model->frame.line_count;
	int without = HEAD_HEIGHT + 1 + rows + 1;
	int height = without + last_height(model, LAST_ROOM);

	/* What was done last takes more of a larger screen, and nothing of the list. */
	while (height < LAST_ROOM || without + last_height(model, height) > height)
		height++;
	return height;
}

/* What there is instead of rows; "" where rows are to be drawn. */
static const char *instead(const struct top_model *model)
{
	if (!model_has_view(model))
		return *model->away ? model->away : "asking uwd";
	if (*model->frame.refused && model->view == model->frame.view)
		return model->frame.refused;
	if (model->view >= TOP_TABS || model->row_count)
		return "";
	if (*model->filter)
		return "nothing passes the filter; / changes it";
	return model->view == TOP_JOBS      ? "no job is in the queue"
	       : model->view == TOP_ACTIONS ? "nothing was done yet"
					    : "nothing";
}

void layout_draw(struct top_model *model, struct canvas *canvas)
{
	static void (*const draw[TOP_VIEW__COUNT])(struct top_model * model, struct canvas * canvas,
						   int y, int height) = {
		[TOP_COMPONENTS] = layout_components,
		[TOP_JOBS] = layout_jobs,
		[TOP_ACTIONS] = layout_actions,
		[TOP_EXPLAIN] = layout_explain,
		[TOP_WHY] = layout_lines,
		[TOP_STEPS] = layout_lines,
		[TOP_OUTPUT] = layout_lines,
	};
	int last = last_height(model, canvas->height);
	int height = canvas->height - HEAD_HEIGHT - last - 1;

	canvas_clear(canvas);
	layout_head(model, canvas);
	if (*instead(model))
		canvas_text(canvas, LAYOUT_MARGIN, HEAD_HEIGHT + 1, canvas->width - LAYOUT_MARGIN,
			    PAINT_DIM, instead(model));
	else if (height > 0)
		draw[model->view](model, canvas, HEAD_HEIGHT, height);
	draw_last(model, canvas, canvas->height - 1 - last, last);
	if (model->help)
		layout_help(model, canvas);
	layout_foot(model, canvas);
}
