/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A handle, for the library's own files: handle.c opens, closes and forks, lease.c, task.c and
 * pools.c ask, events.c tells, talk.c waits for answers, connect.c makes the connection and gets it
 * back, take.c and send.c move packets, credit.c gives out what needs not be asked for. All fields
 * are guarded by lock; nothing waits while it is held.
 */
#ifndef UW_LIB_INSIDE_H
#define UW_LIB_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/lib/packet.h"
#include "user/lib/pools.h"
#include "user/lib/uw.h"

#define LIB_SOCKET        "/run/uw/lease.sock"
#define LIB_RECONNECT_US  5000000ULL  /* a call waits so long for an uwd that restarts */
#define LIB_ANSWER_US     30000000ULL /* and so long for an answer, beyond its own timeout */
#define LIB_AGAIN_US      20000ULL    /* between two tries to connect */
#define LIB_COMPONENTS    32
#define LIB_CREDIT_BYTES  (8ULL << 20) /* as much as uwd gives, LEASE_CREDIT_BYTES */
#define LIB_CREDIT_LEASES 64U          /* LEASE_CREDIT_LEASES */
#define LIB_SMALL_PART    4            /* of a credit one lease may be such a part */
#define LIB_TELL_US       10000ULL     /* what was taken from it is told so soon */
#define LIB_IDLE_US       1000000ULL   /* it goes back after so long; and is asked for again */
#define LIB_SMALL_MAX     4096U        /* leases that were taken from credits */
#define LIB_NONE          UINT16_MAX
#define LIB_OWED          64
#define LIB_SHRINKS       64

/* Requests that were sent in one packet, until each has its last answer. On its caller's stack. */
struct lib_call {
	struct lib_call *next;
	union packet_request *request;
	enum packet_op op;
	uint32_t count, cookie; /* of the first; the others follow */
	union packet_answer *answer;
	uint32_t open; /* without an answer, or with one that says that it waits */
	uint32_t sent; /* the connection over which somebody has sent it, or is about to */
	bool again;    /* it was sent over an earlier connection too */
	bool waits;    /* one has been answered so */
	bool passes;   /* passed goes with it */
	int passed;
	int fd;     /* that came with the answer; only calls of pools get one */
	char *text; /* of a report, malloced */
	/* All is answered; called with the lock held. NULL: its caller waits for it. */
	void (*ended)(struct uw *uw, struct lib_call *call);
};

/* What a task is in the library. Its call stays while it is queued. */
struct lib_task {
	struct lib_task *next;
	uint64_t id;
	struct lib_call call;
	union packet_request request;
	union packet_answer answer;
	uint64_t lease; /* of uwd; 0: it has none */
	bool begins, has_begun, has_child, is_cancelled;
	bool is_told; /* nothing is due for ready */
	uw_task_fn ready;
	void *data;
};

struct lib_level {
	char component[UW_NAME_MAX];
	uint32_t level, use_permyriad;
	uint64_t at_us, emergency_us;
};

/* A lease that is asked back, for those who are to be told. */
struct lib_shrink {
	uint64_t id; /* as uwd knows it; 0: free */
	uint64_t target, deadline_us;
	char why[16], component[UW_NAME_MAX];
};

enum lib_watch {
	LIB_WATCH_PRESSURE,
	LIB_WATCH_EMERGENCY,
	LIB_WATCH_SHRINK,
};

struct lib_watcher {
	struct lib_watcher *next;
	uint64_t handle;
	char component[UW_NAME_MAX]; /* "": all */
	enum lib_watch kind;
	uw_pressure_fn fn;
	uw_shrink_fn shrink;
	void *data;
	uint64_t stale; /* mask of levels, or of shrinks, that it is to be told */
};

/* What we may give out of a component without asking. */
struct lib_credit {
	char component[UW_NAME_MAX];
	uint64_t id;   /* of the lease that it is; 0: there is none */
	uint64_t size; /* when it was made up last */
	uint64_t free_bytes, untold_bytes;
	uint32_t free_leases, untold_leases;
	uint64_t asked_bytes; /* what was free when it was asked for, with nothing untold */
	uint32_t asked_leases;
	bool asked, wanted, used, inside;
	bool recalled; /* it is to go back as soon as all that was taken from it is told */
	uint64_t used_us, again_us; /* when it was seen to be used; when it may be asked for */
};

