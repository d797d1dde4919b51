/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the admission core share: its state and the steps between them. Nobody else
 * includes this. Each task that it knows holds a ticket. Tickets and keys are two arrays behind
 * struct admit, and links are indices into them.
 */
#ifndef UW_POLICY_ADMIT_INSIDE_H
#define UW_POLICY_ADMIT_INSIDE_H

#include "user/policy/admit/admit.h"
#include "user/policy/admit/btree.h"
#include "user/policy/num.h"

#define NONE UINT32_MAX
/* Stands in for a runtime of which nothing is known or declared. */
#define RUN_UNKNOWN_US (24 * 3600 * US_PER_SEC)

enum ticket_place {
	PLACE_FREE,   /* in the list of free tickets */
	PLACE_ASIDE,  /* on hold: in no tree */
	PLACE_QUEUE,  /* in the trees turn and by_runtime of its component and, until it is
			 overdue, in by_submit */
	PLACE_PARKED, /* wider than its component's budget: in the tree parked */
	PLACE_ENDS,   /* started: in the trees ends and, with a limit, limits of its component and
			 of the host */
	PLACE_PAUSED, /* started, and ends nobody knows when: in no tree */
};

/* Of a component that are set aside in a round, or come back with a supply: about 2 ms of work. */
#define ADMIT_PARK_MAX 2048

/* A task is in at most one of the trees over a space. */
enum space {
	SPACE_FIRST,  /* turn, parked and ends of the components */
	SPACE_SECOND, /* by_runtime of the components, ends of the host */
	SPACE_THIRD,  /* by_submit and limits of the components */
	SPACE_FOURTH, /* limits of the host */
	SPACE__COUNT
};

enum need {
	NEED_NOTHING,
	NEED_ROOM,     /* outgrew its reservation */
	NEED_THROTTLE, /* the same, throttled until throttled_until_us */
	NEED_PAUSED,   /* the same, paused until there is room */
	NEED_BACK,     /* was paused for another, wants to go on */
	NEED_LESS,     /* may give back */
};

struct ticket {
	struct admit_task task;
	uint64_t bytes;  /* queued: footprint; else reserved */
	uint64_t run_us; /* predicted */
	uint64_t current_bytes, swapped_bytes, peak_bytes;
	uint64_t since_us;          /* its start */
	uint64_t grown_us;          /* when the peak last rose noticeably, */
	uint64_t grown_bytes;       /* and to what */
	uint64_t promised_start_us; /* 0 before it was a head */
	union {
		uint64_t throttled_until_us; /* started; 0 before it was throttled */
		uint64_t paused_since_us;    /* NEED_BACK */
	};
	uint64_t for_id;     /* paused for */
	uint64_t kept_bytes; /* reserved before that, and what its limit still is */
	uint64_t spared_us;  /* not paused for another before that */
	uint64_t why_observed, why_threshold;
	uint32_t key;        /* index in admit->key, or NONE */
	uint32_t next, prev; /* in the list of its key while queued, of needs, or of free tickets */
	uint32_t version;    /* of the key's estimate that bytes and run_us are of */
	uint32_t overtaken;  /* as the marks in turn, when it is not in the queue */
	uint8_t why;
	uint8_t place;
	uint8_t state;
	uint8_t need;
	uint8_t peak_by, run_by; /* what told bytes and run_us */
	bool canary, settled, ending, outgrew;
	bool overdue; /* it has waited ADMIT_OVERDUE_US */
};

struct key_state {
	struct admit_key key;
	struct admit_score score;
	struct admit_digest digest, told; /* told: what the version is of, or near to it */
	struct admit_score told_score;
	uint64_t shown_bytes;      /* highest peak of those that run */
	uint32_t first, last;      /* queued and parked ones, the stale ones first */
	uint32_t running, waiting; /* waiting: those that are known, running ones too */
	uint32_t scout; /* the queued one that goes first, for the others to learn from; NONE */
	uint32_t version;
	uint32_t dirty_next;   /* NONE: the last; itself: not in the list */
	uint32_t newer, older; /* by last use */
	bool settled;
};

struct index_list {
	uint32_t first, last;
};

/* What the end of a running task is taken to be. */
enum ends_by {
	ENDS_PREDICTED,
	ENDS_LIMIT, /* at the latest; of one without a limit, never */
};

struct reservation {
	uint32_t head;   /* ticket of a queued task, or of one that waits to grow; NONE: no such */
	enum ends_by by; /* by which ends it is kept, once patience is over by limits */
	uint64_t start_us;    /* as predicted */
	bool guessed;         /* that is by the end of one of which nobody knows how long it runs */
	uint64_t until_us;    /* no start out of turn may make it later than this */
	uint64_t spare_bytes; /* beside the head then */
};

struct component_queue {
	struct btree turn, by_runtime, by_submit, parked, ends, limits;
	uint64_t reserved_bytes;
	uint32_t started;
	struct reservation reservation;
	uint64_t announced_id;
	enum admit_reason announced;
};

/* What the next answer begins with. An answer that is full is no end of its round: what is decided
 * next does not depend on how many decisions an answer holds. */
enum round_part {
	ROUND_FRESH,  /* estimates first */
	ROUND_GROWTH, /* those that run, which the last answer did not get through */
	ROUND_STARTS, /* it did, and no other wants to grow since */
};

