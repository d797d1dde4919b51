// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Serves the clients of the control socket from the caller's loop. Each client has a slot with what
 * it sent and what it has not read yet. In a turn a few calls of each are answered by service.c;
 * who does not read its answers is dropped, and some slots are root's alone, so that no crowd locks
 * root out.
 */
#include "user/ipc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/ipc/listen.h"
#include "user/ipc/service.h"
#include "user/ipc/wire.h"

#define READ_CHUNK     4096U
#define EVENTS_A_TURN  16
#define ACCEPTS_A_TURN 8

/* Slots that only root may take, so that a crowd of readers cannot lock root out. */
#define CLIENTS_ROOT_ONLY 16U

#define TAG_LISTEN UINT32_MAX
#define TAG_KICK   (UINT32_MAX - 1)

struct client {
	int fd; /* -1: a free slot */
	struct ipc_peer peer;
	struct wire_reader in;
	char *out;
	size_t out_count, out_sent;
	uint64_t out_since_us; /* when the oldest unread byte was queued */
	int follow;
	uint64_t later; /* token of the call that is yet to be answered, 0 = none */
};

struct ipc_server {
	struct ipc_server_conf conf;
	char *path;
	gid_t gid;
	bool has_group;
	int epoll, listen, kick;
	uint64_t now_us; /* of this turn */
	uint64_t last_token;
	struct ipc_server_stats stats;
	struct client client[IPC_CLIENTS_MAX];
};

static void client_close(struct ipc_server *server, struct client *client)
{
	if (client->fd < 0)
		return;
	close(client->fd);
	wire_reader_done(&client->in);
	free(client->out);
	server->stats.clients--;
	if (client->follow != SERVICE_NO_FOLLOW)
		server->stats.followers--;
	*client = (struct client){.fd = -1, .follow = SERVICE_NO_FOLLOW};
}

static int client_queue(struct ipc_server *server, struct client *client, const json_t *message)
{
	AUTO_FREE char *bytes = NULL;
	size_t count;
	char *out;
	int r;

	r = wire_encode(message, &bytes, &count);
	if (r < 0)
		return r;
	if (!client->out_count) {
		client->out = TAKE(bytes);
		client->out_count = count;
		client->out_since_us = server->now_us;
		return 0;
	}
	out = realloc(client->out, client->out_count + count);
	if (!out)
		return -ENOMEM;
	memcpy(out + client->out_count, bytes, count);
	client->out = out;
	client->out_count += count;
	return 0;
}

/* 0 also when the socket is full; what is left stays queued. */
static int client_flush(struct ipc_server *server, struct client *client)
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

/* 1 when something came, 0 when nothing is there, -EPIPE at the end. */
static int client_read(struct client *client)
{
	char chunk[READ_CHUNK];
	ssize_t count = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	int r;

	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (count == 0)
		return -EPIPE;
	if (client->follow != SERVICE_NO_FOLLOW)
		return -EBADMSG; /* a call that is still being answered comes alone */
	r = wire_reader_feed(&client->in, chunk, (size_t)count);
	return r < 0 ? r : 1;
}

static int client_answer(struct ipc_server *server, struct client *client, const json_t *message)
{
	AUTO_JSON json_t *reply = NULL;
	int r;

	server->stats.calls++;
	r = service_answer(&server->conf, &client->peer, ++server->last_token, message, &reply,
			   &client->follow);
	if (r < 0)
		return r;
	server->stats.refused += (uint64_t)r;
	if (client->follow == SERVICE_LATER) {
		client->follow = SERVICE_NO_FOLLOW;
		client->later = server->last_token;
	}
	if (client->follow != SERVICE_NO_FOLLOW)
		server->stats.followers++;
	r = reply ? client_queue(server, client, reply) : 0;
	return r < 0 ? r : client_flush(server, client);
}

/* Answers what it may in this turn. An unread answer stops the client's calls, not the server. */
static int client_work(struct ipc_server *server, struct client *client)
{
	unsigned int calls = 0;
	int r = client_flush(server, client);

	while (r >= 0 && !client->out_count && !client->later && calls < IPC_CALLS_A_TURN) {
		AUTO_JSON json_t *message = NULL;

		r = wire_reader_next(&client->in, &message, NULL);
		if (r < 0)
			return r;
		if (r == 0) {
			r = client_read(client);
			if (r == 0)
				break;
			continue;
		}
		r = client_answer(server, client, message);
		calls++;
	}
	return r < 0 ? r : 0;
}

