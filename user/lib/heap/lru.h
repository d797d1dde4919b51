/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which evictable allocation was used last: records in one list, by index. One that is pinned has a
 * record and is not in the list. The heap's lock is held.
 */
#ifndef UW_LIB_HEAP_LRU_H
#define UW_LIB_HEAP_LRU_H

#include <stdbool.h>
#include <stdint.h>

#define LRU_NONE 0U

struct lru_record {
	uint64_t id, tag;
	uint32_t newer, older; /* of an unused record: older is the next one */
};

struct lru {
	struct lru_record *record; /* index 0 is nobody's */
	uint32_t room, used, unused;
	uint32_t newest, oldest;
};

void lru_done(struct lru *lru);

/* A record of id, in no list. LRU_NONE: no memory. */
uint32_t lru_new(struct lru *lru, uint64_t id);

/* Out of no list. */
void lru_free(struct lru *lru, uint32_t index);

void lru_enter(struct lru *lru, uint32_t index); /* as the newest */
void lru_leave(struct lru *lru, uint32_t index);

#endif
