/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window of a recording, gathered: what each component, leaf and the host had over time, what was
 * done with what effect, where nothing was recorded, and by which configuration. Nothing of a page
 * is in it. It says no more than the recording does.
 */
#ifndef UW_CLI_REPORT_INCIDENT_H
#define UW_CLI_REPORT_INCIDENT_H

#include "user/base/err.h"
#include "user/cli/report/series.h"
#include "user/model/config.h"
#include "user/policy/conditions.h"
#include "user/record/reader.h"

#define INCIDENT_COMPONENTS 64 /* of all configurations that it saw */
#define INCIDENT_LANES      1024
#define INCIDENT_ACTIONS    100000
#define INCIDENT_NOTES      256
#define INCIDENT_TEXT       320
#define INCIDENT_NONE       UINT32_MAX

enum incident_state {
	STATE_RUNNING,
	STATE_THROTTLED, /* its component's memory.high is below what is in force */
	STATE_FROZEN,
	STATE__COUNT
};

struct incident_component {
	char name[UW_NAME_LEN];  /* as configured */
	char shown[UW_NAME_LEN]; /* the same, or what stands for it */
	bool is_protected;
	uint32_t priority;
	struct series use, in_force, high, stall, level;
	bool squeezed;
	uint64_t psi_us, psi_at_us; /* the last total, 0: none */
	uint64_t oom_kills, oom_cgid;
	uint64_t cgid;
	/* Over the window. */
	uint64_t stalled_us, killed_by_kernel, acted; /* acted: but for limits that were set */
	/* When its level and use were highest. */
	bool has_worst;
	uint64_t worst_us;
	struct component_view worst;
	struct conditions conditions;
};

struct incident_lane {
	uint64_t cgid;
	uint32_t component; /* index here */
	bool of_job;
	char shown[RECORD_LEAF_LEN];
	struct series state;
	uint64_t first_bytes, most_bytes;
	uint64_t first_us, most_us; /* when it held them */
	uint64_t frozen_since_us, frozen_us, longest_us;
	bool stands; /* frozen at the end */
};

struct incident_action {
	uint64_t wall_us;
	struct action action;
	enum level level;   /* of its component, then */
	uint32_t component; /* index here; INCIDENT_NONE: the host */
	char leaf[RECORD_LEAF_LEN];
	bool ended;
	struct outcome outcome;
};

struct incident_gap {
	uint64_t from_us, to_us;
	uint64_t frames; /* that could not be kept; 0: uwd did not run, or nobody knows */
};

/* A change of the configuration, or another uwd. */
struct incident_note {
	uint64_t wall_us;
	char text[INCIDENT_TEXT];
};

struct incident {
	struct series_window window;
	bool redact;
	uint64_t first_us, last_us; /* of frames in it; 0: none */

	uint32_t component_count;
	struct incident_component component[INCIDENT_COMPONENTS];
	uint32_t lane_count, lanes_left_out;
	struct incident_lane lane[INCIDENT_LANES];
	uint32_t action_count, actions_left_out;
	struct incident_action *action; /* ours */
	uint32_t gap_count, note_count;
	struct incident_gap gap[INCIDENT_NOTES];
	struct incident_note note[INCIDENT_NOTES];

	struct series available, swap, host_stall;
	struct series jobs_used, jobs_queued, promised;
	uint64_t total_bytes, swap_total_bytes;
	uint64_t host_stalled_us, host_psi_us, host_psi_at_us;

	bool has_config;
	struct config config; /* that was in force last, redacted if so */
	char version[RECORD_VERSION_LEN], boot_id[RECORD_BOOT_LEN];
};

/* -ENOMEM, -ENODATA when no frame is in the window. Frees with incident_free. */
int incident_gather(struct recording *recording, const struct series_window *window, bool redact,
		    struct incident **ret_incident, struct uw_err *err);
void incident_free(struct incident *incident);

/* What an incident comes to. */
struct incident_sum {
	uint32_t subject; /* the component that it is about */
	uint32_t lane;    /* the leaf of it, or INCIDENT_NONE */
	uint32_t victim;  /* the protected component that stalled most, or INCIDENT_NONE */
	uint64_t actions[ACTION__COUNT], failed;
	uint64_t freed_bytes, killed, killed_by_kernel;
	uint64_t longest_us, frozen_leaves;
	uint64_t protected_us; /* stalled, of all protected ones */
};

/* subject: INCIDENT_NONE: the one that was worst off. */
void incident_sum(const struct incident *incident, uint32_t subject, struct incident_sum *ret_sum);

/* The component called so, or INCIDENT_NONE. */
uint32_t incident_find(const struct incident *incident, const char *name);

/* Whether an action is shown as such: not a limit that follows others. */
bool incident_acts(enum action_kind kind);

#endif
