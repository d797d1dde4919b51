/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases: promises of memory to programs, and who gets one. A request is answered when it comes, by
 * what the last frame left free and what was promised since. Pure: no clock, file, malloc or
 * global; equal calls give equal answers, to the byte. The caller owns the memory: the ledger, and
 * the slots, which may lie in a file that outlives it. Each slot is written so that whichever store
 * is the last one done, its lease is wholly there or wholly not.
 *
 * What is spoken for in a component is what it uses and what was promised beyond that:
 *
 *	used + sum over leaves max(0, before + leases - max(use, reserved)) + leases outside
 *	     + max(0, pools - memory of pools)
 *
 * where before is what the leaf used when its first lease came, as a lease is for more than that;
 * reserved is what a job has anyway, and outside are holders that do not run in the component. No
 * grant makes it more than the component's limit, nor the sum of the second and third terms over
 * all components more than what is free on the host.
 *
 * A grant, a free and a renewal cost O(log leases); a denial O(clients); with waiters in the
 * component O(LEASE_WAITERS).
 */
#ifndef UW_POLICY_LEASE_LEASE_H
#define UW_POLICY_LEASE_LEASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/model/component.h"
#include "user/model/config.h"

#define LEASE_SLOTS        16384U
#define LEASE_SLOTS_USER   (LEASE_SLOTS / 2) /* of one user that is not root */
#define LEASE_SLOTS_CLIENT 4096U
#define LEASE_CLIENTS      256U
#define LEASE_CLIENTS_USER 64U /* of one user that is not root */
#define LEASE_CLIENTS_ROOT 16U /* that only root may take */

/* A wait costs the others who wait a look at it: a few a client. */
#define LEASE_WAITERS        1024U
#define LEASE_WAITERS_CLIENT 16U
#define LEASE_TASKS_CLIENT   256U                /* that wait, beside these */
#define LEASE_WAITERS_USER   (LEASE_WAITERS / 2) /* of one user that is not root */
#define LEASE_AGE_STEP_US    (30 * 1000000ULL) /* waited for so long counts as one priority more */
#define LEASE_AWAIT_US       (10 * 1000000ULL) /* a client has to come back to its leases */
#define LEASE_LOOK_US        1000000ULL        /* headroom comes anew at least so often */

#define LEASE_BYTES_MAX (1ULL << 50)
#define LEASE_US_MAX    (366 * 86400 * 1000000ULL) /* of a time to live or to wait */
#define LEASE_TEXT_LEN  80 /* what it is for, then its tags; with their terminators */
#define LEASE_HOLDERS   3

/* Credit: what a client gives out to itself without asking, and tells of afterwards. */
#define LEASE_CREDIT_BYTES  (8ULL << 20)
#define LEASE_CREDIT_SHARE  8U           /* it is no more than such a part of what is free */
#define LEASE_CREDIT_MIN    (1ULL << 20) /* less is not worth its upkeep */
#define LEASE_CREDIT_LEASES 64U          /* slots that are kept for what is taken from it */

/* Recalls: leases that are asked back. */
#define LEASE_RECALLS    128U
#define LEASE_RECALL_US  (2 * 1000000ULL)  /* to answer; then it is taken */
#define LEASE_RECALL_MIN (1ULL << 20)      /* less is not worth asking for */
#define LEASE_CALM_US    (10 * 1000000ULL) /* below critical, before another emergency is one */

#define LEASE_NO_CLIENT UINT32_MAX

/* A pool is a lease whose memory stands on the component itself, and which others may attach. */
#define LEASE_POOLS      256U
#define LEASE_POOLS_USER 64U /* of one user that is not root */
#define LEASE_NO_POOL    UINT32_MAX
#define LEASE_NOBODY     UINT32_MAX /* as a uid or gid */

enum lease_flag {
	LEASE_REVOCABLE = 1U << 0, /* may be asked back, so that it may come from a loan */
	LEASE_ATTENDED = 1U << 1,  /* its client watches its connection, and comes back at once */
	LEASE_POOL = 1U << 2,      /* of a pool: its owner's, or */
	LEASE_READER = 1U << 3,    /* one who attached it: counts nothing */
	LEASE_CREDIT = 1U << 4,    /* not given out yet */
	LEASE_DRAWN = 1U << 5,     /* came out of its client's credit */
	LEASE_TASK = 1U << 6,      /* of a process that was handed it, and ends with it */
};

