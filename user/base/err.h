/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors. Functions return 0 or a negative errno; where a person reads the failure they also fill a
 * struct uw_err on the caller's stack with one line: what was tried, on which object, with which
 * value, and what to do about it. Nothing here allocates.
 */
#ifndef UW_BASE_ERR_H
#define UW_BASE_ERR_H

#define UW_ERR_TEXT_LEN 480

struct uw_err {
	int code;                   /* negative errno, 0 when unset */
	const char *word;           /* the kind of failure, for programs; NULL: errno's name */
	char text[UW_ERR_TEXT_LEN]; /* one line, no newline, "" when unset */
};

/*
 * Fills err (may be NULL) and returns code unchanged, so that a failure is one statement:
 *	return err_set(err, -ENOENT, "config: %s: no such file; run 'uwctl setup'", path);
 * code is negative. An existing text is overwritten.
 */
int err_set(struct uw_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The same with a word of its own, a constant like "no-such-job", where an errno alone would say
 * one thing of several kinds.
 */
int err_set_as(struct uw_err *err, const char *word, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the text that is there. Returns err's code (0 when err is NULL). */
int err_prefix(struct uw_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
