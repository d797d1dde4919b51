// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections come, are served in turn and go; processes are watched beside them. A place in the
 * table of connections and one in the ledger's table of clients are two things: a client whose
 * leases were found when uwd started has no connection until it comes back, and then its process is
 * all there is to watch.
 */
#include "user/lease/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/ipc/listen.h"
#include "user/lease/inside.h"
#include "user/model/plan.h"

#define ACCEPTS_A_TURN 8
#define MOVES_A_LOOK   8 /* clients whose place is asked in one look */

/* ---- they come ---- */

static uint32_t seats_of(const struct lease_server *server, uid_t uid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		count += server->connection[i].fd >= 0 && server->connection[i].peer.who.uid == uid;
	return count;
}

/* NULL and the error when there is none for it. */
static struct lease_connection *free_seat(struct lease_server *server, uid_t uid, int *ret_error)
{
	uint32_t most = uid ? LEASE_CLIENTS - LEASE_CLIENTS_ROOT : LEASE_CLIENTS;

	*ret_error = -ENFILE;
	if (server->stats.connected >= most)
		return NULL;
	*ret_error = -EMFILE;
	if (uid && seats_of(server, uid) >= LEASE_CLIENTS_USER)
		return NULL;
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (server->connection[i].fd < 0)
			return &server->connection[i];
	return NULL;
}

/* To one that finds no seat: the answer to the hello that it is about to send. */
static void turn_away(struct lease_server *server, int fd, int error)
{
	union packet_answer answer = {.reply = {.item.op = PACKET_HELLO, .outcome = error}};
	struct packet_out out;

	server->stats.refused++;
	packet_start(&out, server->out, PACKET_ANSWER);
	packet_add_answer(&out, &answer, NULL);
	if (packet_send(fd, &out, -1, MSG_DONTWAIT) < 0)
		return;
}

static void seat_peer(struct lease_server *server, int fd, struct lease_peer *peer)
{
	int error;
	struct lease_connection *connection = free_seat(server, peer->who.uid, &error);

	if (connection && seat_take(server, connection, fd, peer) == 0)
		return;
	turn_away(server, fd, error);
	if (peer->pidfd >= 0)
		close(peer->pidfd);
	close(fd);
}

/* Those who wait do so in the socket's backlog. */
static void let_in(struct lease_server *server, bool let)
{
	epoll_data_t known_by = {.u64 = SEAT_LISTEN};

	if (server->starved == let && !listen_report(server->epoll, server->listen, known_by, let))
		server->starved = !let;
}

