// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ring of many writers and readers whose records are of one length: they are claimed, published
 * and given back in runs, each by one store. Writers find runs that are free at tail, readers full
 * ones at head, and do the same with them. Who is about to move tail or head past a run writes that
 * down in a place of its own first, so that a client which dies at any instruction leaves what it
 * had; what was claimed and is in the hands of nobody that lives is cleared by whoever comes to it.
 *
 * Where a run is longer than what is wanted of it, the word of the rest is written before the
 * claim. It may come late: so it takes the place only of a word that was seen to mean nothing, and
 * which no word that means something is like, as turns of the ring only grow.
 *
 * What a handle has in its hands stands in private memory too: each of its sides is one thread's.
 */
#include <errno.h>

#include "user/lib/ring/inside.h"

/* So that the compiler knows the side. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

static const enum ring_slot_state ready_states[] = {
	[RING_READER] = RING_FULL,
	[RING_WRITER] = RING_FREE,
};

static inline _Atomic uint64_t *claimed_by(const struct uw_ring *ring, enum ring_side side)
{
	return side == RING_READER ? &ring->control->head : &ring->control->tail;
}

static inline _Atomic uint64_t *word_at(const struct uw_ring *ring, uint64_t at)
{
	return &ring->words[at & (ring->slot_count - 1)];
}

static inline uint64_t turn_of(const struct uw_ring *ring, uint64_t at)
{
	return at >> ring->slot_shift & RING_RUN_TURN_MASK;
}

static inline uint64_t word_for(const struct uw_ring *ring, uint64_t at, enum ring_slot_state state,
				uint32_t count)
{
	return ring_run_word(turn_of(ring, at), state, count);
}

static inline uint64_t free_word(const struct uw_ring *ring, uint64_t at, uint32_t count)
{
	return word_for(ring, at + ring->slot_count, RING_FREE, count);
}

static inline void tell(const struct uw_ring *ring, uint64_t at, uint64_t word)
{
	atomic_store_explicit(word_at(ring, at), word, memory_order_release);
}

/* ---- what is there ---- */

/* A tomb is for readers, who free it. */
static inline bool is_ready(const struct uw_ring *ring, enum ring_side side, uint64_t at,
			    uint64_t word)
{
	return ring_run_turn(word) == turn_of(ring, at) &&
	       (ring_state(word) == ready_states[side] ||
		(side == RING_READER && ring_state(word) == RING_TOMB));
}

/* One or more runs in a row. */
struct find {
	uint64_t at;
	uint32_t count; /* of records */
	uint32_t more;  /* in the last run */
	bool is_tomb;
};

static ALWAYS_INLINE struct find find_runs(const struct uw_ring *ring, enum ring_side side,
					   uint64_t at, uint32_t count)
{
	uint32_t room = ring->slot_count - (uint32_t)(at & (ring->slot_count - 1)), there = 0;
	struct find find = {.at = at};

	count = count < room ? count : room;
	count = count < RING_RUN_MAX ? count : RING_RUN_MAX;
	while (there < count && !find.is_tomb) {
		uint64_t word =
			atomic_load_explicit(word_at(ring, at + there), memory_order_acquire);
		bool is_tomb = ring_state(word) == RING_TOMB;

		if (!is_ready(ring, side, at + there, word) || (is_tomb && there))
			break;
		there += ring_run_count(word);
		find.is_tomb = is_tomb;
	}
	there = there < room ? there : room; /* a stranger may have written anything */
	find.count = there < count ? there : count;
	find.more = there - find.count;
	return find;
}

/* ---- claims ---- */

/* Has a word stand where the rest of a run begins. False: look again. */
static bool cut(struct uw_ring *ring, enum ring_side side, const struct find *find)
{
	uint64_t rest = find->at + find->count;
	uint64_t word = atomic_load_explicit(word_at(ring, rest), memory_order_acquire);
	enum ring_slot_state state = find->is_tomb ? RING_TOMB : ready_states[side];
	uint64_t wanted = word_for(ring, rest, state, find->more);

	if (word == wanted)
		return true;
	/* As long as nobody has claimed the run, what is in it means nothing. */
	return atomic_load(claimed_by(ring, side)) == find->at &&
	       atomic_compare_exchange_strong(word_at(ring, rest), &word, wanted);
}

