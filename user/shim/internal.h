/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the shim: the child up to exec, and the pump of its output. Internal to shim. */
#ifndef UW_SHIM_INTERNAL_H
#define UW_SHIM_INTERNAL_H

#include <signal.h>
#include <stdbool.h>

#include "user/model/job.h"
#include "user/shim/shim.h"
#include "user/shim/slots.h"

/* One of the two outputs, on its way from the job to its file. */
struct pump {
	int from, to;         /* from -1: closed */
	uint64_t limit_bytes; /* of this attempt */
	uint64_t begin;       /* where in the file it begins */
	uint64_t total;       /* written since */
	uint64_t punched;     /* of those, taken out of the middle again */
	uint64_t lost;        /* never written, as there was no room */
	uint64_t trimmed;     /* taken out at the end, of earlier attempts too */
	bool may_punch;
};

/* Makes the pipe; what the command writes into its end goes to the end of the file that to is,
 * which is open for appending. A negative errno. */
int pump_open(struct pump *pump, int to, uint64_t limit_bytes, int *ret_write_end);

/* At the end: what all attempts wrote is cut to the limit of one. */
void pump_trim(struct pump *pump);

uint64_t pump_kept(const struct pump *pump);
uint64_t pump_dropped(const struct pump *pump);

/* Moves what is there; false when the pipe has ended. */
bool pump_move(struct pump *pump);

/* What is there and nothing more: others may hold the pipe open for ever. */
void pump_drain(struct pump *pump);

/* Why the command could not be executed: an errno, and at which step, enum job_start. */
struct command_report {
	int error;
	uint32_t failed;
};

/* What the command gets; all of it made before the fork. */
struct job_command {
	const struct job_spec *spec;
	char **argv, **env;
	int out, err;      /* its ends of the pipes */
	int report;        /* a command_report is written here when exec did not come to be */
	const char *login; /* executed first, as of struct shim_options; NULL: nothing is */
	const char *submit;
	uint32_t slot;
};

/* argv and env of spec, and of the job that slot is for. -ENOMEM. */
int command_make(const struct job_spec *spec, const struct slot_record *slot,
		 struct job_command *ret_command);

/* Becomes the submitter, by way of login, and executes; only returns by exiting. */
void command_exec(const struct job_command *command) __attribute__((noreturn));

/* The second half of that, with the groups and the rights of spec: root, where it is any. Returns
 * what failed, and where. */
int command_finish(const struct job_command *command, uint32_t *ret_failed);

/* Says why there is no command, and exits. */
void command_give_up(const struct job_command *command, uint32_t failed, int rc)
	__attribute__((noreturn));

#endif
