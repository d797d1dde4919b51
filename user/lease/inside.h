/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the server consists of, for its parts: connection.c moves the packets of one client, seat.c
 * keeps who is there, request.c answers, server.c has the rest. Internal to lease.
 */
#ifndef UW_LEASE_INSIDE_H
#define UW_LEASE_INSIDE_H

#include "user/base/file_id.h"
#include "user/lease/server.h"
#include "user/lib/packet.h"

/* A packet that its socket had no room for. */
struct lease_unsent {
	struct lease_unsent *next;
	size_t size;
	uint8_t bytes[];
};

struct lease_connection {
	int fd;          /* -1: a free place */
	uint32_t serial; /* no other one has had it */
	uint32_t client; /* in the ledger; LEASE_NO_CLIENT before it has said who it is */
	struct lease_peer peer;
	uint64_t since_us;
	struct lease_unsent *unsent, **last_unsent;
	uint64_t unsent_us;      /* since when */
	uint32_t watches, stale; /* masks of components: and of them whose level is to be told */
};

struct lease_level {
	enum level level;
	uint64_t use_permyriad, at_us;
};

struct lease_server {
	struct lease_server_conf conf;
	char *path;
	struct file_id place;
	int epoll, listen;
	uint64_t now_us; /* of this turn */
	uint32_t look_at;
	struct lease_server_stats stats;
	struct lease_level level[UW_COMPONENTS_MAX];
	uint32_t last_serial;
	int pidfd[LEASE_CLIENTS]; /* of the ledger's clients; -1: none */
	uint32_t pid_serial[LEASE_CLIENTS];
	uint16_t connection_of[LEASE_CLIENTS]; /* LEASE_CLIENTS: it is awaited */
	struct lease_connection connection[LEASE_CLIENTS];
	uint8_t in[PACKET_MAX + 1]; /* one more than a packet may have is seen as too long */
	uint8_t out[PACKET_MAX];
};

/* ---- connection.c ---- */

/* Sends a packet, or keeps it for when there is room. -EPIPE, -ENOMEM. */
int connection_send(struct lease_server *server, struct lease_connection *connection,
		    const struct packet_out *out);

/* There is room: sends what was kept, then levels. */
int connection_flush(struct lease_server *server, struct lease_connection *connection);

/* A packet into server->in, and the fd that came with it or -1. Its size, 0 at the end, -EAGAIN,
 * -EBADMSG. */
long connection_receive(struct lease_server *server, struct lease_connection *connection,
			int *ret_fd);

/* Tells the levels that it has not been told. */
int connection_tell_levels(struct lease_server *server, struct lease_connection *connection);
void connection_drop_unsent(struct lease_connection *connection);

/* ---- request.c ---- */

/* Answers the packet in server->in. fd is the one that came with it, or -1, and is taken.
 * -EBADMSG: it was none; or as connection_send. */
int request_answer(struct lease_server *server, struct lease_connection *connection, size_t size,
		   int fd);

/* Tells a client what became of a wait. */
void request_tell(struct lease_server *server, const struct lease_result *result);

/* ---- seat.c ---- */

#define SEAT_LISTEN  UINT32_MAX
#define SEAT_PROCESS 0x10000U /* and the client; without it a place in the table of connections */

static inline uint64_t seat_tag(uint32_t tag, uint32_t serial)
{
	return (uint64_t)serial << 32 | tag;
}

/* The epoll reports fd by tag and a serial, to *ret_serial if that is not NULL. */
int seat_watch(struct lease_server *server, int fd, uint32_t tag, uint32_t *ret_serial);

/* Takes pidfd, also when it fails. */
int seat_watch_process(struct lease_server *server, uint32_t client, int pidfd);

/* The peer at fd has this place, which was free. Takes fd and peer->pidfd unless it fails. */
int seat_take(struct lease_server *server, struct lease_connection *connection, int fd,
	      const struct lease_peer *peer);

/* The client of the ledger is at this connection, whose process is watched from now on. */
int seat_client(struct lease_server *server, struct lease_connection *connection, uint32_t client);

/* What a client of the ledger has is freed, and its process is watched no longer. */
void seat_forget(struct lease_server *server, uint32_t client);

/* Closes a connection; what its client had is freed. */
void seat_drop(struct lease_server *server, struct lease_connection *connection);

/* A process has gone, whatever its sockets say. */
void seat_end_process(struct lease_server *server, uint32_t client);

void seat_start(struct lease_server *server);
void seat_close_all(struct lease_server *server); /* frees no lease */

#endif
