/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's memory, for its own files. Each calls only those after it: recall.c asks back,
 * grant.c decides, adopt.c takes over, task.c hands over, attach.c has pools shared, clients.c
 * keeps who is there, credit.c what they give out themselves, wait.c who waits, fit.c gives what is
 * asked, slots.c keeps the slots and their lists, pools.c the pools, room.c what is free, expiry.c
 * what ends by itself, news.c what somebody did not get or lost.
 */
#ifndef UW_POLICY_LEASE_INSIDE_H
#define UW_POLICY_LEASE_INSIDE_H

#include "user/model/plan.h"
#include "user/policy/lease/lease.h"

#define LEASE_NONE   UINT16_MAX
#define LEASE_LEAVES LEASE_CLIENTS /* each client is in one at most */

/* Of each slot, what is not in the file. */
struct lease_node {
	uint16_t next, prev; /* of its client's, or of the free ones */
	uint16_t client;
	uint16_t heap_at; /* in expiry; LEASE_NONE: never expires */
	uint8_t component;
	bool seen; /* in the list that its client is giving */
};

struct lease_user {
	uint32_t uid, clients, leases, waiters; /* free while clients is 0 */
	uint32_t reserved;
};

struct lease_leaf {
	uint64_t cgid; /* 0: free */
	uint32_t component, clients;
	uint64_t held_bytes;                /* leases of its component that its clients have */
	uint64_t use_bytes, reserved_bytes; /* by the last frame */
	uint64_t before_bytes;              /* used when it had no lease */
};

/* Of a client in a component. */
struct lease_credit {
	uint16_t slot; /* LEASE_NONE: it has none */
	uint16_t left; /* slots that are reserved for what is taken from it */
};

struct lease_client {
	bool used;
	struct lease_identity identity;
	struct lease_place place;
	uint64_t awaited_until_us; /* 0: it is here */
	uint32_t user;             /* in the table of users */
	uint32_t leaf;             /* in the table of leaves; LEASE_LEAVES: none */
	uint32_t leases, waiters;
	uint32_t tasks;    /* of the waiters */
	uint32_t reserved; /* slots, for what it takes from its credit */
	uint16_t first;    /* its leases */
	bool attends;
	bool is_task; /* a process that was handed a lease */
	struct lease_credit credit[UW_COMPONENTS_MAX];
	uint64_t held_bytes[UW_COMPONENTS_MAX];
	uint64_t firm_bytes[UW_COMPONENTS_MAX]; /* of them given out, and not to be asked back */
};

struct lease_waiter {
	bool used;
	bool gone; /* its component is: told of with -ENOENT */
	uint64_t sequence, since_us, until_us;
	struct lease_request request;
};

enum lease_pool_state {
	LEASE_POOL_NONE,
	LEASE_POOL_LIVE,
	LEASE_POOL_ENDED, /* nobody has it, which is to be told */
};

struct lease_pool {
	enum lease_pool_state state;
	bool orphaned; /* its owner has gone, which is to be told */
	uint32_t component;
	uint32_t owner; /* slot of its owner's lease; LEASE_SLOTS: none */
	uint32_t readers;
	int32_t pid;
	uint64_t bytes, since_us;
	struct lease_pool_words words;
};

struct lease_account {
	char name[UW_NAME_LEN];
	uint32_t leases, waiting, pools;
	uint64_t leased_bytes;
	uint64_t pool_bytes, pool_use_bytes;
	uint64_t outside_bytes; /* of holders that are not in it */
	uint64_t beyond_bytes;  /* of leaves: promised and not in use */
	uint64_t denied_bytes, denied_at_us;
	uint64_t granted, denied, timed_out;
	uint64_t borrowed_bytes; /* of revocable leases */
	uint64_t credit_bytes;
	uint64_t revoked, revoked_bytes;
	struct lease_news news[LEASE_NEWS]; /* in a ring */
	uint64_t news_count;
};

struct lease_asked {
	bool used, told;
	uint16_t slot;
	uint32_t generation;
	uint64_t target_bytes, deadline_us;
	enum lease_why why;
};

