/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A uwd that answers what a test has written down, on a socket of its own in a thread of its own,
 * and a uwctl that is run against it in this process. Whoever includes this is one test program.
 */
#ifndef UW_TESTS_CLI_FIXTURE_H
#define UW_TESTS_CLI_FIXTURE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/commands.h"
#include "user/cli/dispatch.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"

#define FAKE_ANSWERS 8
#define FAKE_WORDS   48

struct fake {
	char folder[32];
	char path[64];
	struct ipc_server *server;
	pthread_t thread;
	atomic_bool stop, publish;
	bool leaves;      /* uwd is away when it has answered Submit ... */
	atomic_uint away; /* ... for so many naps of uwctl's */
	/* In turn; the last one again and again. An answer that begins with "!" is an error:
	 * "!NAME reason". Of Wait, one that begins with "+" goes on with news. */
	const char *answer[IPC_METHOD__COUNT][FAKE_ANSWERS];
	const char *news[FAKE_ANSWERS]; /* of Wait, after its first answer */
	unsigned int calls[IPC_METHOD__COUNT];
	json_t *said[IPC_METHOD__COUNT][FAKE_ANSWERS]; /* parameters, ours */
};

static const char *const fake_errors[] = {
	IPC_ERROR_FAILED, IPC_ERROR_REFUSED,      IPC_ERROR_BAD_CONFIG, IPC_ERROR_NOT_PERMITTED,
	IPC_ERROR_BUSY,   IPC_ERROR_NO_COMPONENT, IPC_ERROR_NO_LEAF,    IPC_ERROR_BAD_JOB,
	IPC_ERROR_NO_JOB, IPC_ERROR_NO_LEASE,     IPC_ERROR_QUEUE_FULL,
};

static void fake_fail(struct ipc_answer *answer, const char *text)
{
	char name[64];
	int length = (int)strcspn(text + 1, " ");

	snprintf(name, sizeof(name), "%.*s", length, text + 1);
	for (size_t i = 0; i < ARRAY_SIZE(fake_errors); i++) {
		if (!strcmp(strrchr(fake_errors[i], '.') + 1, name))
			ipc_answer_fail(answer, fake_errors[i], "%s", text + 2 + length);
	}
}

#define FAKE_AWAY_NAPS 3

static void fake_away_path(const struct fake *fake, char path[static 80])
{
	snprintf(path, 80, "%s.away", fake->path);
}

/* Connections that stand go on; nobody gets a new one. */
static void fake_leave(struct fake *fake)
{
	char away[80];

	fake_away_path(fake, away);
	if (!rename(fake->path, away))
		fake->away = FAKE_AWAY_NAPS;
}

static void fake_return(struct fake *fake)
{
	char away[80];

	fake_away_path(fake, away);
	rename(away, fake->path);
}

static struct fake *fake_of_test;

/* In place of the C library's: no time passes in a nap of uwctl's, but uwd may come back. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted, (void)left;
	if (fake_of_test && fake_of_test->away && !--fake_of_test->away)
		fake_return(fake_of_test);
	return 0;
}

static void fake_handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct fake *fake = data;
	unsigned int at = fake->calls[call->method]++;
	const char *text;

	if (at < FAKE_ANSWERS)
		fake->said[call->method][at] = json_deep_copy(call->parameters);
	while (at && (at >= FAKE_ANSWERS || !fake->answer[call->method][at]))
		at--;
	text = fake->answer[call->method][at];
	if (!text || *text == '!') {
		fake_fail(answer, text ? text : "!BadJob the test has no answer");
		return;
	}
	answer->follow = *text == '+';
	answer->parameters = json_loads(text + answer->follow, 0, NULL);
	if (answer->follow)
		fake->publish = true;
	if (fake->leaves && call->method == IPC_SUBMIT)
		fake_leave(fake);
}

static void fake_publish(struct fake *fake)
{
	for (int i = 0; i < FAKE_ANSWERS && fake->news[i]; i++) {
		json_t *news = json_loads(fake->news[i], 0, NULL);

		ipc_server_publish(fake->server, IPC_WAIT, news, clock_now_us());
		json_decref(news);
	}
	fake->publish = false;
}

static void *fake_run(void *data)
{
	struct fake *fake = data;
	struct pollfd fd = {.fd = ipc_server_fd(fake->server), .events = POLLIN};

	while (!fake->stop) {
		poll(&fd, 1, 10);
		ipc_server_dispatch(fake->server, clock_now_us());
		if (fake->publish)
			fake_publish(fake);
	}
	return NULL;
}

static inline int fake_setup(void **state)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	struct ipc_server_conf conf = {
		.group = "", .version = "0", .handle = fake_handle, .data = fake};
	struct uw_err err = {0};

	snprintf(fake->folder, sizeof(fake->folder), "/tmp/uw-test-XXXXXX");
	if (!mkdtemp(fake->folder))
		return -1;
	snprintf(fake->path, sizeof(fake->path), "%s/uwd.sock", fake->folder);
	conf.path = fake->path;
	if (ipc_server_new(&conf, &fake->server, &err) < 0)
		return -1;
	*state = fake_of_test = fake;
	return pthread_create(&fake->thread, NULL, fake_run, fake);
}

static inline int fake_teardown(void **state)
{
	struct fake *fake = *state;

	fake->stop = true;
	pthread_join(fake->thread, NULL);
	fake_of_test = NULL;
	ipc_server_free(fake->server);
	rmdir(fake->folder);
	for (int method = 0; method < IPC_METHOD__COUNT; method++) {
		for (int i = 0; i < FAKE_ANSWERS; i++)
			json_decref(fake->said[method][i]);
	}
	free(fake);
	return 0;
}

/*
 * Runs "uwctl WORDS" with output as wide as width (0: a pipe). The exit status; *ret_text is what
 * it printed.
 */
