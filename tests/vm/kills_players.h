/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that hold leases, own pools and rings and read those of others, until they are killed.
 * Each says on a board that all share what it has, and stands still when it is told to, with no
 * call under way, so that what it says can be compared with uwd's ledger. What must not happen ends
 * it with a status.
 */
#ifndef TESTS_VM_KILLS_PLAYERS_H
#define TESTS_VM_KILLS_PLAYERS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define MIB           (1ULL << 20)
#define PAGE          4096U
#define LEASES        32U
#define TENSORS       16U
#define OWNERS        2U
#define RECORD_BYTES  64U
#define ORPHAN_STEPS  20U /* it is read on for so long */
#define STUCK_POLL_NS 1000000L
#define STUCK_POLLS                                                                   \
	100U /* each of a millisecond at least: a ring is stuck no longer than 100 ms \
	      */

enum player_role {
	PLAYER_CLIENT, /* of leases that uwd grants */
	PLAYER_CREDIT, /* of small ones, out of its credit */
	PLAYER_OWNER,
	PLAYER_READER,
};

/* Exit statuses of a player. */
enum player_end {
	PLAYER_CANNOT = 1, /* it could not begin */
	PLAYER_STALE,      /* uwd took what it had */
	PLAYER_SPOILT,     /* what was read is not what was written */
	PLAYER_STUCK,      /* nothing went through a ring */
	PLAYER_REFUSED,    /* an answer that nothing explains */
};

struct player {
	_Atomic int32_t pid;     /* 0: it is not there */
	_Atomic uint32_t rested; /* the rest that it has come to */
	uint32_t leases, pools, attached;
	uint64_t lease_bytes;
	_Atomic uint32_t polls;           /* most, in a row, at which a ring let nothing through */
	_Atomic uint64_t steps;           /* so far, of all that had this place */
	_Atomic uint64_t tensor[TENSORS]; /* of an owner: ids; 0: none */
	char said[64];
};

struct board {
	_Atomic uint32_t rest; /* odd: all are to stand still */
	struct player player[];
};

struct playing {
	struct board *board;
	struct player *self;
	uint32_t place, owner; /* whose pool, of a reader */
	unsigned int seed;
	struct uw *uw;
	uint64_t lease[LEASES], bytes[LEASES];
	struct uw_pool *pool;
	struct uw_ring *ring;
	int32_t owner_pid; /* whose pool it is */
	uint32_t orphan_steps, polls;
};

static inline uint32_t player_random(struct playing *p, uint32_t below)
{
	return (uint32_t)rand_r(&p->seed) % below;
}

static inline void player_sleep(long ns)
{
	const struct timespec pause = {.tv_nsec = ns};

	nanosleep(&pause, NULL);
}

__attribute__((noreturn)) static inline void player_fail(struct playing *p, enum player_end end,
							 const char *what, int rc)
{
	snprintf(p->self->said, sizeof(p->self->said), "%s: %d", what, rc);
	_exit((int)end);
}

/* uwd or a keeper is away for long, or all is full: no fault of anybody's. */
static inline bool player_bears(int rc)
{
	return rc == -ENOTCONN || rc == -EIO || rc == -EAGAIN || rc == -ENOMEM || rc == UW_DENIED ||
	       rc == UW_FULL;
}

static inline void player_check(struct playing *p, const char *what, int rc)
{
	if (rc == UW_STALE || rc == -ESTALE)
		player_fail(p, PLAYER_STALE, what, rc);
	if (rc && !player_bears(rc))
		player_fail(p, PLAYER_REFUSED, what, rc);
}

/* ---- leases ---- */

static inline void player_alloc(struct playing *p, uint32_t at, bool small)
{
	struct uw_request request = {
		.size = sizeof(request),
		.component = "data",
		.flags = small ? 0 : UW_NO_CREDIT,
		.bytes = small ? PAGE * (1 + player_random(p, 8)) : MIB * (1 + player_random(p, 4)),
	};
	struct uw_grant grant = {.size = sizeof(grant)};
	int rc = uw_alloc(p->uw, &request, &grant, NULL);

	player_check(p, "alloc", rc);
	if (rc)
		return;
	p->lease[at] = grant.id;
	p->bytes[at] = grant.bytes;
	p->self->leases++;
	p->self->lease_bytes += grant.bytes;
}