enum lib_small_state {
	LIB_SMALL_UNUSED,
	LIB_SMALL_UNTOLD,
	LIB_SMALL_TELLING, /* without an answer */
	LIB_SMALL_TOLD,
};

/* A lease that was taken from a credit. */
struct lib_small {
	uint64_t id;   /* as the program knows it */
	uint64_t told; /* as uwd does */
	enum lib_small_state state;
	bool freed;          /* while it was being told */
	uint16_t prev, next; /* of those that are untold; next of those that are unused */
	uint32_t credit;
	struct packet_grant request;
};

struct uw {
	struct uw *next; /* of all handles of the process */
	pthread_mutex_t lock;
	pthread_cond_t turned; /* a call has ended, or nobody reads, or nothing runs any more */
	char *path;
	int socket;          /* -1: not connected */
	int joining;         /* what may become the socket; -1: none */
	uint32_t connection; /* which one it is; never 0 */
	int epoll, news,
		kick;      /* what uw_fd is; eventfds: callbacks are due; the reader is to look */
	int timer;         /* when to try to connect again, for who has no call */
	uint64_t again_us; /* nobody tries before, whoever is woken meanwhile */
	uint64_t key;      /* by which uwd knows us again; 0: not yet */
	bool attends, forked, reads, connects;
	bool takes_inputs; /* PACKET_INPUTS, of this connection */
	uint32_t cookie;
	struct lib_call *calls;
	uint64_t *lease; /* ids of what we have */
	size_t lease_count, lease_room;
	struct lib_pool *pools;
	struct lib_task *tasks;
	uint64_t last_task;
	struct lib_watcher *watchers;
	uint64_t last_handle, running; /* handle of the callback that runs, 0: none */
	pthread_t runner;
	struct lib_level level[LIB_COMPONENTS];
	uint32_t level_count;
	struct lib_shrink shrink[LIB_SHRINKS];
	uint32_t shrink_at; /* the next to be overwritten, when all are taken */
	struct lib_credit credit[LIB_COMPONENTS];
	uint32_t credit_count;
	struct lib_small *small;
	uint32_t small_count, small_pending; /* that there are, and those not told yet */
	uint16_t small_free, untold_first, untold_last;
	uint64_t small_serial;
	uint64_t owed[LIB_OWED]; /* leases to be freed, of which there was no room to tell */
	uint32_t owed_count;
	bool to_tell; /* there is something that uwd does not know */
	bool soon;    /* the timer goes off within LIB_TELL_US */
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
	return op == PACKET_GRANT || op == PACKET_TASK_SUBMIT || op == PACKET_POOL_CREATE ||
	       op == PACKET_POOL_ATTACH;
}

/* Whether an fd comes with the answer. */
static inline bool lib_brings_fd(enum packet_op op)
{
	return op == PACKET_POOL_CREATE || op == PACKET_POOL_ATTACH;
}

/* What of the call has no answer yet. 0, or -ENOTCONN when the connection has ended: then it is
 * sent again by who makes another one. Gives up the lock while uwd has too much to read, and then
 * the call may be gone. */
int lib_send_call(struct uw *uw, struct lib_call *call);
bool lib_is_open(const struct lib_call *call, uint32_t i);

/* Frees a lease that nobody asked for any more; now, or when there is room to send. */
void lib_give_back(struct uw *uw, uint64_t id);
void lib_pay(struct uw *uw);

/* The timer of uw_fd goes off in so long. */
void lib_wake(struct uw *uw, uint64_t us);

/* What we have; and room for what all calls ask for, so that no answer finds none: -ENOMEM. */
void lib_lease_add(struct uw *uw, uint64_t id);
void lib_lease_drop(struct uw *uw, uint64_t id);
int lib_lease_reserve(struct uw *uw);

