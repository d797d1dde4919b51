// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes output that suits where it goes: colours and wrapped lines on a terminal, plain lines in a
 * pipe. What somebody else could have written is shown without control characters.
 */
#include "user/cli/screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT  80
#define HEIGHT_DEFAULT 24

/* ECMA-48 select graphic rendition. */
static const char *const paint_on[PAINT__COUNT] = {
	[PAINT_PLAIN] = "",         [PAINT_DIM] = "\033[2m",   [PAINT_BOLD] = "\033[1m",
	[PAINT_GOOD] = "\033[32m",  [PAINT_NOTE] = "\033[36m", [PAINT_WARN] = "\033[33m",
	[PAINT_BAD] = "\033[1;31m",
};
#define PAINT_OFF "\033[0m"

static void terminal_size(int fd, struct screen *screen)
{
	struct winsize size = {0};

	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		memset(&size, 0, sizeof(size));
	screen->width = size.ws_col ? size.ws_col : WIDTH_DEFAULT;
	screen->height = size.ws_row ? size.ws_row : HEIGHT_DEFAULT;
}

int screen_colour_find(const char *word)
{
	static const char *const words[SCREEN_COLOUR__COUNT] = {
		[SCREEN_COLOUR_AUTO] = "auto",
		[SCREEN_COLOUR_ALWAYS] = "always",
		[SCREEN_COLOUR_NEVER] = "never",
	};

	for (int i = 0; i < SCREEN_COLOUR__COUNT; i++) {
		if (!strcmp(words[i], word))
			return i;
	}
	return -1;
}

static bool colour_by_itself(const struct screen *screen)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return screen->width && !(term && !strcmp(term, "dumb")) && !(no_color && *no_color);
}

void screen_set_colour(struct screen *screen, enum screen_colour colour)
{
	screen->colour = colour == SCREEN_COLOUR_ALWAYS ||
			 (colour == SCREEN_COLOUR_AUTO && colour_by_itself(screen));
}

void screen_init(struct screen *screen, FILE *out, enum screen_colour colour)
{
	*screen = (struct screen){.out = out};
	if (isatty(fileno(out)) == 1)
		terminal_size(fileno(out), screen);
	screen_set_colour(screen, colour);
}

static void paint_begin(const struct screen *screen, enum paint paint)
{
	if (screen->colour)
		fputs(paint_on[paint], screen->out);
}

static void paint_end(const struct screen *screen, enum paint paint)
{
	if (screen->colour && paint != PAINT_PLAIN)
		fputs(PAINT_OFF, screen->out);
}

void screen_paint(const struct screen *screen, enum paint paint, const char *fmt, ...)
{
	va_list ap;

	paint_begin(screen, paint);
	va_start(ap, fmt);
	vfprintf(screen->out, fmt, ap);
	va_end(ap);
	paint_end(screen, paint);
}

char *screen_clean(char *text)
{
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	return text;
}

static int print_clean(const struct screen *screen, const char *text, int count)
{
	for (int i = 0; i < count; i++)
		fputc(text[i] < ' ' || text[i] > '~' ? '?' : text[i], screen->out);
	return count;
}

void screen_wrap(const struct screen *screen, enum paint paint, int first, int indent,
		 const char *text)
{
	int width = screen->width ? screen->width : WIDTH_DEFAULT;
	int at = first;

	if (at < indent)
		at += fprintf(screen->out, "%*s", indent - at, "");
	paint_begin(screen, paint);
	while (*text) {
		int word = (int)strcspn(text, " ");

		if (at > indent && at + 1 + word > width)
			at = fprintf(screen->out, "\n%*s", indent, "") - 1;
		else if (at > indent)
			at += fprintf(screen->out, " ");
		at += print_clean(screen, text, word);
		text += word + (int)strspn(text + word, " ");
	}
	paint_end(screen, paint);
	fputc('\n', screen->out);
}
