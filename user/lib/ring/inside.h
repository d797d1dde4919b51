/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring, for its own files: open.c makes, maps and forks, client.c knows who lives, one_write.c
 * and one_read.c are the ring of one writer and one reader, fixed.c that with records of one
 * length, many_write.c and many_read.c that of many, runs.c that of many with records of one
 * length, wait.c sleeps and wakes, ring.c is what programs call. All that decides where memory is
 * touched stands in struct uw_ring and never changes after it was checked.
 */
#ifndef UW_LIB_RING_INSIDE_H
#define UW_LIB_RING_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "user/lib/ring/layout.h"
#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

#define RING_TRIES   4096  /* others may be in the way so often before a call gives up */
#define RING_LOOK_US 10000 /* between two looks whether who is in the way still lives */

enum ring_kind {
	RING_ONE,
	RING_FIXED,
	RING_MANY,
	RING_RUNS,
	RING_FORKED, /* the parent's: not mapped here */
};

struct ring_one_writer {
	alignas(RING_LINE) uint64_t tail; /* published */
	uint64_t reserved;                /* end of what was handed out */
	uint64_t head;                    /* of the reader, when it was last looked at */
	uint64_t oldest;
	uint64_t wanted; /* bytes that the last reserve had no room for */
	uint32_t number; /* of the next record */
	uint32_t open;   /* records handed out */
	bool is_it;
};

struct ring_one_reader {
	alignas(RING_LINE) uint64_t head; /* released */
	uint64_t held;                    /* looked at up to here */
	uint64_t end;                     /* of the last record handed out; up to held: fillers */
	uint64_t tail;                    /* of the writer, when it was last looked at */
	uint64_t lost;
	uint32_t number;    /* expected of the next record */
	bool is_it, counts; /* counts: number is known */
	bool jumped;        /* over something that may have been in hand */
};

/* Records in the hands of one side of a handle. */
struct ring_run {
	alignas(RING_LINE) uint64_t at;
	uint32_t count;
};

struct uw_ring {
	struct uw_ring_head head; /* the first member */
	enum ring_kind kind;
	bool drops, writable;
	uint8_t *data;
	struct ring_control *control;
	uint64_t data_bytes;
	uint32_t stride, slot_count, slot_shift, record_bytes;
	bool begun[RING_SIDE__COUNT];     /* fixed: we are it */
	uint64_t ended[RING_SIDE__COUNT]; /* fixed: where there was nothing more, the last time */
	uint32_t client;                  /* index of ours; RING_CLIENTS: none */
	_Atomic uint64_t torn;
	_Atomic uint64_t look_us; /* when to look next whether others live */
	void *map;
	size_t map_bytes;
	struct segment *segment;
	struct uw_ring *next; /* of the process */
	struct ring_one_writer writer;
	struct ring_one_reader reader;
	struct ring_hands *hands; /* runs: one a client */
	_Atomic uint64_t *words;  /* one a record */
	uint8_t *records;
	struct ring_run run[RING_SIDE__COUNT];
};

/* ---- client.c ---- */

/* Enters us; what a dead client left under the index is cleared. -EMFILE: RING_CLIENTS live. */
int ring_enter(struct uw_ring *ring);
void ring_leave(struct uw_ring *ring);
uint64_t ring_pid_namespace(void);
bool ring_client_is_dead(const struct uw_ring *ring, uint32_t client);

/* Makes us the ring's writer or reader, in the place of one that died. -EBUSY: another one lives.
 */
int ring_take_role(struct uw_ring *ring, enum ring_side side);

/* Clears the slot of position if who is named in it is dead: a tombstone for a writer, room for a
 * reader. True if it did. */
bool ring_bury(struct uw_ring *ring, uint64_t position);

/* The same, but not more often than each RING_LOOK_US. */
bool ring_bury_if_due(struct uw_ring *ring, uint64_t position);

uint64_t ring_now_us(void);

/* ---- one_write.c, one_read.c, fixed.c, many_write.c, many_read.c: as in uw.h ---- */

int ring_one_reserve(struct uw_ring *ring, struct uw_record *records, uint32_t count);
int ring_one_commit(struct uw_ring *ring, const struct uw_record *records, uint32_t count);
bool ring_one_has_room(struct uw_ring *ring);
int ring_one_peek(struct uw_ring *ring, struct uw_record *records, uint32_t count);
int ring_one_release(struct uw_ring *ring, const struct uw_record *records, uint32_t count);
bool ring_one_has_record(struct uw_ring *ring);