/* ---- credit.c ---- */

/* A lease out of the credit: false when it has to be asked for. The lock is taken. */
bool lib_credit_take(struct uw *uw, const struct packet_grant *request, struct packet_reply *ret);

/* Whether the id is of such a lease. */
static inline bool lib_is_small(uint64_t id)
{
	return id & 1ULL << 31; /* no slot of uwd has so high a number */
}

/* Gives it back: 0, UW_STALE, -ECHILD, or LIB_ASK when uwd knows it, as *ret_told. The lock is
 * taken; and in the other two. */
#define LIB_ASK INT32_MAX
int lib_small_free(struct uw *uw, uint64_t id, uint64_t *ret_told);
int lib_small_find(struct uw *uw, uint64_t id, uint64_t *ret_told);

/* uwd has it no more. */
void lib_small_forget(struct uw *uw, uint64_t id);

/* Tells uwd what it does not know, as far as there is room to send. */
void lib_credit_tell(struct uw *uw);

/* uwd asks a credit back: true when the id is that of one. */
bool lib_credit_recall(struct uw *uw, uint64_t id);

/* The id by which the program knows a lease of uwd. */
uint64_t lib_small_name(const struct uw *uw, uint64_t told);

/* When the timer has gone off: tells, and gives back what was not used. */
void lib_credit_tick(struct uw *uw);

/* An answer with PACKET_DRAWN or PACKET_CREDIT. */
void lib_credit_answer(struct uw *uw, const struct packet_reply *reply);

/* There is another connection: uwd is told again what it may not have heard. */
void lib_credit_return(struct uw *uw);

/* With nothing in it: of a new handle, and in a child of fork. */
void lib_credit_start(struct uw *uw);

/* ---- task.c ---- */

/* Calls ready of one task for which it is due; false when there is none. The lock is held, and
 * given up meanwhile. */
bool lib_tell_task(struct uw *uw);
void lib_free_tasks(struct uw *uw);

/* ---- take.c ---- */

/* Takes packets as long as there are any, and no more than that many. -ENOTCONN at the end of the
 * connection. */
int lib_take(struct uw *uw, uint32_t most);
bool lib_concerns(const struct lib_watcher *watcher, const char *component);

/* The owner of the pool of this lease is gone, or uwd does not know it any more. */
void lib_pool_note_gone(const struct uw *uw, uint64_t id);

/* ---- connect.c ---- */

/* uw_fd tells when there is something to read in fd. */
int lib_watch(const struct uw *uw, int fd);

/* One try, with all that makes the new connection as good as the old one. The lock is held, and
 * given up in between. 0, -ENOTCONN, or what uwd says. */
int lib_connect(struct uw *uw);

/* ---- lease.c ---- */

/* The outcome of an answer, with the caller's structs (NULL: none) filled in. */
int lib_give_answer(const union packet_answer *answer, struct uw_grant *grant,
		    struct uw_denial *denial);

/* As far as ret->size says; ret may be NULL. */
void lib_give_denial(const struct packet_denial *denial, struct uw_denial *ret);

/* What came, as far as the caller's struct of size goes, which stays what it is. */
void lib_give(void *to, const void *from, uint32_t size, size_t known);

/* A text behind what is at `at`, cut where there is no room; where it ends. */
size_t lib_add_text(char *buf, size_t at, const char *text);

/* ---- talk.c ---- */

/* Its caller does not wait for it, until it has an answer or is taken out. The lock is held. */
int lib_call_start(struct uw *uw, struct lib_call *call);
void lib_call_leave(struct uw *uw, const struct lib_call *call);

/* Reads, or has others read, or makes a connection: once. *lost_us begins at 0. The lock is held,
 * and given up meanwhile. -ENOTCONN: there is none for too long. */
int lib_wait(struct uw *uw, uint64_t until_us, uint64_t *lost_us);

/* Sends the requests of call, and waits for all of their answers, at most wait_us more than is
 * usual; across a restart of uwd. The lock is taken. */
int lib_call(struct uw *uw, struct lib_call *call, uint64_t wait_us);

#endif
