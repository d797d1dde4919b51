/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves programs that ask for leases, from the caller's loop: an epoll of its own, and nothing
 * that waits. Whatever a client does costs others no more than its turn: it sends one packet a
 * turn, is not read while it does not read, and is dropped when it sends what is no packet. Its
 * leases end with its connection or its process, whichever is seen first. Allocates for what a
 * client has not read yet, a keeper of pools not done, and for each task that runs; for nothing
 * else.
 *
 * A task that a child of a client does runs in a leaf of its own, which others make and remove
 * (move, end). Its lease is the child's: it ends with it, and so does the leaf.
 */
#ifndef UW_LEASE_SERVER_H
#define UW_LEASE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/lease/peer.h"
#include "user/policy/lease/lease.h"

#define LEASE_SOCKET_PATH "/run/uw/lease.sock"
#define LEASE_TURN_US     500U       /* of all clients: a stall waits for the rest of it */
#define LEASE_HELLO_US    5000000ULL /* to say who it is */
#define LEASE_UNREAD_US                                                          \
	5000000ULL /* an answer that its socket has no room for drops its client \
		    */

#define LEASE_LEAF_LEN    64 /* of a leaf's name */
#define LEASE_LEAF_PREFIX "task-"
#define LEASE_GRACE_US    3600000000ULL /* at most, from SIGTERM until it is killed */

/* A child that is to be moved into a leaf of its own. */
struct lease_move {
	uint32_t client; /* of the ledger, and its lease: see lease_server_moved */
	uint64_t id;
	const char *component, *leaf;
	int pidfd; /* borrowed */
	int32_t pid;
	uint64_t bytes; /* memory.high */
};

/* A leaf whose task is over. */
struct lease_leaf_end {
	const char *component, *leaf, *key;
	uint32_t uid;
	uint64_t bytes, run_us; /* reserved; since it began */
	uint64_t input_bytes;   /* 0: unknown */
	bool by_itself;         /* its process has ended, and nobody asked for that */
};

struct lease_leaf_look {
	bool frozen;
	uint64_t used_bytes, peak_bytes, throttled; /* as memory.events high */
};

/* Of the next task of a key; 0: nothing. */
struct lease_learned {
	uint64_t bytes, run_us;
};

/* What the server asks of who has it. */
struct lease_server_conf {
	const char *path;
	struct lease_ledger *ledger;
	/* Where the peer runs and what it may. */
	void (*place)(void *data, const struct lease_peer *peer, struct lease_place *ret_place);
	/* The index of a component, or -1; and the priority of who names none. */
	int (*component)(void *data, const char *name, uint8_t *ret_priority);
	const char *(*name)(void *data, uint32_t component);
	/* A connected, non-blocking SEQPACKET socket to the component's keeper of pools; with start
	 * one is started when none answers. Must not wait. Or a negative errno. */
	int (*keeper)(void *data, uint32_t component, bool start, int *ret_fd);
	/* Slots for more leases, if there can be any. */
	void (*grow)(void *data);
	/* What was learned of a user's key, for an input of that size. */
	struct lease_learned (*learned)(void *data, uint32_t component, uint32_t uid,
					const char *key, uint64_t input_bytes);
	/* Begins to, and has lease_server_moved called later. -errno: nothing has begun. */
	int (*move)(void *data, const struct lease_move *move);
	/* Kills what runs in a leaf and removes it, soon; after a move into it that goes on. */
	void (*end)(void *data, const struct lease_leaf_end *end);
	int (*look)(void *data, const char *component, const char *leaf,
		    struct lease_leaf_look *ret_look);
	/* The leaf of a task in which a process runs; false when it runs elsewhere. */
	bool (*find_leaf)(void *data, int32_t pid, char component[static UW_NAME_LEN],
			  char leaf[static LEASE_LEAF_LEN]);
	/* A JSON text, malloced, of less than 60 KiB; NULL when memory is short. */
	char *(*report)(void *data);
	void *data;
	uint64_t (*now_us)(void); /* NULL: clock_now_us */
};

struct lease_server;

/* Listens, open to all: rights are asked for each lease. conf is copied. -EADDRINUSE: another one
 * answers there. */
int lease_server_new(const struct lease_server_conf *conf, struct lease_server **ret_server,
		     struct uw_err *err);
void lease_server_free(struct lease_server *server); /* frees no lease; unlinks the path */

/* Watches the processes of those that the ledger awaits, and has the keepers of pools give back
 * what they hold. Those that have gone lose their leases; returns how many clients these were. */
uint32_t lease_server_adopt(struct lease_server *server);

/* Readable when there is work; a turn of it. 0, or a negative errno when the epoll is broken. */
int lease_server_fd(const struct lease_server *server);
int lease_server_dispatch(struct lease_server *server);

/* A move that was begun is over; cgid is the leaf's, with rc 0. */
void lease_server_moved(struct lease_server *server, uint32_t client, uint64_t id, int rc,
			uint64_t cgid);

/* Whether a task runs in this leaf. After lease_server_adopt, of all that there are. */
bool lease_server_has_leaf(const struct lease_server *server, const char *component,
			   const char *leaf);

/* Whether the path still leads to it, and making it anew. */
bool lease_server_is_there(const struct lease_server *server);
int lease_server_listen_again(struct lease_server *server, struct uw_err *err);

/* Tells those that wait what became of it, and those whose leases are asked back; after a look at
 * the headroom, and at lease_next_us(). */
void lease_server_settle(struct lease_server *server);

/* Once a second: drops who does not read or say who it is, ends waiting for who does not come
 * back, looks where some of the clients are now. */
void lease_server_keep_house(struct lease_server *server);

/* The components are others now: to[i] is where i went, COMPONENT_NONE when it is gone. Each
 * client's place is asked again. After lease_configure. */
void lease_server_renumber(struct lease_server *server,
			   const uint32_t to[static UW_COMPONENTS_MAX]);

/* The level of a component has changed: told to those who watch it. Of levels that nobody has read
 * yet only the newest is kept. */
void lease_server_level(struct lease_server *server, uint32_t component, enum level level,
			uint64_t use_permyriad, uint64_t at_us);

/* What of the ledger's pool at index has memory. False while its file is not here. */
bool lease_server_pool_use(const struct lease_server *server, uint32_t index, uint64_t *ret_bytes);

struct lease_server_stats {
	uint32_t connected;
	uint64_t packets, requests;
	uint64_t refused, dropped_bad, dropped_slow;
	uint64_t keepers_started;
	uint64_t turn_max_us;
};
void lease_server_stats(const struct lease_server *server, struct lease_server_stats *ret_stats);

#endif
