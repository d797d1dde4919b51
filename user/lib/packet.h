/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes over /run/uw/lease.sock: one packet of a SEQPACKET socket holds up to PACKET_ITEMS_MAX
 * items of fixed layouts, in the byte order of the machine. A packet of requests is answered by one
 * packet with a reply to each, in their order; what comes later (a wait that ends, a level that
 * changes) comes in packets of its own, and so does a pool that is made. A packet carries one fd at
 * most: with HELLO, POOL_OFFER and TASK_BEGIN to uwd, with the reply that says that a pool is there
 * from it. Pure but for packet_send(): encodes into and decodes from memory, and believes nothing:
 * what was not written by these functions is -EBADMSG. Used by both ends.
 */
#ifndef UW_LIB_PACKET_H
#define UW_LIB_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PACKET_MAGIC     0x316c7775U /* "uwl1": another layout is another number */
#define PACKET_ITEMS_MAX 512U
#define PACKET_MAX       (124U << 10) /* bytes: as many replies of the largest kind, and a header */
#define PACKET_NAME_LEN  32
#define PACKET_TEXT_LEN  80
#define PACKET_KEY_LEN   64
#define PACKET_HOLDERS   3

enum packet_kind {
	PACKET_REQUESTS, /* to uwd */
	PACKET_ANSWER,   /* a reply to each of them */
	PACKET_LATER,    /* replies to requests that were answered with PACKET_WAITS */
	PACKET_EVENTS,
	PACKET_GONE, /* pools whose owner is, by the ids of who attached them */
	PACKET_KIND__COUNT
};

enum packet_op {
	PACKET_HELLO, /* the first one, alone; with a pidfd of the sender where the kernel needs it
		       */
	PACKET_GRANT,
	PACKET_RESIZE,
	PACKET_RENEW,
	PACKET_FREE,
	PACKET_LIST,     /* one that the sender has */
	PACKET_LIST_END, /* that was all: what else it had is freed */
	PACKET_WATCH,
	PACKET_REPORT,      /* alone */
	PACKET_POOL_CREATE, /* as a grant, of which the text is the name; its fd comes later */
	PACKET_POOL_COMMIT, /* the reply says how far that came */
	PACKET_POOL_ATTACH, /* alone; its fd comes with the answer */
	PACKET_POOL_SHARE,
	PACKET_POOL_OFFER,    /* alone, with the fd of one's own pool: uwd may have lost it */
	PACKET_TASK_SUBMIT,   /* a lease for a task: it waits in line for as long as it takes */
	PACKET_TASK_WITHDRAW, /* value: the cookie of one that waits */
	PACKET_TASK_BEGIN,    /* alone; with a pidfd of the child that does it */
	PACKET_TASK_END,
	PACKET_TASK_CANCEL, /* value: us until it is killed */
	PACKET_TASK_LOOK,   /* alone; id 0 and the cookie in value: of one that waits */
	PACKET_OP__COUNT
};

/* Of an item of EVENTS. */
enum packet_event_op {
	PACKET_LEVEL,
	PACKET_SHRINK,
	PACKET_EVENT__COUNT
};

/* Positive outcomes of a reply; 0 is ok, below is an errno. */
enum packet_outcome {
	PACKET_DENIED = 1,
	PACKET_WAITS,
	PACKET_TIMED_OUT,
	PACKET_STALE,
	PACKET_SKIPPED, /* one before it in a list was granted */
	PACKET_OUTCOME__COUNT
};