static ALWAYS_INLINE bool claim_runs(struct uw_ring *ring, enum ring_side side,
				     const struct find *find)
{
	uint64_t at = find->at;

	if (find->more && !cut(ring, side, find))
		return false;
	ring_write_down(ring, side, at, find->count);
	if (atomic_compare_exchange_strong(claimed_by(ring, side), &at, at + find->count))
		return true;
	ring_write_down(ring, side, 0, 0);
	return false;
}

/* ---- nothing to claim ---- */

/* So far the other side's claims reach beyond at, which is where ours end: not at all where the
 * ring is empty, or full; by a ring of records at most. */
static uint64_t others_ahead(const struct uw_ring *ring, enum ring_side side, uint64_t at)
{
	enum ring_side other = side == RING_READER ? RING_WRITER : RING_READER;
	uint64_t theirs = atomic_load_explicit(claimed_by(ring, other), memory_order_acquire);

	return theirs + (side == RING_WRITER ? ring->slot_count : 0) - at;
}

static bool somebody_has(const struct uw_ring *ring, enum ring_side side, uint64_t at)
{
	for (uint32_t i = 0; i < RING_CLIENTS; i++)
		if (ring_hand_has(atomic_load(&ring->hands[i].of[side]), at) &&
		    !ring_client_is_dead(ring, i))
			return true;
	return false;
}

/* What the other side claimed at where ours end, and is in no living hands. One record: how many
 * there were nobody knows, and the next ones are looked at without delay. */
static bool bury(struct uw_ring *ring, enum ring_side side, uint64_t at)
{
	enum ring_side other = side == RING_READER ? RING_WRITER : RING_READER;
	uint64_t theirs = side == RING_READER ? at : at - ring->slot_count;
	enum ring_slot_state state = side == RING_READER ? RING_TOMB : RING_FREE;
	bool is_had = somebody_has(ring, other, theirs);
	/* Who had it until then has told first. */
	uint64_t word = atomic_load(word_at(ring, at));

	if (is_had || is_ready(ring, side, at, word) || atomic_load(claimed_by(ring, side)) != at ||
	    !atomic_compare_exchange_strong(word_at(ring, at), &word, word_for(ring, at, state, 1)))
		return false;
	atomic_fetch_add(&ring->control->abandoned, 1);
	ring_wake(ring, RING_READER, 1);
	ring_wake(ring, RING_WRITER, 1);
	return true;
}

bool ring_runs_bury(struct uw_ring *ring, enum ring_side side)
{
	uint64_t at = atomic_load(claimed_by(ring, side)), ahead = others_ahead(ring, side, at);
	bool buried = ahead && ahead <= ring->slot_count && bury(ring, side, at);
	uint64_t next_us = buried ? 0 : ring_now_us() + RING_LOOK_US;

	atomic_store_explicit(&ring->look_us, next_us, memory_order_relaxed);
	return buried;
}

static bool bury_if_due(struct uw_ring *ring, enum ring_side side)
{
	uint64_t due_us = atomic_load_explicit(&ring->look_us, memory_order_relaxed);

	return ring_now_us() >= due_us && ring_runs_bury(ring, side);
}

/* Why there is nothing to claim; 1: look again. */
static __attribute__((noinline)) int explain(struct uw_ring *ring, enum ring_side side, uint64_t at)
{
	uint64_t ahead = others_ahead(ring, side, at);

	if (atomic_load_explicit(claimed_by(ring, side), memory_order_acquire) != at)
		return 1;
	if (ahead <= ring->slot_count)
		return ahead && bury_if_due(ring, side) ? 1 : -EAGAIN;
	/* Nonsense. A reader goes on where the next record will be. */
	atomic_fetch_add(&ring->torn, 1);
	if (side == RING_READER)
		atomic_compare_exchange_strong(&ring->control->head, &at, at + ahead);
	return -EBADMSG;
}

/* ---- calls ---- */

/* Once; 1: look again. */
static ALWAYS_INLINE int try_claim(struct uw_ring *ring, enum ring_side side, uint32_t count)
{
	uint64_t at = atomic_load_explicit(claimed_by(ring, side), memory_order_acquire);
	struct find find = find_runs(ring, side, at, count);

	if (!find.count)
		return explain(ring, side, at);
	if (!claim_runs(ring, side, &find))
		return 1;
	ring->run[side] = (struct ring_run){find.at, find.count};
	if (!find.is_tomb)
		return 0;
	ring_runs_give(ring, side, find.count);
	return 1;
}

