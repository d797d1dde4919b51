/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recording for who looks at it: a copy that uwctl record made, or what there is on this machine,
 * from the disk and from memory. */
#ifndef UW_CLI_FLIGHT_COPY_H
#define UW_CLI_FLIGHT_COPY_H

#include "user/record/reader.h"

struct flight_copy {
	struct recording *recording;
	void *bytes;
	size_t size;
};

/* file NULL: of this machine. 0 or a negative errno; flight_copy_done in any case. */
int flight_copy_open(struct flight_copy *copy, const char *file, struct uw_err *err);
void flight_copy_done(struct flight_copy *copy);

#endif