enum lease_state {
	LEASE_FREE,
	LEASE_HELD,
};

/* What the slot of a pool has in place of a text. The name comes first, so that it is one. */
struct lease_pool_words {
	char name[40];           /* as text_is_name */
	uint64_t id;             /* of the pool: that of its owner's lease */
	uint64_t inode;          /* of its memfd; 0: it is not made yet */
	uint32_t owner_uid;      /* of the pool, also in the slot of who attached it */
	uint32_t uid, gid, mode; /* who else may have it: LEASE_NOBODY, and bits as of chmod(2) */
	uint8_t zero[8];
};

/* A lease as it lies in the file. */
struct lease_slot {
	_Atomic uint32_t state; /* enum lease_state; stored last, with release order */
	uint32_t generation;    /* of the lease in it, or of the last one that was; 0: none yet */
	_Atomic uint64_t bytes;
	uint64_t borrowed_bytes;     /* of them, beyond the component's budget at the time */
	_Atomic uint64_t expires_us; /* 0: never */
	uint64_t since_us;
	uint64_t before_bytes; /* that the leaf of its client used when it had no lease */
	uint64_t key;          /* its client's */
	uint64_t start_ticks;  /* its process: field 22 of /proc/PID/stat, by which ... */
	int32_t pid;           /* ... a pid that came again is told apart */
	uint32_t uid;
	uint8_t priority;
	uint8_t flags; /* enum lease_flag */
	uint16_t pad;
	char component[UW_NAME_LEN];
	uint32_t run_s; /* so long it is thought to be needed; 0: nobody knows */
	union {
		char text[LEASE_TEXT_LEN];
		struct lease_pool_words pool; /* with LEASE_POOL */
	};
};

_Static_assert(sizeof(struct lease_slot) == 192, "a slot is part of the file's layout");

/* What is free, by the last frame. */
struct lease_headroom {
	bool host_valid;          /* without it only limits count */
	uint64_t host_free_bytes; /* beyond the reserve and what jobs have reserved */
	uint64_t usable_bytes;
	struct {
		uint64_t budget_bytes; /* its right, as part of which it may be lent elsewhere */
		uint64_t limit_bytes;  /* and what it is lent: no less than budget_bytes */
		uint64_t used_bytes;   /* what reclaim would not find, and reservations of jobs */
		enum level level;
		bool borrows;
	} component[UW_COMPONENTS_MAX];
};

enum lease_outcome {
	LEASE_GRANTED,
	LEASE_DENIED,
	LEASE_WAITS, /* a result comes later */
	LEASE_TIMED_OUT,
	LEASE_STALE, /* freed, expired or revoked before, or not the caller's */
	LEASE_OUTCOME__COUNT
};

enum lease_reason {
	LEASE_WHY_NONE,
	LEASE_WHY_BUDGET, /* its component has no room */
	LEASE_WHY_HOST,   /* its component has, but the host has not */
	LEASE_WHY_LEVEL,  /* the level of its component lets only priority 9 and 10, or none */
	LEASE_WHY_TURN,   /* others wait whose turn is before it */
	LEASE_WHY_NEVER,  /* more than its component may ever have */
	LEASE_WHY_QUOTA_CLIENT, /* lease-max, LEASE_WAITERS_CLIENT, LEASE_TASKS_CLIENT */
	LEASE_WHY_QUOTA_USER,   /* LEASE_SLOTS_USER, LEASE_POOLS_USER, LEASE_WAITERS_USER */
	LEASE_WHY_QUOTA, /* LEASE_SLOTS, LEASE_WAITERS, LEASE_POOLS; or no memory for the ledger */
	LEASE_REASON__COUNT
};

/* Who has most of what was asked for. */
struct lease_holder {
	uint64_t bytes;
	uint32_t uid;
	int32_t pid;
	uint32_t component; /* index */
};

struct lease_denial {
	enum lease_reason reason;
	enum level level;         /* of the component */
	uint64_t asked_bytes;     /* the least that would have done */
	uint64_t held_bytes;      /* spoken for in the component; with HOST of all components */
	uint64_t available_bytes; /* for this request */
	uint64_t retry_after_us;  /* worth asking again; 0: never, unless the rules change */
	uint32_t holder_count;
	struct lease_holder holder[LEASE_HOLDERS]; /* the largest first */
};

