/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout of a recording, as uw-recording(5) has it: a head, then slots. A slot is a head and
 * records, which are read from its begin on; it needs nothing of other slots. All is in words of
 * 64 bits, little-endian. What is in a frame, a plan and a view is told by the schema in the BEGIN
 * record, so that a field may come or go without a new version.
 */
#ifndef UW_RECORD_FORMAT_H
#define UW_RECORD_FORMAT_H

#include <stdint.h>

#define RECORD_MAGIC       "uwrecord"
#define RECORD_SLOT_MAGIC  "uwslot\0\0"
#define RECORD_VERSION     1U
#define RECORD_HEAD_BYTES  4096U
#define RECORD_SLOT_BYTES  (512U * 1024)
#define RECORD_SLOTS_MIN   4U
#define RECORD_SLOTS_MAX   2048U /* of a file; an export has those in memory too */
#define RECORD_STAGE_SLOTS 2U

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "recordings are little-endian");

struct record_head {
	char magic[8];
	uint32_t version;
	uint32_t slot_bytes; /* of each slot; 0: as each says, one behind the other */
	uint32_t slots;      /* that there is room for; of an export: that there are */
	uint32_t thin_slots; /* the last of them, for what is thinned */
	uint64_t reserved;
};

/* What is older than the full slots reach: some of the frames, not to be replayed. */
#define RECORD_SLOT_THIN 1U

struct record_slot_head {
	char magic[8];
	uint64_t sequence; /* counts up, of full and of thin slots; 0: never used */
	uint32_t bytes;    /* with this head, to the next slot of an export */
	uint32_t flags;
	uint64_t first_wall_us;
	_Atomic uint64_t used; /* bytes written, with this head */
	uint64_t reserved[3];
};

_Static_assert(sizeof(struct record_slot_head) == 64, "whole words, and a line of the cache");

enum record_kind {
	RECORD_NONE,
	RECORD_BEGIN,  /* struct record_begin, then the schema: all before it is forgotten */
	RECORD_CONFIG, /* struct record_config, then its text */
	RECORD_STATE,  /* struct record_state, then runs over zeros */
	RECORD_FRAME,  /* wall time in us, then runs over the last frame */
	RECORD_PLAN,   /* runs over the last plan */
	RECORD_VIEW,   /* runs over the last views */
	RECORD_LEAF,   /* struct record_leaf */
	RECORD_GAP,    /* so many frames before this could not be kept */
	RECORD__COUNT
};

/* A record is a word with these, then its payload. The check is of all else of the record and of
 * the slot's sequence, so that what an earlier use of the slot left is no record. */
#define RECORD_WORDS_MAX 0xffffffU
#define RECORD_WORD(kind, words, check) \
	((uint64_t)(check) << 32 | (uint64_t)(kind) << 24 | (uint64_t)(words))

/* A run: one word with the index of the first word it replaces and how many follow. */
#define RECORD_RUN(index, count) ((uint64_t)(count) << 32 | (uint64_t)(index))

#define RECORD_VERSION_LEN 24
#define RECORD_BOOT_LEN    40

struct record_begin {
	uint64_t wall_us, now_us;
	char version[RECORD_VERSION_LEN]; /* of uwd */
	char boot_id[RECORD_BOOT_LEN];
	uint64_t schema_bytes;
};

/* The text reads back to the configuration, with usable_bytes for "usable = auto". */
struct record_config {
	uint64_t usable_bytes, text_bytes;
};

/* Of the policy, before the next frame; only who has the same layout can go on from it. */
struct record_state {
	uint64_t layout, bytes;
};

#define RECORD_LEAF_LEN 64

struct record_leaf {
	uint64_t cgid;
	uint64_t component; /* index */
	char name[RECORD_LEAF_LEN];
};

#define RECORD_CONFIG_MAX (64U * 1024)
#define RECORD_SCHEMA_MAX 8192U

#endif
