// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cuts the bytes of a connection into messages, which end in a NUL, and back. Length and nesting of
 * a message are checked before it is parsed, since it comes from anybody who may connect.
 */
#include "user/ipc/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

#define READER_SIZE_MIN 4096U

void wire_reader_done(struct wire_reader *reader)
{
	free(reader->buf);
	memset(reader, 0, sizeof(*reader));
}

/* Moves what waits to the front, so that room is only ever needed at the end. */
static void reader_compact(struct wire_reader *reader)
{
	if (!reader->start)
		return;
	memmove(reader->buf, reader->buf + reader->start, reader->end - reader->start);
	reader->scanned -= reader->start;
	reader->end -= reader->start;
	reader->start = 0;
}

static int reader_reserve(struct wire_reader *reader, size_t count)
{
	size_t size = reader->size ? reader->size : READER_SIZE_MIN;
	char *buf;

	while (size - reader->end < count)
		size *= 2;
	if (size == reader->size)
		return 0;
	buf = realloc(reader->buf, size);
	if (!buf)
		return -ENOMEM;
	reader->buf = buf;
	reader->size = size;
	return 0;
}

int wire_reader_feed(struct wire_reader *reader, const void *bytes, size_t count)
{
	size_t limit = reader->limit ? reader->limit : WIRE_MESSAGE_MAX;
	int r;

	if (!count)
		return 0;
	reader_compact(reader);
	if (count > limit || reader->end > limit - count)
		return -EMSGSIZE;
	r = reader_reserve(reader, count);
	if (r < 0)
		return r;
	memcpy(reader->buf + reader->end, bytes, count);
	reader->end += count;
	return 0;
}

bool wire_reader_has_message(struct wire_reader *reader)
{
	const char *nul;

	if (reader->scanned == reader->end)
		return false;
	nul = memchr(reader->buf + reader->scanned, '\0', reader->end - reader->scanned);
	/* On a hit scanned stays on the NUL, so that asking again finds it at once. */
	reader->scanned = nul ? (size_t)(nul - reader->buf) : reader->end;
	return nul != NULL;
}

size_t wire_depth(const char *text, size_t count, size_t *ret_nodes)
{
	size_t depth = 0, deepest = 0, nodes = 0;
	bool quoted = false;

	for (size_t i = 0; i < count; i++) {
		char c = text[i];

		if (quoted && c == '\\') {
			i++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && (c == '{' || c == '[')) {
			nodes++;
			deepest = ++depth > deepest ? depth : deepest;
		} else if (!quoted && (c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	*ret_nodes = nodes;
	return deepest;
}

int wire_decode(const char *text, size_t count, json_t **ret_message, struct uw_err *err)
{
	json_error_t error;
	json_t *message;
	size_t nodes;

	if (wire_depth(text, count, &nodes) > WIRE_DEPTH_MAX)
		return err_set(err, -EBADMSG, "message nests deeper than %u", WIRE_DEPTH_MAX);
	if (nodes > WIRE_NODES_MAX)
		return err_set(err, -EBADMSG, "message has more than %u objects and lists",
			       WIRE_NODES_MAX);
	message = json_loadb(text, count, JSON_REJECT_DUPLICATES, &error);
	if (!message)
		return err_set(err, -EBADMSG, "message is not JSON: %s at byte %d", error.text,
			       error.position);
	if (!json_is_object(message)) {
		json_decref(message);
		return err_set(err, -EBADMSG, "message is JSON, but not an object");
	}
	*ret_message = message;
	return 1;
}

int wire_reader_cut(struct wire_reader *reader, const char **ret_text, size_t *ret_count)
{
	if (!wire_reader_has_message(reader))
		return 0;
	*ret_text = reader->buf + reader->start;
	*ret_count = reader->scanned - reader->start;
	reader->scanned++;
	reader->start = reader->scanned;
	return 1;
}

int wire_reader_next(struct wire_reader *reader, json_t **ret_message, struct uw_err *err)
{
	const char *text;
	size_t count;

	if (!wire_reader_cut(reader, &text, &count))
		return 0;
	return wire_decode(text, count, ret_message, err);
}

/* What waits behind it goes into memory of its own. */
static char *take_memory(struct wire_reader *reader)
{
	struct wire_reader rest = {.limit = reader->limit};
	char *bytes = reader->buf;

	if (wire_reader_feed(&rest, reader->buf + reader->start, reader->end - reader->start))
		return NULL;
	*reader = rest;
	return bytes;
}

char *wire_reader_take(struct wire_reader *reader, const char *text, size_t count)
{
	char *bytes;

	if (text == reader->buf && count > READER_SIZE_MIN)
		return take_memory(reader);
	bytes = malloc(count + 1);
	if (bytes)
		memcpy(bytes, text, count);
	return bytes;
}

int wire_encode(const json_t *message, char **ret_bytes, size_t *ret_count)
{
	AUTO_FREE char *bytes = json_dumps(message, JSON_COMPACT);
	size_t count;

	if (!bytes)
		return -ENOMEM;
	count = strlen(bytes) + 1;
	if (count > WIRE_MESSAGE_MAX)
		return -EMSGSIZE;
	*ret_bytes = TAKE(bytes);
	*ret_count = count;
	return 0;
}