struct lease_request {
	uint32_t client;
	uint32_t component;
	uint32_t cookie; /* of the caller, for a later result */
	uint8_t priority;
	bool revocable;
	bool adaptive; /* between min_bytes and bytes, and no more than 2/3 of what is free */
	bool pool;     /* of which text is the name; it cannot wait */
	bool credit;   /* of the ledger itself */
	bool drawn;    /* its client has taken it from its credit already; it never waits */
	bool task;     /* waits for as long as it takes */
	uint64_t bytes, min_bytes;
	uint64_t timeout_us; /* to wait; 0: granted or denied at once */
	uint64_t ttl_us;     /* 0: until it is freed */
	uint64_t run_us;     /* so long it is thought to be needed; 0: nobody knows */
	char text[LEASE_TEXT_LEN];
};

struct lease_result {
	enum lease_outcome outcome;
	int error; /* negative errno: the request could not be taken at all */
	uint32_t client, cookie;
	uint64_t id;
	uint64_t bytes, borrowed_bytes;
	bool inside;       /* its holder runs in the component */
	uint32_t drawable; /* leases that may be taken from a credit */
	struct lease_denial denial;
};

/* A process that asks, as the kernel says who it is. */
struct lease_identity {
	uint64_t key; /* of the caller's making: not 0, and nobody else can know it */
	int32_t pid;
	uint64_t start_ticks;
	uint32_t uid;
};

/* Where it runs and what it may: changes when it is moved and on a reload. */
struct lease_place {
	uint32_t component; /* COMPONENT_NONE: outside of all */
	uint64_t leaf;      /* cgroup id; 0: none */
	uint64_t use_bytes; /* of the leaf, as of lease_leaf_use */
	uint64_t reserved_bytes;
	uint32_t may; /* mask of components */
};

struct lease_ledger;

unsigned long lease_ledger_size(void);

/* Starts empty, with no room, in memory that is all zero, which it does not touch; slots are
 * borrowed. */
void lease_init(struct lease_ledger *ledger, struct lease_slot *slot);

/* The first count slots may be used from now on. What is found there counts as free. */
void lease_set_room(struct lease_ledger *ledger, uint32_t count);
uint32_t lease_room_left(const struct lease_ledger *ledger);

/*
 * As lease_set_room, of a file that an earlier ledger wrote: what it holds is taken over, and each
 * of its clients is awaited. After lease_configure. What is not plausible is freed, and counted in
 * *ret_freed.
 */
void lease_adopt(struct lease_ledger *ledger, uint32_t count, uint64_t now_us, uint32_t *ret_freed);

/* The components and the quota of a client as they are now; who has more keeps it. What belongs to
 * one that is gone is freed, or denied; then tell each client's place anew, and the headroom. */
void lease_configure(struct lease_ledger *ledger, const struct config *config);

/* ---- clients ---- */

/* -EMFILE: LEASE_CLIENTS_USER; -ENFILE: LEASE_CLIENTS. *ret_client is below LEASE_CLIENTS. */
int lease_client_join(struct lease_ledger *ledger, const struct lease_identity *identity,
		      const struct lease_place *place, uint32_t *ret_client);
void lease_client_move(struct lease_ledger *ledger, uint32_t client,
		       const struct lease_place *place);

/* It watches its connection, so that LEASE_AWAIT_US is enough to come back. */
void lease_client_attend(struct lease_ledger *ledger, uint32_t client);

/* The one that is awaited and is this one; LEASE_NO_CLIENT. */
uint32_t lease_client_find(const struct lease_ledger *ledger,
			   const struct lease_identity *identity);

/* It is here again: it is awaited no longer. */
void lease_client_return(struct lease_ledger *ledger, uint32_t client);

/* Whether it is awaited, and until when: UINT64_MAX for as long as its process lives. */
bool lease_client_is_awaited(const struct lease_ledger *ledger, uint32_t client,
			     uint64_t *ret_until_us);

/* Frees all that it has. Returns how many leases. */
uint32_t lease_client_leave(struct lease_ledger *ledger, uint32_t client);