enum packet_flag {
	/* Of GRANT. */
	PACKET_REVOCABLE = 1U << 0,
	PACKET_ADAPTIVE = 1U << 1,
	PACKET_OR_NEXT = 1U << 2, /* when denied, the next one instead; else that is skipped */
	/* Of GRANT and of its reply. The sender has taken it from its credit already; never waits.
	 */
	PACKET_DRAWN = 1U << 5,
	/* It is the credit that is to be made up: min_bytes is what the sender has of it. Never
	   denied: id (0: none), bytes and drawable say what there is. */
	PACKET_CREDIT = 1U << 6,
	/* Of HELLO: the sender watches its connection and comes back at once. */
	PACKET_ATTENDS = 1U << 3,
	/* Of a reply: the holder runs in the component. */
	PACKET_INSIDE = 1U << 4,
	/* Of POOL_ATTACH: to write too. */
	PACKET_WRITE = 1U << 5,
	/* Of a look at a task: it runs in a leaf of its own, which stands still; it is to end. */
	PACKET_RUNS = 1U << 7,
	PACKET_FROZEN = 1U << 8,
	PACKET_ENDING = 1U << 9,
	/* Of a reply to LIST: it is of a pool whose owner is gone. */
	PACKET_ORPHAN = 1U << 10,
	/* Of the reply to HELLO: sizes of inputs are taken; an earlier uwd refuses their length. */
	PACKET_INPUTS = 1U << 11,
};

#define PACKET_ANYBODY UINT32_MAX /* as a uid or gid */

struct packet_header {
	uint32_t magic;
	uint16_t kind, count;
	uint32_t size; /* of the packet */
	uint32_t zero;
};

struct packet_item {
	uint16_t op, length; /* with this */
	uint32_t cookie;     /* of the request, for its reply */
};

struct packet_hello {
	struct packet_item item;
	uint64_t key; /* of an earlier connection, whose leases it has; 0: none */
	uint32_t flags, zero;
};

struct packet_grant {
	struct packet_item item;
	uint64_t bytes, min_bytes; /* min_bytes: of an adaptive one */
	uint64_t timeout_us, ttl_us;
	uint32_t flags;
	uint32_t priority; /* 1 to 10; 0: the component's */
	char component[PACKET_NAME_LEN];
	char text[PACKET_TEXT_LEN]; /* what it is for, then its tags; both terminated */
};

struct packet_lease {
	struct packet_item item;
	uint64_t id;
	uint64_t value; /* RESIZE: bytes; RENEW: us; of tasks as their operations say; else 0 */
};

struct packet_task {
	struct packet_item item;
	uint64_t bytes;           /* 0: what was learned of key */
	uint64_t run_us;          /* as long as it is thought to take; 0: nobody knows */
	uint32_t flags, priority; /* as of a grant */
	char component[PACKET_NAME_LEN];
	char text[PACKET_TEXT_LEN]; /* its name, terminated twice */
	char key[PACKET_KEY_LEN];   /* "": nothing is learned of it */
	uint64_t input_bytes;       /* what it reads; 0: nobody knows, and the item ends here */
};

struct packet_begin {
	struct packet_item item;
	uint64_t id;
	char key[PACKET_KEY_LEN];
	uint64_t input_bytes; /* as of the task */
};

struct packet_watch {
	struct packet_item item;
	char component[PACKET_NAME_LEN]; /* "": all */
	uint32_t on, zero;
};

struct packet_range {
	struct packet_item item;
	uint64_t id; /* of the pool */
	uint64_t offset, bytes;
};

struct packet_attach {
	struct packet_item item;
	uint32_t flags;
	uint32_t uid; /* whose pool; PACKET_ANYBODY: one's own, or the one that is shared */
	char name[PACKET_NAME_LEN];
};

struct packet_share {
	struct packet_item item;
	uint64_t id;
	uint32_t uid, gid, mode, zero; /* mode: as of chmod(2), without x */
};

union packet_request {
	struct packet_item item;
	struct packet_hello hello;
	struct packet_grant grant;
	struct packet_lease lease;
	struct packet_watch watch;
	struct packet_range range;
	struct packet_attach attach;
	struct packet_share share;
	struct packet_task task;
	struct packet_begin begin;
};

struct packet_holder {
	uint64_t bytes;
	uint32_t uid;
	int32_t pid;
	char component[PACKET_NAME_LEN];
};

