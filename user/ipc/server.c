// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Serves the clients of the control socket from the caller's loop. Each client has a slot with what
 * it sent and what it has not read yet. Here they come and go, are told what they follow and are
 * given the answers that took longer; whose call comes next is decided in turn.c. Who does not read
 * its answers is dropped, and some slots are root's alone, so that no crowd locks root out.
 */
#include "user/ipc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/ipc/inside.h"
#include "user/ipc/json.h"
#include "user/ipc/listen.h"
#include "user/ipc/long.h"
#include "user/ipc/service.h"
#include "user/ipc/turn.h"

#define EVENTS_A_TURN  (IPC_CLIENTS_MAX + 3) /* all that can be ready */
#define ACCEPTS_A_TURN 8

/* Slots that only root may take, so that a crowd of readers cannot lock root out. */
#define CLIENTS_ROOT_ONLY 16U

#define TAG_LISTEN UINT32_MAX
#define TAG_KICK   (UINT32_MAX - 1)
#define TAG_PARSER (UINT32_MAX - 2)

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

/* Those who wait do so in the socket's backlog. */
static void server_let_in(struct ipc_server *server, bool let)
{
	epoll_data_t known_by = {.u32 = TAG_LISTEN};

	if (server->starved == let && !listen_report(server->epoll, server->listen, known_by, let))
		server->starved = !let;
}

