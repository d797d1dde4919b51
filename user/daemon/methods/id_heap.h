/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ids that come in any order and are taken out in theirs, so that sorting many is no work of one
 * go. A binary heap: O(log n) each way, 8 bytes an id. All zero is empty.
 */
#ifndef UW_DAEMON_METHODS_ID_HEAP_H
#define UW_DAEMON_METHODS_ID_HEAP_H

#include <stdint.h>

struct id_heap {
	uint64_t *id;
	uint32_t count, size;
};

void id_heap_done(struct id_heap *heap);
int id_heap_add(struct id_heap *heap, uint64_t id); /* -ENOMEM */
uint64_t id_heap_take(struct id_heap *heap);        /* the lowest; it must not be empty */

#endif
