/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bars and sparklines: eighth blocks where there is UTF-8, else ASCII. */
#ifndef UW_CLI_TOP_BARS_H
#define UW_CLI_TOP_BARS_H

#include "user/cli/top/canvas.h"
#include "user/cli/top/history.h"

#define BARS_NO_MARK UINT64_MAX

/* "[####......|]", width columns with its ends: part of whole, with a mark where mark of whole is.
 * More than the whole is full. */
void bars_draw(struct canvas *canvas, int x, int y, int width, unsigned int style, uint64_t part,
	       uint64_t whole, uint64_t mark);

/* Five minutes of a component up to until_us, the newest at the right. Gaps are blank. */
void bars_spark(struct canvas *canvas, int x, int y, int width, unsigned int style,
		const struct top_history *history, const char *name, enum history_kind kind,
		uint64_t until_us);

#endif
