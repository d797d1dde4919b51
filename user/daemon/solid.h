/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a component, and of a part of it, reclaim would not find, by one sample. Pure. */
#ifndef UW_DAEMON_SOLID_H
#define UW_DAEMON_SOLID_H

#include "user/model/frame.h"

/* File pages and slab that reclaim finds: room, whoever read them. */
uint64_t solid_reclaimable(const struct component_sample *sample);

/* Of bytes that are a part of it what reclaim would not find. Whose its file pages are is not
 * known: each part is taken to have them by its size. */
uint64_t solid_bytes(const struct component_sample *sample, uint64_t bytes);

#endif
