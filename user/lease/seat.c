// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places of connections, and the processes that are watched beside them. What epoll reports of a
 * place carries the number of who had it then, as another may have it by the time that the report
 * is looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "user/lease/inside.h"

int seat_watch(struct lease_server *server, int fd, uint32_t tag, uint32_t *ret_serial)
{
	uint32_t serial = ++server->last_serial;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = seat_tag(tag, serial)};

	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	if (ret_serial)
		*ret_serial = serial;
	return 0;
}

/* Closing it is not enough: others may have the same file, as one of them sent it, and then the
 * epoll goes on reporting it. */
static void unwatch_process(struct lease_server *server, uint32_t client)
{
	if (server->pidfd[client] >= 0) {
		epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->pidfd[client], NULL);
		close(server->pidfd[client]);
	}
	server->pidfd[client] = -1;
	server->pid_serial[client] = 0;
}

int seat_watch_process(struct lease_server *server, uint32_t client, int pidfd)
{
	unwatch_process(server, client);
	server->pidfd[client] = pidfd;
	return seat_watch(server, pidfd, SEAT_PROCESS | client, &server->pid_serial[client]);
}

int seat_take(struct lease_server *server, struct lease_connection *connection, int fd,
	      const struct lease_peer *peer)
{
	uint32_t serial = 0;
	int rc = seat_watch(server, fd, (uint32_t)(connection - server->connection), &serial);

	if (rc)
		return rc;
	*connection = (struct lease_connection){
		.fd = fd,
		.serial = serial,
		.client = LEASE_NO_CLIENT,
		.peer = *peer,
		.since_us = server->now_us,
	};
	server->stats.connected++;
	return 0;
}

int seat_client(struct lease_server *server, struct lease_connection *connection, uint32_t client)
{
	int pidfd = connection->peer.pidfd;

	connection->client = client;
	connection->peer.pidfd = -1;
	server->connection_of[client] = (uint16_t)(connection - server->connection);
	return seat_watch_process(server, client, pidfd);
}

static void leave(struct lease_server *server, uint32_t client, bool by_itself)
{
	child_drop(server, client, by_itself);
	lease_client_leave(server->conf.ledger, client);
	unwatch_process(server, client);
	server->connection_of[client] = LEASE_CLIENTS;
}

/* And the tasks that end with it. */
void seat_forget(struct lease_server *server, uint32_t client)
{
	leave(server, client, false);
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (server->child[i] && server->child[i]->with == client)
			leave(server, i, false);
}

static void start_seat(struct lease_connection *connection)
{
	*connection =
		(struct lease_connection){.fd = -1, .client = LEASE_NO_CLIENT, .peer.pidfd = -1};
}

/* What is in the ledger stays. */
static void close_seat(struct lease_server *server, struct lease_connection *connection)
{
	connection_drop_unsent(connection);
	if (connection->peer.pidfd >= 0)
		close(connection->peer.pidfd);
	close(connection->fd);
	start_seat(connection);
	server->stats.connected--;
}

void seat_drop(struct lease_server *server, struct lease_connection *connection)
{
	if (connection->fd < 0)
		return;
	if (connection->client != LEASE_NO_CLIENT)
		seat_forget(server, connection->client);
	close_seat(server, connection);
}

void seat_end_process(struct lease_server *server, uint32_t client)
{
	uint32_t at = server->connection_of[client];

	if (at < LEASE_CLIENTS)
		seat_drop(server, &server->connection[at]);
	else if (server->child[client])
		leave(server, client, true);
	else
		seat_forget(server, client);
}

void seat_start(struct lease_server *server)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		server->pidfd[i] = -1;
		server->connection_of[i] = LEASE_CLIENTS;
		start_seat(&server->connection[i]);
	}
}

void seat_close_all(struct lease_server *server)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		unwatch_process(server, i);
		free(server->child[i]); /* it goes on, and so does its leaf */
		server->child[i] = NULL;
		if (server->connection[i].fd >= 0)
			close_seat(server, &server->connection[i]);
	}
}
