/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large tables of which only what is used becomes resident. */
#ifndef UW_BASE_SPARSE_H
#define UW_BASE_SPARSE_H

#include <stddef.h>

/*
 * Zeroed pages for a table of so many bytes at most, which never moves. A forked child has none of
 * them. NULL with errno: there are none.
 */
void *sparse_map(size_t bytes);
void sparse_unmap(void *at, size_t bytes); /* at may be NULL */

#endif
