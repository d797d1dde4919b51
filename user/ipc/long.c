// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A long call costs memory, first as bytes and then many times that as JSON, and time. So only a
 * few clients at a time may send one, of one user half as many as others leave; who may not is not
 * read from meanwhile. What is there is parsed one call after the other: root's first, and else the
 * users take turns, so that a crowd of one delays another by one call at a time.
 */
#include "user/ipc/long.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"

#define LONG_MAX_CLIENTS 16U

/* ---- who may send one ---- */

static bool has_room(const struct ipc_server *server, const struct client *client)
{
	uint32_t own = 0, others = 0;

	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		const struct client *other = &server->client[i];

		if (other->fd < 0 || !other->is_long)
			continue;
		own += other->peer.uid == client->peer.uid;
		others += other->peer.uid != client->peer.uid;
	}
	return !client->peer.uid ||
	       (own + others < LONG_MAX_CLIENTS && own < (LONG_MAX_CLIENTS - others) / 2);
}

bool long_may_read(struct ipc_server *server, struct client *client)
{
	if (client->is_long)
		return true;
	client->is_long = has_room(server, client);
	client->wants_long = !client->is_long;
	client->long_since_us = server->now_us;
	return client->is_long;
}

static void leave(struct ipc_server *server, struct client *client)
{
	if (!client->is_long)
		return;
	client->is_long = false;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++)
		if (server->client[i].fd >= 0 && server->client[i].wants_long)
			server->client[i].ready = true;
}

void long_settle(struct ipc_server *server, struct client *client)
{
	if (client->in.end - client->in.start <= IPC_CALL_SHORT)
		leave(server, client);
}

bool long_is_waited_for(const struct client *client)
{
	return client->wants_long || client->bytes || client->is_parsing;
}

/* ---- whose is parsed next ---- */

/* As far behind the user of the last one as it is; root comes before all. */
static uint64_t turn_of(const struct ipc_server *server, const struct client *client)
{
	return client->peer.uid ? 1 + (uint64_t)(client->peer.uid - server->last_long_uid - 1) : 0;
}

static struct client *next_client(struct ipc_server *server)
{
	struct client *next = NULL;

	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		if (client->fd >= 0 && client->bytes &&
		    (!next || turn_of(server, client) < turn_of(server, next)))
			next = client;
	}
	return next;
}

static void parse_next(struct ipc_server *server)
{
	struct client *client = parser_is_idle(server->parser) ? next_client(server) : NULL;

	if (!client)
		return;
	if (parser_put(server->parser, client->bytes, client->byte_count)) {
		shutdown(client->fd, SHUT_RDWR); /* and is closed in the next turn */
		return;
	}
	client->bytes = NULL;
	client->is_parsing = true;
	server->parsing = client;
	if (client->peer.uid)
		server->last_long_uid = client->peer.uid;
	leave(server, client);
}

int long_put(struct ipc_server *server, struct client *client, const char *text, size_t count)
{
	client->bytes = wire_reader_take(&client->in, text, count);
	if (!client->bytes)
		return -ENOMEM;
	client->byte_count = count;
	parse_next(server);
	return 0;
}

void long_dispatch(struct ipc_server *server)
{
	struct client *client;
	json_t *message;

	if (parser_dispatch(server->parser, &message) > 0) {
		client = server->parsing;
		server->parsing = NULL;
		if (client) {
			client->is_parsing = false;
			client->parsed = true;
			client->message = message;
			client->ready = true;
		} else {
			parser_drop(server->parser, message);
		}
	}
	parse_next(server);
}

void long_end_call(struct ipc_server *server, json_t *message, bool keep, uint64_t token)
{
	if (keep) {
		server->kept = message;
		server->kept_token = token;
	} else {
		parser_drop(server->parser, message);
	}
}

void ipc_server_forget_call(struct ipc_server *server, uint64_t token)
{
	if (!server->kept || server->kept_token != token)
		return;
	parser_drop(server->parser, TAKE(server->kept));
}

void long_close(struct ipc_server *server, struct client *client)
{
	if (server->parsing == client)
		server->parsing = NULL;
	if (client->parsed)
		parser_drop(server->parser, client->message);
	free(client->bytes);
	client->wants_long = false;
	leave(server, client);
}