static inline void player_free(struct playing *p, uint32_t at)
{
	int rc = uw_free(p->uw, p->lease[at]);

	player_check(p, "free", rc);
	if (rc)
		return;
	p->self->leases--;
	p->self->lease_bytes -= p->bytes[at];
	p->lease[at] = 0;
}

static inline void player_lease(struct playing *p, bool small)
{
	uint32_t at = player_random(p, LEASES);

	if (p->lease[at])
		player_free(p, at);
	else
		player_alloc(p, at, small);
}

/* ---- the ring ---- */

static inline int player_write(struct playing *p)
{
	struct uw_record record = {.length = RECORD_BYTES};
	int rc = uw_ring_reserve(p->ring, &record, 1);

	if (rc != 1)
		return rc;
	memset(record.bytes, (int)p->place + 1, RECORD_BYTES);
	player_check(p, "commit", uw_ring_commit(p->ring, &record, 1));
	return 1;
}

static inline int player_read(struct playing *p)
{
	struct uw_record record;
	int rc = uw_ring_peek(p->ring, &record, 1);

	if (rc != 1)
		return rc;
	for (uint32_t i = 1; i < RECORD_BYTES; i++)
		if (((uint8_t *)record.bytes)[i] != *(uint8_t *)record.bytes)
			player_fail(p, PLAYER_SPOILT, "record", (int)i);
	player_check(p, "release", uw_ring_release(p->ring, &record, 1));
	return 1;
}

/* What lets neither a record in nor one out is stuck. */
static inline void player_pass(struct playing *p)
{
	bool writes = player_random(p, 2);
	int rc = writes ? player_write(p) : player_read(p);

	if (rc == -EAGAIN)
		rc = writes ? player_read(p) : player_write(p);
	if (rc == 1) {
		p->polls = 0;
		return;
	}
	if (rc != -EAGAIN)
		player_fail(p, PLAYER_REFUSED, "ring", rc);
	if (++p->polls > p->self->polls)
		p->self->polls = p->polls;
	if (p->polls > STUCK_POLLS)
		player_fail(p, PLAYER_STUCK, "ring", (int)p->polls);
	player_sleep(STUCK_POLL_NS);
}

/* ---- an owner ---- */

/* Of one life of an owner. */
static inline void player_name(char buf[static UW_NAME_MAX], const char *what, int32_t pid)
{
	snprintf(buf, UW_NAME_MAX, "%s-%d", what, pid);
}

static inline bool player_make(struct playing *p)
{
	char pool[UW_NAME_MAX], ring[UW_NAME_MAX];
	const struct uw_pool_options options = {
		.size = sizeof(options),
		.component = "data",
		.name = pool,
		.bytes = 16 * MIB,
		.tensors = 64,
	};
	const struct uw_ring_options ring_options = {
		.size = sizeof(ring_options),
		.flags = UW_RING_MANY,
		.component = "data",
		.name = ring,
		.bytes = 65536,
		.record_bytes = RECORD_BYTES,
	};
	int rc = 0;

	player_name(pool, "pool", getpid());
	player_name(ring, "ring", getpid());
	if (!p->pool)
		rc = uw_pool_create(p->uw, &options, &p->pool);
	if (!rc)
		rc = uw_pool_share(p->pool, UW_NOBODY, UW_NOBODY, 0444);
	if (!rc && !p->ring)
		rc = uw_ring_create(p->uw, &ring_options, &p->ring);
	if (!rc)
		rc = uw_ring_share(p->ring, UW_NOBODY, UW_NOBODY, 0666);
	player_check(p, "make", rc);
	p->self->pools = (p->pool != NULL) + (uint32_t)(p->ring != NULL);
	return !rc;
}

/* Each page of a tensor says whose it is. */
static inline void player_put(struct playing *p, uint32_t at)
{
	const struct uw_tensor tensor = {
		.size = sizeof(tensor),
		.type = UW_UINT,
		.bits = 8,
		.dimensions = 1,
		.shape = {PAGE * (1 + player_random(p, 256))},
	};
	uint64_t id = 0;
	void *memory = NULL;
	int rc = uw_tensor_alloc(p->pool, &tensor, 0, &id, &memory);

	player_check(p, "tensor", rc);
	if (rc)
		return;
	for (int64_t i = 0; i < tensor.shape[0]; i += PAGE)
		memcpy((uint8_t *)memory + i, &id, sizeof(id));
	p->self->tensor[at] = id;
}

