/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal that top has taken over, by ncurses: its alternate screen, keys, and drawing of what
 * differs from what is there. There is one. It is given back at every exit, by terminal_close or,
 * where this program faults, by a handler of the signal.
 */
#ifndef UW_CLI_TOP_TERMINAL_H
#define UW_CLI_TOP_TERMINAL_H

#include <stdbool.h>

#include "user/base/err.h"
#include "user/cli/top/canvas.h"

/* -ENOTTY without a terminal on both ends, -ENOTSUP where it cannot be drawn on. */
/* colour as of screen.h, as far as the terminal has any. */
int terminal_open(enum screen_colour colour, struct uw_err *err);
void terminal_close(void);

/* Whether the locale has UTF-8. */
bool terminal_has_utf8(void);

/* Fits canvas to the terminal as it is now. 0 or -ENOMEM. */
int terminal_fit(struct canvas *canvas);

void terminal_draw(const struct canvas *canvas);

/* The next key (keys.h) that has come, 0: none. */
int terminal_key(void);

#endif
