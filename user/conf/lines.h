/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A text taken line by line, for the files of user/conf only: blanks around a line, comments and
 * line ends go away, and what a person cannot see is refused with its line and column. The text is
 * borrowed; nothing is copied.
 */
#ifndef UW_CONF_LINES_H
#define UW_CONF_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/err.h"

#define LINES_SHOWN_MAX 48 /* of a text in a message */

struct lines {
	const char *name; /* in messages */
	const char *next, *end;
	unsigned int number;   /* of the line that was taken last, from 1 */
	bool comments_at_ends; /* the rest of a line from a ; behind a blank is a comment too */
	bool utf8;             /* allowed beside ASCII */
	struct uw_err *err;
};

bool lines_more(const struct lines *lines);

/* The length of the next line, which *ret_line is. Only where lines_more(). */
size_t lines_take(struct lines *lines, const char **ret_line);

/* 0, or -EINVAL for the first byte that is no plain text. */
int lines_check_bytes(const struct lines *lines, const char *line, size_t len);

/* Cuts the first word off text, in place; "" when there is none. */
char *lines_cut_word(char **text);

/* "NAME:LINE: ..." in err, of the line that was taken last. Returns -EINVAL. */
int lines_fail(const struct lines *lines, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