static int client_watch(struct ipc_server *server, struct client *client)
{
	struct epoll_event event = {
		.events = client->out_count ? EPOLLOUT
			  : client->later   ? EPOLLRDHUP
					    : EPOLLIN,
		.data.u32 = (uint32_t)(client - server->client),
	};

	return epoll_ctl(server->epoll, EPOLL_CTL_MOD, client->fd, &event) < 0 ? -errno : 0;
}

/* Calls that wait in our own buffer make no socket readable: remind ourselves of them. */
static void server_kick(const struct ipc_server *server)
{
	if (eventfd_write(server->kick, 1) < 0)
		return; /* full counter: it is readable, which is all that is wanted */
}

static void client_turn(struct ipc_server *server, struct client *client, uint32_t events)
{
	int r;

	if (client->fd < 0)
		return;
	if (client->later && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
		client_close(server, client); /* nobody is there to hear the answer */
		return;
	}
	r = client_work(server, client);
	if (r >= 0)
		r = client_watch(server, client);
	if (r < 0) {
		server->stats.dropped_bad += r != -EPIPE && r != -ECONNRESET;
		client_close(server, client);
		return;
	}
	if (!client->out_count && !client->later && wire_reader_has_message(&client->in))
		server_kick(server);
}

static uint32_t seats_of(const struct ipc_server *server, uid_t uid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++)
		count += server->client[i].fd >= 0 && server->client[i].peer.uid == uid;
	return count;
}

static struct client *server_free_slot(struct ipc_server *server, const struct ipc_peer *peer)
{
	uint32_t usable = peer->uid == 0 ? IPC_CLIENTS_MAX : IPC_CLIENTS_MAX - CLIENTS_ROOT_ONLY;

	if (server->stats.clients >= usable ||
	    (peer->uid != 0 && seats_of(server, peer->uid) >= IPC_CLIENTS_USER))
		return NULL;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		if (server->client[i].fd < 0)
			return &server->client[i];
	}
	return NULL;
}

/* One short line to who finds no seat; whether it arrives is not our concern. */
static void server_turn_away(struct ipc_server *server, int fd)
{
	static const char busy[] = "{\"error\":\"" IPC_ERROR_BUSY "\",\"parameters\":{\"reason\":"
				   "\"uwd serves as many clients as it may; try again\"}}";

	server->stats.refused++;
	if (send(fd, busy, sizeof(busy), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* 0 when one was taken or turned away, -EAGAIN when nobody waits. */
static int server_accept(struct ipc_server *server)
{
	AUTO_CLOSE int fd = accept4(server->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN};
	struct client *client;
	struct ipc_peer peer;

	if (fd < 0)
		return -errno;
	if (listen_peer(fd, server->has_group, server->gid, &peer) < 0)
		return 0;
	client = server_free_slot(server, &peer);
	if (!client) {
		server_turn_away(server, fd);
		return 0;
	}
	event.data.u32 = (uint32_t)(client - server->client);
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return 0;
	*client = (struct client){
		.fd = TAKE_FD(fd),
		.peer = peer,
		.in.limit = IPC_REQUEST_MAX,
		.follow = SERVICE_NO_FOLLOW,
	};
	server->stats.clients++;
	return 0;
}

static void server_event(struct ipc_server *server, uint32_t tag, uint32_t ready)
{
	eventfd_t count;

	if (tag == TAG_LISTEN) {
		for (int i = 0; i < ACCEPTS_A_TURN && server_accept(server) == 0; i++)
			continue;
	} else if (tag == TAG_KICK) {
		if (eventfd_read(server->kick, &count) < 0)
			return;
		for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++)
			client_turn(server, &server->client[i], 0);
	} else {
		client_turn(server, &server->client[tag], ready);
	}
}

int ipc_server_dispatch(struct ipc_server *server, uint64_t now_us)
{
	struct epoll_event events[EVENTS_A_TURN];
	int count = epoll_wait(server->epoll, events, EVENTS_A_TURN, 0);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	server->now_us = now_us;
	for (int i = 0; i < count; i++)
		server_event(server, events[i].data.u32, events[i].events);
	return 0;
}

void ipc_server_expire(struct ipc_server *server, uint64_t now_us)
{
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		if (!client->out_count || now_us - client->out_since_us < IPC_UNREAD_US)
			continue;
		server->stats.dropped_slow++;
		client_close(server, client);
	}
}

static int client_publish(struct ipc_server *server, struct client *client, const json_t *message)
{
	int r = client_queue(server, client, message);

	if (r >= 0)
		r = client_flush(server, client);
	if (r >= 0 && client->out_count - client->out_sent > IPC_UNREAD_MAX)
		r = -ENOBUFS;
	return r < 0 ? r : client_watch(server, client);
}

static void client_offer(struct ipc_server *server, struct client *client, const json_t *message)
{
	if (client_publish(server, client, message) >= 0)
		return;
	server->stats.dropped_slow++;
	client_close(server, client);
}

static void server_publish(struct ipc_server *server, enum ipc_method method, const uid_t *uid,
			   json_t *parameters, uint64_t now_us)
{
	AUTO_JSON json_t *message = NULL;

	if (!server->stats.followers)
		return;
	message = service_reply(json_incref(parameters), NULL, true);
	if (!message)
		return;
	server->now_us = now_us;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		if (client->fd >= 0 && client->follow == (int)method &&
		    (!uid || client->peer.uid == 0 || client->peer.uid == *uid))
			client_offer(server, client, message);
	}
}