/* 0 when one was taken or turned away, -EAGAIN when nobody waits or can be taken now. */
static int server_accept(struct ipc_server *server)
{
	AUTO_CLOSE int fd = accept4(server->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN};
	struct client *client;
	struct ipc_peer peer;

	if (fd < 0) {
		server_let_in(server, !listen_is_starved(errno));
		return -EAGAIN;
	}
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
	struct client *client = &server->client[tag < IPC_CLIENTS_MAX ? tag : 0];
	eventfd_t count;

	if (tag == TAG_LISTEN) {
		for (int i = 0; i < ACCEPTS_A_TURN && server_accept(server) == 0; i++)
			continue;
	} else if (tag == TAG_KICK) {
		if (eventfd_read(server->kick, &count) < 0)
			return;
	} else if (tag == TAG_PARSER) {
		long_dispatch(server);
	} else if ((client->later || long_is_waited_for(client)) &&
		   (ready & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
		client_close(server, client); /* nobody is there to hear the answer */
	} else {
		client->ready = true;
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
	turn_serve(server);
	return 0;
}

/* Reads no answer, or sends half a long call. */
static bool is_overdue(const struct client *client, uint64_t now_us)
{
	if (client->fd < 0)
		return false;
	if (client->is_long && !client->bytes && !client->later && !client->out_count &&
	    now_us - client->long_since_us >= IPC_UNREAD_US)
		return true;
	return client->out_count && now_us - client->out_since_us >= IPC_UNREAD_US;
}

void ipc_server_expire(struct ipc_server *server, uint64_t now_us)
{
	server_let_in(server, true);
	for (uint32_t i = 0; server->stats.clients && i < IPC_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		if (!is_overdue(client, now_us))
			continue;
		server->stats.dropped_slow++;
		client_close(server, client);
	}
}

static int client_publish(struct ipc_server *server, struct client *client, const char *bytes,
			  size_t count)
{
	int r = client_queue_bytes(server, client, bytes, count);

	if (r >= 0)
		r = client_flush(server, client);
	if (r >= 0 && client->out_count - client->out_sent > IPC_UNREAD_MAX)
		r = -ENOBUFS;
	return r < 0 ? r : client_watch(server, client);
}

static void client_offer(struct ipc_server *server, struct client *client, const char *bytes,
			 size_t count)
{
	if (client_publish(server, client, bytes, count) >= 0)
		return;
	server->stats.dropped_slow++;
	client_close(server, client);
}

static void server_publish(struct ipc_server *server, enum ipc_method method, const uid_t *uid,
			   json_t *parameters, uint64_t now_us)
{
	AUTO_JSON json_t *message = NULL;
	AUTO_FREE char *bytes = NULL;
	size_t count;

	if (!server->stats.followers)
		return;
	message = service_reply(json_incref(parameters), NULL, true);
	if (!message || wire_encode(message, &bytes, &count) < 0)
		return;
	server->now_us = now_us;
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		if (client->fd >= 0 && client->follow == (int)method &&
		    (!uid || client->peer.uid == 0 || client->peer.uid == *uid))
			client_offer(server, client, bytes, count);
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

static struct client *client_of(struct ipc_server *server, uint64_t token)
{
	for (uint32_t i = 0; token && i < IPC_CLIENTS_MAX; i++)
		if (server->client[i].fd >= 0 && server->client[i].later == token)
			return &server->client[i];
	return NULL;
}

bool ipc_server_is_awaited(const struct ipc_server *server, uint64_t token)
{
	return client_of((struct ipc_server *)server, token);
}

/* A "oneway" call has come to its end; nobody wants to hear how. */
static int client_hear(struct ipc_server *server, struct client *client,
		       const struct ipc_answer *answer, const char *bytes, size_t count)
{
	int r;

	if (client->silent) {
		client->silent = false;
		return 0;
	}
	if (answer->follow && !answer->error) {
		client->follow = (int)answer->method;
		server->stats.followers++;
	}
	r = client_queue_bytes(server, client, bytes, count);
	if (r >= 0)
		r = client_flush(server, client);
	return r < 0 ? r : client_check_unread(server, client);
}

void ipc_server_answer(struct ipc_server *server, uint64_t token, struct ipc_answer *answer,
		       uint64_t now_us)
{
	struct client *client = client_of(server, token);
	AUTO_FREE char *bytes = NULL;
	size_t count = 0;
	int rc = service_write(answer, &bytes, &count);

	if (!client)
		return;
	server->now_us = now_us;
	client->later = 0;
	client->ready = true; /* for calls that came behind it */
	if (rc < 0 || client_hear(server, client, answer, bytes, count) < 0 ||
	    client_watch(server, client) < 0)
		client_close(server, client);
	else
		turn_kick(server);
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

static int server_listen(struct ipc_server *server, int *ret_fd, struct uw_err *err)
{
	struct listen_place place = {
		.what = "control socket",
		.path = server->path,
		.type = SOCK_STREAM,
		.open = server->conf.open,
	};

	server->has_group = listen_group(server->conf.group, &server->gid);
	place.gid = server->has_group ? &server->gid : NULL;
	return listen_open(&place, ret_fd, err);
}

static int server_open(struct ipc_server *server, struct uw_err *err)
{
	int r;

	r = server_listen(server, &server->listen, err);
	if (r < 0)
		return r;
	server->place = file_id_at(server->path);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->epoll < 0 || server->kick < 0)
		return err_set(err, -errno, "control socket: epoll or eventfd: %s",
			       strerror(errno));
	r = server_watch(server, server->listen, TAG_LISTEN);
	if (r >= 0)
		r = server_watch(server, server->kick, TAG_KICK);
	if (r >= 0)
		r = parser_new(&server->parser);
	if (r >= 0)
		r = server_watch(server, parser_fd(server->parser), TAG_PARSER);
	if (r < 0)
		return err_set(err, r, "control socket: epoll_ctl: %s", strerror(-r));
	return server->has_group ? 0 : IPC_NO_GROUP;
}

bool ipc_server_is_there(const struct ipc_server *server)
{
	return file_id_is_at(&server->place, server->path);
}

int ipc_server_listen_again(struct ipc_server *server, struct uw_err *err)
{
	int fd = -1, r;

	r = server_listen(server, &fd, err);
	if (r < 0)
		return r;
	close(server->listen); /* leaves the epoll with it */
	server->listen = fd;
	server->starved = false;
	server->place = file_id_at(server->path);
	r = server_watch(server, server->listen, TAG_LISTEN);
	return r < 0 ? err_set(err, r, "control socket: epoll_ctl: %s", strerror(-r)) : 0;
}

int ipc_server_new(const struct ipc_server_conf *conf, struct ipc_server **ret_server,
		   struct uw_err *err)
{
	struct ipc_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_set(err, -ENOMEM, "control socket: out of memory");
	server->conf = *conf;
	server->last_work = &server->work;
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
	turn_drop_works(server);
	json_decref(server->kept);
	parser_free(server->parser);
	if (server->listen >= 0) {
		if (ipc_server_is_there(server))
			unlink(server->path); /* it may be another one's now */
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
