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

/* The id of this boot of the machine, from /proc/sys/kernel/random/boot_id: what CLOCK_MONOTONIC
 * said in another one means nothing in this one. */
#define CLOCK_BOOT_ID_LEN 37 /* 36 characters and the terminator */

/* -ENOENT and the like where /proc is not mounted, -EBADMSG when it is no id. */
int clock_boot_id(char ret_id[static CLOCK_BOOT_ID_LEN]);

#endif