static inline void player_own(struct playing *p)
{
	uint32_t at = player_random(p, TENSORS);
	uint64_t id;

	if ((!p->pool || !p->ring) && !player_make(p)) {
		player_sleep(10000000);
		return;
	}
	player_pass(p);
	id = p->self->tensor[at];
	p->self->tensor[at] = 0;
	if (id)
		player_check(p, "free a tensor", uw_pool_free(p->pool, id));
	else
		player_put(p, at);
	if (!player_random(p, 20))
		uw_pool_trim(p->pool, UINT64_MAX, NULL);
}

/* ---- a reader ---- */

static inline int player_attach(struct playing *p)
{
	char name[UW_NAME_MAX];
	int rc = 0;

	if (!p->pool)
		p->owner_pid = p->board->player[p->owner].pid;
	player_name(name, "pool", p->owner_pid);
	if (!p->pool)
		rc = uw_pool_attach(p->uw, name, UW_READ_ONLY, &p->pool);
	player_name(name, "ring", p->owner_pid);
	if (!rc && !p->ring)
		rc = uw_ring_attach(p->uw, name, UW_READ_WRITE, &p->ring);
	p->self->attached = (p->pool != NULL) + (uint32_t)(p->ring != NULL);
	return rc;
}

static inline void player_leave(struct playing *p)
{
	uw_pool_close(p->pool);
	uw_ring_close(p->ring);
	p->pool = NULL;
	p->ring = NULL;
	p->self->attached = 0;
	p->orphan_steps = p->polls = 0;
}

/* One that was on the board in the life of this pool's owner, and so is filled; 0: none. */
static inline uint64_t player_pick(struct playing *p)
{
	const struct player *owner = &p->board->player[p->owner];
	uint64_t id = owner->pid == p->owner_pid ? owner->tensor[player_random(p, TENSORS)] : 0;

	return owner->pid == p->owner_pid ? id : 0;
}

static inline void player_look(struct playing *p)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)}, again = tensor;
	uint64_t id = player_pick(p);
	bool matches = true;

	if (!id || uw_tensor_get(p->pool, id, &tensor))
		return;
	for (uint64_t i = 0; i < tensor.bytes && matches; i += PAGE)
		matches = !memcmp((const uint8_t *)tensor.memory + i, &id, sizeof(id));
	/* It may have been freed meanwhile. */
	if (!matches && !uw_tensor_get(p->pool, id, &again))
		player_fail(p, PLAYER_SPOILT, "tensor", 0);
}

static inline void player_follow(struct playing *p)
{
	int rc = player_attach(p);

	if (rc) {
		/* Its owner is being killed, or made. */
		if (rc != -ENOENT)
			player_check(p, "attach", rc);
		player_leave(p);
		player_sleep(10000000);
		return;
	}
	player_look(p);
	player_pass(p);
	if (uw_pool_is_orphan(p->pool) && ++p->orphan_steps > ORPHAN_STEPS)
		player_leave(p);
}

/* ---- what all do ---- */

static inline void player_rest(struct playing *p)
{
	uint32_t rest = p->board->rest;

	if (!(rest & 1))
		return;
	p->self->rested = rest;
	while (p->board->rest == rest)
		player_sleep(2000000);
	p->polls = 0;
}

static inline void player_step(struct playing *p, enum player_role role)
{
	switch (role) {
	case PLAYER_CLIENT:
	case PLAYER_CREDIT:
		player_lease(p, role == PLAYER_CREDIT);
		break;
	case PLAYER_OWNER:
		player_own(p);
		break;
	case PLAYER_READER:
		player_follow(p);
		break;
	}
	p->self->steps++;
}

static inline void player_open(struct playing *p)
{
	int rc = -ENOTCONN;

	for (int i = 0; i < 3000 && rc == -ENOTCONN; i++) {
		rc = uw_open(NULL, &p->uw);
		if (rc)
			player_sleep(10000000);
		player_rest(p);
	}
	if (!rc)
		rc = uw_start_thread(p->uw);
	if (rc)
		player_fail(p, PLAYER_CANNOT, "open", rc);
}

__attribute__((noreturn)) static inline void player_run(struct board *board, uint32_t place,
							enum player_role role, uint32_t owner,
							unsigned int seed)
{
	struct playing p = {.board = board,
			    .self = &board->player[place],
			    .place = place,
			    .owner = owner,
			    .seed = seed};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	player_open(&p);
	for (;;) {
		player_rest(&p);
		player_step(&p, role);
		player_sleep((long)(1 + player_random(&p, 4)) * 1000000);
	}
}

#endif
