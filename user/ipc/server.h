/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listening side of the control socket. One fd, an epoll of its own, sits in the caller's loop;
 * the caller dispatches when it is readable, and never blocks here. Clients are guests of a loop
 * that has better things to do: a turn takes no more than IPC_TURN_US and one call, and ends at
 * once where the caller is in a hurry; a client that does not read its answers is dropped, and a
 * client cannot make the server hold more than one answer for it. What takes long is done in parts
 * (struct ipc_work), which share the turns, and what is long is parsed on another thread.
 * Allocates for messages only, never for anything that policy waits for.
 */
#ifndef UW_IPC_SERVER_H
#define UW_IPC_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/err.h"
#include "user/ipc/interface.h"

#define IPC_CLIENTS_MAX  256U /* many of them wait for jobs */
#define IPC_CLIENTS_USER 32U  /* of one user that is not root */
#define IPC_GROUPS_MAX   64U
#define IPC_CALLS_A_TURN 4U           /* of one client; the rest waits for the next turn */
#define IPC_TURN_US      500U         /* of all clients: a stall waits for the rest of it */
#define IPC_PART_US      300U         /* of a work: its step looks at the clock by this */
#define IPC_CLIENT_US    500U         /* of one; what it took more is taken off its next turns */
#define IPC_CALL_HERE    (8U << 10)   /* bytes of a call that is parsed on the loop */
#define IPC_CALL_SHORT   (32U << 10)  /* of one of a method whose calls may not be long */
#define IPC_UNREAD_MAX   (256U << 10) /* unread bytes of a follower before it is dropped */
#define IPC_UNREAD_TOTAL (16U << 20)  /* of all; one user half of what the others leave */
#define IPC_UNREAD_US    5000000ULL   /* an answer that stands unread so long drops its client */

/* Who is at the other end, as the kernel says (SO_PEERCRED, SO_PEERGROUPS). */
struct ipc_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool member; /* of the socket's group, or root */
	uint32_t group_count;
	gid_t group[IPC_GROUPS_MAX]; /* supplementary ones */
};

/* Whether gid is its group, or one of its supplementary ones. */
bool ipc_peer_in_group(const struct ipc_peer *peer, gid_t gid);

struct ipc_call {
	enum ipc_method method;
	const json_t *parameters; /* always an object */
	const struct ipc_peer *peer;
	uint64_t token; /* for ipc_server_answer */
	bool more;
};

/* What a handler says. Zeroed before the call. */
struct ipc_answer {
	json_t *parameters; /* an object, ownership passes; NULL = {} */
	char *text;         /* or that object written out: text_count bytes, malloced, ownership
			     * passes */
	size_t text_count;
	const char *error;      /* a full error name, or NULL */
	bool follow;            /* only where call->more: keep it open for ipc_server_publish */
	enum ipc_method method; /* what is followed, where the answer comes later */
	bool later;             /* comes by ipc_server_answer with the call's token; until then the
				 * client's other calls wait */
};

/*
 * A part of what a call asks for, when all of it would hold up the loop. step does a part, which
 * takes no more than IPC_PART_US and one item of it; true: there is more. False: it is done, or
 * goes on elsewhere, and is the caller's again. drop frees it as the server ends. Parts of all
 * works come in turn, beside the clients.
 */
struct ipc_work {
	struct ipc_work *next;
	bool (*step)(struct ipc_work *work);
	void (*drop)(struct ipc_work *work);
};

typedef void (*ipc_handle_fn)(void *data, const struct ipc_call *call, struct ipc_answer *answer);

struct ipc_server_conf {
	const char *path;    /* made anew; a socket that nobody listens on is replaced */
	const char *group;   /* who may talk to us beside root; "" or unknown = root only */
	const char *version; /* of GetInfo */
	bool open;           /* any user may connect; who may what is for the handler to say */
	ipc_handle_fn handle;
	void *data;
	bool (*hurry)(void *data); /* something waits that comes before clients: the turn ends
				    * after the call that it is at; NULL: nothing ever does */
	uint64_t (*now_us)(void);  /* what a turn is measured by; NULL: clock_now_us */
};

struct ipc_server;

/*
 * Listens. IPC_NO_GROUP (positive) when it does, but the group is unknown, so that only root may
 * connect. -EADDRINUSE when another one answers on the path.
 */
#define IPC_NO_GROUP 1
int ipc_server_new(const struct ipc_server_conf *conf, struct ipc_server **ret_server,
		   struct uw_err *err);
void ipc_server_free(struct ipc_server *server); /* unlinks the path */

/* Whether the path still leads to our socket, and making it anew where it does not: who is
 * connected stays. -EADDRINUSE when another one answers there, and as ipc_server_new. */
bool ipc_server_is_there(const struct ipc_server *server);
int ipc_server_listen_again(struct ipc_server *server, struct uw_err *err);

/* Readable when there is work. */
int ipc_server_fd(const struct ipc_server *server);

/* Does one turn of it. 0, or a negative errno when the epoll itself is broken. */
int ipc_server_dispatch(struct ipc_server *server, uint64_t now_us);

/* The answer to a call that was to come later; nothing when its client has gone. Takes
 * answer->parameters. */
void ipc_server_answer(struct ipc_server *server, uint64_t token, struct ipc_answer *answer,
		       uint64_t now_us);

/* The parameters of a call of a method whose calls may be long (is_long) are not looked at any
 * more: to be said once by a handler that answers later, when it has given up its references. Until
 * then no other long call is parsed. */
void ipc_server_forget_call(struct ipc_server *server, uint64_t token);

/* From now on work has its share of the turns. */
void ipc_server_put_work(struct ipc_server *server, struct ipc_work *work);

/* Whether somebody still waits for the answer to the call of token. */
bool ipc_server_is_awaited(const struct ipc_server *server, uint64_t token);

/* Lets any user connect from now on, or only root and the group. 0 or a negative errno. */
int ipc_server_set_open(struct ipc_server *server, bool open);

/* Drops who has not read for IPC_UNREAD_US; call it about once a second. */
void ipc_server_expire(struct ipc_server *server, uint64_t now_us);

/* Sends parameters (borrowed) to each client that follows method. */
void ipc_server_publish(struct ipc_server *server, enum ipc_method method, json_t *parameters,
			uint64_t now_us);

/* The same, but only to root's clients and those of uid. */
void ipc_server_publish_to(struct ipc_server *server, enum ipc_method method, uid_t uid,
			   json_t *parameters, uint64_t now_us);

struct ipc_server_stats {
	uint32_t clients, followers;
	uint64_t calls, refused, dropped_slow, dropped_bad;
	uint64_t turn_max_us; /* the longest turn */
};
void ipc_server_stats(const struct ipc_server *server, struct ipc_server_stats *ret_stats);

/* What was written, or that memory is short. Takes it. */
struct json_writer;
void ipc_answer_write(struct ipc_answer *answer, struct json_writer *text);

/* Of one that goes nowhere. */
void ipc_answer_done(struct ipc_answer *answer);

/* Fills answer with error and {reason: text}, or for a bad parameter {parameter: name}. */
void ipc_answer_fail(struct ipc_answer *answer, const char *error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ipc_answer_bad_parameter(struct ipc_answer *answer, const char *parameter);

#endif
