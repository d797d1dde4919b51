/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the shim: the child up to exec, and the pump of its output. Internal to shim. */
#ifndef UW_SHIM_INTERNAL_H
#define UW_SHIM_INTERNAL_H

#include <signal.h>
#include <stdbool.h>

#include "user/model/job.h"
#include "user/shim/shim.h"
#include "user/store/slots.h"

/* One of the two outputs, on its way from the job to its file. */
struct pump {
	int from, to; /* from -1: closed */
	uint64_t limit_bytes;
	uint64_t written, dropped;
};

/* Moves what is there; false when the pipe has ended. */
bool pump_move(struct pump *pump);

/* What is there and nothing more: others may hold the pipe open for ever. */
void pump_drain(struct pump *pump);

/* What the command gets; all of it made before the fork. */
/* Why, and enum job_start. */
struct command_report {
	int error;
	uint32_t failed;
};

struct command {
	const struct job_spec *spec;
	char **argv, **env;
	int out, err; /* its ends of the pipes */
	int report;   /* a command_report is written here when exec did not come to be */
};

/* argv and env of spec, and of the job that slot is for. -ENOMEM. */
int command_make(const struct job_spec *spec, const struct slot *slot, struct command *ret_command);

/* Becomes the submitter and executes; only returns by exiting. */
void command_exec(const struct command *command) __attribute__((noreturn));

#endif
