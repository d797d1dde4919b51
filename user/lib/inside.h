/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A handle, for the library's own files: handle.c opens, closes and forks, lease.c asks, events.c
 * tells, talk.c waits for answers, connect.c makes the connection and gets it back, take.c and
 * send.c move packets. All fields are guarded by lock; nothing waits while it is held.
 */
#ifndef UW_LIB_INSIDE_H
#define UW_LIB_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/lib/packet.h"
#include "user/lib/pools.h"
#include "user/lib/uw.h"

#define LIB_SOCKET       "/run/uw/lease.sock"
#define LIB_RECONNECT_US 5000000ULL  /* a call waits so long for an uwd that restarts */
#define LIB_ANSWER_US    30000000ULL /* and so long for an answer, beyond its own timeout */
#define LIB_AGAIN_US     20000ULL    /* between two tries to connect */
#define LIB_COMPONENTS   32

/* Requests that were sent in one packet, until each has its last answer. On its caller's stack. */
struct lib_call {
	struct lib_call *next;
	union packet_request *request;
	enum packet_op op;
	uint32_t count, cookie; /* of the first; the others follow */
	union packet_answer *answer;
	uint32_t open; /* without an answer, or with one that says that it waits */
	bool again;    /* it was sent over an earlier connection too */
	char *text;    /* of a report, malloced */
	int fd;        /* that came with the answer; only calls of pools get one */
};

struct lib_level {
	char component[UW_NAME_MAX];
	uint32_t level, use_permyriad;
	uint64_t at_us;
};

struct lib_watcher {
	struct lib_watcher *next;
	uint64_t handle;
	char component[UW_NAME_MAX]; /* "": all */
	uw_pressure_fn fn;
	void *data;
	uint32_t stale; /* mask of levels that it is to be told */
};

struct uw {
	struct uw *next; /* of all handles of the process */
	pthread_mutex_t lock;
	pthread_cond_t turned; /* a call has ended, or nobody reads, or nothing runs any more */
	char *path;
	int socket; /* -1: not connected */
	int epoll, news,
		kick; /* what uw_fd is; eventfds: callbacks are due; the reader is to look */
	int timer;    /* when to try to connect again, for who has no call */
	uint64_t key; /* by which uwd knows us again; 0: not yet */
	bool attends, forked, reads, connects;
	uint32_t cookie;
	struct lib_call *calls;
	uint64_t *lease; /* ids of what we have */
	size_t lease_count, lease_room;
	struct lib_pool *pools;
	struct lib_watcher *watchers;
	uint64_t last_handle, running; /* handle of the callback that runs, 0: none */
	pthread_t runner;
	struct lib_level level[LIB_COMPONENTS];
	uint32_t level_count;
	bool threaded, stops;
	pthread_t thread;
	uint8_t in[PACKET_MAX], out[PACKET_MAX];
};

/* ---- send.c ---- */

uint64_t lib_now_us(void);
void lib_disconnect(struct uw *uw);

/* Whether what is granted by such a call is in the list of leases from then on. */
static inline bool lib_makes_lease(enum packet_op op)
{
	return op == PACKET_GRANT || op == PACKET_POOL_CREATE || op == PACKET_POOL_ATTACH;
}

/* What of the call has no answer yet. 0, or -ENOTCONN when the connection has ended: then it is
 * sent again by who makes another one. */
int lib_send_call(struct uw *uw, struct lib_call *call);
bool lib_is_open(const struct lib_call *call, uint32_t i);

/* Frees a lease that nobody asked for any more. */
void lib_give_back(struct uw *uw, uint64_t id);

/* What we have; and room for what all calls ask for, so that no answer finds none: -ENOMEM. */
void lib_lease_add(struct uw *uw, uint64_t id);
void lib_lease_drop(struct uw *uw, uint64_t id);
int lib_lease_reserve(struct uw *uw);

/* ---- take.c ---- */

/* Takes packets as long as there are any. -ENOTCONN at the end of the connection. */
int lib_take(struct uw *uw);
bool lib_concerns(const struct lib_watcher *watcher, const char *component);

/* ---- connect.c ---- */

/* One try, with all that makes the new connection as good as the old one. The lock is held, and
 * given up in between. 0, -ENOTCONN, or what uwd says. */
int lib_connect(struct uw *uw);

/* ---- lease.c ---- */

/* As far as ret->size says; ret may be NULL. */
void lib_give_denial(const struct packet_denial *denial, struct uw_denial *ret);

/* ---- talk.c ---- */

/* Sends the requests of call, and waits for all of their answers, at most wait_us more than is
 * usual; across a restart of uwd. The lock is taken. */
int lib_call(struct uw *uw, struct lib_call *call, uint64_t wait_us);

#endif
