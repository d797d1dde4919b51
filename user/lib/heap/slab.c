// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A slab is without a class, and then in the list of empty ones; or of a class, and in the list of
 * that one while it has room. Places that were given back hang together in the low bits of their
 * marks and are taken before fresh ones, which may cost pages. The last slab with room of a class
 * stays with it when it becomes empty, and one empty chunk is kept, so that a program on the edge
 * does not make and unmake them all the time.
 */
#include "user/lib/heap/slab.h"

#include <errno.h>
#include <stdlib.h>

#include "user/lib/uw.h"

int slabs_init(struct slabs *slabs, struct tlsf *tlsf, struct heap_pages *pages, uint64_t bytes,
	       uint32_t generation)
{
	uint64_t words = 0;

	slabs->tlsf = tlsf;
	slabs->pages = pages;
	slabs->count = bytes / SLAB_BYTES;
	slabs->generation = generation;
	slabs->empty = SLAB_NONE;
	for (uint32_t i = 0; i < CLASS_COUNT; i++) {
		uint32_t units = class_bytes(i) / CLASS_UNIT;

		slabs->class[i] = (struct slab_class){
			.inverse = ((1U << SLAB_INVERSE_SHIFT) + units - 1) / units,
			.units = (uint16_t)units,
			.count = (uint16_t)(SLAB_UNITS / units),
		};
		slabs->room[i] = SLAB_NONE;
		words += (slabs->class[i].count + 15U) &
			 ~15U; /* were each slab of each class once */
	}
	slabs->slab = calloc(slabs->count + 1, sizeof(*slabs->slab));
	slabs->place = calloc(slabs->count + 1, sizeof(*slabs->place));
	if (!slabs->slab || !slabs->place)
		return -ENOMEM;
	return marks_init(&slabs->marks, words * (slabs->count + 1));
}

void slabs_done(struct slabs *slabs)
{
	for (uint64_t i = 0; slabs->slab && i < slabs->count; i++)
		if (slabs->slab[i].busy)
			free(slabs->slab[i].record);
	free(slabs->slab);
	free((void *)slabs->place);
	marks_done(&slabs->marks);
}

/* ---- lists ---- */

static void push(struct slabs *slabs, uint32_t *list, uint32_t index)
{
	struct slab *slab = &slabs->slab[index];

	slab->previous = SLAB_NONE;
	slab->next = *list;
	if (*list != SLAB_NONE)
		slabs->slab[*list].previous = index;
	*list = index;
}

static void take_out(struct slabs *slabs, uint32_t *list, uint32_t index)
{
	struct slab *slab = &slabs->slab[index];

	if (slab->next != SLAB_NONE)
		slabs->slab[slab->next].previous = slab->previous;
	if (slab->previous != SLAB_NONE)
		slabs->slab[slab->previous].next = slab->next;
	else
		*list = slab->next;
}

/* ---- chunks: of its block, pins are its slabs and record those with a class ---- */

static struct tlsf_block *chunk_of(struct slabs *slabs, uint32_t index)
{
	return &slabs->tlsf->block[slabs->slab[index].chunk];
}

static bool add_chunk(struct slabs *slabs)
{
	struct tlsf_block *block;
	uint32_t chunk = TLSF_NONE, count = CHUNK_SLABS;

	for (; count && !chunk; count = chunk ? count : count / 4)
		chunk = tlsf_take(slabs->tlsf, count * SLAB_BYTES, SLAB_BYTES);
	if (!chunk)
		return false;
	block = &slabs->tlsf->block[chunk];
	block->pins = count;
	block->record = 0;
	for (uint32_t i = count; i--;) {
		uint32_t index = (uint32_t)(block->offset / SLAB_BYTES) + i;
		struct slab *slab = &slabs->slab[index];

		slab->chunk = chunk;
		if (!slab->generation)
			slab->generation = slabs->generation;
		push(slabs, &slabs->empty, index);
	}
	slabs->spare = chunk;
	return true;
}

