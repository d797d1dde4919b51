// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A list of two ends over an array that grows by doubling. Indexes stay what they are when it does,
 * and are half as large as pointers.
 */
#include "user/lib/heap/lru.h"

#include <stdlib.h>

#define FIRST_ROOM 64U

void lru_done(struct lru *lru)
{
	free(lru->record);
	lru->record = NULL;
}

static bool grow(struct lru *lru)
{
	uint32_t room = lru->room ? lru->room * 2 : FIRST_ROOM;
	struct lru_record *record =
		room > lru->room ? realloc(lru->record, room * sizeof(*record)) : NULL;

	if (!record)
		return false;
	if (!lru->room)
		lru->used = 1;
	lru->record = record;
	lru->room = room;
	return true;
}

uint32_t lru_new(struct lru *lru, uint64_t id)
{
	uint32_t index = lru->unused;

	if (index) {
		lru->unused = lru->record[index].older;
	} else {
		if (lru->used == lru->room && !grow(lru))
			return LRU_NONE;
		index = lru->used++;
	}
	lru->record[index] = (struct lru_record){.id = id};
	return index;
}

void lru_free(struct lru *lru, uint32_t index)
{
	lru->record[index].older = lru->unused;
	lru->unused = index;
}

void lru_enter(struct lru *lru, uint32_t index)
{
	struct lru_record *record = &lru->record[index];

	record->newer = LRU_NONE;
	record->older = lru->newest;
	if (lru->newest)
		lru->record[lru->newest].newer = index;
	else
		lru->oldest = index;
	lru->newest = index;
}

void lru_leave(struct lru *lru, uint32_t index)
{
	const struct lru_record *record = &lru->record[index];

	if (record->newer)
		lru->record[record->newer].older = record->older;
	else
		lru->newest = record->older;
	if (record->older)
		lru->record[record->older].newer = record->newer;
	else
		lru->oldest = record->newer;
}
