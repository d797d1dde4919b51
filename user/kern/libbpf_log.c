// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Catches what libbpf prints. libbpf returns only an errno and says the reason on stderr; its last
 * warning is kept here instead, cut to the one line that tells, for the text of our own error.
 */
#include "user/kern/libbpf_log.h"

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"

static char last_line[200];
static bool to_stderr;

/* A verifier's log comes as one print of many lines: its last full line says what it objects to,
 * before the statistics. Everything else is one line already. */
static const char *pick_line(char *text)
{
	char *line = text;
	char *next;

	for (next = strtok(text, "\n"); next; next = strtok(NULL, "\n"))
		if (strncmp(next, "processed ", 10) && strncmp(next, "-- END", 6) &&
		    strncmp(next, "verification time", 17))
			line = next;
	return line;
}

static bool is_echo(const char *line)
{
	/* After the reason, libbpf says once more that the object failed. */
	return *last_line &&
	       (strstr(line, "failed to load object") ||
		strstr(line, "failed to load BPF skeleton") || strstr(line, "failed to load: "));
}

static int keep_last(enum libbpf_print_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static int keep_last(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[16384];
	const char *line;
	va_list again;

	if (to_stderr) {
		va_copy(again, args);
		vfprintf(stderr, format, again);
		va_end(again);
	}
	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	line = pick_line(text);
	if (!strncmp(line, "libbpf: ", 8))
		line += 8;
	if (*line && !is_echo(line))
		text_copy(last_line, sizeof(last_line), line);
	return 0;
}

void libbpf_log_catch(void)
{
	to_stderr = getenv("UW_BPF_LOG") != NULL;
	libbpf_log_forget();
	libbpf_set_print(keep_last);
}

void libbpf_log_forget(void)
{
	last_line[0] = '\0';
}

const char *libbpf_log_last(void)
{
	return last_line;
}
