// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packets of one client. Nothing here waits: what its socket has no room for is kept, in
 * order, and while anything is kept the client is not read, so that it is one answer and the ends
 * of its waits at most. Events are not kept as packets: of each component the newest level is told
 * once there is room, and of each lease what it is asked for then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/lease/inside.h"

static int watch(struct lease_server *server, struct lease_connection *connection)
{
	bool waits = connection->unsent || connection->stale || connection->recalls;
	struct epoll_event event = {
		.events = (waits ? EPOLLOUT : 0U) | (connection->unsent ? 0U : EPOLLIN),
		.data.u64 =
			seat_tag((uint32_t)(connection - server->connection), connection->serial),
	};

	return epoll_ctl(server->epoll, EPOLL_CTL_MOD, connection->fd, &event) < 0 ? -errno : 0;
}

/* 0, -EAGAIN when there is no room (or no memory for the kernel's copy), -EPIPE. */
static int send_now(const struct lease_connection *connection, const struct packet_out *out, int fd)
{
	if (packet_send(connection->fd, out, fd, MSG_DONTWAIT) >= 0)
		return 0;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN
											: -EPIPE;
}

/* Takes fd. */
static int keep(struct lease_server *server, struct lease_connection *connection,
		const struct packet_out *out, int fd)
{
	struct lease_unsent *unsent = malloc(sizeof(*unsent) + out->used);

	if (!unsent) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	unsent->next = NULL;
	unsent->fd = fd;
	unsent->size = out->used;
	memcpy(unsent->bytes, out->bytes, out->used);
	if (!connection->unsent) {
		connection->last_unsent = &connection->unsent;
		connection->unsent_us = server->now_us;
	}
	*connection->last_unsent = unsent;
	connection->last_unsent = &unsent->next;
	return watch(server, connection);
}

int connection_send(struct lease_server *server, struct lease_connection *connection,
		    const struct packet_out *out, int fd)
{
	int rc = connection->unsent ? -EAGAIN : send_now(connection, out, fd);

	if (rc == -EAGAIN)
		return keep(server, connection, out, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static void drop_first(struct lease_connection *connection)
{
	struct lease_unsent *first = connection->unsent;

	connection->unsent = first->next;
	if (first->fd >= 0)
		close(first->fd);
	free(first);
}

void connection_drop_unsent(struct lease_connection *connection)
{
	while (connection->unsent)
		drop_first(connection);
}

int connection_flush(struct lease_server *server, struct lease_connection *connection)
{
	while (connection->unsent) {
		struct lease_unsent *first = connection->unsent;
		const struct packet_out out = {first->bytes, first->size};
		int rc = send_now(connection, &out, first->fd);

		if (rc)
			return rc == -EAGAIN ? 0 : rc;
		connection->unsent_us = server->now_us;
		drop_first(connection);
	}
	return connection_tell_events(server, connection);
}

static void put_levels(const struct lease_server *server, const struct lease_connection *connection,
		       struct packet_out *out)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		const struct lease_level *from = &server->level[i];
		union packet_event event = {
			.level = {.level = from->level,
				  .use_permyriad = (uint32_t)from->use_permyriad,
				  .at_us = from->at_us,
				  .emergency_us = from->emergency.entered_us}};

		if (!(connection->stale & 1U << i))
			continue;
		strncpy(event.level.component, server->conf.name(server->conf.data, i),
			PACKET_NAME_LEN - 1);
		packet_add_event(out, PACKET_LEVEL, &event);
	}
}

static uint32_t put_recalls(const struct lease_server *server,
			    const struct lease_connection *connection, struct packet_out *out)
{
	struct lease_recall recall[LEASE_RECALLS];
	uint32_t count = 0;

	if (connection->client != LEASE_NO_CLIENT)
		count = lease_recalls_of(server->conf.ledger, connection->client, LEASE_RECALLS,
					 recall);
	for (uint32_t i = 0; i < count; i++) {
		union packet_event event = {.shrink = {.id = recall[i].id,
						       .target_bytes = recall[i].target_bytes,
						       .deadline_us = recall[i].deadline_us}};

		strncpy(event.shrink.why, lease_why_name(recall[i].why),
			sizeof(event.shrink.why) - 1);
		strncpy(event.shrink.component,
			server->conf.name(server->conf.data, recall[i].component),
			PACKET_NAME_LEN - 1);
		packet_add_event(out, PACKET_SHRINK, &event);
	}
	return count;
}

int connection_tell_events(struct lease_server *server, struct lease_connection *connection)
{
	uint8_t bytes[sizeof(struct packet_header) +
		      UW_COMPONENTS_MAX * sizeof(struct packet_level) +
		      LEASE_RECALLS * sizeof(struct packet_shrink)];
	struct packet_out out;
	uint32_t recalls;
	int rc = -EAGAIN;

	packet_start(&out, bytes, PACKET_EVENTS);
	put_levels(server, connection, &out);
	recalls = put_recalls(server, connection, &out);
	if ((connection->stale || recalls) && !connection->unsent)
		rc = send_now(connection, &out, -1);
	if (!rc) {
		connection->stale = 0;
		recalls = 0;
		if (connection->client != LEASE_NO_CLIENT)
			lease_recalls_told(server->conf.ledger, connection->client);
	}
	connection->recalls = recalls;
	return rc && rc != -EAGAIN ? rc : watch(server, connection);
}

/* The fd that came with a packet. There is room for one: more are closed by the kernel. */
static int fd_of(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

long connection_receive(struct lease_server *server, struct lease_connection *connection,
			int *ret_fd)
{
	struct iovec into = {server->in, sizeof(server->in)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &into,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t size = recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	*ret_fd = fd_of(&message);
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return size;
	if (*ret_fd >= 0)
		close(*ret_fd);
	*ret_fd = -1;
	return -EBADMSG;
}
