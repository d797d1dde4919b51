/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the server consists of, for its parts: connection.c moves the packets of one client, seat.c
 * keeps who is there, child.c the processes that do tasks, task.c answers about these, pools.c
 * about pools and request.c about all else, keeper.c speaks to the keepers of pools, server.c has
 * the rest. Internal to lease.
 */
#ifndef UW_LEASE_INSIDE_H
#define UW_LEASE_INSIDE_H

#include <sys/epoll.h>

#include "user/base/file_id.h"
#include "user/keep/message.h"
#include "user/lease/server.h"
#include "user/lib/packet.h"

#define LEASE_EVENTS 32U /* looked at at once */

/* A packet that its socket had no room for. */
struct lease_unsent {
	struct lease_unsent *next;
	size_t size;
	int fd; /* that goes with it, or -1 */
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
	uint32_t asked;          /* of keepers, and not answered */
	bool recalls;            /* there are some that it could not be told */
	uint32_t watches, stale; /* masks of components: and of them whose level is to be told */
};

struct lease_level {
	enum level level;
	uint64_t use_permyriad, at_us;
	struct lease_emergency emergency;
};

/* Who is to be told when a keeper has answered. */
struct keeper_asker {
	uint32_t connection, serial; /* place of it, and whose it was */
	struct packet_item item;     /* of the request */
};

struct keeper_call {
	struct keeper_call *next;
	struct keep_message ask;
	struct keeper_asker asker;
	bool sent;
	uint64_t since_us;
};

struct lease_keeper {
	int fd; /* -1: not connected */
	uint32_t serial;
	uint64_t again_us;                 /* when another one may be started */
	struct keeper_call *first, **last; /* not answered, in order */
};

/* Who is told of a keeper's answers; both take fd, or -1. */
struct keeper_answers {
	/* A client's call has been answered. */
	void (*done)(struct lease_server *server, const struct keeper_call *call, int result,
		     uint64_t bytes, int fd);
	/* A keeper has this pool. */
	void (*found)(struct lease_server *server, uint32_t component,
		      const struct keep_message *message, int fd);
};

/* A process that does a task: a client of the ledger without a connection. */
struct lease_child {
	uint64_t id; /* its lease */
	char component[UW_NAME_LEN];
	char leaf[LEASE_LEAF_LEN]; /* "": none yet */
	char key[PACKET_KEY_LEN];
	uint64_t bytes, input_bytes, began_us;
	uint64_t kill_us; /* 0: nobody has cancelled it */
	uint32_t with;    /* a client that it ends with; LEASE_NO_CLIENT: none */
	bool moving;
	/* Who waits for the move: a place in the table of connections. */
	uint32_t asker, asker_serial, cookie;
};

struct lease_server {
	struct lease_server_conf conf;
	char *path;
	struct file_id place;
	int epoll, listen;
	bool starved;    /* of files or memory: nobody is let in until the next look */
	uint64_t now_us; /* of this turn */
	/* Reported; those from event_at on are not served yet. */
	struct epoll_event event[LEASE_EVENTS];
	uint32_t event_at, event_count;
	uint32_t look_at;
	struct lease_server_stats stats;
	struct lease_level level[UW_COMPONENTS_MAX];
	uint32_t last_serial;
	int pidfd[LEASE_CLIENTS]; /* of the ledger's clients; -1: none */
	uint32_t pid_serial[LEASE_CLIENTS];
	uint16_t connection_of[LEASE_CLIENTS]; /* LEASE_CLIENTS: it is awaited */
	struct lease_connection connection[LEASE_CLIENTS];
	struct lease_keeper keeper[UW_COMPONENTS_MAX];
	uint64_t last_cookie;
	int pool_fd[LEASE_POOLS]; /* of the ledger's pools; -1: not here */
	struct keeper_answers answers;
	struct lease_child *child[LEASE_CLIENTS]; /* of the ledger's clients; NULL */
	uint8_t in[PACKET_MAX + 1]; /* one more than a packet may have is seen as too long */
	uint8_t out[PACKET_MAX];
};

/* ---- connection.c ---- */

/* Sends a packet, or keeps it for when there is room. fd (-1: none) goes with it, and is taken.
 * -EPIPE, -ENOMEM. */
int connection_send(struct lease_server *server, struct lease_connection *connection,
		    const struct packet_out *out, int fd);

/* There is room: sends what was kept, then levels. */
int connection_flush(struct lease_server *server, struct lease_connection *connection);

/* A packet into server->in, and the fd that came with it or -1. Its size, 0 at the end, -EAGAIN,
 * -EBADMSG. */
long connection_receive(struct lease_server *server, struct lease_connection *connection,
			int *ret_fd);

/* Tells what of its leases is asked back, and the levels, that it has not been told. Where there is
 * no room for them they are told once there is, as they are then. */