static void drop_chunk(struct slabs *slabs, uint32_t chunk)
{
	const struct tlsf_block *block = &slabs->tlsf->block[chunk];
	uint32_t first = (uint32_t)(block->offset / SLAB_BYTES), count = block->pins;

	for (uint32_t i = 0; i < count; i++)
		take_out(slabs, &slabs->empty, first + i);
	if (slabs->spare == chunk)
		slabs->spare = TLSF_NONE;
	tlsf_give(slabs->tlsf, chunk);
}

/* ---- slabs ---- */

/* An empty one becomes one of the class. */
static uint32_t dress(struct slabs *slabs, uint32_t class)
{
	uint32_t index = slabs->empty;
	struct slab *slab = &slabs->slab[index];
	uint64_t at = marks_take(&slabs->marks, class, slabs->class[class].count, slab->generation);

	if (at == UINT64_MAX)
		return SLAB_NONE;
	take_out(slabs, &slabs->empty, index);
	slab->marks_at = at;
	slab->record = NULL;
	slab->first = slab->unused = slab->fresh = slab->taken = 0;
	slab->class = (uint8_t) class;
	slab->busy = true;
	push(slabs, &slabs->room[class], index);
	if (chunk_of(slabs, index)->record++ == 0 && slabs->spare == slab->chunk)
		slabs->spare = TLSF_NONE;
	atomic_store_explicit(&slabs->place[index], PLACE_BUSY | at << PLACE_MARK_SHIFT | class,
			      memory_order_release);
	return index;
}

/* And back; its chunk may go with it. */
static void undress(struct slabs *slabs, uint32_t index)
{
	struct slab *slab = &slabs->slab[index];

	atomic_store_explicit(&slabs->place[index], 0, memory_order_release);
	take_out(slabs, &slabs->room[slab->class], index);
	slab->generation = marks_give(&slabs->marks, slab->class, slabs->class[slab->class].count,
				      slab->marks_at, slab->generation);
	free(slab->record);
	slab->record = NULL;
	slab->busy = false;
	push(slabs, &slabs->empty, index);
	if (--chunk_of(slabs, index)->record)
		return;
	if (slabs->spare)
		drop_chunk(slabs, slab->chunk);
	else
		slabs->spare = slab->chunk;
}

static bool is_full(const struct slabs *slabs, const struct slab *slab)
{
	return !slab->unused && slab->fresh == slabs->class[slab->class].count;
}

static uint32_t with_room(struct slabs *slabs, uint32_t class, int *ret_error)
{
	uint32_t index = slabs->room[class];

	if (index != SLAB_NONE)
		return index;
	if (slabs->empty == SLAB_NONE && !add_chunk(slabs)) {
		*ret_error = UW_FULL;
		return SLAB_NONE;
	}
	index = dress(slabs, class);
	if (index == SLAB_NONE)
		*ret_error = -ENOMEM;
	return index;
}

/* ---- places ---- */

static mark_word *mark_of(const struct slabs *slabs, const struct slab *slab, uint32_t place)
{
	return &slabs->marks.word[slab->marks_at + place];
}

static uint32_t take_unused(struct slabs *slabs, struct slab *slab)
{
	uint32_t place = slab->first;
	mark_word *mark = mark_of(slabs, slab, place);
	uint32_t word = atomic_load_explicit(mark, memory_order_relaxed);

	slab->first = word & MARK_LOW;
	slab->unused--;
	atomic_store_explicit(mark, word & ~MARK_LOW, memory_order_relaxed);
	return place;
}

/* How many more fresh places may be handed out, their pages committed. */
static uint32_t commit_fresh(struct slabs *slabs, uint32_t index, uint32_t want, int *ret_error)
{
	const struct slab *slab = &slabs->slab[index];
	uint32_t bytes = class_bytes(slab->class), left;
	uint64_t from = (uint64_t)index * SLAB_BYTES + (uint64_t)slab->fresh * bytes;

	left = slabs->class[slab->class].count - slab->fresh;
	want = want < left ? want : left;
	*ret_error = pages_commit(slabs->pages, from, (uint64_t)want * bytes);
	return *ret_error ? 0 : want;
}