/* False for an index that is nobody's. */
bool lease_client_read(const struct lease_ledger *ledger, uint32_t client,
		       struct lease_identity *ret_identity);

/* A process that was handed a lease, which *ret_id becomes unless it was taken from it. */
bool lease_client_is_task(const struct lease_ledger *ledger, uint32_t client, uint64_t *ret_id);

/* Whose lease it is; LEASE_NO_CLIENT. */
uint32_t lease_holder_of(const struct lease_ledger *ledger, uint64_t id);

/* The client says what it has: each id, then the end, which frees what was not named. A 0 or
 * LEASE_STALE; how many were freed. */
int lease_list_see(struct lease_ledger *ledger, uint32_t client, uint64_t id);
uint32_t lease_list_end(struct lease_ledger *ledger, uint32_t client);

/* ---- what is asked ---- */

/*
 * Decides. error: -EINVAL for values out of range, -ENOENT for no such component, -EACCES for one
 * that the client may not use, -EEXIST for a pool of a name that a pool of its user has. WAITS when
 * it was denied for a reason that passes and may wait.
 */
void lease_grant(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		 struct lease_result *ret);

/*
 * Makes up the credit of a client in a component, of which it says that it has has_bytes left: what
 * there is beyond that is free again, and it grows to LEASE_CREDIT_BYTES as far as nobody misses
 * that. The result has its id (0: there is none), size and how many leases may be taken from it;
 * none is no denial. error as of lease_grant. What a client takes from it comes as a request with
 * drawn set, and moves from the one lease to the other, so that the sums stay. One that finds the
 * credit short is granted the rest as another would be, or denied. A client that comes back and
 * does not name a lease that was drawn has it in its credit still.
 */
void lease_credit(struct lease_ledger *ledger, uint32_t client, uint32_t component,
		  uint64_t has_bytes, uint64_t now_us, struct lease_result *ret);

/* To another size: grown all or not at all, as a grant of the difference would be; outcome GRANTED,
 * DENIED or STALE. */
void lease_resize(struct lease_ledger *ledger, uint32_t client, uint64_t id, uint64_t bytes,
		  uint64_t now_us, struct lease_result *ret);

/* It expires ttl_us from now; 0: never. 0, LEASE_STALE, -EINVAL. */
int lease_renew(struct lease_ledger *ledger, uint32_t client, uint64_t id, uint64_t ttl_us,
		uint64_t now_us);

/* 0 or LEASE_STALE. */
int lease_free(struct lease_ledger *ledger, uint32_t client, uint64_t id);

/* The same by hand, whoever has it. */
int lease_take(struct lease_ledger *ledger, uint64_t id, uint64_t now_us);

/* ---- pools ---- */

struct lease_pool_view {
	uint64_t id, bytes, inode;
	uint64_t since_us;
	uint32_t component, uid;
	int32_t pid;      /* its owner's */
	uint32_t owner;   /* its client; LEASE_NO_CLIENT of an orphan: who owned it is gone */
	uint32_t readers; /* who attached it */
	uint32_t share_uid, share_gid, share_mode;
	bool awaited; /* its owner is */
	const char *name;
};

/* The pool at index, below LEASE_POOLS; false when there is none. An index is a pool's until
 * lease_pool_next said that it has ended. */
bool lease_pool_read(const struct lease_ledger *ledger, uint32_t index,
		     struct lease_pool_view *ret_view);

/* The index of a pool, or LEASE_NO_POOL. */
uint32_t lease_pool_find(const struct lease_ledger *ledger, uint64_t id);

/* The index of the pool that a lease is of, as its owner's or a reader's; LEASE_NO_POOL. */
uint32_t lease_pool_of(const struct lease_ledger *ledger, uint32_t client, uint64_t lease);

/* It is made: the inode of its memfd, by which that is known again. */
void lease_pool_made(struct lease_ledger *ledger, uint32_t index, uint64_t inode);

/* Who else may have a pool: bits 0400 and 0200 for uid, 040 and 020 for gid, 04 and 02 for all.
 * LEASE_STALE when it is not the client's; -EINVAL. */
int lease_pool_share(struct lease_ledger *ledger, uint32_t client, uint64_t id, uint32_t uid,
		     uint32_t gid, uint32_t mode);

