/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes of small allocations: multiples of 16 bytes up to 128, then eight to each doubling, to 8
 * KiB. What is lost by rounding up is an eighth at most and a sixteenth on average, half of what
 * four to a doubling lose (jemalloc, mimalloc). A multiple of 64 up to 8 KiB has a class that is
 * one too. Pure, and no more than a few instructions.
 */
#ifndef UW_LIB_HEAP_CLASSES_H
#define UW_LIB_HEAP_CLASSES_H

#include <stdint.h>

#define CLASS_COUNT     56
#define CLASS_BYTES_MAX 8192U
#define CLASS_UNIT      16U /* every class is a multiple of it */

/* The class of bytes, 1 to CLASS_BYTES_MAX. */
static inline uint32_t class_of(uint64_t bytes)
{
	uint32_t log = 63U - (uint32_t)__builtin_clzll((bytes - 1) | 128);

	return (log - 7) * 8 + (uint32_t)((bytes - 1) >> (log - 3));
}

static inline uint32_t class_bytes(uint32_t class)
{
	uint32_t log = 6 + class / 8, step = class % 8 + 1;

	return class < 8 ? (class + 1) * CLASS_UNIT : (1U << log) + (step << (log - 3));
}

#endif
