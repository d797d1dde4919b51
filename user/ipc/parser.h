/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parses long messages on a thread of its own, and frees there what came of them: jansson takes a
 * dozen ms for half a megabyte, and as long to free it. One message at a time, and the next one
 * when that has been freed, as it takes many times its bytes. Internal to ipc.
 */
#ifndef UW_IPC_PARSER_H
#define UW_IPC_PARSER_H

#include <jansson.h>
#include <stdbool.h>

struct parser;

int parser_new(struct parser **ret_parser);

/* Waits for what is being done. NULL is fine. */
void parser_free(struct parser *parser);

/* Whether another message may be put. */
bool parser_is_idle(const struct parser *parser);

/* The bytes are its own from now on. -EAGAIN: no thread to be had, and they are the caller's. */
int parser_put(struct parser *parser, char *bytes, size_t count);

/* An eventfd, readable when a message is parsed or has been freed; then parser_dispatch. */
int parser_fd(const struct parser *parser);

/* 1 when a message is parsed, once: *ret_message, or NULL when it is no good. It is to be given
 * back by parser_drop, when nobody else holds a reference. */
int parser_dispatch(struct parser *parser, json_t **ret_message);
void parser_drop(struct parser *parser, json_t *message);

#endif
