// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes that do tasks. Each is a client of the ledger, and has here what the ledger does not
 * know: the leaf that it runs in, and who waits for it to get there. When it goes, by itself or
 * not, its leaf is handed to whoever kills what is left and removes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/lease/inside.h"

struct lease_child *child_new(struct lease_server *server, uint32_t client, uint64_t id)
{
	struct lease_child *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	child->id = id;
	child->with = LEASE_NO_CLIENT;
	child->began_us = server->now_us;
	server->child[client] = child;
	return child;
}

uint32_t child_find(const struct lease_server *server, uint64_t id)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (server->child[i] && server->child[i]->id == id)
			return i;
	return LEASE_NO_CLIENT;
}

uint32_t child_find_process(const struct lease_server *server,
			    const struct lease_identity *identity)
{
	struct lease_identity other;

	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (server->child[i] && lease_client_read(server->conf.ledger, i, &other) &&
		    other.pid == identity->pid && other.start_ticks == identity->start_ticks)
			return i;
	return LEASE_NO_CLIENT;
}

bool lease_server_has_leaf(const struct lease_server *server, const char *component,
			   const char *leaf)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		const struct lease_child *child = server->child[i];

		if (child && !strcmp(child->leaf, leaf) && !strcmp(child->component, component))
			return true;
	}
	return false;
}

/* Whom it cannot be told is dropped when its turn comes: its socket says so. */
void child_answer(struct lease_server *server, struct lease_child *child, int outcome)
{
	struct lease_connection *asker = &server->connection[child->asker];
	union packet_answer answer = {.reply = {.item = {PACKET_TASK_BEGIN, 0, child->cookie},
						.outcome = outcome,
						.id = child->id,
						.bytes = child->bytes}};
	uint8_t bytes[sizeof(struct packet_header) + sizeof(struct packet_reply)];
	struct packet_out out;

	child->moving = false;
	if (asker->fd < 0 || asker->serial != child->asker_serial)
		return;
	packet_start(&out, bytes, PACKET_LATER);
	packet_add_answer(&out, &answer, NULL);
	(void)connection_send(server, asker, &out, -1);
}

void child_drop(struct lease_server *server, uint32_t client, bool by_itself)
{
	struct lease_child *child = server->child[client];
	struct lease_identity identity = {0};
	struct lease_leaf_end end;

	if (!child)
		return;
	server->child[client] = NULL;
	lease_client_read(server->conf.ledger, client, &identity);
	end = (struct lease_leaf_end){
		.component = child->component,
		.leaf = child->leaf,
		.key = child->key,
		.uid = identity.uid,
		.bytes = child->bytes,
		.run_us = server->now_us - child->began_us,
		.input_bytes = child->input_bytes,
		.by_itself = by_itself && !child->kill_us,
	};
	if (*child->leaf)
		server->conf.end(server->conf.data, &end);
	if (child->moving)
		child_answer(server, child, -ESRCH);
	free(child);
}
