// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends a command, with an error on stderr and the exit status that belongs to it, or with one JSON
 * object. What people typed may be in an error, so what could steer the terminal is replaced.
 */
#include "user/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"

/* "v" first, then the rest in the order it was made in. */
static json_t *with_version(json_t *object)
{
	json_t *all = json_pack("{s:i}", "v", 1);

	if (json_object_update(all, object) < 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(object);
	return all;
}

static int print_json(const struct cli *cli, json_t *object, size_t form)
{
	json_t *all = with_version(object);
	int r = -1;

	if (all)
		r = json_dumpf(all, cli->screen.out,
			       form | (cli->screen.width ? JSON_ENSURE_ASCII : 0U));
	json_decref(all);
	fputc('\n', cli->screen.out);
	fflush(cli->screen.out);
	return r < 0 ? CLI_FAILED : CLI_OK;
}

int cli_print_json(const struct cli *cli, json_t *object)
{
	return print_json(cli, object, JSON_INDENT(2));
}

int cli_print_json_line(const struct cli *cli, json_t *object)
{
	return print_json(cli, object, JSON_COMPACT);
}

/* Words of errors that are not EINVAL's or any failure's, and errnos that have a word. */
static const struct fail_row {
	const char *word;
	int code; /* 0: of the word alone */
	int status;
} fail_rows[] = {
	{"not-running", -ECONNREFUSED, CLI_NOT_RUNNING},
	{"no-answer", -ETIMEDOUT, CLI_NOT_RUNNING},
	{"connection-lost", -EPIPE, CLI_NOT_RUNNING},
	{"no-such-component", 0, CLI_NO_COMPONENT},
	{"no-such-leaf", 0, CLI_NO_COMPONENT},
	{"no-such-job", 0, CLI_NO_JOB},
	{"no-such-lease", 0, CLI_NO_JOB},
	{"usage", 0, CLI_USAGE},
	{"refused", 0, CLI_REFUSED},
	{"not-permitted", -EACCES, CLI_REFUSED},
	{"not-permitted", -EPERM, CLI_REFUSED},
	{"busy", -EBUSY, CLI_REFUSED},
	{"queue-full", -EDQUOT, CLI_REFUSED},
	{"invalid", -EINVAL, CLI_USAGE},
};

static const struct fail_row *find_failure(const struct uw_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fail_rows); i++) {
		const struct fail_row *row = &fail_rows[i];

		if (err->word ? !strcmp(err->word, row->word) : row->code == err->code)
			return row;
	}
	return NULL;
}

static const char *word_of(const struct uw_err *err, const struct fail_row *row)
{
	return err->word ?: row ? row->word : strerrorname_np(-err->code) ?: "unknown";
}

/* A text may name the command that failed, as it does in uwd's log; that is said once. */
static const char *without_command(const struct cli *cli, const char *text)
{
	const char *name = cli->command ? cli->command->name : "";
	size_t length = strlen(name);

	return length && !strncmp(text, name, length) && !strncmp(text + length, ": ", 2)
		       ? text + length + 2
		       : text;
}

static int say(const struct cli *cli, const char *text, int status)
{
	struct screen screen;

	screen_init(&screen, stderr, cli->options.colour);
	screen_paint(&screen, PAINT_BAD, "uwctl%s%s:", cli->command ? " " : "",
		     cli->command ? cli->command->name : "");
	fputc(' ', stderr);
	for (; *text; text++) /* it may hold what somebody else typed */
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, stderr);
	fputc('\n', stderr);
	/* Where another's status is passed on, ours must not look like it. */
	return (cli->command && cli->command->own_exits) || cli->options.wait ? CLI_RUN_FAILED
									      : status;
}

static void say_json(const struct cli *cli, const char *word, const char *text)
{
	if (cli->options.json && !(cli->command && cli->command->shares_stdout))
		cli_print_json(cli,
			       json_pack("{s:{s:s, s:s}}", "error", "code", word, "text", text));
}

int cli_fail(const struct cli *cli, const struct uw_err *err)
{
	const struct fail_row *row = find_failure(err);
	const char *text = without_command(cli, err->text);

	say_json(cli, word_of(err, row), text);
	return say(cli, text, row ? row->status : err->code == -EINVAL ? CLI_USAGE : CLI_FAILED);
}

int cli_exec_failed(const struct cli *cli, const char *command, int error)
{
	struct uw_err err = {0};

	err_set(&err, -error, "%s: %s", command, strerror(error));
	cli_fail(cli, &err);
	return error == ENOENT ? CLI_NOT_FOUND : CLI_CANNOT_EXEC;
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char text[UW_ERR_TEXT_LEN];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say_json(cli, "usage", text);
	status = say(cli, text, CLI_USAGE);
	fprintf(stderr, "usage: uwctl %s%s%s; 'uwctl %s --help' tells more\n", cli->command->name,
		*cli->command->words ? " " : "", cli->command->words, cli->command->name);
	return status;
}
