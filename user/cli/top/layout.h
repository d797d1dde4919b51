/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model as cells: head, tabs, the view, what was done last, and what may be pressed or is
 * asked. Pure. Any size will do; what finds no room is left out by its rank.
 */
#ifndef UW_CLI_TOP_LAYOUT_H
#define UW_CLI_TOP_LAYOUT_H

#include "user/cli/top/canvas.h"
#include "user/cli/top/model.h"

/* Draws all of it into canvas, and tells the model how many rows are in view. */
void layout_draw(struct top_model *model, struct canvas *canvas);

/* The height at which every row finds room: for a pipe, which has no end. */
int layout_height_of_all(const struct top_model *model);

#endif
