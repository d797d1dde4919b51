// SPDX-License-Identifier: GPL-2.0-or-later
/* The drivers there are. Each is a file of its own, which opens with what must hold. */
#include "tests/chaos/drivers.h"

#include "user/base/cleanup.h"

const struct chaos_driver *const chaos_driver[] = {
	&chaos_store, &chaos_store_new, &chaos_slots, &chaos_act, &chaos_guard,
};

const uint32_t chaos_drivers = ARRAY_SIZE(chaos_driver);
