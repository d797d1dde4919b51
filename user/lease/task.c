// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What clients ask about tasks that have begun. A child that is to do one is looked at first: it
 * must be the caller's in every respect, as it is root that moves it. Its lease is handed to it,
 * then it is moved, and only when it has arrived, or not, the caller hears of it; so neither it nor
 * this loop waits for the kernel's locks. What has been begun may be ended by whoever has the same
 * user, as that may kill it anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/text.h"
#include "user/lease/inside.h"
#include "user/model/plan.h"

/* ---- it begins ---- */

/* Nobody is ever told it. */
static int new_key(uint64_t *ret_key)
{
	if (getrandom(ret_key, sizeof(*ret_key), GRND_NONBLOCK) != sizeof(*ret_key))
		return -EAGAIN;
	*ret_key |= 1;
	return 0;
}

static int said(int rc)
{
	return rc == LEASE_STALE ? PACKET_STALE : rc;
}

static void set_asker(struct lease_server *server, const struct lease_connection *connection,
		      struct lease_child *child, uint32_t cookie)
{
	child->asker = (uint32_t)(connection - server->connection);
	child->asker_serial = connection->serial;
	child->cookie = cookie;
}

/* A job's tasks end with whoever began them in it: its limits are for all that it does. */
static uint32_t ends_with(struct lease_server *server, const struct lease_connection *connection)
{
	struct lease_place place;

	server->conf.place(server->conf.data, &connection->peer, &place);
	return place.reserved_bytes ? connection->client : LEASE_NO_CLIENT;
}

static int start_move(struct lease_server *server, uint32_t client,
		      const struct lease_identity *identity)
{
	struct lease_child *child = server->child[client];
	struct lease_move move = {
		.client = client,
		.id = child->id,
		.component = child->component,
		.leaf = child->leaf,
		.pidfd = server->pidfd[client],
		.pid = identity->pid,
		.bytes = child->bytes,
	};
	int rc;

	snprintf(child->leaf, sizeof(child->leaf), LEASE_LEAF_PREFIX "%d-%" PRIx64, identity->pid,
		 child->id);
	rc = server->conf.move(server->conf.data, &move);
	if (rc)
		*child->leaf = '\0'; /* there is none to be removed */
	child->moving = !rc;
	return rc;
}

/* A lease that is no more the caller's, and its process's. */
static int hand_over(struct lease_server *server, const struct lease_connection *connection,
		     const struct packet_begin *request, struct lease_identity *identity,
		     uint32_t *ret_client)
{
	struct lease_ledger *ledger = server->conf.ledger;
	struct lease_child *child;
	struct lease_view view;
	uint64_t id;
	int rc = new_key(&identity->key);

	if (!rc)
		rc = lease_hand_over(ledger, connection->client, request->id, identity,
				     server->now_us, ret_client, &id);
	if (rc)
		return rc;
	child = child_new(server, *ret_client, id);
	if (!child || !lease_read(ledger, (uint32_t)id, &view)) {
		seat_forget(server, *ret_client);
		return -ENOMEM;
	}
	child->bytes = view.bytes;
	child->with = ends_with(server, connection);
	text_copy(child->component, sizeof(child->component),
		  server->conf.name(server->conf.data, view.component));
	text_copy(child->key, sizeof(child->key), request->key);
	child->input_bytes = request->input_bytes;
	return 0;
}

/* Asked again, as the answer was lost with a connection. */
static int begin_again(struct lease_server *server, const struct lease_connection *connection,
		       const struct packet_begin *request, uint32_t client, uint64_t *ret_id)
{
	struct lease_child *child = server->child[client];
	struct lease_identity identity;

	lease_free(server->conf.ledger, connection->client, request->id);
	*ret_id = child->id;
	if (*child->leaf && !child->moving)
		return 0;
	set_asker(server, connection, child, request->item.cookie);
	if (child->moving)
		return PACKET_WAITS;
	lease_client_read(server->conf.ledger, client, &identity);
	return start_move(server, client, &identity) ?: PACKET_WAITS;
}

int task_begin(struct lease_server *server, struct lease_connection *connection,
	       const struct packet_begin *request, int *fd, uint64_t *ret_id)
{
	struct lease_identity identity;
	uint32_t client;
	int rc = lease_peer_child(&connection->peer, *fd, &identity);

	client = rc && rc != -EBUSY ? LEASE_NO_CLIENT : child_find_process(server, &identity);
	if (client != LEASE_NO_CLIENT)
		return begin_again(server, connection, request, client, ret_id);
	if (!rc)
		rc = hand_over(server, connection, request, &identity, &client);
	if (rc)
		return said(rc);
	set_asker(server, connection, server->child[client], request->item.cookie);
	rc = seat_watch_process(server, client, *fd);
	*fd = -1;
	if (!rc)
		rc = start_move(server, client, &identity);
	if (rc) {
		seat_forget(server, client);
		return rc;
	}
	return PACKET_WAITS;
}

