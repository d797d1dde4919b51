// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cuts a text into words by the quoting rules of sh(1) and expands nothing. It goes through the
 * text once, with the open quote as its only state. What a shell would expand or take for an
 * operator is refused, with its column and what to write instead.
 */
#include "user/conf/shell_words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct splitter {
	const char *text, *at;
	char *buf;
	size_t size, used;
	struct uw_err *err;
};

static const char blanks[] = " \t\r\n";
static const char no_comment[] =
	"a shell takes the rest for a comment, allowed: '#' in quotes, or a "
	"comment on a line of its own";

static int fail(const struct splitter *splitter, const char *at, const char *what)
{
	return err_set(splitter->err, -EINVAL, "column %zu: %s", (size_t)(at - splitter->text) + 1,
		       what);
}

static int put(struct splitter *splitter, char c)
{
	if (splitter->used == splitter->size)
		return err_set(splitter->err, -ENOBUFS, "longer than %zu bytes", splitter->size);
	splitter->buf[splitter->used++] = c;
	return 0;
}

static int take_single(struct splitter *splitter)
{
	const char *open = splitter->at++;
	int r = 0;

	while (!r && *splitter->at && *splitter->at != '\'')
		r = put(splitter, *splitter->at++);
	if (r)
		return r;
	if (!*splitter->at++)
		return fail(splitter, open, "' is not closed, allowed: '...'");
	return 0;
}

static int take_double(struct splitter *splitter)
{
	const char *open = splitter->at++;
	int r = 0;

	while (!r && *splitter->at && *splitter->at != '"') {
		if (*splitter->at == '\\' && splitter->at[1] && strchr("\"\\$`", splitter->at[1]))
			splitter->at++;
		r = put(splitter, *splitter->at++);
	}
	if (r)
		return r;
	if (!*splitter->at++)
		return fail(splitter, open, "\" is not closed, allowed: \"...\"");
	return 0;
}

static int take_escaped(struct splitter *splitter)
{
	const char *escape = splitter->at++;

	if (!*splitter->at)
		return fail(splitter, escape, "\\ with nothing behind it, allowed: \\\\");
	return put(splitter, *splitter->at++);
}

static int take_plain(struct splitter *splitter)
{
	static const char means_something[] = "|&;<>()$`";

	if (strchr(means_something, *splitter->at))
		return fail(splitter, splitter->at,
			    "no shell reads this, allowed: in quotes, or sh -c '...'");
	return put(splitter, *splitter->at++);
}

static int take_word(struct splitter *splitter)
{
	int r = 0;

	while (!r && *splitter->at && !strchr(blanks, *splitter->at)) {
		switch (*splitter->at) {
		case '\'':
			r = take_single(splitter);
			break;
		case '"':
			r = take_double(splitter);
			break;
		case '\\':
			r = take_escaped(splitter);
			break;
		default:
			r = take_plain(splitter);
		}
	}
	return r;
}

int shell_words_split(const char *text, char *buf, size_t size, uint32_t *ret_size,
		      struct uw_err *err)
{
	struct splitter splitter = {.text = text, .at = text, .buf = buf, .size = size, .err = err};

	splitter.at += strspn(splitter.at, blanks);
	while (*splitter.at) {
		bool last;
		int r = *splitter.at == '#' ? fail(&splitter, splitter.at, no_comment)
					    : take_word(&splitter);

		if (r)
			return r;
		/* In place the terminator may fall on the blank that ends the word. */
		splitter.at += strspn(splitter.at, blanks);
		last = !*splitter.at;
		r = put(&splitter, '\0');
		if (r)
			return r;
		if (last)
			break;
	}
	*ret_size = (uint32_t)splitter.used;
	return 0;
}