static inline int fake_uwctl(const struct fake *fake, int width, const char *const *words,
			     char **ret_text)
{
	char *argv[FAKE_WORDS + 3];
	struct cli cli = {.command = command_find(&commands, words[0]), .commands = &commands};
	struct uw_err err = {0};
	size_t size = 0;
	int argc = 0, first, status;

	*ret_text = NULL;
	argv[argc++] = (char *)(uintptr_t)words[0];
	argv[argc++] = (char *)(uintptr_t) "--socket";
	argv[argc++] = (char *)(uintptr_t)fake->path;
	for (int i = 1; words[i]; i++)
		argv[argc++] = (char *)(uintptr_t)words[i];
	argv[argc] = NULL;
	cli.screen.out = open_memstream(ret_text, &size);
	cli.screen.width = width;
	if (options_parse(argc, argv, cli.command->options, cli.command->in_order, &cli.options,
			  &first, &err) < 0) {
		fputs(err.text, cli.screen.out);
		fclose(cli.screen.out);
		return CLI_USAGE;
	}
	cli.argc = argc - first;
	cli.argv = argv + first;
	status = cli.command->run(&cli);
	fclose(cli.screen.out);
	return status;
}

/* Points stderr to a file of its own until fake_heard says what came there, which is malloced. */
static inline int fake_listen(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC), kept = dup(STDERR_FILENO);

	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return kept;
}

static inline char *fake_heard(int kept)
{
	off_t size;
	char *text;

	fflush(stderr);
	size = lseek(STDERR_FILENO, 0, SEEK_END);
	text = calloc(1, (size_t)size + 1);
	if (pread(STDERR_FILENO, text, (size_t)size, 0) != size)
		*text = '\0';
	dup2(kept, STDERR_FILENO);
	close(kept);
	return text;
}

/*
 * Runs a whole command line, "uwctl WORDS", as main does. What it said on standard output and on
 * standard error are the caller's.
 */
static inline int fake_line(int width, const char *const *words, char **ret_out, char **ret_err)
{
	char *argv[FAKE_WORDS + 1] = {(char *)(uintptr_t) "uwctl"};
	struct cli cli = {.commands = &commands, .screen = {.width = width, .height = 24}};
	size_t size = 0;
	int argc = 1, status, kept = fake_listen();

	*ret_out = NULL;
	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	cli.screen.out = open_memstream(ret_out, &size);
	status = dispatch(&cli, argc, argv);
	fclose(cli.screen.out);
	*ret_err = fake_heard(kept);
	return status;
}

#define UWCTL_LINE(width, out, err, ...) \
	fake_line(width, (const char *const[]){__VA_ARGS__, NULL}, out, err)

#define UWCTL(fake, width, text, ...) \
	fake_uwctl(fake, width, (const char *const[]){__VA_ARGS__, NULL}, text)

#endif