static inline void *records_of(const struct uw_ring *ring, const struct ring_run *run)
{
	return ring->records + (run->at & (ring->slot_count - 1)) * ring->stride;
}

static ALWAYS_INLINE int take(struct uw_ring *ring, enum ring_side side, uint32_t count,
			      void **ret_bytes)
{
	struct ring_run *run = &ring->run[side];
	int rc = ring->writable ? 0 : -EACCES;

	if (!rc && !count)
		rc = -EAGAIN;
	if (!rc && !run->count) {
		rc = 1;
		for (int i = 0; i < RING_TRIES && rc == 1; i++)
			rc = try_claim(ring, side, count);
	}
	if (rc)
		return rc < 0 ? rc : -EAGAIN;
	*ret_bytes = records_of(ring, run);
	return (int)(count < run->count ? count : run->count);
}

static __attribute__((noinline)) int take_any(struct uw_ring *ring, enum ring_side side,
					      uint32_t count, void **ret_bytes)
{
	return side == RING_WRITER ? take(ring, RING_WRITER, count, ret_bytes)
				   : take(ring, RING_READER, count, ret_bytes);
}

/* What there mostly is, where all take as many at a time: one run of just so many. */
static ALWAYS_INLINE bool claim_whole(struct uw_ring *ring, enum ring_side side, uint32_t count)
{
	uint64_t at = atomic_load_explicit(claimed_by(ring, side), memory_order_acquire), seen = at;
	uint32_t room = ring->slot_count - (uint32_t)(at & (ring->slot_count - 1));
	struct ring_run *run = &ring->run[side];

	if (count - 1 >= RING_RUN_MAX || count > room || !ring->writable || run->count)
		return false;
	if (atomic_load_explicit(word_at(ring, at), memory_order_acquire) !=
	    word_for(ring, at, ready_states[side], count))
		return false;
	ring_write_down(ring, side, at, count);
	if (!atomic_compare_exchange_strong(claimed_by(ring, side), &seen, at + count)) {
		ring_write_down(ring, side, 0, 0);
		return false;
	}
	run->at = at;
	run->count = count;
	return true;
}

int ring_runs_take(struct uw_ring *ring, enum ring_side side, uint32_t count, void **ret_bytes)
{
	bool is_whole = side == RING_WRITER ? claim_whole(ring, RING_WRITER, count)
					    : claim_whole(ring, RING_READER, count);

	if (!is_whole)
		return take_any(ring, side, count, ret_bytes);
	*ret_bytes = records_of(ring, &ring->run[side]);
	return (int)count;
}

/* What is committed of a run is published by one store, and the rest left out. */
static inline void commit(struct uw_ring *ring, struct ring_run *run, uint32_t count)
{
	uint32_t rest = run->count - count;

	if (rest)
		tell(ring, run->at + count, word_for(ring, run->at + count, RING_TOMB, rest));
	if (count)
		tell(ring, run->at, word_for(ring, run->at, RING_FULL, count));
	run->count = 0;
	ring_wake(ring, RING_READER, count ? count : 1);
}

/* What is not released stays in hand. */
static inline void release(struct uw_ring *ring, struct ring_run *run, uint32_t count)
{
	tell(ring, run->at, free_word(ring, run->at, count));
	run->at += count;
	run->count -= count;
	ring_wake(ring, RING_WRITER, count);
}

int ring_runs_give(struct uw_ring *ring, enum ring_side side, uint32_t count)
{
	struct ring_run *run = &ring->run[side];

	if (!ring->writable)
		return -EACCES;
	if (count > run->count)
		return -EINVAL;
	if (side == RING_WRITER && run->count)
		commit(ring, run, count);
	else if (side == RING_READER && count)
		release(ring, run, count);
	return 0;
}

bool ring_runs_is_ready(const struct uw_ring *ring, enum ring_side side)
{
	uint64_t at = atomic_load_explicit(claimed_by(ring, side), memory_order_acquire);

	return ring->run[side].count || is_ready(ring, side, at, atomic_load(word_at(ring, at)));
}

void ring_runs_leave(struct uw_ring *ring)
{
	ring_runs_give(ring, RING_WRITER, 0);
	ring_runs_give(ring, RING_READER, ring->run[RING_READER].count);
}
