// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drives ncurses. Rows of cells that differ from those drawn before are handed to it, and it sends
 * what differs in them. Signals that end the program are the loop's to take (watch.c); a fault
 * leaves no time for that, so its handler sends the strings that give the terminal back, which are
 * looked up before.
 */
#include "user/cli/top/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* After what it would redefine. */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include "user/base/cleanup.h"
#include "user/cli/top/keys.h"

#define ESCAPE_MS   25 /* between Esc and the rest of a key that sends more; a person is slower */
#define STRINGS_LEN 256

static struct {
	SCREEN *screen;
	struct termios before;
	char leave[STRINGS_LEN]; /* what the terminal is sent at the end */
	struct canvas drawn;
	bool colour;
} terminal;

bool terminal_has_utf8(void)
{
	return setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* ---- at a fault ---- */

static void add_string(const char *capability)
{
	const char *string = tigetstr(capability);
	size_t at = strlen(terminal.leave);

	if (string && string != (const char *)-1 && at + strlen(string) < STRINGS_LEN)
		strcpy(terminal.leave + at, string);
}

static void on_fault(int signal_number)
{
	ssize_t written = write(STDOUT_FILENO, terminal.leave, strlen(terminal.leave));

	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
	raise(signal_number); /* its default, as of SA_RESETHAND, when this returns */
}

static void watch_faults(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction action = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};

	add_string("sgr0");
	add_string("cnorm");
	add_string("rmcup");
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		sigaction(faults[i], &action, NULL);
}

/* ---- open and close ---- */

static void set_colours(enum screen_colour colour)
{
	static const struct {
		enum paint paint;
		short colour;
	} pairs[] = {
		{PAINT_GOOD, COLOR_GREEN},
		{PAINT_NOTE, COLOR_CYAN},
		{PAINT_WARN, COLOR_YELLOW},
		{PAINT_BAD, COLOR_RED},
	};
	const char *no_color = getenv("NO_COLOR");

	if (colour == SCREEN_COLOUR_NEVER ||
	    (colour == SCREEN_COLOUR_AUTO && no_color && *no_color) || !has_colors() ||
	    start_color() == ERR)
		return;
	terminal.colour = true;
	use_default_colors();
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		init_pair((short)pairs[i].paint, pairs[i].colour, -1);
}

int terminal_open(enum screen_colour colour, struct uw_err *err)
{
	const char *type = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &terminal.before) < 0)
		return err_set(err, -ENOTTY,
			       "standard input or output is no terminal; -b prints the screen");
	terminal_has_utf8(); /* sets the locale, which ncurses goes by */
	terminal.screen = newterm(NULL, stdout, stdin);
	if (!terminal.screen)
		return err_set(err, -ENOTSUP,
			       "terminal type '%s' is not known here; set TERM, or use -b",
			       type ?: "");
	if (!cursor_address) {
		terminal_close();
		return err_set(err, -ENOTSUP,
			       "a terminal of type '%s' has no screen to draw on; use -b", type);
	}
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	set_colours(colour);
	watch_faults();
	return 0;
}

void terminal_close(void)
{
	if (!terminal.screen)
		return;
	endwin();
	delscreen(terminal.screen);
	canvas_done(&terminal.drawn);
	terminal.screen = NULL;
}

/* ---- drawing ---- */

int terminal_fit(struct canvas *canvas)
{
	struct winsize size;
	int r;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	resizeterm(size.ws_row, size.ws_col);
	r = canvas_resize(canvas, size.ws_col, size.ws_row);
	if (r >= 0)
		r = canvas_resize(&terminal.drawn, size.ws_col, size.ws_row);
	clear();
	return r;
}

static attr_t attributes(unsigned int style)
{
	attr_t attr = A_NORMAL;
	unsigned int paint = style & STYLE_PAINT;

	if (style & STYLE_STRONG || paint == PAINT_BOLD || paint >= PAINT_WARN)
		attr |= A_BOLD;
	if (style & STYLE_REVERSE || (paint == PAINT_BAD && !terminal.colour))
		attr |= A_REVERSE;
	if (paint == PAINT_DIM)
		attr |= A_DIM;
	return attr;
}

static void draw_row(const struct canvas *canvas, int y)
{
	for (int x = 0; x < canvas->width; x++) {
		const struct canvas_cell *cell = canvas_at(canvas, x, y);
		unsigned int paint = cell->style & STYLE_PAINT;
		wchar_t text[2] = {(wchar_t)cell->glyph, L'\0'};
		short pair = terminal.colour && paint >= PAINT_GOOD ? (short)paint : 0;
		cchar_t wide;

		setcchar(&wide, text, attributes(cell->style), pair, NULL);
		mvadd_wch(y, x, &wide);
	}
}

void terminal_draw(const struct canvas *canvas)
{
	size_t row_bytes = (size_t)canvas->width * sizeof(*canvas->cell);

	for (int y = 0; y < canvas->height; y++) {
		struct canvas_cell *was = &terminal.drawn.cell[y * canvas->width];
		const struct canvas_cell *now = &canvas->cell[y * canvas->width];

		if (!memcmp(was, now, row_bytes))
			continue;
		draw_row(canvas, y);
		memcpy(was, now, row_bytes);
	}
	refresh();
}

int terminal_key(void)
{
	static const struct {
		int theirs, ours;
	} rows[] = {
		{KEY_UP, KEYS_UP},      {KEY_LEFT, KEYS_LEFT},     {KEY_RIGHT, KEYS_RIGHT},
		{KEY_DOWN, KEYS_DOWN},  {KEY_PPAGE, KEYS_PAGE_UP}, {KEY_NPAGE, KEYS_PAGE_DOWN},
		{KEY_HOME, KEYS_HOME},  {KEY_END, KEYS_END},       {KEY_BACKSPACE, KEYS_BACKSPACE},
		{0x7f, KEYS_BACKSPACE}, {'\b', KEYS_BACKSPACE},    {KEY_ENTER, KEYS_ENTER},
		{'\r', KEYS_ENTER},
	};
	int key;

	while ((key = getch()) != ERR) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			if (rows[i].theirs == key)
				return rows[i].ours;
		}
		if (key > 0 && key < 0x7f)
			return key;
	}
	return 0;
}
