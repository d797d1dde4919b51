/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Varlink wire: one JSON object and a NUL byte a message (varlink.org, "Method Call"). Framing
 * and decoding only: no sockets, no clock, so that a fuzzer and a test can drive it byte by byte.
 * What comes in is hostile: length and nesting are bounded before jansson sees the text, duplicate
 * keys and bad UTF-8 are refused by jansson.
 */
#ifndef UW_IPC_WIRE_H
#define UW_IPC_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/base/err.h"

/* A full status of 32 components and 2,048 leaves is under a MiB; an answer to 2000 jobs that
 * were submitted at once is the longest. */
#define WIRE_MESSAGE_MAX (2U << 20)

/* Our deepest message nests 5 deep; jansson recurses, so this also bounds its stack. */
#define WIRE_DEPTH_MAX 32U

/* Objects and lists in a message: jansson makes 130 bytes of "[]," and 400 of "{},". A Submit of
 * 2000 jobs has 3 to 5 of them a job. */
#define WIRE_NODES_MAX 20000U

/* Bytes received and not yet taken as messages. All zero is an empty one. */
struct wire_reader {
	size_t limit; /* of bytes waiting, so of a message too; 0 = WIRE_MESSAGE_MAX */
	char *buf;
	size_t size;    /* allocated */
	size_t start;   /* first byte not yet taken */
	size_t end;     /* one past the last byte received */
	size_t scanned; /* no NUL before this one */
};

void wire_reader_done(struct wire_reader *reader);

/*
 * Adds received bytes. -EMSGSIZE when more than the limit would be waiting (the caller takes
 * messages out before it feeds more), -ENOMEM.
 */
int wire_reader_feed(struct wire_reader *reader, const void *bytes, size_t count);

/*
 * Takes the next whole message. 1 and *ret_message (an object, the caller's) when there is one, 0
 * when more bytes are needed, -EBADMSG with a text when the bytes are no JSON object: the peer is
 * out of step then and the connection is of no more use.
 */
int wire_reader_next(struct wire_reader *reader, json_t **ret_message, struct uw_err *err);

/* The same in two steps: the bytes of the next whole message, without its NUL, until more are fed;
 * and what they say. */
int wire_reader_cut(struct wire_reader *reader, const char **ret_text, size_t *ret_count);
int wire_decode(const char *text, size_t count, json_t **ret_message, struct uw_err *err);

/* Of a message that was cut its bytes, malloced; a long one takes the reader's memory with it.
 * NULL: out of memory. */
char *wire_reader_take(struct wire_reader *reader, const char *text, size_t count);

/* True when a whole message is waiting, good or bad. */
bool wire_reader_has_message(struct wire_reader *reader);

/* The bytes of a message with its NUL, malloced; *ret_count includes the NUL. -ENOMEM, -EMSGSIZE.
 */
int wire_encode(const json_t *message, char **ret_bytes, size_t *ret_count);

/* Deepest nesting of [ and { outside of strings in the first count bytes of text, and how many of
 * them there are. */
size_t wire_depth(const char *text, size_t count, size_t *ret_nodes);

#endif
