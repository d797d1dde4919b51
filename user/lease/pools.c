// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pools, as clients ask for them. The ledger says whether there is room and who has what, a keeper
 * makes and commits, and here is who may have a pool and how: its fd opened anew, to read alone
 * where no more was asked for or given. What a keeper has to do is answered when it is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/lease/inside.h"
#include "user/model/plan.h"

#define CALLS_A_CLIENT 64U
#define SEALS          (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* The same file by another open file description, as what is set on one is set for all who have
 * it. */
static int open_again(int fd, bool write)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

/* ---- create and commit ---- */

static struct keeper_asker asker_of(const struct lease_server *server,
				    const struct lease_connection *connection,
				    const struct packet_item *item)
{
	return (struct keeper_asker){
		.connection = (uint32_t)(connection - server->connection),
		.serial = connection->serial,
		.item = *item,
	};
}

static int ask_keeper(struct lease_server *server, struct lease_connection *connection,
		      uint32_t component, const struct keep_message *ask,
		      const struct packet_item *item)
{
	const struct keeper_asker asker = asker_of(server, connection, item);
	int rc;

	if (connection->asked == CALLS_A_CLIENT)
		return -EAGAIN;
	rc = keeper_ask(server, component, ask, &asker);
	if (!rc)
		connection->asked++;
	return rc;
}

void pools_create(struct lease_server *server, struct lease_connection *connection,
		  const struct packet_item *item, uint32_t component, struct lease_result *result)
{
	const struct keep_message ask = {
		.op = KEEP_MAKE, .pool = result->id, .bytes = result->bytes};
	int rc;

	if (result->error || result->outcome != LEASE_GRANTED)
		return;
	rc = ask_keeper(server, connection, component, &ask, item);
	if (!rc) {
		result->outcome = LEASE_WAITS;
		return;
	}
	lease_free(server->conf.ledger, connection->client, result->id);
	*result = (struct lease_result){.error = rc};
}

int32_t pools_commit(struct lease_server *server, struct lease_connection *connection,
		     const struct packet_range *range)
{
	const struct keep_message ask = {
		.op = KEEP_COMMIT,
		.pool = range->id,
		.offset = range->offset,
		.bytes = range->bytes,
	};
	struct lease_pool_view view;
	uint32_t index = lease_pool_of(server->conf.ledger, connection->client, range->id);
	int rc;

	if (!lease_pool_read(server->conf.ledger, index, &view) || view.id != range->id)
		return PACKET_STALE;
	if (!range->bytes || range->offset >= view.bytes ||
	    range->bytes > view.bytes - range->offset)
		return -ERANGE;
	rc = ask_keeper(server, connection, view.component, &ask, &range->item);
	return rc ? rc : PACKET_WAITS;
}

/* ---- what a keeper did ---- */

/* The client that asked, if it is there still. */
static struct lease_connection *asker_at(struct lease_server *server,
					 const struct keeper_asker *asker)
{
	struct lease_connection *connection = &server->connection[asker->connection];

	return connection->fd >= 0 && connection->serial == asker->serial ? connection : NULL;
}

/* Takes fd. */
static void tell(struct lease_server *server, struct lease_connection *connection,
		 const union packet_answer *answer, int fd)
{
	uint8_t bytes[sizeof(struct packet_header) + sizeof(struct packet_reply)];
	struct packet_out out;

	packet_start(&out, bytes, PACKET_LATER);
	packet_add_answer(&out, answer, NULL);
	if (connection_send(server, connection, &out, fd) < 0)
		seat_drop(server, connection);
}

/* Takes fd, and opens it anew for the owner. */
static int keep_made(struct lease_server *server, uint64_t id, int fd, int *ret_own)
{
	uint32_t index = lease_pool_find(server->conf.ledger, id);
	AUTO_CLOSE int file = fd;
	struct stat st;
	int own;

	if (index == LEASE_NO_POOL)
		return -ESTALE; /* its owner did not wait for it; its keeper is told */
	if (file < 0 || fstat(file, &st) < 0)
		return -EIO;
	own = open_again(file, true);
	if (own < 0)
		return own;
	if (server->pool_fd[index] >= 0)
		close(server->pool_fd[index]); /* made again by another keeper: nobody has it yet */
	server->pool_fd[index] = TAKE_FD(file);
	lease_pool_made(server->conf.ledger, index, st.st_ino);
	*ret_own = own;
	return 0;
}

/* One that could not be made. */
static void forget(struct lease_server *server, uint64_t id)
{
	uint32_t index = lease_pool_find(server->conf.ledger, id);
	struct lease_pool_view view;

	if (lease_pool_read(server->conf.ledger, index, &view))
		lease_free(server->conf.ledger, view.owner, id);
}

void pools_done(struct lease_server *server, const struct keeper_call *call, int result,
		uint64_t bytes, int fd)
{
	struct lease_connection *connection = asker_at(server, &call->asker);
	union packet_answer answer = {.reply = {
					      .item = call->asker.item,
					      .id = call->ask.pool,
					      .bytes = bytes,
				      }};
	AUTO_CLOSE int file = fd, own = -1;

	if (call->ask.op == KEEP_MAKE && !result)
		result = keep_made(server, call->ask.pool, TAKE_FD(file), &own);
	if (call->ask.op == KEEP_MAKE && result)
		forget(server, call->ask.pool);
	if (!connection)
		return;
	connection->asked--;
	answer.reply.outcome = result < 0 ? result : 0;
	tell(server, connection, &answer, TAKE_FD(own));
}

static bool is_this_pool(const struct lease_pool_view *view, int fd)
{
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return flags >= 0 && (flags & O_ACCMODE) == O_RDWR && seals >= 0 &&
	       (seals & SEALS) == SEALS && !fstat(fd, &st) && st.st_uid == geteuid() &&
	       (st.st_mode & 07777) == 0600 && (uint64_t)st.st_size == view->bytes && view->inode &&
	       st.st_ino == view->inode;
}