/* False when nobody waits, or can be taken now. */
static bool accept_one(struct lease_server *server)
{
	int fd = accept4(server->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct lease_peer peer;

	if (fd < 0) {
		let_in(server, !listen_is_starved(errno));
		return false;
	}
	if (lease_peer_read(fd, &peer) < 0)
		close(fd);
	else
		seat_peer(server, fd, &peer);
	return true;
}

/* ---- a turn ---- */

static void serve_packet(struct lease_server *server, struct lease_connection *connection)
{
	int fd = -1, rc;
	long size = connection_receive(server, connection, &fd);

	if (size == -EAGAIN)
		return;
	server->stats.packets++;
	rc = size > 0 ? request_answer(server, connection, (size_t)size, fd)
		      : (int)(size ? size : -EPIPE);
	if (!size && fd >= 0)
		close(fd);
	if (rc < 0) {
		server->stats.dropped_bad += rc == -EBADMSG;
		seat_drop(server, connection);
	}
}

static void serve_connection(struct lease_server *server, struct lease_connection *connection,
			     uint32_t ready)
{
	if (ready & (EPOLLHUP | EPOLLERR))
		seat_drop(server, connection);
	else if (ready & EPOLLOUT && connection_flush(server, connection) < 0)
		seat_drop(server, connection);
	else if (ready & EPOLLIN && !connection->unsent)
		serve_packet(server, connection);
}

/* One that was dropped earlier in this turn, in whose place another is by now, has another serial.
 */
static void serve_event(struct lease_server *server, const struct epoll_event *event)
{
	uint32_t tag = (uint32_t)event->data.u64, serial = (uint32_t)(event->data.u64 >> 32);

	if (tag == SEAT_LISTEN) {
		for (int i = 0; i < ACCEPTS_A_TURN && accept_one(server); i++)
			continue;
	} else if (tag & SEAT_PROCESS) {
		if (server->pid_serial[tag & ~SEAT_PROCESS] == serial)
			seat_end_process(server, tag & ~SEAT_PROCESS);
	} else if (tag & SEAT_KEEPER) {
		tag &= ~SEAT_KEEPER;
		if (server->keeper[tag].fd >= 0 && server->keeper[tag].serial == serial)
			keeper_serve(server, tag, event->events);
	} else if (server->connection[tag].serial == serial) {
		serve_connection(server, &server->connection[tag], event->events);
	}
}

static void tell_recalls(struct lease_server *server)
{
	struct lease_recall recall;

	for (uint32_t i = 0; i < LEASE_CLIENTS && lease_recalls_untold(server->conf.ledger); i++) {
		uint32_t at = server->connection_of[i];

		if (at < LEASE_CLIENTS && lease_recalls_of(server->conf.ledger, i, 1, &recall) &&
		    connection_tell_events(server, &server->connection[at]) < 0)
			seat_drop(server, &server->connection[at]);
	}
}

/* As of server->now_us. */
static void settle(struct lease_server *server)
{
	struct lease_result result;

	lease_recall_step(server->conf.ledger, server->now_us);
	tell_recalls(server);
	while (lease_next(server->conf.ledger, server->now_us, &result))
		request_tell(server, &result);
	pools_settle(server);
}

/*
 * The next ones, once those before have been served: what is still ready the kernel reports in the
 * same order again, and whoever is always ready (a socket at which others never cease to connect)
 * would have each turn to itself.
 */
static int look_for_events(struct lease_server *server)
{
	int count;

	if (server->event_at < server->event_count)
		return 0;
	server->event_at = server->event_count = 0;
	count = epoll_wait(server->epoll, server->event, LEASE_EVENTS, 0);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	server->event_count = (uint32_t)count;
	return 0;
}

int lease_server_dispatch(struct lease_server *server)
{
	uint64_t began_us = server->conf.now_us(), took_us = 0;
	int rc = look_for_events(server);

	server->now_us = began_us;
	while (server->event_at < server->event_count && took_us < LEASE_TURN_US) {
		serve_event(server, &server->event[server->event_at++]);
		server->now_us = server->conf.now_us();
		took_us = server->now_us - began_us;
	}
	settle(server);
	if (took_us > server->stats.turn_max_us)
		server->stats.turn_max_us = took_us;
	return rc;
}

void lease_server_settle(struct lease_server *server)
{
	server->now_us = server->conf.now_us();
	settle(server);
}

void lease_server_moved(struct lease_server *server, uint32_t client, uint64_t id, int rc,
			uint64_t cgid)
{
	server->now_us = server->conf.now_us();
	task_moved(server, client, id, rc, cgid);
	lease_server_settle(server);
}

/* ---- now and then ---- */

static bool is_overdue(const struct lease_server *server, const struct lease_connection *connection)
{
	if (connection->client == LEASE_NO_CLIENT)
		return server->now_us - connection->since_us > LEASE_HELLO_US;
	return connection->unsent && server->now_us - connection->unsent_us > LEASE_UNREAD_US;
}

static void drop_overdue(struct lease_server *server)
{
	for (uint32_t i = 0; server->stats.connected && i < LEASE_CLIENTS; i++) {
		struct lease_connection *connection = &server->connection[i];

		if (connection->fd < 0 || !is_overdue(server, connection))
			continue;
		server->stats.dropped_slow++;
		seat_drop(server, connection);
	}
}

static void end_waiting(struct lease_server *server)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		uint64_t until_us;

		if (lease_client_is_awaited(server->conf.ledger, i, &until_us) &&
		    until_us <= server->now_us)
			seat_forget(server, i);
	}
}

/* By what the ledger knows of one that is awaited. */
static bool find_peer(const struct lease_server *server, uint32_t client,
		      struct lease_peer *ret_peer)
{
	struct lease_identity identity;

	if (!lease_client_read(server->conf.ledger, client, &identity))
		return false;
	if (server->connection_of[client] < LEASE_CLIENTS) {
		*ret_peer = server->connection[server->connection_of[client]].peer;
		return true;
	}
	*ret_peer = (struct lease_peer){
		.who = {.pid = identity.pid, .uid = identity.uid, .gid = (gid_t)-1},
		.pidfd = -1,
		.start_ticks = identity.start_ticks,
	};
	return true;
}

static void place_client(struct lease_server *server, uint32_t client)
{
	struct lease_place place;
	struct lease_peer peer;

	if (!find_peer(server, client, &peer))
		return;
	server->conf.place(server->conf.data, &peer, &place);
	lease_client_move(server->conf.ledger, client, &place);
}

static void look_after_clients(struct lease_server *server)
{
	end_waiting(server);
	task_keep_house(server);
	for (uint32_t i = 0; i < MOVES_A_LOOK; i++) {
		place_client(server, server->look_at);
		server->look_at = (server->look_at + 1) % LEASE_CLIENTS;
	}
}

