/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cgroups of plain files, for drivers of what writes to them. A file's first word is its value. */
#ifndef UW_TESTS_CHAOS_TREE_H
#define UW_TESTS_CHAOS_TREE_H

#include <stdint.h>

#include "tests/chaos/chaos.h"

#define TREE_POOL "pool" /* in the driver's folder */
#define TREE_HIGH (400ULL << 20)

/* "", "jobs" or "jobs/train": with memory.high at TREE_HIGH and everything else at rest. */
void tree_make(const struct chaos *c, const char *group);
int tree_open(const struct chaos *c); /* the pool's directory */

uint64_t tree_read(const struct chaos *c, const char *group, const char *file);
void tree_write(const struct chaos *c, const char *group, const char *file, const char *value);
uint64_t tree_cgid(const struct chaos *c, const char *group);

/* That nobody is frozen or squeezed: told as a violation. */
void tree_check_rest(struct chaos *c, const char *when, const char *group);

#endif
