// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The head of a page with its policy, style and script, and the one way for text into it. Text is
 * taken byte by byte as UTF-8 (RFC 3629): a sequence that is cut, longer than needed or of a
 * surrogate is as good as none, byte by byte.
 */
#include "user/cli/draw/page.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/base/clock.h"
#include "user/cli/draw/look.h"

/* The length of the character at text, and which one it is; 0 when it is none. */
static int take_character(const unsigned char *text, uint32_t *ret_code)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} rows[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	uint32_t code;

	for (int more = 0; more < 4; more++) {
		if ((text[0] & rows[more].mask) != rows[more].lead)
			continue;
		code = text[0] & (unsigned char)~rows[more].mask;
		for (int i = 1; i <= more; i++) {
			if ((text[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[i] & 0x3f);
		}
		*ret_code = code;
		return code >= rows[more].least ? more + 1 : 0;
	}
	return 0;
}

/* Controls of both sets, surrogates, what is no character, and the marks that turn the direction of
 * what follows (UAX 9). */
static bool is_shown(uint32_t code)
{
	return code >= 0x20 && !(code >= 0x7f && code < 0xa0) &&
	       !(code >= 0xd800 && code < 0xe000) && code < 0x110000 && (code & 0xfffe) != 0xfffe &&
	       !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069) &&
	       code != 0x200e && code != 0x200f && code != 0x061c && code != 0x2028 &&
	       code != 0x2029 && code != 0xfeff;
}

static const char *entity_of(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void page_text(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		uint32_t code = 0;
		int length = take_character(at, &code);
		const char *entity = length ? entity_of(code) : NULL;

		if (entity)
			fputs(entity, out);
		else if (length && is_shown(code))
			fwrite(at, (size_t)length, 1, out);
		else
			fputs("\xef\xbf\xbd", out);
		at += length ? length : 1;
	}
}

/* The script reads these; without them it does nothing. */
static void put_main(FILE *out, const struct times *times)
{
	if (times->wall)
		fprintf(out,
			"<main data-from=\"%" PRIu64 "\" data-to=\"%" PRIu64
			"\" data-zone=\"%ld\">\n",
			(uint64_t)(times->from_us / US_PER_MS),
			(uint64_t)(times->to_us / US_PER_MS), times_zone(times->from_us));
	else
		fputs("<main>\n", out);
}

void page_begin(FILE *out, const char *title, const struct times *times)
{
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; "
		"form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
		look_style_hash, look_script_hash);
	page_text(out, title);
	fprintf(out, "</title>\n<style>%s</style></head>\n<body>\n<h1>", look_style);
	page_text(out, title);
	fputs("</h1>\n", out);
	put_main(out, times);
}

void page_end(FILE *out)
{
	fprintf(out, "</main>\n<script>%s</script>\n</body></html>\n", look_script);
}

void page_key(FILE *out, const char *class, const char *words)
{
	fprintf(out,
		"<li><svg viewBox=\"0 0 18 11\"><path class=\"%s\" d=\"M0 5.5H18V11H0Z\"/></svg>",
		class);
	page_text(out, words);
	fputs("</li>\n", out);
}

void page_tile(FILE *out, const char *name, const char *figure)
{
	fputs("<div><dt>", out);
	page_text(out, name);
	fputs("</dt><dd>", out);
	page_text(out, figure);
	fputs("</dd></div>\n", out);
}
