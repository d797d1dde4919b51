/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a ring looks like in the memory that its clients share: a page of control, then the records.
 * Any of the clients may write anything here at any time. So setup is read once, checked, and kept
 * in private memory; positions are taken modulo the capacity before they become an address; and
 * each length is checked after it was copied. Nothing here is a lock.
 *
 * One writer and one reader: records stand back to back, each behind eight bytes of its length and
 * its number, and the whole is mapped twice in a row, so that none is ever split. tail and head are
 * positions in bytes that only grow. If all records are of one length there is nothing but them,
 * and positions count records.
 *
 * Many of both: slots of one size. The word of a slot says which turn of the ring it is in, what
 * its state is, and by whom: who claims it and that it is claimed are one store, so that a client
 * which dies at any instruction leaves its name.
 *
 * Many of both and records of one length: the words stand in a row before the records, and one word
 * speaks for a run of them; what stands in the words of the others of a run means nothing. Who
 * moves tail or head claims what it passes, and has written down before that it is about to.
 */
#ifndef UW_LIB_RING_LAYOUT_H
#define UW_LIB_RING_LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_MAGIC   0x31676e6972777500ULL /* "\0uwring1" */
#define RING_VERSION 1
#define RING_LINE    128 /* two cache lines: x86 and arm fetch them in pairs */
#define RING_CLIENTS 126

struct ring_setup {
	uint64_t magic;
	uint32_t version, flags;
	uint64_t data_offset;        /* in the file; a multiple of the page size */
	uint64_t data_bytes;         /* one writer: a power of two */
	uint64_t pid_namespace;      /* inode, in which the pids of clients mean something */
	uint32_t stride, slot_count; /* fixed, many; of many slot_count is a power of two */
	uint32_t record_bytes;       /* the longest record */
	uint32_t zero;
};

enum ring_side {
	RING_READER,
	RING_WRITER,
	RING_SIDE__COUNT
};

/* Who sleeps because of the other side. */
struct ring_waits {
	alignas(RING_LINE) _Atomic uint32_t event; /* a futex, counted up to wake */
	_Atomic uint32_t sleeps;                   /* somebody may be asleep on it */
};

struct ring_control {
	struct ring_setup setup;
	/* The writers' line. One writer: nothing before oldest is intact (drop-oldest), and newest
	 * is where the last commit that had records begins. */
	alignas(RING_LINE) _Atomic uint64_t tail;
	_Atomic uint64_t oldest, newest;
	_Atomic uint32_t next_number;
	alignas(RING_LINE) _Atomic uint64_t head; /* the readers' */
	struct ring_waits waits[RING_SIDE__COUNT];
	/* Rarely written. One writer: how often the role was taken << 8 | the client that has it,
	 * from 1 on; 0: nobody. So one that found the client dead does not take it from who has
	 * the same place in the table since. */
	alignas(RING_LINE) _Atomic uint32_t role[RING_SIDE__COUNT];
	_Atomic uint64_t dropped;              /* many, drop-oldest: records overwritten */
	_Atomic uint64_t abandoned;            /* claims of clients that died */
	_Atomic uint64_t client[RING_CLIENTS]; /* pid << 32 | start time; 0: free */
};

static inline uint32_t ring_role_client(uint32_t role)
{
	return role & 0xff;
}

/* ---- one writer ---- */

#define RING_HEADER 8
#define RING_FILLER (1U << 31) /* in a length: no record, only room */

static inline uint64_t ring_header(uint32_t length, uint32_t number)
{
	return (uint64_t)number << 32 | length;
}

/* From a record's header to the next one's. */
static inline uint64_t ring_span(uint32_t length)
{
	return RING_HEADER + (((uint64_t)length + 7) & ~7ULL);
}

/* ---- many ---- */

struct ring_slot {
	_Atomic uint64_t word;
	_Atomic uint32_t length;
	uint32_t zero;
	uint8_t bytes[];
};

enum ring_slot_state {
	RING_FREE,    /* to be written in this turn */
	RING_CLAIMED, /* being written by owner */
	RING_FULL,
	RING_READING, /* in the hands of owner */
	RING_TOMB,    /* nothing in this turn: left out, or its writer died */
};

#define RING_TURN_MASK (~0ULL >> 16) /* turns are numbers of 48 bits */

static inline uint64_t ring_word(uint64_t turn, enum ring_slot_state state, uint32_t owner)
{
	return turn << 16 | (uint64_t)owner << 8 | (uint64_t)state;
}

static inline uint64_t ring_turn(uint64_t word)
{
	return word >> 16;
}

static inline enum ring_slot_state ring_state(uint64_t word)
{
	return (enum ring_slot_state)(word & 0xff);
}

static inline uint32_t ring_owner(uint64_t word)
{
	return word >> 8 & 0xff;
}

/* ---- many, by runs ---- */

#define RING_RUN_MAX       255U
#define RING_RUN_TURN_MASK (~0ULL >> 24) /* turns are numbers of 40 bits */

/* RING_FREE, RING_FULL or RING_TOMB. All zero is one record that is free. */
static inline uint64_t ring_run_word(uint64_t turn, enum ring_slot_state state, uint32_t count)
{
	return turn << 24 | (uint64_t)(count - 1) << 16 | (uint64_t)state;
}

static inline uint64_t ring_run_turn(uint64_t word)
{
	return word >> 24;
}

static inline uint32_t ring_run_count(uint64_t word)
{
	return (word >> 16 & 0xff) + 1;
}

/* What a client has in its hands, or reaches for; a line for each, before the words. */
struct ring_hands {
	alignas(64) _Atomic uint64_t of[RING_SIDE__COUNT]; /* position << 8 | records */
};

static inline bool ring_hand_has(uint64_t hand, uint64_t position)
{
	return ((position << 8) - (hand & ~0xffULL)) >> 8 < (hand & 0xff);
}

#endif
