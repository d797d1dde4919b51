/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the walk through a recording goes by, between its two files: gather.c, and identify.c for
 * whose configuration and uwd the frames are. */
#ifndef UW_CLI_REPORT_GATHER_H
#define UW_CLI_REPORT_GATHER_H

#include "user/cli/report/incident.h"

struct gathering {
	struct incident *incident;
	struct recording *recording;
	uint64_t at_us, lost, sequence; /* of the last frame */
	bool thin;
	uint32_t index[UW_COMPONENTS_MAX];               /* of the incident, by that of the frame */
	struct incident_lane *lane_of[FRAME_LEAVES_MAX]; /* of the last frame's leaves */
	uint32_t round, seen[INCIDENT_LANES];            /* the last frame that a lane was in */
	uint32_t action_room;
	/* As recorded, to be told of changes by. */
	const char *config_text;
	uint32_t config_len;
};

void gather_init(struct gathering *g);

/* A slot begins: perhaps of another uwd. */
void gather_begin(struct gathering *g);

/* Which component is which from here on, and what the configuration is. */
void gather_config(struct gathering *g);

#endif
