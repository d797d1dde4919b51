// SPDX-License-Identifier: GPL-2.0-or-later
/* The tests of rings of records of one length for programs that have nothing inline. */
#define UW_NO_INLINE
#include "tests/unit/test_ring_fixed.c"
