// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fills the error text that travels up to whoever prints it. Values from outside may be in it, so
 * what could break the line or steer a terminal is replaced.
 */
#include "user/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A value from outside may hold a newline or an escape sequence; the text is one line. */
static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void fill(struct uw_err *err, const char *word, int code, const char *fmt, va_list args)
{
	err->code = code;
	err->word = word;
	if (vsnprintf(err->text, sizeof(err->text), fmt, args) < 0)
		err->text[0] = '\0';
	make_one_line(err->text);
}

int err_set(struct uw_err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	fill(err, NULL, code, fmt, args);
	va_end(args);
	return code;
}

int err_set_as(struct uw_err *err, const char *word, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	fill(err, word, code, fmt, args);
	va_end(args);
	return code;
}

int err_prefix(struct uw_err *err, const char *fmt, ...)
{
	char prefix[UW_ERR_TEXT_LEN];
	size_t prefix_len, text_len, room;
	va_list args;

	if (!err)
		return 0;
	va_start(args, fmt);
	if (vsnprintf(prefix, sizeof(prefix) - sizeof(": "), fmt, args) < 0)
		prefix[0] = '\0';
	va_end(args);
	make_one_line(prefix);
	strcat(prefix, ": ");

	prefix_len = strlen(prefix);
	room = sizeof(err->text) - 1 - prefix_len;
	text_len = strlen(err->text);
	if (text_len > room)
		text_len = room;
	memmove(err->text + prefix_len, err->text, text_len);
	memcpy(err->text, prefix, prefix_len);
	err->text[prefix_len + text_len] = '\0';
	return err->code;
}