/* A lease by which the client has the pool too; rights are the caller's to ask. The result is
 * GRANTED, or an error: -EEXIST when it has it already, -ESTALE of an orphan, -EDQUOT. */
void lease_pool_attach(struct lease_ledger *ledger, uint32_t client, uint32_t index,
		       uint64_t now_us, struct lease_result *ret);

/* So much of the component's pools has memory, as of the frame that lease_look is given. */
void lease_pools_use(struct lease_ledger *ledger, uint32_t component, uint64_t use_bytes);

struct lease_pool_news {
	bool ended;         /* nobody has it any more; else its owner is gone */
	uint32_t index;     /* free again when it has ended */
	uint32_t component; /* COMPONENT_NONE when that is gone */
	uint64_t id;
};

/* What became of pools; false when all has been told. */
bool lease_pool_next(struct lease_ledger *ledger, struct lease_pool_news *ret_news);

/* The lease by which a client attached a pool; false when it did not. */
bool lease_pool_reader(const struct lease_ledger *ledger, uint32_t index, uint32_t client,
		       uint64_t *ret_lease);

/* ---- tasks ---- */

/* Gives up what the client waits for by this cookie. 0 or LEASE_STALE. */
int lease_withdraw(struct lease_ledger *ledger, uint32_t client, uint32_t cookie);

/* What stands between a request that waits and its grant. */
struct lease_line {
	enum lease_reason reason;
	uint64_t bytes;
	uint32_t ahead;       /* in the line before it */
	uint64_t start_in_us; /* its turn comes, if leases end when they are thought to; UINT64_MAX
			       */
};

/* 0 or LEASE_STALE. O(LEASE_SLOTS). */
int lease_look_at(struct lease_ledger *ledger, uint32_t client, uint32_t cookie, uint64_t now_us,
		  struct lease_line *ret_line);

/*
 * Makes a client's lease that of a process, which is a client from now on: a lease of another id,
 * which lasts as long as the process. Its client is awaited as long, and its place is to be told.
 * LEASE_STALE, -EMFILE, -ENFILE; -EINVAL of a pool.
 */
int lease_hand_over(struct lease_ledger *ledger, uint32_t client, uint64_t id,
		    const struct lease_identity *to, uint64_t now_us, uint32_t *ret_client,
		    uint64_t *ret_id);

/* ---- time ---- */

/* What is free is this from now on. */
void lease_look(struct lease_ledger *ledger, const struct lease_headroom *headroom);

/* The leaves that have clients; how many. */
uint32_t lease_leaves(const struct lease_ledger *ledger, uint64_t ret_leaf[LEASE_CLIENTS]);

/* What a leaf uses, and what is reserved for the job in it. One without clients is passed over. */
void lease_leaf_use(struct lease_ledger *ledger, uint64_t leaf, uint64_t use_bytes,
		    uint64_t reserved_bytes);

/* What those who run in the leaf have of its component that is given out and may not be asked back.
 */
uint64_t lease_leaf_firm(const struct lease_ledger *ledger, uint64_t leaf);

/*
 * The next thing that has happened to those who wait: granted, timed out, or an error as their
 * component went. Leases whose time is over are freed first. False when all has been told. Call
 * it until then after each of the above that may have made room, and at lease_next_us().
 */
bool lease_next(struct lease_ledger *ledger, uint64_t now_us, struct lease_result *ret);
uint64_t lease_next_us(const struct lease_ledger *ledger); /* UINT64_MAX: never */

/* ---- what is asked back ---- */

enum lease_why {
	LEASE_ASKED_PAYBACK, /* it borrows of what its owner wants back */
	LEASE_ASKED_LEVEL,   /* credit, at critical */
	LEASE_ASKED_WAITS,   /* credit, while others wait for room */
	LEASE_ASKED__COUNT
};

struct lease_recall {
	uint64_t id;
	uint32_t client, component;
	uint64_t target_bytes; /* that it may keep; 0: none of it */
	uint64_t deadline_us;
	enum lease_why why;
};