void pools_found(struct lease_server *server, uint32_t component,
		 const struct keep_message *message, int fd)
{
	uint32_t index = lease_pool_find(server->conf.ledger, message->pool);
	struct lease_pool_view view;
	AUTO_CLOSE int file = fd;

	if (lease_pool_read(server->conf.ledger, index, &view) && view.component == component &&
	    file >= 0 && is_this_pool(&view, file)) {
		if (server->pool_fd[index] < 0)
			server->pool_fd[index] = TAKE_FD(file);
		return;
	}
	keeper_drop(server, component, message->pool);
}

/* ---- sharing ---- */

static bool may(const struct lease_pool_view *view, const struct ipc_peer *who, bool write)
{
	uint32_t user = write ? 0200 : 0600, mode = view->share_mode;

	if (!who->uid)
		return true;
	return (who->uid == view->share_uid && mode & user) ||
	       (view->share_gid != LEASE_NOBODY && ipc_peer_in_group(who, view->share_gid) &&
		mode & user >> 3) ||
	       mode & user >> 6;
}

/* Of a name several may be shared: one's own is meant first, and else it must be the only one. */
static int find_shared(const struct lease_server *server, const struct ipc_peer *who,
		       const struct packet_attach *request, uint32_t *ret_index)
{
	bool write = request->flags & PACKET_WRITE;
	uint32_t found = 0, refused = 0;

	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		struct lease_pool_view view;

		if (!lease_pool_read(server->conf.ledger, i, &view) ||
		    view.owner == LEASE_NO_CLIENT || strcmp(view.name, request->name) != 0 ||
		    (request->uid != PACKET_ANYBODY && request->uid != view.uid))
			continue;
		if (!may(&view, who, write)) {
			refused++;
			continue;
		}
		*ret_index = i;
		if (view.uid == who->uid)
			return 0;
		found++;
	}
	if (found > 1)
		return -ENOTUNIQ;
	return found ? 0 : refused ? -EACCES : -ENOENT;
}

int pools_attach(struct lease_server *server, struct lease_connection *connection,
		 const struct packet_attach *request, union packet_answer *answer)
{
	struct lease_result result;
	uint32_t index = LEASE_NO_POOL;
	int fd, rc = find_shared(server, &connection->peer.who, request, &index);

	if (rc)
		return rc;
	if (server->pool_fd[index] < 0)
		return -EAGAIN; /* it is being made, or given back by its keeper */
	fd = open_again(server->pool_fd[index], request->flags & PACKET_WRITE);
	if (fd < 0)
		return fd;
	lease_pool_attach(server->conf.ledger, connection->client, index, server->now_us, &result);
	if (result.error) {
		close(fd);
		return result.error;
	}
	answer->reply.id = result.id;
	answer->reply.bytes = result.bytes;
	return fd;
}

int32_t pools_share(struct lease_server *server, const struct lease_connection *connection,
		    const struct packet_share *share)
{
	int rc = lease_pool_share(server->conf.ledger, connection->client, share->id, share->uid,
				  share->gid, share->mode);

	return rc == LEASE_STALE ? PACKET_STALE : rc;
}

int32_t pools_offer(struct lease_server *server, const struct lease_connection *connection,
		    uint64_t id, int fd)
{
	uint32_t index = lease_pool_of(server->conf.ledger, connection->client, id);
	struct lease_pool_view view;
	AUTO_CLOSE int file = fd;
	int again;

	if (!lease_pool_read(server->conf.ledger, index, &view) || view.id != id)
		return PACKET_STALE;
	if (file < 0 || !is_this_pool(&view, file))
		return -EBADF;
	if (server->pool_fd[index] >= 0)
		return 0;
	again = open_again(file, true); /* not what its owner may change */
	if (again < 0)
		return again;
	server->pool_fd[index] = again;
	keeper_hand_over(server, view.component, view.id, view.bytes);
	return 0;
}

/* ---- what became of them ---- */

static void tell_orphaned(struct lease_server *server, uint32_t index)
{
	uint8_t bytes[sizeof(struct packet_header) + sizeof(struct packet_lease)];
	struct packet_out out;
	uint64_t lease;

	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		uint32_t at = server->connection_of[i];

		if (at == LEASE_CLIENTS ||
		    !lease_pool_reader(server->conf.ledger, index, i, &lease))
			continue;
		packet_start(&out, bytes, PACKET_GONE);
		packet_add_gone(&out, lease);
		if (connection_send(server, &server->connection[at], &out, -1) < 0)
			seat_drop(server, &server->connection[at]);
	}
}

static void end_pool(struct lease_server *server, const struct lease_pool_news *news)
{
	if (server->pool_fd[news->index] >= 0)
		close(server->pool_fd[news->index]);
	server->pool_fd[news->index] = -1;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (news->component == i || news->component == COMPONENT_NONE)
			keeper_drop(server, i, news->id); /* a foreign keeper does not know it */
}

void pools_settle(struct lease_server *server)
{
	struct lease_pool_news news;

	while (lease_pool_next(server->conf.ledger, &news))
		if (news.ended)
			end_pool(server, &news);
		else
			tell_orphaned(server, news.index);
}

bool lease_server_pool_use(const struct lease_server *server, uint32_t index, uint64_t *ret_bytes)
{
	struct stat st;

	if (server->pool_fd[index] < 0 || fstat(server->pool_fd[index], &st) < 0)
		return false;
	*ret_bytes =
		(uint64_t)st.st_blocks * 512; /* stat(2): of so many bytes, on any file system */
	return true;
}
