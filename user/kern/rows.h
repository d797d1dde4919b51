/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of full page tracing: which component has which. Private to kern. */
#ifndef UW_KERN_ROWS_H
#define UW_KERN_ROWS_H

#include "user/kern/inside.h"

/* Gives cgid a row, or leaves it the one that it has. 0 also without page tracing and when its rows
 * are taken: then that component is not traced. */
int rows_add(struct kern *kern, uint64_t cgid);

void rows_drop(struct kern *kern, uint64_t cgid);

#endif
