// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One thread, made when the first long message comes, and one task that goes round: the loop puts
 * bytes, the thread parses them, the loop takes the message and gives it back, the thread frees it.
 * Whose turn it is stands in one word under a lock.
 */
#include "user/ipc/parser.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/thread.h"
#include "user/ipc/wire.h"

#define STACK_BYTES (256U << 10)

enum parser_state {
	PARSER_IDLE,
	PARSER_TO_PARSE, /* the thread's */
	PARSER_PARSED,
	PARSER_TAKEN,   /* by the loop */
	PARSER_TO_FREE, /* the thread's */
	PARSER_TO_END,  /* the thread's */
};

struct parser {
	int fd;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	enum parser_state state; /* this and what follows under the lock */
	char *bytes;
	size_t count;
	json_t *message;
};

/* ---- the thread ---- */

static void parse(struct parser *parser)
{
	struct uw_err err;

	if (wire_decode(parser->bytes, parser->count, &parser->message, &err) < 0)
		parser->message = NULL;
	free(TAKE(parser->bytes));
}

static void work(struct parser *parser, enum parser_state state)
{
	if (state == PARSER_TO_PARSE)
		parse(parser);
	else
		json_decref(TAKE(parser->message));
}

static bool is_for_thread(enum parser_state state)
{
	return state == PARSER_TO_PARSE || state == PARSER_TO_FREE;
}

/* While it works the task is its own, and the lock is not needed. */
static void *run(void *data)
{
	struct parser *parser = data;

	pthread_mutex_lock(&parser->lock);
	while (parser->state != PARSER_TO_END) {
		enum parser_state state = parser->state;

		if (!is_for_thread(state)) {
			pthread_cond_wait(&parser->wake, &parser->lock);
			continue;
		}
		pthread_mutex_unlock(&parser->lock);
		work(parser, state);
		pthread_mutex_lock(&parser->lock);
		if (parser->state == state)
			parser->state = state == PARSER_TO_PARSE ? PARSER_PARSED : PARSER_IDLE;
		if (eventfd_write(parser->fd, 1) < 0)
			continue; /* full: it is readable, which is all that is wanted */
	}
	pthread_mutex_unlock(&parser->lock);
	return NULL;
}

static int start_thread(struct parser *parser)
{
	int rc = thread_start(&parser->thread, STACK_BYTES, 0, run, parser);

	parser->has_thread = !rc;
	return rc ? -EAGAIN : 0;
}

/* ---- the loop's thread ---- */

int parser_new(struct parser **ret_parser)
{
	struct parser *parser = calloc(1, sizeof(*parser));

	if (!parser)
		return -ENOMEM;
	parser->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (parser->fd < 0) {
		int rc = -errno;

		free(parser);
		return rc;
	}
	pthread_mutex_init(&parser->lock, NULL);
	pthread_cond_init(&parser->wake, NULL);
	*ret_parser = parser;
	return 0;
}

static enum parser_state state_of(const struct parser *parser)
{
	struct parser *locked = (struct parser *)parser;
	enum parser_state state;

	pthread_mutex_lock(&locked->lock);
	state = parser->state;
	pthread_mutex_unlock(&locked->lock);
	return state;
}

static void set_state(struct parser *parser, enum parser_state state)
{
	pthread_mutex_lock(&parser->lock);
	parser->state = state;
	pthread_cond_signal(&parser->wake);
	pthread_mutex_unlock(&parser->lock);
}

void parser_free(struct parser *parser)
{
	if (!parser)
		return;
	set_state(parser, PARSER_TO_END);
	if (parser->has_thread)
		pthread_join(parser->thread, NULL);
	json_decref(parser->message);
	free(parser->bytes);
	pthread_cond_destroy(&parser->wake);
	pthread_mutex_destroy(&parser->lock);
	close(parser->fd);
	free(parser);
}

bool parser_is_idle(const struct parser *parser)
{
	return state_of(parser) == PARSER_IDLE;
}

int parser_put(struct parser *parser, char *bytes, size_t count)
{
	int rc = parser->has_thread ? 0 : start_thread(parser);

	if (rc)
		return rc;
	parser->bytes = bytes;
	parser->count = count;
	set_state(parser, PARSER_TO_PARSE);
	return 0;
}

int parser_fd(const struct parser *parser)
{
	return parser->fd;
}

int parser_dispatch(struct parser *parser, json_t **ret_message)
{
	eventfd_t count;

	if (eventfd_read(parser->fd, &count) < 0 && errno != EAGAIN)
		return -errno;
	if (state_of(parser) != PARSER_PARSED)
		return 0;
	*ret_message = TAKE(parser->message);
	set_state(parser, PARSER_TAKEN);
	return 1;
}

void parser_drop(struct parser *parser, json_t *message)
{
	parser->message = message;
	set_state(parser, PARSER_TO_FREE);
}
