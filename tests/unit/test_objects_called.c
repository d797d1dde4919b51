// SPDX-License-Identifier: GPL-2.0-or-later
/* The tests of pools of objects for programs that have nothing inline. */
#define UW_NO_INLINE
#include "tests/unit/test_objects.c"