struct packet_reply {
	struct packet_item item; /* op and cookie of the request */
	int32_t outcome;
	uint32_t flags;
	uint64_t id; /* of the lease; of HELLO the key of this connection */
	uint64_t bytes;
	uint64_t borrowed_bytes; /* of a credit how many leases may be taken from it */
};

/* With DENIED and TIMED_OUT. */
struct packet_denial {
	struct packet_reply reply;
	char reason[16]; /* "budget", "host", "level", "turn", "never", "quota" ... */
	uint32_t level, holder_count;
	uint64_t asked_bytes, held_bytes, available_bytes, retry_after_us;
	struct packet_holder holder[PACKET_HOLDERS];
};

/* Of a look at a task. */
struct packet_look {
	struct packet_reply reply; /* bytes: reserved for it */
	char reason[16];           /* while it waits, why; else "" */
	uint32_t ahead, zero;      /* in the line before it */
	uint64_t start_in_us;      /* its turn comes; UINT64_MAX: nobody knows */
	uint64_t used_bytes, peak_bytes;
	uint64_t throttled; /* times that it went over what is reserved */
};

/* A level, as of an event. */
struct packet_level {
	struct packet_item item;
	char component[PACKET_NAME_LEN];
	uint32_t level, use_permyriad;
	uint64_t at_us;        /* CLOCK_MONOTONIC, of the frame that it was seen in */
	uint64_t emergency_us; /* of the last emergency; 0: there was none */
};

/* A lease is to be no more than this by then, or it is taken. */
struct packet_shrink {
	struct packet_item item;
	uint64_t id, target_bytes, deadline_us;
	char why[16];
	char component[PACKET_NAME_LEN];
};

union packet_event {
	struct packet_item item;
	struct packet_level level;
	struct packet_shrink shrink;
};

union packet_answer {
	struct packet_reply reply;
	struct packet_denial denial;
	struct packet_look look;
};

/* ---- writing ---- */

struct packet_out {
	uint8_t *bytes; /* PACKET_MAX of them, the caller's */
	size_t used;
};

void packet_start(struct packet_out *out, uint8_t *bytes, enum packet_kind kind);

/* Appends an item of op, whose length follows from that and from whether a task names its input.
 * The item is copied, and its length need not be set. -EMSGSIZE when the packet is full. */
int packet_add_request(struct packet_out *out, enum packet_op op,
		       const union packet_request *request);

/* How much of an answer there is, which its op and outcome tell; behind that it is all zero. */
size_t packet_answer_length(const struct packet_reply *reply);

/* Appends a reply, as long as its outcome asks for; text (NULL: none) goes behind it. */
int packet_add_answer(struct packet_out *out, const union packet_answer *answer, const char *text);
int packet_add_event(struct packet_out *out, enum packet_event_op op,
		     const union packet_event *event);
int packet_add_gone(struct packet_out *out, uint64_t id);

/* Sends it, with fd where that is not -1: nearly all go without, and of these the kernel has less
 * to look at. As sendmsg(2), and never a signal. */
ssize_t packet_send(int socket, const struct packet_out *out, int fd, int flags);

/* ---- reading ---- */

struct packet_in {
	const uint8_t *bytes;
	size_t size, at;
	enum packet_kind kind;
	uint32_t left; /* items */
};

/* -EBADMSG. bytes are borrowed, and need no alignment. */
int packet_open(struct packet_in *in, const uint8_t *bytes, size_t size);

/* 1 with the next item, 0 at the end, -EBADMSG. Texts in it are terminated. */
int packet_next_request(struct packet_in *in, union packet_request *ret_request);

/* *ret_text is what came behind a reply, within the packet, ret_length bytes without a terminator;
 * NULL for none. */
int packet_next_answer(struct packet_in *in, union packet_answer *ret_answer, const char **ret_text,
		       size_t *ret_length);
int packet_next_event(struct packet_in *in, union packet_event *ret_event);
int packet_next_gone(struct packet_in *in, uint64_t *ret_id);

#endif
