/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the server consists of, for its parts: clients.c moves the bytes of one client, turn.c
 * answers, server.c has the rest. Internal to ipc.
 */
#ifndef UW_IPC_INSIDE_H
#define UW_IPC_INSIDE_H

#include "user/base/file_id.h"
#include "user/ipc/parser.h"
#include "user/ipc/server.h"
#include "user/ipc/wire.h"

struct client {
	int fd; /* -1: a free slot */
	struct ipc_peer peer;
	struct wire_reader in;
	char *out;
	size_t out_count, out_sent;
	uint64_t out_since_us; /* when the oldest unread byte was queued */
	int follow;
	uint64_t later; /* token of the call that is yet to be answered, 0 = none */
	bool silent;    /* that call is "oneway": the next ones wait for its end all the same */
	bool ready;     /* has something for us, or room for its answer */
	bool has_more;  /* to be read, in another step */
	bool wants_long, is_long; /* may not, or may, have a long call waiting */
	uint64_t long_since_us;
	char *bytes; /* of a whole call that is to be parsed */
	size_t byte_count;
	bool is_parsing, parsed;
	json_t *message;   /* the parser's; NULL when it is no good */
	uint32_t calls;    /* in this turn */
	uint64_t spent_us; /* of its part of a turn; what is over it is carried on */
};

struct ipc_server {
	struct ipc_server_conf conf;
	char *path;
	struct file_id place; /* of the socket there */
	gid_t gid;
	bool has_group;
	int epoll, listen, kick;
	bool starved;    /* of files or memory: nobody is let in until the next look */
	uint64_t now_us; /* of this turn */
	uint64_t last_token;
	uint32_t at; /* in client: whose call comes next */
	struct ipc_work *work, **last_work;
	struct parser *parser;
	struct client *parsing; /* whose call that is; NULL: nobody's any more */
	uint32_t last_long_uid;
	json_t *kept; /* of a call that is yet to be answered */
	uint64_t kept_token;
	struct ipc_server_stats stats;
	struct client client[IPC_CLIENTS_MAX];
};

void client_close(struct ipc_server *server, struct client *client);

/* Behind what is queued for it already. -ENOMEM, -EMSGSIZE. bytes are copied. */
int client_queue_bytes(struct ipc_server *server, struct client *client, const char *bytes,
		       size_t count);

/* 0 also when the socket is full; what is left stays queued. */
int client_flush(struct ipc_server *server, struct client *client);

/* 1 and *ret_message, the caller's; 0 when there is none yet; -EPIPE at the end. Reads no more than
 * a call may be long. *ret_bytes is over IPC_CALL_HERE where the message is the parser's. */
int client_next(struct ipc_server *server, struct client *client, json_t **ret_message,
		size_t *ret_bytes);

/* Answers that nobody reads are bounded: -ENOBUFS when those of its user are too many. */
int client_check_unread(const struct ipc_server *server, const struct client *client);

/* The epoll wakes us for what the client waits for. */
int client_watch(struct ipc_server *server, struct client *client);

#endif
