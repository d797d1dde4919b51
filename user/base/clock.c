// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the monotonic and the wall clock in microseconds. It also reads the id of this boot,
 * without which a monotonic time means nothing in a file.
 */
#include "user/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "user/base/text.h"

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

static uint64_t read_us(clockid_t id)
{
	struct timespec ts;

	/* Both clocks exist on every Linux, so this cannot fail. */
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * US_PER_SEC + (uint64_t)ts.tv_nsec / NS_PER_US;
}

uint64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int clock_boot_id(char ret_id[static CLOCK_BOOT_ID_LEN])
{
	char text[CLOCK_BOOT_ID_LEN + 1];
	long n = text_read_at(AT_FDCWD, BOOT_FILE, text, sizeof(text));

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	return text_copy(ret_id, CLOCK_BOOT_ID_LEN, text) ? 0 : -EBADMSG;
}