static uint32_t take_some(struct slabs *slabs, uint32_t index, uint32_t count, uint64_t *ret_unit,
			  int *ret_error)
{
	struct slab *slab = &slabs->slab[index];
	uint64_t first = (uint64_t)index << SLAB_SHIFT;
	uint32_t units = slabs->class[slab->class].units, got = 0;

	while (got < count && slab->unused)
		ret_unit[got++] = first + take_unused(slabs, slab) * units;
	if (got < count)
		count = got + commit_fresh(slabs, index, count - got, ret_error);
	while (got < count)
		ret_unit[got++] = first + slab->fresh++ * units;
	slab->taken = (uint16_t)(slab->taken + got);
	slabs->taken[slab->class] += got;
	if (is_full(slabs, slab))
		take_out(slabs, &slabs->room[slab->class], index);
	return got;
}

uint32_t slabs_take(struct slabs *slabs, uint32_t class, uint32_t count, uint64_t *ret_unit,
		    int *ret_error)
{
	uint32_t got = 0;

	*ret_error = 0;
	while (got < count && !*ret_error) {
		uint32_t index = with_room(slabs, class, ret_error);

		if (index != SLAB_NONE)
			got += take_some(slabs, index, count - got, ret_unit + got, ret_error);
	}
	return got;
}

/* A full slab has room again. The one that was kept for its class, if there is one, is not needed.
 */
static void list_again(struct slabs *slabs, uint32_t index)
{
	uint32_t *list = &slabs->room[slabs->slab[index].class], kept = *list;

	push(slabs, list, index);
	if (kept != SLAB_NONE && !slabs->slab[kept].taken)
		undress(slabs, kept);
}

void slabs_give(struct slabs *slabs, uint64_t unit)
{
	uint32_t index = (uint32_t)(unit >> SLAB_SHIFT);
	struct slab *slab = &slabs->slab[index];
	const struct slab_class *class = &slabs->class[slab->class];
	uint32_t place = (uint32_t)(unit & (SLAB_UNITS - 1)) / class->units;
	mark_word *mark = mark_of(slabs, slab, place);
	uint32_t word = atomic_load_explicit(mark, memory_order_relaxed) & ~MARK_LOW;

	if (is_full(slabs, slab))
		list_again(slabs, index);
	atomic_store_explicit(mark, word | slab->first, memory_order_relaxed);
	slab->first = (uint16_t)place;
	slab->unused++;
	slabs->taken[slab->class]--;
	if (!--slab->taken && (slab->next != SLAB_NONE || slab->previous != SLAB_NONE))
		undress(slabs, index);
}

/* ---- what is not used ---- */

void slabs_release(struct slabs *slabs)
{
	for (uint32_t i = 0; i < CLASS_COUNT; i++) {
		uint32_t index = slabs->room[i];

		if (index != SLAB_NONE && !slabs->slab[index].taken)
			undress(slabs, index);
	}
	if (slabs->spare)
		drop_chunk(slabs, slabs->spare);
}

uint64_t slabs_punch(struct slabs *slabs)
{
	uint64_t bytes = 0;

	for (uint32_t i = slabs->empty; i != SLAB_NONE; i = slabs->slab[i].next)
		bytes +=
			pages_punch(slabs->pages, (uint64_t)i * SLAB_BYTES, SLAB_BYTES, SLAB_BYTES);
	return bytes;
}

uint32_t *slabs_record(struct slabs *slabs, uint64_t unit)
{
	struct slab *slab = &slabs->slab[unit >> SLAB_SHIFT];
	const struct slab_class *class = &slabs->class[slab->class];

	if (!slab->record)
		slab->record = calloc(class->count, sizeof(*slab->record));
	if (!slab->record)
		return NULL;
	return &slab->record[(unit & (SLAB_UNITS - 1)) / class->units];
}