struct admit {
	struct admit_limits limits;
	struct admit_config config;
	struct admit_supply supply;
	struct ticket *ticket;
	struct btree_space space[SPACE__COUNT];
	struct key_state *key;
	uint32_t *ticket_hash, *key_hash; /* indices + 1, 0: empty */
	uint32_t ticket_mask, key_mask;
	uint32_t ticket_free; /* first of a list */
	uint32_t ticket_used; /* tickets from here on have never been used */
	uint32_t keys;
	struct index_list dirty, needs;
	uint32_t key_newest, key_oldest;
	uint32_t queued, held, paused, started;
	enum round_part part;
	struct admit_pace pace;
	struct btree host_ends, host_limits;
	uint64_t reserved_bytes;
	uint64_t promised_bytes; /* of it, not yet used */
	struct reservation host;
	enum admit_strategy strategy;
	enum level strategy_level, level_seen;
	struct admit_why strategy_why;
	uint64_t strategy_us, level_us;
	struct component_queue component[UW_COMPONENTS_MAX];
};

/* What a strategy changes; a table over enum admit_strategy. */
struct strategy_rule {
	uint32_t headroom_permyriad; /* kept free of NORMAL and below */
	bool beside;                 /* out of turn what fits beside the head, however long */
	uint32_t patience;           /* times bypass_us / 2 */
};

/* What it would hold if it were not squeezed. */
static inline uint64_t ticket_holds(const struct ticket *ticket)
{
	return ticket->current_bytes + ticket->swapped_bytes;
}

#define UNNOTICED_PART 50 /* an estimate that changed by less does not move its task */

static inline bool is_near(uint64_t a, uint64_t b)
{
	return max_u64(a, b) - min_u64(a, b) <= max_u64(a, b) / UNNOTICED_PART;
}

static inline uint64_t run_of(const struct ticket *ticket)
{
	return ticket->run_us ?: RUN_UNKNOWN_US;
}

/* tickets.c */
uint32_t ticket_find(const struct admit *admit, uint64_t id);
uint32_t ticket_take(struct admit *admit, uint64_t id);
void ticket_give(struct admit *admit, uint32_t i);
void ticket_set_why(struct ticket *ticket, struct admit_why why);
struct component_queue *component_of(struct admit *admit, const struct ticket *ticket);
void need_add(struct admit *admit, uint32_t i, enum need need);
void need_remove(struct admit *admit, uint32_t i);
/* False when there is no room: `more` is set. */
bool decide_push(struct admit_decisions *ret, const struct admit_decision *decision);

/* events.c */
bool ticket_is_outgrown(const struct ticket *ticket); /* it wants more than it has reserved */

/* keys.c */
uint32_t key_find(const struct admit *admit, uint64_t id);
uint32_t key_use(struct admit *admit, uint64_t id); /* finds or makes; NONE: all in use */
void key_enqueue(struct admit *admit, uint32_t i);
void key_dequeue(struct admit *admit, uint32_t i);
void key_started(struct admit *admit, uint32_t i);
void key_ended(struct admit *admit, uint32_t i);
void key_learn(struct admit *admit, uint32_t i, enum admit_exit_how how, uint64_t now_us);
void key_show(struct admit *admit, uint32_t i); /* the ticket's peak or its settling is news */
void ticket_estimate(struct admit *admit, uint32_t i);
#define CANARY_PART 4 /* of its request: what a first of a key may begin with */

/* queue.c */
void queue_add(struct admit *admit, uint32_t i); /* estimates too */
void queue_remove(struct admit *admit, uint32_t i);
void queue_unpark(struct admit *admit, uint32_t component);
bool queue_is_scout(const struct admit *admit, const struct ticket *ticket);
/* The first of a key of which nothing is known becomes its scout where it has none and others wait.
 * k may be NONE. */
void queue_next_scout(struct admit *admit, uint32_t k);
void queue_refresh(struct admit *admit, bool second); /* a few stale estimates, or more */
void queue_age(struct admit *admit, uint64_t now_us); /* some that became overdue go first */
uint64_t admit_delay_us(const struct admit_config *config, enum admit_class class);

/* running.c */
uint64_t free_of_component(const struct admit *admit, uint32_t component);
uint64_t free_of_host(const struct admit *admit);
void run_begin(struct admit *admit, uint32_t i, uint64_t now_us);
void run_end(struct admit *admit, uint32_t i);
void run_pause(struct admit *admit, uint32_t i);
void run_resume(struct admit *admit, uint32_t i, uint64_t now_us);
void run_reserve(struct admit *admit, uint32_t i, uint64_t bytes);
void run_use(struct admit *admit, uint32_t i, uint64_t current_bytes);
void run_expire(struct admit *admit, uint64_t now_us);
/* When bytes are free in the component and on the host by such ends; UINT64_MAX: never. The spares
 * are what is free beside them then. */
uint64_t run_room_at(const struct admit *admit, uint32_t component, uint64_t bytes, enum ends_by by,
		     uint64_t now_us, uint64_t *ret_spare, uint64_t *ret_host_spare);
/* That is with the end of one that has no predicted run, which is only a stand-in. */
bool run_room_is_guessed(const struct admit *admit, uint32_t component, uint64_t bytes);

/* grow.c */
/* False: no room in ret. */
bool grow_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret);
/* It waits for room, and has the next there is. */
bool grow_is_first(const struct admit *admit, const struct ticket *ticket, uint64_t now_us);
uint64_t grow_target(const struct admit *admit, const struct ticket *ticket);
uint64_t grow_restart_bytes(const struct admit *admit, const struct ticket *ticket);
bool grow_is_pressing(const struct ticket *ticket);

/* start.c */
bool start_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret);
/* Up to when a head that was promised a start lets others past on predictions. */
uint64_t start_patience_us(const struct admit *admit, const struct ticket *ticket);

/* pause.c */
bool pause_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret);

/* strategy.c */
const struct strategy_rule *strategy_rule_of(const struct admit *admit);
void strategy_see(struct admit *admit, enum level level, uint64_t now_us);
bool strategy_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret);

#endif
