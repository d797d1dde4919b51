// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hands out one line after the other with its number, without the blanks and comments around it.
 * Bytes that nobody can see, or that are no UTF-8 where that is asked for, are refused where they
 * stand.
 */
#include "user/conf/lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool lines_more(const struct lines *lines)
{
	return lines->next < lines->end;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A comment is a line that begins with ; or #, and maybe the rest of a line from a ; behind a
 * blank. It may hold any byte, so it goes before anything of the line can get into a message. */
static size_t cut_comment(const struct lines *lines, const char *line, size_t len)
{
	size_t end = 0;

	if (len && (line[0] == ';' || line[0] == '#'))
		return 0;
	if (!lines->comments_at_ends)
		return len;
	while (end < len && (line[end] != ';' || !end || !is_blank(line[end - 1])))
		end++;
	return end;
}

size_t lines_take(struct lines *lines, const char **ret_line)
{
	const char *line = lines->next;
	const char *end = memchr(line, '\n', (size_t)(lines->end - line));

	lines->next = end ? end + 1 : lines->end;
	lines->number++;
	if (!end)
		end = lines->end;
	/* A byte order mark: of the text, or of one that was put behind another. */
	if (end - line >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
		line += 3;
	while (line < end && is_blank(*line))
		line++;
	end = line + cut_comment(lines, line, (size_t)(end - line));
	while (end > line && (is_blank(end[-1]) || end[-1] == '\r'))
		end--;
	*ret_line = line;
	return (size_t)(end - line);
}

/* Bytes that a UTF-8 sequence of this first byte has, 0 when it can be none (RFC 3629). */
static size_t sequence_length(unsigned char first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* The length of the UTF-8 sequence at text, or 0: cut short, overlong, a surrogate, a C1 control.
 */
static size_t take_sequence(const unsigned char *text, size_t len)
{
	size_t count = sequence_length(text[0]);

	if (!count || count > len)
		return 0;
	for (size_t i = 1; i < count; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((text[0] == 0xc2 && text[1] < 0xa0) || (text[0] == 0xe0 && text[1] < 0xa0) ||
	    (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
	    (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return count;
}

int lines_check_bytes(const struct lines *lines, const char *line, size_t len)
{
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		unsigned char c = (unsigned char)line[i];

		step = (c >= 0x20 || c == '\t') && c < 0x7f;
		if (!step && lines->utf8)
			step = take_sequence((const unsigned char *)line + i, len - i);
		if (!step)
			return lines_fail(lines,
					  "byte 0x%02x at column %zu, allowed: plain %s text "
					  "outside of comments",
					  c, i + 1, lines->utf8 ? "UTF-8" : "ASCII");
	}
	return 0;
}

char *lines_cut_word(char **text)
{
	char *word = *text + strspn(*text, " \t");
	size_t len = strcspn(word, " \t");

	*text = word + len;
	if (word[len])
		*(*text)++ = '\0';
	return word;
}

int lines_fail(const struct lines *lines, const char *fmt, ...)
{
	char text[UW_ERR_TEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	return err_set(lines->err, -EINVAL, "%s:%u: %s", lines->name, lines->number, text);
}