int connection_tell_events(struct lease_server *server, struct lease_connection *connection);
void connection_drop_unsent(struct lease_connection *connection);

/* ---- request.c ---- */

/* Answers the packet in server->in. fd is the one that came with it, or -1, and is taken.
 * -EBADMSG: it was none; or as connection_send. */
int request_answer(struct lease_server *server, struct lease_connection *connection, size_t size,
		   int fd);

/* Tells a client what became of a wait. */
void request_tell(struct lease_server *server, const struct lease_result *result);

/* ---- pools.c ---- */

/* After a grant: has the pool made, and then the result is that it waits; else what the ledger
 * said, or an error. */
void pools_create(struct lease_server *server, struct lease_connection *connection,
		  const struct packet_item *item, uint32_t component, struct lease_result *result);

/* Outcomes of a reply. */
int32_t pools_commit(struct lease_server *server, struct lease_connection *connection,
		     const struct packet_range *range);
int32_t pools_share(struct lease_server *server, const struct lease_connection *connection,
		    const struct packet_share *share);

/* Takes fd, -1 when none came. */
int32_t pools_offer(struct lease_server *server, const struct lease_connection *connection,
		    uint64_t id, int fd);

/* Writes the lease and the size into answer. The fd, which is the caller's, or a negative errno. */
int pools_attach(struct lease_server *server, struct lease_connection *connection,
		 const struct packet_attach *request, union packet_answer *answer);

/* As struct keeper_answers asks for. */
void pools_done(struct lease_server *server, const struct keeper_call *call, int result,
		uint64_t bytes, int fd);
void pools_found(struct lease_server *server, uint32_t component,
		 const struct keep_message *message, int fd);

/* Pools that have ended are let go, and who reads one without an owner is told. */
void pools_settle(struct lease_server *server);

/* ---- keeper.c ---- */

#define KEEPER_ANSWERS_A_TURN 32

void keeper_start(struct lease_server *server, const struct keeper_answers *answers);
void keeper_close_all(struct lease_server *server);

/* Connects to those that are there. */
void keeper_find_all(struct lease_server *server);

/* Has a keeper asked, one that is started if there is none; its answer is told. -ENOMEM.
 */
int keeper_ask(struct lease_server *server, uint32_t component, const struct keep_message *ask,
	       const struct keeper_asker *asker);

/* A pool whose fd is here now is its keeper's to hold; or to drop. */
void keeper_hand_over(struct lease_server *server, uint32_t component, uint64_t pool,
		      uint64_t bytes);
void keeper_drop(struct lease_server *server, uint32_t component, uint64_t pool);

/* The epoll says that there is something. */
void keeper_serve(struct lease_server *server, uint32_t component, uint32_t ready);
void keeper_lose(struct lease_server *server, uint32_t component);

/* Starts those that are missing, and lets those go that have no pool. */
void keeper_keep_house(struct lease_server *server);

/* As lease_server_renumber. */
void keeper_renumber(struct lease_server *server, const uint32_t to[static UW_COMPONENTS_MAX]);

/* ---- task.c ---- */

/* A result as of a packet's reply. fd is taken where it becomes -1. */
int task_begin(struct lease_server *server, struct lease_connection *connection,
	       const struct packet_begin *request, int *fd, uint64_t *ret_id);
void task_moved(struct lease_server *server, uint32_t client, uint64_t id, int rc, uint64_t cgid);
int task_end(struct lease_server *server, const struct lease_connection *connection, uint64_t id);
int task_cancel(struct lease_server *server, const struct lease_connection *connection, uint64_t id,
		uint64_t grace_us);
int task_look(struct lease_server *server, const struct lease_connection *connection,
	      const struct packet_lease *request, struct packet_look *look);

/* The tasks of an earlier uwd: client's process runs, and may be one. */
void task_adopt(struct lease_server *server, uint32_t client);

/* Kills those whose grace is over. */
void task_keep_house(struct lease_server *server);

/* ---- child.c ---- */

/* NULL: no memory. */
struct lease_child *child_new(struct lease_server *server, uint32_t client, uint64_t id);

/* The client whose lease this is, and that process; LEASE_NO_CLIENT. */
uint32_t child_find(const struct lease_server *server, uint64_t id);
uint32_t child_find_process(const struct lease_server *server,
			    const struct lease_identity *identity);

/* Tells who waits for the move. */
void child_answer(struct lease_server *server, struct lease_child *child, int outcome);

/* The process has gone, or is to go: its leaf goes. Does nothing for who is no child. */
void child_drop(struct lease_server *server, uint32_t client, bool by_itself);

/* ---- seat.c ---- */

#define SEAT_LISTEN  UINT32_MAX
#define SEAT_PROCESS 0x10000U /* and the client; without it a place in the table of connections */
#define SEAT_KEEPER  0x20000U /* and the component */

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
