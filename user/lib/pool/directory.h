/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the tensors of a pool are, for who attaches to it: a head and fixed entries at the
 * beginning of the segment. Its owner writes it and never reads it. Whoever may write the segment
 * may write here anything at any time: readers copy an entry between two looks at its sequence,
 * check every field, and follow nothing out of the segment.
 */
#ifndef UW_LIB_POOL_DIRECTORY_H
#define UW_LIB_POOL_DIRECTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct segment;
struct uw_tensor;

#define DIRECTORY_MAGIC    0x314c4f4f50575521ULL /* "!UWPOOL1" */
#define DIRECTORY_VERSION  1U
#define DIRECTORY_ROOM_MAX 65536U
#define DIRECTORY_ALIGN    65536ULL /* of what follows it */

/* Of a tensor: DIRECTORY_ID, 30 bits of its slot's generation, its slot. */
#define DIRECTORY_ID              (1ULL << 62)
#define DIRECTORY_GENERATION_MASK 0x3fffffffULL

struct directory_head {
	uint64_t magic;
	uint32_t version, entry_bytes;
	uint64_t bytes;         /* of the segment */
	uint64_t from;          /* where tensors may begin */
	uint32_t room;          /* entries there may be */
	_Atomic uint32_t count; /* that there ever were: those behind are not there */
	uint64_t zero[3];
};

struct directory_entry {
	_Atomic uint32_t sequence; /* odd while it is written */
	uint16_t type, bits;
	uint64_t id; /* 0: none */
	uint64_t generation;
	uint64_t offset, bytes;
	uint32_t dimensions, zero;
	int64_t shape[8];
	uint64_t spare[2];
};

/* What a reader knows of a directory, as it was when it was opened. */
struct pool_directory {
	struct segment *segment; /* NULL: all of it may be touched */
	const uint8_t *base;
	uint64_t bytes, from;
	uint32_t room;
};

/* Bytes of a directory of so many entries, with what follows aligned; where an entry ends. */
uint64_t pool_directory_bytes(uint32_t room);
uint64_t pool_directory_end(uint32_t slot);

/* ---- its owner ---- */

/* A head at base, which is there; no entry is. */
void pool_directory_start(uint8_t *base, uint64_t bytes, uint32_t room);

/* The entry of a slot, which is there, and in a directory of less than slot + 1 entries until now
 * is the next one. NULL as a tensor: none any more. */
void pool_directory_put(uint8_t *base, uint32_t slot, uint64_t id, uint64_t offset,
			const struct uw_tensor *tensor);

/* ---- readers ---- */

/* -EINVAL: this is none; -ENODATA: nor is there anything else yet; -EPROTO: of another version;
 * -EBADMSG: it cannot be. */
int pool_directory_open(struct pool_directory *directory, struct segment *segment,
			const uint8_t *base, uint64_t bytes);

/* UW_STALE; -EAGAIN: it is being written all the time; -EBADMSG: it cannot be; -ENODATA: nor is all
 * of it there. The tensor's memory is within the segment, and may be touched. */
int pool_directory_find(const struct pool_directory *directory, uint64_t id,
			struct uw_tensor *ret_tensor);

/* ---- both ---- */

/* Bytes of the elements, and whether type and shape are such that there can be. */
bool pool_tensor_bytes(const struct uw_tensor *tensor, uint64_t *ret_bytes);

#endif