void lease_server_keep_house(struct lease_server *server)
{
	struct lease_totals totals;

	server->now_us = server->conf.now_us();
	let_in(server, true);
	drop_overdue(server);
	lease_totals(server->conf.ledger, &totals);
	if (totals.clients)
		look_after_clients(server);
	pools_settle(server);
	keeper_keep_house(server);
}

void lease_server_renumber(struct lease_server *server, const uint32_t to[static UW_COMPONENTS_MAX])
{
	struct lease_level before[UW_COMPONENTS_MAX];

	pools_settle(server); /* while each keeper has its old place */
	keeper_renumber(server, to);
	memcpy(before, server->level, sizeof(before));
	memset(server->level, 0, sizeof(server->level));
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (to[i] < UW_COMPONENTS_MAX)
			server->level[to[i]] = before[i];
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		struct lease_connection *connection = &server->connection[i];
		uint32_t watches = connection->watches, stale = connection->stale;

		connection->watches = connection->stale = 0;
		for (uint32_t k = 0; k < UW_COMPONENTS_MAX; k++) {
			if (to[k] >= UW_COMPONENTS_MAX)
				continue;
			connection->watches |= (watches >> k & 1U) << to[k];
			connection->stale |= (stale >> k & 1U) << to[k];
		}
		place_client(server, i);
	}
}

void lease_server_level(struct lease_server *server, uint32_t component, enum level level,
			uint64_t use_permyriad, uint64_t at_us)
{
	server->level[component].level = level;
	server->level[component].use_permyriad = use_permyriad;
	server->level[component].at_us = at_us;
	lease_emergency_step(&server->level[component].emergency, level, at_us);
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		struct lease_connection *connection = &server->connection[i];

		if (connection->fd < 0 || !(connection->watches & 1U << component))
			continue;
		connection->stale |= 1U << component;
		if (connection_tell_events(server, connection) < 0)
			seat_drop(server, connection);
	}
}

uint32_t lease_server_adopt(struct lease_server *server)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		struct lease_identity identity;
		int pidfd;

		if (!lease_client_read(server->conf.ledger, i, &identity))
			continue;
		if (lease_peer_open(identity.pid, identity.start_ticks, &pidfd) < 0 ||
		    seat_watch_process(server, i, pidfd) < 0) {
			seat_forget(server, i);
			gone++;
			continue;
		}
		task_adopt(server, i);
		place_client(server, i);
	}
	pools_settle(server);
	keeper_find_all(server);
	return gone;
}

/* ---- lifetime ---- */

static int listen_here(struct lease_server *server, int *ret_fd, struct uw_err *err)
{
	const struct listen_place place = {
		.what = "lease socket",
		.path = server->path,
		.type = SOCK_SEQPACKET,
		.open = true,
	};
	int rc = listen_open(&place, ret_fd, err);

	if (rc)
		return rc;
	server->place = file_id_at(server->path);
	rc = seat_watch(server, *ret_fd, SEAT_LISTEN, NULL);
	return rc ? err_set(err, rc, "lease socket: epoll_ctl: %s", strerror(-rc)) : 0;
}

bool lease_server_is_there(const struct lease_server *server)
{
	return file_id_is_at(&server->place, server->path);
}

int lease_server_listen_again(struct lease_server *server, struct uw_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc = listen_here(server, &fd, err);

	if (rc)
		return rc;
	close(server->listen);
	server->listen = TAKE_FD(fd);
	server->starved = false;
	return 0;
}

int lease_server_new(const struct lease_server_conf *conf, struct lease_server **ret_server,
		     struct uw_err *err)
{
	struct lease_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server)
		return err_set(err, -ENOMEM, "lease socket: out of memory");
	seat_start(server);
	keeper_start(server, &(struct keeper_answers){pools_done, pools_found});
	server->listen = -1;
	server->conf = *conf;
	if (!server->conf.now_us)
		server->conf.now_us = clock_now_us;
	server->path = strdup(conf->path);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!server->path || server->epoll < 0)
		rc = err_set(err, -ENOMEM, "lease socket: out of memory or files");
	else
		rc = listen_here(server, &server->listen, err);
	if (rc) {
		lease_server_free(server);
		return rc;
	}
	*ret_server = server;
	return 0;
}

void lease_server_free(struct lease_server *server)
{
	if (!server)
		return;
	seat_close_all(server);
	keeper_close_all(server);
	if (server->listen >= 0) {
		if (lease_server_is_there(server))
			unlink(server->path); /* it may be another one's now */
		close(server->listen);
	}
	if (server->epoll >= 0)
		close(server->epoll);
	free(server->path);
	free(server);
}

int lease_server_fd(const struct lease_server *server)
{
	return server->epoll;
}

void lease_server_stats(const struct lease_server *server, struct lease_server_stats *ret_stats)
{
	*ret_stats = server->stats;
}
