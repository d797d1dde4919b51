/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one clock: CLOCK_MONOTONIC, which bpf_ktime_get_ns() shares. Never read inside policy. */
#ifndef UW_BASE_CLOCK_H
#define UW_BASE_CLOCK_H

#include <stdint.h>

#define US_PER_MS  1000ULL
#define US_PER_SEC 1000000ULL
#define NS_PER_US  1000ULL

uint64_t clock_now_us(void);

/* Wall time in microseconds since the epoch, for display and for records that outlive a boot. */
uint64_t clock_wall_us(void);

#endif