struct lease_ledger {
	struct lease_slot *slot;
	uint32_t room; /* slots that may be used */
	uint32_t leases, waiting, clients, reserved;
	uint16_t free_first, free_last;
	uint64_t sequence;
	uint64_t next_wait_us; /* the first wait that ends; may be too early */
	uint64_t expired, revoked;
	uint32_t stirred; /* mask of components in which there may be room for those who wait */
	uint32_t component_count;
	uint32_t client_max; /* leases of one */
	struct lease_headroom headroom;
	struct lease_account account[UW_COMPONENTS_MAX];
	struct lease_user user[LEASE_CLIENTS];
	struct lease_leaf leaf[LEASE_LEAVES];
	struct lease_client client[LEASE_CLIENTS];
	struct lease_waiter waiter[LEASE_WAITERS];
	struct lease_asked asked[LEASE_RECALLS];
	uint32_t asked_count, untold_count;
	uint64_t next_deadline_us; /* the first of those; may be too early */
	uint32_t heap_count;
	uint16_t heap[LEASE_SLOTS];
	struct lease_node node[LEASE_SLOTS];
	struct lease_pool pool[LEASE_POOLS];
	bool pool_news; /* one may have ended or lost its owner, which is to be told */
};

/* ---- slots.c ---- */

/* The slot of an id that is a client's (anybody's with LEASE_NO_CLIENT), or LEASE_SLOTS. */
uint32_t lease_slot_of(const struct lease_ledger *ledger, uint32_t client, uint64_t id);

/* Writes a lease into a free slot, of which there is one. words: of a pool; one that is new has no
 * id in them. Returns it. */
uint32_t lease_slot_take(struct lease_ledger *ledger, const struct lease_request *request,
			 const struct lease_pool_words *words, uint64_t bytes,
			 uint64_t borrowed_bytes, uint64_t now_us);

/* What of its component's leases is borrowed, is credit, or firm: its part comes (1) or goes (-1).
 */
void lease_slot_kinds(struct lease_ledger *ledger, uint32_t slot, int sign);

/* So much of it is borrowed. */
void lease_slot_borrow(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes);

/* Books so much more or less for it. */
void lease_slot_resize(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes);

/* To less; what is borrowed goes first. */
void lease_slot_shrink(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes);

/* So many slots more or less are kept for what a client takes from its credit. */
void lease_slots_reserve(struct lease_ledger *ledger, uint32_t client, uint32_t component,
			 int32_t count);

/* Frees it, and books it off. */
void lease_slot_drop(struct lease_ledger *ledger, uint32_t slot);

/* Of one that is new to the ledger: nothing, then the last of the free ones, or a client's. */
void lease_slot_start(struct lease_ledger *ledger, uint32_t slot);
void lease_slot_push(struct lease_ledger *ledger, uint32_t slot);
void lease_slot_count_in(struct lease_ledger *ledger, uint32_t slot, uint32_t client,
			 uint32_t component);

static inline uint64_t lease_slot_bytes(const struct lease_ledger *ledger, uint32_t slot)
{
	return atomic_load_explicit(&ledger->slot[slot].bytes, memory_order_relaxed);
}

/* ---- clients.c ---- */

/* An entry for it, or LEASE_NO_CLIENT. Rights and quotas are not asked. */
uint32_t lease_client_add(struct lease_ledger *ledger, const struct lease_identity *identity);

/* Whether one more of this user may come: 0, -EMFILE, -ENFILE. */
int lease_client_may_join(const struct lease_ledger *ledger, uint32_t uid);

/* ---- pools.c ---- */

/* The lease in slot is its pool's, as its owner's or a reader's: which there is from then on. */
void lease_pool_enter(struct lease_ledger *ledger, uint32_t slot);
void lease_pool_leave(struct lease_ledger *ledger, uint32_t slot);

/* Whether the words of a slot that was found are of a pool that can be entered. */
bool lease_pool_takes(const struct lease_ledger *ledger, uint32_t slot, uint32_t component);

/* The component of each pool is another, or gone; the accounts are fresh. */
void lease_pools_renumber(struct lease_ledger *ledger, const uint8_t to[static UW_COMPONENTS_MAX]);

/* Whether this user may have one more, and has none of that name. */
enum lease_reason lease_pool_quota(const struct lease_ledger *ledger, uint32_t uid);
bool lease_pool_name_is_free(const struct lease_ledger *ledger, uint32_t uid, const char *name);

static inline bool lease_slot_is_pool(const struct lease_ledger *ledger, uint32_t slot)
{
	return ledger->slot[slot].flags & LEASE_POOL;
}

/* ---- room.c ---- */

/* Whose leaf counts for a request: that of its client, but for a pool, whose memory is elsewhere.
 */
static inline uint32_t lease_uses_own(const struct lease_request *request)
{
	return request->pool ? LEASE_NO_CLIENT : request->client;
}

/* What a client's leases of a component come to changes by so much. */
void lease_book(struct lease_ledger *ledger, uint32_t client, uint32_t component, int64_t bytes);

/* What of a leaf's use no lease is for. */
uint64_t lease_before(const struct lease_leaf *leaf);

