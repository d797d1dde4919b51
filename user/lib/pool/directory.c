// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A sequence lock for each entry. The writer is alone, as the pool's lock is held; readers never
 * write. An entry is copied field by field by plain loads between two looks at the sequence, so
 * what is checked is the copy, and nothing that changes afterwards can lead astray.
 */
#include "user/lib/pool/directory.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

#define TRIES 1000U /* an entry takes some 20 ns to write */

_Static_assert(sizeof(struct directory_head) == 64, "a layout that processes share");
_Static_assert(sizeof(struct directory_entry) == 128, "a layout that processes share");
_Static_assert(UW_TENSOR_DIMENSIONS == 8, "as many as an entry holds");

static uint64_t entry_offset(uint32_t slot)
{
	return sizeof(struct directory_head) + (uint64_t)slot * sizeof(struct directory_entry);
}

uint64_t pool_directory_bytes(uint32_t room)
{
	return (entry_offset(room) + DIRECTORY_ALIGN - 1) / DIRECTORY_ALIGN * DIRECTORY_ALIGN;
}

uint64_t pool_directory_end(uint32_t slot)
{
	return entry_offset(slot + 1);
}

/* ---- types and shapes ---- */

static bool is_type(uint16_t type, uint16_t bits)
{
	static const uint16_t least[] = {
		[UW_INT] = 8,     [UW_UINT] = 8,     [UW_FLOAT] = 8,
		[UW_BFLOAT] = 16, [UW_COMPLEX] = 32, [UW_BOOL] = 8,
	};

	return type < sizeof(least) / sizeof(least[0]) && least[type] && bits >= least[type] &&
	       bits <= 128 && !(bits & (bits - 1)) && (type != UW_BOOL || bits == 8) &&
	       (type != UW_BFLOAT || bits == 16);
}

bool pool_tensor_bytes(const struct uw_tensor *tensor, uint64_t *ret_bytes)
{
	uint64_t bytes = tensor->bits / 8U;

	if (!is_type(tensor->type, tensor->bits) || tensor->dimensions > UW_TENSOR_DIMENSIONS)
		return false;
	for (uint32_t i = 0; i < tensor->dimensions; i++)
		if (tensor->shape[i] < 0 ||
		    __builtin_mul_overflow(bytes, (uint64_t)tensor->shape[i], &bytes))
			return false;
	*ret_bytes = bytes;
	return true;
}

/* ---- its owner ---- */

void pool_directory_start(uint8_t *base, uint64_t bytes, uint32_t room)
{
	struct directory_head *head = (struct directory_head *)(void *)base;

	*head = (struct directory_head){
		.magic = DIRECTORY_MAGIC,
		.version = DIRECTORY_VERSION,
		.entry_bytes = sizeof(struct directory_entry),
		.bytes = bytes,
		.from = pool_directory_bytes(room),
		.room = room,
	};
}

void pool_directory_put(uint8_t *base, uint32_t slot, uint64_t id, uint64_t offset,
			const struct uw_tensor *tensor)
{
	struct directory_head *head = (struct directory_head *)(void *)base;
	struct directory_entry *entry =
		(struct directory_entry *)(void *)(base + entry_offset(slot));
	uint32_t sequence = atomic_load_explicit(&entry->sequence, memory_order_relaxed) | 1;

	atomic_store_explicit(&entry->sequence, sequence, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	entry->id = tensor ? id : 0;
	if (tensor) {
		entry->type = tensor->type;
		entry->bits = tensor->bits;
		entry->generation = tensor->generation;
		entry->offset = offset;
		entry->bytes = tensor->bytes;
		entry->dimensions = tensor->dimensions;
		memcpy(entry->shape, tensor->shape, sizeof(entry->shape));
	}
	atomic_store_explicit(&entry->sequence, sequence + 1, memory_order_release);
	if (slot >= atomic_load_explicit(&head->count, memory_order_relaxed))
		atomic_store_explicit(&head->count, slot + 1, memory_order_release);
}

/* ---- readers ---- */

static int show(const struct pool_directory *directory, uint64_t offset, uint64_t bytes)
{
	return directory->segment && bytes ? segment_show(directory->segment, offset, bytes) : 0;
}

int pool_directory_open(struct pool_directory *directory, struct segment *segment,
			const uint8_t *base, uint64_t bytes)
{
	struct directory_head head;
	int rc;

	*directory = (struct pool_directory){segment, base, bytes, 0, 0};
	if (bytes < sizeof(head))
		return -EINVAL;
	rc = show(directory, 0, sizeof(head));
	if (rc)
		return rc;
	memcpy(&head, base, sizeof(head));
	if (head.magic != DIRECTORY_MAGIC)
		return head.magic ? -EINVAL : -ENODATA;
	if (head.version != DIRECTORY_VERSION || head.entry_bytes != sizeof(struct directory_entry))
		return -EPROTO;
	if (head.bytes != bytes || head.room > DIRECTORY_ROOM_MAX ||
	    head.from != pool_directory_bytes(head.room) || head.from > bytes)
		return -EBADMSG;
	directory->from = head.from;
	directory->room = head.room;
	return 0;
}

static int copy_entry(const struct directory_entry *entry, struct directory_entry *ret_copy)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		uint32_t sequence = atomic_load_explicit(&entry->sequence, memory_order_acquire);

		if (sequence & 1)
			continue;
		memcpy((uint8_t *)ret_copy + sizeof(sequence),
		       (const uint8_t *)entry + sizeof(sequence),
		       sizeof(*entry) - sizeof(sequence));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&entry->sequence, memory_order_relaxed) == sequence)
			return 0;
	}
	return -EAGAIN;
}

/* All that an honest owner holds to. */
static bool can_be(const struct pool_directory *directory, const struct directory_entry *entry,
		   struct uw_tensor *tensor)
{
	uint64_t bytes;

	*tensor = (struct uw_tensor){
		.size = sizeof(*tensor),
		.type = entry->type,
		.bits = entry->bits,
		.dimensions = entry->dimensions,
		.bytes = entry->bytes,
		.generation = entry->generation,
	};
	memcpy(tensor->shape, entry->shape, sizeof(tensor->shape));
	return pool_tensor_bytes(tensor, &bytes) && bytes == entry->bytes &&
	       entry->offset >= directory->from && entry->offset % 64 == 0 &&
	       entry->offset < directory->bytes && bytes <= directory->bytes - entry->offset &&
	       (entry->generation & DIRECTORY_GENERATION_MASK) ==
		       (entry->id >> 32 & DIRECTORY_GENERATION_MASK);
}

int pool_directory_find(const struct pool_directory *directory, uint64_t id,
			struct uw_tensor *ret_tensor)
{
	const struct directory_head *head = (const void *)directory->base;
	uint64_t offset = entry_offset((uint32_t)id);
	struct directory_entry entry;
	int rc;

	if (id >> 62 != 1 || (uint32_t)id >= directory->room ||
	    (uint32_t)id >= atomic_load_explicit(&head->count, memory_order_acquire))
		return UW_STALE;
	rc = show(directory, offset, sizeof(entry));
	if (!rc)
		rc = copy_entry((const void *)(directory->base + offset), &entry);
	if (rc)
		return rc;
	if (entry.id != id)
		return UW_STALE;
	if (!can_be(directory, &entry, ret_tensor))
		return -EBADMSG;
	ret_tensor->memory = (void *)(uintptr_t)(directory->base + entry.offset);
	return show(directory, entry.offset, entry.bytes);
}