void ipc_server_publish(struct ipc_server *server, enum ipc_method method, json_t *parameters,
			uint64_t now_us)
{
	server_publish(server, method, NULL, parameters, now_us);
}

void ipc_server_publish_to(struct ipc_server *server, enum ipc_method method, uid_t uid,
			   json_t *parameters, uint64_t now_us)
{
	server_publish(server, method, &uid, parameters, now_us);
}

void ipc_server_answer(struct ipc_server *server, uint64_t token, struct ipc_answer *answer,
		       uint64_t now_us)
{
	AUTO_JSON json_t *reply = service_reply(answer->parameters, answer->error, answer->follow);
	struct client *client = NULL;

	answer->parameters = NULL;
	for (uint32_t i = 0; token && !client && i < IPC_CLIENTS_MAX; i++)
		if (server->client[i].fd >= 0 && server->client[i].later == token)
			client = &server->client[i];
	if (!client)
		return;
	server->now_us = now_us;
	client->later = 0;
	if (!reply || client_queue(server, client, reply) < 0 || client_flush(server, client) < 0 ||
	    client_watch(server, client) < 0)
		client_close(server, client);
	else
		server_kick(server); /* for calls that came behind it */
}

int ipc_server_set_open(struct ipc_server *server, bool open)
{
	server->conf.open = open;
	return listen_set_mode(server->path, server->has_group, open);
}

static int server_watch(struct ipc_server *server, int fd, uint32_t tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int server_open(struct ipc_server *server, struct uw_err *err)
{
	int r;

	server->has_group = listen_group(server->conf.group, &server->gid);
	r = listen_open(server->path, server->has_group ? &server->gid : NULL, server->conf.open,
			&server->listen, err);
	if (r < 0)
		return r;
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->epoll < 0 || server->kick < 0)
		return err_set(err, -errno, "control socket: epoll or eventfd: %s",
			       strerror(errno));
	r = server_watch(server, server->listen, TAG_LISTEN);
	if (r >= 0)
		r = server_watch(server, server->kick, TAG_KICK);
	if (r < 0)
		return err_set(err, r, "control socket: epoll_ctl: %s", strerror(-r));
	return server->has_group ? 0 : IPC_NO_GROUP;
}

int ipc_server_new(const struct ipc_server_conf *conf, struct ipc_server **ret_server,
		   struct uw_err *err)
{
	struct ipc_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_set(err, -ENOMEM, "control socket: out of memory");
	server->conf = *conf;
	server->epoll = -1;
	server->listen = -1;
	server->kick = -1;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++)
		server->client[i].fd = -1;
	server->path = strdup(conf->path);
	r = server->path ? server_open(server, err)
			 : err_set(err, -ENOMEM, "control socket: out of memory");
	if (r < 0) {
		ipc_server_free(server);
		return r;
	}
	*ret_server = server;
	return r;
}

void ipc_server_free(struct ipc_server *server)
{
	if (!server)
		return;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++)
		client_close(server, &server->client[i]);
	if (server->listen >= 0) {
		unlink(server->path);
		close(server->listen);
	}
	if (server->epoll >= 0)
		close(server->epoll);
	if (server->kick >= 0)
		close(server->kick);
	free(server->path);
	free(server);
}

int ipc_server_fd(const struct ipc_server *server)
{
	return server->epoll;
}

void ipc_server_stats(const struct ipc_server *server, struct ipc_server_stats *ret_stats)
{
	*ret_stats = server->stats;
}