/* Counts the client in its leaf, and what it holds there; and the reverse. */
void lease_leaf_enter(struct lease_ledger *ledger, uint32_t client);
void lease_leaf_leave(struct lease_ledger *ledger, uint32_t client);

/* Promised in the component, and not in use. */
uint64_t lease_promised(const struct lease_ledger *ledger, uint32_t component);

/* The most that the client could be granted there; *ret_reason is what that is limited by. What is
 * not used by its leaf counts for nobody: LEASE_NO_CLIENT. */
uint64_t lease_free_bytes(const struct lease_ledger *ledger, uint32_t client, uint32_t component,
			  bool revocable, enum lease_reason *ret_reason);

/* Of so much more in the component what would be beyond its budget. */
uint64_t lease_borrowed(const struct lease_ledger *ledger, uint32_t client, uint32_t component,
			uint64_t bytes);

/* The most that could ever be granted there. */
uint64_t lease_most(const struct lease_ledger *ledger, uint32_t component, bool revocable);

/* Whether the level of the component lets this priority have more. */
bool lease_level_lets(const struct lease_ledger *ledger, uint32_t component, uint32_t priority);

/* All figures of a denial but its reason and what was asked. */
void lease_tell_denial(struct lease_ledger *ledger, const struct lease_request *request,
		       uint64_t now_us, struct lease_denial *denial);

/* ---- credit.c ---- */

/* A lease that its client has taken from its credit. As lease_try. */
bool lease_draw(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		struct lease_result *ret, enum lease_reason *ret_reason);

/* What was drawn and is not named by its client goes back to the credit; false when there is none.
 */
bool lease_credit_fold(struct lease_ledger *ledger, uint32_t slot);

/* Reserves slots for what may be taken from it, as far as quotas let. */
void lease_credit_reserve(struct lease_ledger *ledger, uint32_t client, uint32_t component);

/* ---- wait.c ---- */

/* False when there is no place to wait, with the reason. */
bool lease_wait(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		enum lease_reason *ret_reason);

/* The one that waits for a client by this cookie; NULL. */
struct lease_waiter *lease_waiter_find(struct lease_ledger *ledger, uint32_t client,
				       uint32_t cookie);

/* Whether the turn of one is before that of the other, in the same component. */
bool lease_waiter_precedes(const struct lease_waiter *waiter, const struct lease_waiter *other,
			   uint64_t now_us);

/* Somebody waits in the component whose turn is before that of a newcomer. */
bool lease_is_behind(const struct lease_ledger *ledger, uint32_t component, uint32_t priority,
		     uint64_t now_us);
void lease_waiter_drop(struct lease_ledger *ledger, struct lease_waiter *waiter);

/* ---- fit.c ---- */

/* How much of it can be granted now; 0 and why not. */
uint64_t lease_fits(const struct lease_ledger *ledger, const struct lease_request *request,
		    enum lease_reason *ret_reason);

/* Slots that the client may yet take; the reason is that for which there are no more. */
uint32_t lease_slots_left(const struct lease_ledger *ledger, uint32_t client,
			  enum lease_reason *ret_reason);

/* What a request that was granted is told. */
void lease_tell_grant(const struct lease_ledger *ledger, uint32_t slot, struct lease_result *ret);

bool lease_is_inside(const struct lease_ledger *ledger, uint32_t client, uint32_t component);

/* A grant without the queue: true when it is granted, else the reason. */
bool lease_try(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
	       struct lease_result *ret, enum lease_reason *ret_reason);

/* ---- news.c ---- */

/* A request was denied, or waited in vain. */
void lease_news_denied(struct lease_ledger *ledger, const struct lease_request *request,
		       enum lease_news_kind kind, const struct lease_denial *denial,
		       uint64_t now_us);

/* Components have other indices. */
void lease_news_renumber(struct lease_account *account, const uint8_t to[static UW_COMPONENTS_MAX]);

/* So many bytes of the lease in slot are taken. */
void lease_news_lost(struct lease_ledger *ledger, uint32_t slot, enum lease_news_kind kind,
		     enum lease_why why, uint64_t bytes, uint64_t now_us);

/* ---- expiry.c ---- */

/* Sets the slot's place among those that expire, by its expires_us. */
void lease_expiry_set(struct lease_ledger *ledger, uint32_t slot);
void lease_expiry_clear(struct lease_ledger *ledger, uint32_t slot);

/* The next one to expire, or LEASE_SLOTS. */
uint32_t lease_expiry_first(const struct lease_ledger *ledger, uint64_t *ret_us);

#endif
