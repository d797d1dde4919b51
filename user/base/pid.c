// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what /proc says of a process. The name in field 2 of its line may hold anything, so fields
 * are counted from its last ')'.
 */
#include "user/base/pid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"

#define START_FIELD 22

int pid_start_ticks(pid_t pid, uint64_t *ret_ticks)
{
	char path[32], stat[1024];
	const char *at;
	long len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	len = text_read_at(AT_FDCWD, path, stat, sizeof(stat));
	if (len < 0)
		return (int)len;
	at = strrchr(stat, ')');
	for (int field = 2; at && field < START_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EPROTO;
	*ret_ticks = strtoull(at + 1, NULL, 10);
	return 0;
}
