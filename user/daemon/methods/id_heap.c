// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The heap lies in an array: the children of the place i are at 2i + 1 and 2i + 2, and no child is
 * lower than its parent. What comes rises from the end, and what stood there sinks from the top
 * when the lowest is taken.
 */
#include "user/daemon/methods/id_heap.h"

#include <errno.h>
#include <stdlib.h>

void id_heap_done(struct id_heap *heap)
{
	free(heap->id);
	*heap = (struct id_heap){0};
}

static int grow(struct id_heap *heap)
{
	uint32_t size = heap->size ? heap->size * 2 : 256;
	uint64_t *more = reallocarray(heap->id, size, sizeof(*more));

	if (!more)
		return -ENOMEM;
	heap->id = more;
	heap->size = size;
	return 0;
}

int id_heap_add(struct id_heap *heap, uint64_t id)
{
	uint32_t at = heap->count, parent;

	if (heap->count == heap->size && grow(heap))
		return -ENOMEM;
	for (; at && heap->id[parent = (at - 1) / 2] > id; at = parent)
		heap->id[at] = heap->id[parent];
	heap->id[at] = id;
	heap->count++;
	return 0;
}

uint64_t id_heap_take(struct id_heap *heap)
{
	uint64_t lowest = heap->id[0], last = heap->id[--heap->count];
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count && heap->id[child + 1] < heap->id[child])
			child++;
		if (heap->id[child] >= last)
			break;
		heap->id[at] = heap->id[child];
		at = child;
	}
	heap->id[at] = last;
	return lowest;
}