/*
 * Asks back what has to come back. Of a component in which more is spoken for than it has, with its
 * loans, revocable leases give up what they borrow: the least priority first, then the youngest,
 * no more than is missing. Credit is asked back at critical and while anybody waits in its
 * component. A lease that was asked is asked again only for more. Who has not answered by the
 * deadline, by a resize or a free, loses it. After lease_look, and at lease_next_us.
 */
void lease_recall_step(struct lease_ledger *ledger, uint64_t now_us);

/* Of those that clients have not been told: how many, and up to most of one client's. */
uint32_t lease_recalls_untold(const struct lease_ledger *ledger);
uint32_t lease_recalls_of(const struct lease_ledger *ledger, uint32_t client, uint32_t most,
			  struct lease_recall *ret_recalls);

/* The client was told of all of them. */
void lease_recalls_told(struct lease_ledger *ledger, uint32_t client);

/* "payback", ...; "?" out of range. */
const char *lease_why_name(enum lease_why why);

/* Of a component; starts as zero. */
struct lease_emergency {
	uint64_t entered_us; /* 0: never yet */
	uint64_t calm_us;    /* since when its level is below critical; 0: it is not */
};

/* Each level as it is seen; the first emergency after LEASE_CALM_US below critical is one. */
void lease_emergency_step(struct lease_emergency *emergency, enum level level, uint64_t now_us);

/* ---- what there is ---- */

struct lease_component_view {
	uint32_t leases, waiting;
	uint64_t leased_bytes; /* all leases; and all pools, which are none of them here */
	uint32_t pools;
	uint64_t pool_bytes;
	uint64_t promised_bytes; /* of both what is not yet in use: beyond used_bytes */
	uint64_t spoken_bytes;   /* used and promised */
	uint64_t wanted_bytes;   /* within its right, waited for or denied in the last 2 s */
	uint64_t granted, denied, timed_out;
	uint64_t revoked, revoked_bytes; /* as their holders did not answer in time */
};

struct lease_view {
	uint64_t id, bytes, borrowed_bytes;
	uint64_t since_us, expires_us;
	uint32_t component, uid;
	int32_t pid;
	uint8_t priority;
	bool revocable, inside, awaited, credit, task;
	bool pool;        /* of a pool: text is its name */
	const char *text; /* LEASE_TEXT_LEN bytes: two texts, terminated */
};

#define LEASE_NEWS 4U /* of a component */

enum lease_news_kind {
	LEASE_NEWS_DENIED,
	LEASE_NEWS_TIMED_OUT,
	LEASE_NEWS_REVOKED, /* asked back and not given in time */
	LEASE_NEWS_TAKEN,   /* by hand */
	LEASE_NEWS__COUNT
};

/* What somebody did not get, or lost. The same again counts in the last one. */
struct lease_news {
	enum lease_news_kind kind;
	uint64_t first_us, last_us;
	uint64_t times;
	uint32_t uid;
	int32_t pid;
	uint64_t id;        /* of a lease that was lost */
	enum lease_why why; /* REVOKED */
	struct lease_denial
		denial; /* DENIED, TIMED_OUT; of the others held_bytes is what was lost */
};

/* The i-th newest, or false. */
bool lease_news_read(const struct lease_ledger *ledger, uint32_t component, uint32_t i,
		     struct lease_news *ret_news);

/* "denied", ...; "?" out of range. */
const char *lease_news_name(enum lease_news_kind kind);

struct lease_totals {
	uint32_t leases, clients, waiting, awaited;
	uint32_t pools; /* each of their owners and readers has a lease */
	uint64_t expired, revoked;
};

void lease_component_view(const struct lease_ledger *ledger, uint32_t component, uint64_t now_us,
			  struct lease_component_view *ret_view);
bool lease_has_pools(const struct lease_ledger *ledger, uint32_t component);
void lease_totals(const struct lease_ledger *ledger, struct lease_totals *ret_totals);

/* The lease in slot, below LEASE_SLOTS; false when there is none. */
bool lease_read(const struct lease_ledger *ledger, uint32_t slot, struct lease_view *ret_view);

/* "budget", "host", ...; "?" out of range. */
const char *lease_reason_name(enum lease_reason reason);

/* The end of the lease whose generation and slot these are. */
static inline uint64_t lease_id(uint32_t generation, uint32_t slot)
{
	return (uint64_t)generation << 32 | slot;
}

#endif