void task_moved(struct lease_server *server, uint32_t client, uint64_t id, int rc, uint64_t cgid)
{
	struct lease_child *child = server->child[client];
	struct lease_place place = {.leaf = cgid};
	uint8_t priority;
	int component;

	if (!child || child->id != id || !child->moving)
		return; /* it has gone meanwhile, and its leaf goes */
	if (rc)
		*child->leaf = '\0';
	component = server->conf.component(server->conf.data, child->component, &priority);
	place.component = component < 0 ? COMPONENT_NONE : (uint32_t)component;
	if (!rc && component >= 0)
		lease_client_move(server->conf.ledger, client, &place);
	child_answer(server, child, rc);
	if (rc)
		seat_forget(server, client);
}

/* ---- it ends ---- */

/* The child whose lease this is, where the client may end it. */
static uint32_t find_own(const struct lease_server *server,
			 const struct lease_connection *connection, uint64_t id)
{
	uint32_t client = id ? child_find(server, id) : LEASE_NO_CLIENT;
	uid_t uid = connection->peer.who.uid;
	struct lease_identity identity;

	if (client == LEASE_NO_CLIENT || !lease_client_read(server->conf.ledger, client, &identity))
		return LEASE_NO_CLIENT;
	return !uid || uid == identity.uid ? client : LEASE_NO_CLIENT;
}

int task_end(struct lease_server *server, const struct lease_connection *connection, uint64_t id)
{
	uint32_t client = find_own(server, connection, id);

	if (client == LEASE_NO_CLIENT)
		return said(lease_free(server->conf.ledger, connection->client, id));
	seat_forget(server, client);
	return 0;
}

int task_cancel(struct lease_server *server, const struct lease_connection *connection, uint64_t id,
		uint64_t grace_us)
{
	uint32_t client = find_own(server, connection, id);
	uint64_t kill_us = server->now_us + (grace_us < LEASE_GRACE_US ? grace_us : LEASE_GRACE_US);
	struct lease_child *child;

	if (client == LEASE_NO_CLIENT || !grace_us)
		return task_end(server, connection, id);
	child = server->child[client];
	if (!child->kill_us || kill_us < child->kill_us)
		child->kill_us = kill_us;
	syscall(SYS_pidfd_send_signal, server->pidfd[client], SIGTERM, NULL, 0);
	return 0;
}

void task_keep_house(struct lease_server *server)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (server->child[i] && server->child[i]->kill_us &&
		    server->child[i]->kill_us <= server->now_us)
			seat_forget(server, i);
}

/* ---- what is to be known of it ---- */

static int look_at_waiting(struct lease_server *server, const struct lease_connection *connection,
			   uint32_t cookie, struct packet_look *look)
{
	struct lease_line line = {0};

	if (lease_look_at(server->conf.ledger, connection->client, cookie, server->now_us, &line))
		return PACKET_STALE;
	text_copy(look->reason, sizeof(look->reason), lease_reason_name(line.reason));
	look->ahead = line.ahead;
	look->start_in_us = line.start_in_us;
	look->reply.bytes = line.bytes;
	return 0;
}

static int look_at_child(struct lease_server *server, const struct lease_child *child,
			 struct packet_look *look)
{
	struct lease_leaf_look leaf = {0};

	look->reply.flags = PACKET_RUNS | (child->kill_us ? PACKET_ENDING : 0U);
	look->reply.bytes = child->bytes;
	if (!*child->leaf || child->moving ||
	    server->conf.look(server->conf.data, child->component, child->leaf, &leaf) < 0)
		return 0;
	look->reply.flags |= leaf.frozen ? PACKET_FROZEN : 0U;
	look->used_bytes = leaf.used_bytes;
	look->peak_bytes = leaf.peak_bytes;
	look->throttled = leaf.throttled;
	return 0;
}

int task_look(struct lease_server *server, const struct lease_connection *connection,
	      const struct packet_lease *request, struct packet_look *look)
{
	uint32_t client = find_own(server, connection, request->id);
	struct lease_view view;

	if (!request->id)
		return look_at_waiting(server, connection, (uint32_t)request->value, look);
	look->reply.id = request->id;
	if (client != LEASE_NO_CLIENT)
		return look_at_child(server, server->child[client], look);
	if (lease_holder_of(server->conf.ledger, request->id) != connection->client ||
	    !lease_read(server->conf.ledger, (uint32_t)request->id, &view))
		return PACKET_STALE;
	look->reply.bytes = view.bytes;
	return 0;
}

/* ---- another uwd's ---- */

/* One without a leaf had not been moved yet. */
void task_adopt(struct lease_server *server, uint32_t client)
{
	struct lease_identity identity;
	struct lease_child *child;
	struct lease_view view;
	uint64_t id = 0;

	if (!lease_client_is_task(server->conf.ledger, client, &id) ||
	    !lease_client_read(server->conf.ledger, client, &identity) ||
	    !lease_read(server->conf.ledger, (uint32_t)id, &view))
		return;
	child = child_new(server, client, id);
	if (!child)
		return;
	child->bytes = view.bytes;
	text_copy(child->component, sizeof(child->component),
		  server->conf.name(server->conf.data, view.component));
	if (!server->conf.find_leaf(server->conf.data, identity.pid, child->component, child->leaf))
		*child->leaf = '\0';
}