/* When it is mapped; and in a child of fork, where it is not. */
void ring_fixed_open(struct uw_ring *ring);
void ring_fixed_stop(struct uw_ring *ring);
bool ring_fixed_has_room(const struct uw_ring *ring);
bool ring_fixed_has_record(const struct uw_ring *ring);

int ring_many_reserve(struct uw_ring *ring, struct uw_record *records, uint32_t count);
int ring_many_commit(struct uw_ring *ring, const struct uw_record *records, uint32_t count);
bool ring_many_has_room(const struct uw_ring *ring);
int ring_many_peek(struct uw_ring *ring, struct uw_record *records, uint32_t count);
int ring_many_release(struct uw_ring *ring, const struct uw_record *records, uint32_t count);
bool ring_many_has_record(const struct uw_ring *ring);

/* runs: records, on the writer's side as reserve and commit, on the reader's as peek and release.
 */
int ring_runs_take(struct uw_ring *ring, enum ring_side side, uint32_t count, void **ret_bytes);
int ring_runs_give(struct uw_ring *ring, enum ring_side side, uint32_t count);
bool ring_runs_is_ready(const struct uw_ring *ring, enum ring_side side);
/* The same for what holds up this side as ring_bury. */
bool ring_runs_bury(struct uw_ring *ring, enum ring_side side);
/* Gives up what we have, when we go. */
void ring_runs_leave(struct uw_ring *ring);

/* What a client has: before it takes anything it is not what a dead one in its place had. */
static inline void ring_write_down(const struct uw_ring *ring, enum ring_side side, uint64_t at,
				   uint32_t count)
{
	atomic_store_explicit(&ring->hands[ring->client].of[side], at << 8 | count,
			      memory_order_release);
}

static inline struct ring_slot *ring_slot_at(const struct uw_ring *ring, uint64_t position)
{
	uint64_t index = position & (ring->slot_count - 1);

	return (struct ring_slot *)(ring->data + index * ring->stride);
}

/* ---- the words of slots ---- */

static inline uint64_t ring_turn_of(const struct uw_ring *ring, uint64_t position)
{
	return position >> ring->slot_shift & RING_TURN_MASK;
}

/* Turns that a word is ahead of position. */
static inline int64_t ring_turns_ahead(const struct uw_ring *ring, uint64_t position, uint64_t word)
{
	return (int64_t)((ring_turn(word) - ring_turn_of(ring, position)) << 16) >> 16;
}

/* The word of the slot of mark, if it stands for that very position, in this state and by us; 0,
 * which is no such word, if not. */
static inline uint64_t ring_own_word(const struct uw_ring *ring, uint32_t mark,
				     enum ring_slot_state state)
{
	uint64_t word = atomic_load_explicit(&ring_slot_at(ring, mark)->word, memory_order_relaxed);
	uint64_t position = ring_turn(word) << ring->slot_shift | (mark & (ring->slot_count - 1));
	bool is_ours = ring_state(word) == state && ring_owner(word) == ring->client;

	return is_ours && (uint32_t)position == mark ? word : 0;
}

/* Says where the next one may look first. Who was held up may set it back: then slots are walked
 * over once more, which are known by their words. So this takes no instruction that locks. */
static inline void ring_advance(_Atomic uint64_t *index, uint64_t to)
{
	if ((int64_t)(to - atomic_load_explicit(index, memory_order_relaxed)) > 0)
		atomic_store_explicit(index, to, memory_order_release);
}

/* ---- wake.c ---- */

/* The kernel orders what a client stored against what it loads when another goes to sleep, so that
 * waking costs no fence; where it cannot, ring_fences is set and each does it by itself. */
extern bool ring_fences;
void ring_prepare_waits(void);
void ring_wake_slow(struct uw_ring *ring, enum ring_side side, uint32_t count);

/* After something was published: for up to count of those that sleep on side. */
static inline void ring_wake(struct uw_ring *ring, enum ring_side side, uint32_t count)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(ring_fences, 0))
		atomic_thread_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&ring->control->waits[side].sleeps,
						  memory_order_relaxed) != 0,
			     0))
		ring_wake_slow(ring, side, count);
}

/* ---- wait.c ---- */

static inline void ring_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

int ring_wait(struct uw_ring *ring, enum ring_side side, uint64_t timeout_us);

#endif
