// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves the bytes of one client: calls come in through a reader of messages, answers wait in one
 * buffer until its socket takes them. Nothing here blocks. What the epoll is to wake us for follows
 * from what the client waits for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/ipc/inside.h"
#include "user/ipc/long.h"
#include "user/ipc/service.h"

#define READ_CHUNK   4096U
#define READS_A_STEP 16U /* 64 KiB: 50 us, with the pages that these take */

void client_close(struct ipc_server *server, struct client *client)
{
	if (client->fd < 0)
		return;
	long_close(server, client);
	close(client->fd);
	wire_reader_done(&client->in);
	free(client->out);
	server->stats.clients--;
	if (client->follow != SERVICE_NO_FOLLOW)
		server->stats.followers--;
	*client = (struct client){.fd = -1, .follow = SERVICE_NO_FOLLOW};
}

int client_queue_bytes(struct ipc_server *server, struct client *client, const char *bytes,
		       size_t count)
{
	char *out = realloc(client->out, client->out_count + count);

	if (!out)
		return -ENOMEM;
	memcpy(out + client->out_count, bytes, count);
	if (!client->out_count)
		client->out_since_us = server->now_us;
	client->out = out;
	client->out_count += count;
	return 0;
}

int client_flush(struct ipc_server *server, struct client *client)
{
	while (client->out_sent < client->out_count) {
		ssize_t sent =
			send(client->fd, client->out + client->out_sent,
			     client->out_count - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		client->out_sent += (size_t)sent;
		client->out_since_us = server->now_us;
	}
	free(TAKE(client->out));
	client->out_count = 0;
	client->out_sent = 0;
	return 0;
}

/* 1 when something came, 0 when nothing is there or wanted, -EPIPE at the end. */
static int client_read(struct ipc_server *server, struct client *client)
{
	char chunk[READ_CHUNK];
	ssize_t count;
	int r;

	if (client->in.end - client->in.start > IPC_CALL_SHORT - READ_CHUNK &&
	    !long_may_read(server, client))
		return 0;
	count = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (count == 0)
		return -EPIPE;
	if (client->follow != SERVICE_NO_FOLLOW)
		return -EBADMSG; /* a call that is still being answered comes alone */
	r = wire_reader_feed(&client->in, chunk, (size_t)count);
	return r < 0 ? r : 1;
}

static int take_parsed(struct client *client, json_t **ret_message, size_t *ret_bytes)
{
	client->parsed = false;
	*ret_message = TAKE(client->message);
	*ret_bytes = client->byte_count;
	return 1;
}

static int take_call(struct ipc_server *server, struct client *client, const char *text,
		     size_t count, json_t **ret_message)
{
	if (count > IPC_CALL_HERE)
		return long_put(server, client, text, count);
	long_settle(server, client);
	return wire_decode(text, count, ret_message, NULL);
}

int client_next(struct ipc_server *server, struct client *client, json_t **ret_message,
		size_t *ret_bytes)
{
	const char *text;
	int r;

	if (client->parsed)
		return take_parsed(client, ret_message, ret_bytes);
	client->wants_long = client->has_more = false;
	for (uint32_t i = 0; i < READS_A_STEP; i++) {
		if (wire_reader_cut(&client->in, &text, ret_bytes))
			return take_call(server, client, text, *ret_bytes, ret_message);
		r = client_read(server, client);
		if (r <= 0)
			return r;
	}
	client->has_more = true;
	return 0;
}

int client_check_unread(const struct ipc_server *server, const struct client *client)
{
	uint64_t own = 0, others = 0;

	if (client->out_count <= IPC_CALL_SHORT || !client->peer.uid)
		return 0;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		const struct client *other = &server->client[i];

		if (other->fd < 0)
			continue;
		own += other->peer.uid == client->peer.uid ? other->out_count : 0;
		others += other->peer.uid != client->peer.uid ? other->out_count : 0;
	}
	others = others < IPC_UNREAD_TOTAL ? others : IPC_UNREAD_TOTAL;
	return own > (IPC_UNREAD_TOTAL - others) / 2 ? -ENOBUFS : 0;
}

int client_watch(struct ipc_server *server, struct client *client)
{
	struct epoll_event event = {
		.events = client->out_count                             ? EPOLLOUT
			  : client->later || long_is_waited_for(client) ? EPOLLRDHUP
									: EPOLLIN,
		.data.u32 = (uint32_t)(client - server->client),
	};

	return epoll_ctl(server->epoll, EPOLL_CTL_MOD, client->fd, &event) < 0 ? -errno : 0;
}
