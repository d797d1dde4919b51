// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be said of a job without knowing the queue: the words for its state and history, the
 * sentence for each reason, whether a submission is well formed, and what is kept in memory of it.
 */
#include "user/model/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"

#define UMASK_MAX       0777U
#define EXIT_SIGNAL     128
#define EXIT_UNKNOWN    255
#define EXIT_NO_COMMAND 127
#define EXIT_NOT_RUN    126

static const char *const class_names[JOB_CLASS__COUNT] = {
	[JOB_DEFERRED] = "deferred", [JOB_LOW] = "low",           [JOB_NORMAL] = "normal",
	[JOB_HIGH] = "high",         [JOB_CRITICAL] = "critical",
};

static const char *const state_names[JOB_STATE__COUNT] = {
	[JOB_HELD] = "held",         [JOB_WAITING] = "waiting", [JOB_QUEUED] = "queued",
	[JOB_STARTING] = "starting", [JOB_RUNNING] = "running", [JOB_FROZEN] = "frozen",
	[JOB_DONE] = "done",         [JOB_FAILED] = "failed",   [JOB_CANCELLED] = "cancelled",
	[JOB_LOST] = "lost",
};

static const char *const step_names[JOB_STEP__COUNT] = {
	[JOB_STEP_SUBMITTED] = "submitted", [JOB_STEP_HELD] = "held",
	[JOB_STEP_RELEASED] = "released",   [JOB_STEP_STARTED] = "started",
	[JOB_STEP_ADOPTED] = "adopted",     [JOB_STEP_GREW] = "grew",
	[JOB_STEP_THROTTLED] = "throttled", [JOB_STEP_FROZEN] = "frozen",
	[JOB_STEP_RECLAIMED] = "reclaimed", [JOB_STEP_THAWED] = "thawed",
	[JOB_STEP_RESTARTED] = "restarted", [JOB_STEP_REQUEUED] = "requeued",
	[JOB_STEP_CANCELLED] = "cancelled", [JOB_STEP_ENDED] = "ended",
	[JOB_STEP_LOST] = "lost",
};

/* A clause is BEFORE observed BETWEEN threshold AFTER; each number in its own unit. */
struct job_reason_row {
	const char *name;
	enum reason_unit observed, threshold;
	const char *before, *between, *after;
};

#define BYTES REASON_UNIT_BYTES
#define US    REASON_UNIT_US
#define COUNT REASON_UNIT_COUNT
#define NONE  REASON_UNIT_NONE

static const struct job_reason_row reasons[JOB_REASON__COUNT] = {
	[JOB_BECAUSE_NONE] = {"none", NONE, NONE, "no reason", "", ""},
	[JOB_BECAUSE_SUBMIT] = {"submit", NONE, NONE, "it was submitted", "", ""},
	[JOB_BECAUSE_REQUEST] = {"request", COUNT, NONE, "uid ", " asked for it", ""},
	[JOB_BECAUSE_AFTER] = {"after", COUNT, NONE, "job ", " has not ended", ""},
	[JOB_BECAUSE_AFTER_FAILED] = {"after-failed", COUNT, NONE, "job ", " did not end well", ""},
	[JOB_BECAUSE_MEMORY] = {"memory", BYTES, BYTES, "needs ", ", ",
				" are free in its component"},
	[JOB_BECAUSE_HOST] = {"host", BYTES, BYTES, "needs ", ", the host can give ", ""},
	[JOB_BECAUSE_BEHIND] = {"behind", COUNT, BYTES, "would delay job ",
				", for which are reserved ", ""},
	[JOB_BECAUSE_TOO_LARGE] = {"too-large", BYTES, BYTES, "needs ",
				   ", its component has at most ", ""},
	[JOB_BECAUSE_SLOTS] = {"slots", COUNT, COUNT, "", " jobs run, at most ", " may"},
	[JOB_BECAUSE_FITS] = {"fits", BYTES, BYTES, "needs ", ", ", " are free"},
	[JOB_BECAUSE_BESIDE] = {"beside", BYTES, BYTES, "needs ", ", beside the head of the queue ",
				" are free"},
	[JOB_BECAUSE_CANARY] = {"canary", BYTES, BYTES, "nothing is known of its key: takes ",
				", free are ", ""},
	[JOB_BECAUSE_TURN] = {"turn", COUNT, NONE, "", " jobs are before it", ""},
	[JOB_BECAUSE_HEAD_FIRST] = {"head-first", BYTES, BYTES, "needs ",
				    ", beside the head of another component are free ", ""},
	[JOB_BECAUSE_GROWTH_FIRST] = {"growth-first", BYTES, BYTES, "a job that runs waits for ",
				      ", free are ", ""},
	[JOB_BECAUSE_PLATEAU] = {"plateau", BYTES, BYTES, "peaked at ", ", reserved were ", ""},
	[JOB_BECAUSE_NO_GROWTH] = {"no-growth", BYTES, BYTES, "at its limit: wants ",
				   " more, free are ", ""},
	[JOB_BECAUSE_DEADLOCK] = {"deadlock", BYTES, BYTES, "only frozen jobs are left: has ",
				  ", wants ", ""},
	[JOB_BECAUSE_BACKFILL] = {"backfill", US, US, "should end within ",
				  ", the head of the queue can start in ", ""},
	[JOB_BECAUSE_GROWTH] = {"growth", BYTES, BYTES, "uses ", ", reserved were ", ""},
	[JOB_BECAUSE_STILL_GROWING] = {"still-growing", US, US, "held back for ", ", limit ", ""},
	[JOB_BECAUSE_PREEMPTED] = {"preempted", COUNT, NONE, "gives its memory to job ", "", ""},
	[JOB_BECAUSE_ROOM] = {"room", BYTES, BYTES, "room for ", ", needs ", ""},
	[JOB_BECAUSE_PRESSURE] = {"pressure", NONE, NONE, "memory pressure", "", ""},
	[JOB_BECAUSE_MEMORY_LIMIT] = {"memory-limit", BYTES, BYTES, "peaked at ", ", limit ", ""},
	[JOB_BECAUSE_TIME_LIMIT] = {"time-limit", US, US, "ran ", ", limit ", ""},
	[JOB_BECAUSE_OOM] = {"oom", COUNT, NONE, "the kernel killed ", " of its tasks", ""},
	[JOB_BECAUSE_EXIT] = {"exit", COUNT, NONE, "exit status ", "", ""},
	[JOB_BECAUSE_SIGNAL] = {"signal", COUNT, NONE, "ended by signal ", "", ""},
	[JOB_BECAUSE_START_FAILED] = {"start-failed", COUNT, NONE, "could not be started", "", ""},
	[JOB_BECAUSE_REBOOT] = {"reboot", NONE, NONE, "the machine went down while it ran", "", ""},
	[JOB_BECAUSE_NO_COMPONENT] = {"no-component", NONE, NONE,
				      "its component is not configured any more", "", ""},
	[JOB_BECAUSE_SHIM_LOST] = {"shim-lost", NONE, NONE,
				   "what watched it was killed, its end is not known", "", ""},
	[JOB_BECAUSE_REFUSED] = {"refused", COUNT, NONE,
				 "uwd cannot take it into its queue: error ", "", ""},
	[JOB_BECAUSE_LEFT_LEAF] = {"left-leaf", NONE, NONE,
				   "runs outside of its leaf, where nothing limits or freezes it",
				   "", ""},
	[JOB_BECAUSE_USER_SLOTS] = {"user-slots", COUNT, COUNT, "", " jobs of its user run, ",
				    " may (max-running, user-share)"},
};

#undef BYTES
#undef US
#undef COUNT
#undef NONE

enum job_class job_class_of(uint32_t priority)
{
	if (priority < PRIORITY_MIN)
		return JOB_DEFERRED;
	return priority >= PRIORITY_MAX ? JOB_CRITICAL : (enum job_class)((priority - 1) / 2);
}

bool job_state_is_end(enum job_state state)
{
	return state >= JOB_DONE && state < JOB_STATE__COUNT;
}

bool job_state_is_active(enum job_state state)
{
	return state == JOB_STARTING || state == JOB_RUNNING || state == JOB_FROZEN;
}

bool job_may_run_again(const struct job *job)
{
	return (job->flags & JOB_RERUN) || job->retries;
}

int job_exit_code(const struct job_result *result)
{
	const struct job_why *why = &result->why;

	if (result->signal)
		return EXIT_SIGNAL + result->signal;
	if (result->state == JOB_FAILED && why->reason == JOB_BECAUSE_START_FAILED)
		return why->threshold == JOB_START_COMMAND && why->observed == ENOENT
			       ? EXIT_NO_COMMAND
			       : EXIT_NOT_RUN;
	return result->status >= 0 ? result->status : EXIT_UNKNOWN;
}

/* ---- words ---- */

static const char *name_of(const char *const *names, unsigned int count, unsigned int at)
{
	return at < count && names[at] ? names[at] : "?";
}

static int find_name(const char *const *names, unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

const char *job_class_name(enum job_class class)
{
	return name_of(class_names, JOB_CLASS__COUNT, class);
}

const char *job_state_name(enum job_state state)
{
	return name_of(state_names, JOB_STATE__COUNT, state);
}

const char *job_step_name(enum job_step step)
{
	return name_of(step_names, JOB_STEP__COUNT, step);
}

const char *job_reason_name(enum job_reason reason)
{
	return (unsigned int)reason < JOB_REASON__COUNT ? reasons[reason].name : "?";
}

enum reason_unit job_reason_unit(enum job_reason reason)
{
	return (unsigned int)reason < JOB_REASON__COUNT ? reasons[reason].observed
							: REASON_UNIT_NONE;
}

int job_class_find(const char *name)
{
	return find_name(class_names, JOB_CLASS__COUNT, name);
}

int job_state_find(const char *name)
{
	return find_name(state_names, JOB_STATE__COUNT, name);
}

static void value_text(enum reason_unit unit, uint64_t value, char buf[static UNITS_TEXT_LEN])
{
	*buf = '\0';
	switch (unit) {
	case REASON_UNIT_BYTES:
		units_print_bytes(value, buf);
		break;
	case REASON_UNIT_US:
		units_print_us(value, buf);
		break;
	case REASON_UNIT_COUNT:
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64, value);
		break;
	case REASON_UNIT_PERMYRIAD:
	case REASON_UNIT_PER_S:
	case REASON_UNIT_NONE:
		break;
	}
}

/* As a shell would; the errno is the kernel's. */
static const char *start_failed_text(const struct job_why *why, const struct job_spec *spec,
				     char *buf, unsigned long size)
{
	const char *error = strerrordesc_np((int)why->observed) ?: "unknown error";

	switch ((enum job_start)why->threshold) {
	case JOB_START_USER:
		if (spec)
			snprintf(buf, size, "cannot become uid %u: %s", spec->uid, error);
		else
			snprintf(buf, size, "cannot become its user: %s", error);
		return buf;
	case JOB_START_DIRECTORY:
		snprintf(buf, size, "cannot enter %s: %s", spec ? spec->cwd : "its directory",
			 error);
		return buf;
	case JOB_START_COMMAND:
		snprintf(buf, size, "cannot run %s: %s", spec ? spec->argv.data : "its command",
			 error);
		return buf;
	case JOB_START_ACCOUNT:
		if (spec)
			snprintf(buf, size, "the account of uid %u does not let it start: %s",
				 spec->uid, error);
		else
			snprintf(buf, size, "its user's account does not let it start: %s", error);
		return buf;
	case JOB_START_SUBMIT:
		if (spec)
			snprintf(buf, size, "uid %u may not submit to %s any more", spec->uid,
				 spec->component);
		else
			snprintf(buf, size, "its user may not submit to its component any more");
		return buf;
	case JOB_START_ANYTHING:
	case JOB_START__COUNT:
		break;
	}
	snprintf(buf, size, "could not be started: %s", error);
	return buf;
}

const char *job_why_text(const struct job_why *why, char *buf, unsigned long size)
{
	return job_why_text_of(why, NULL, buf, size);
}

const char *job_why_text_of(const struct job_why *why, const struct job_spec *spec, char *buf,
			    unsigned long size)
{
	char observed[UNITS_TEXT_LEN], threshold[UNITS_TEXT_LEN];
	const struct job_reason_row *row;

	if (!size)
		return buf;
	if ((unsigned int)why->reason >= JOB_REASON__COUNT) {
		snprintf(buf, size, "?");
		return buf;
	}
	if (why->reason == JOB_BECAUSE_START_FAILED)
		return start_failed_text(why, spec, buf, size);
	row = &reasons[why->reason];
	value_text(row->observed, why->observed, observed);
	value_text(row->threshold, why->threshold, threshold);
	if (row->observed == REASON_UNIT_BYTES && row->threshold == REASON_UNIT_BYTES)
		units_print_bytes_apart(why->observed, why->threshold, observed, threshold);
	snprintf(buf, size, "%s%s%s%s%s", row->before, observed, row->between, threshold,
		 row->after);
	return buf;
}

/* ---- a submission ---- */

static int check_words(const struct job_spec *spec, struct uw_err *err)
{
	if (!memchr(spec->component, '\0', sizeof(spec->component)) ||
	    !text_is_name(spec->component))
		return err_set(err, -EINVAL, "submit: component: not a name");
	if (spec->name[0] && !text_is_word(spec->name, sizeof(spec->name)))
		return err_set(err, -EINVAL,
			       "submit: name: at most %d letters, digits and _-.:@/+ are allowed",
			       JOB_NAME_LEN - 1);
	if (spec->key[0] && !text_is_word(spec->key, sizeof(spec->key)))
		return err_set(err, -EINVAL,
			       "submit: key: at most %d letters, digits and _-.:@/+ are allowed",
			       JOB_KEY_LEN - 1);
	if (spec->tag_count > JOB_TAGS_MAX)
		return err_set(err, -EINVAL, "submit: tags: %u of them, at most %d are allowed",
			       spec->tag_count, JOB_TAGS_MAX);
	for (uint32_t i = 0; i < spec->tag_count; i++)
		if (!text_is_word(spec->tag[i], sizeof(spec->tag[i])))
			return err_set(
				err, -EINVAL,
				"submit: tags: 1 to %d letters, digits and _-.:@/+ are allowed",
				JOB_TAG_LEN - 1);
	return 0;
}

/* Numbers with their range, as a table. */
static int check_numbers(const struct job_spec *spec, struct uw_err *err)
{
	const struct {
		const char *field;
		uint64_t value, min, max;
	} rows[] = {
		{"memory", spec->memory_bytes, 1, INT64_MAX},
		{"time", spec->time_us, 0, INT64_MAX},
		{"time limit", spec->time_limit_us, 0, INT64_MAX},
		{"input", spec->input_bytes, 0, INT64_MAX},
		{"priority", spec->priority, PRIORITY_MIN, PRIORITY_MAX},
		{"memory priority", spec->memory_priority, PRIORITY_MIN, PRIORITY_MAX},
		{"retries", spec->retries, 0, JOB_RETRIES_MAX},
		{"after", spec->after_count, 0, JOB_AFTER_MAX},
		{"groups", spec->group_count, 0, JOB_GROUPS_MAX},
		{"umask", spec->umask, 0, UMASK_MAX},
		{"arguments", spec->argv.size, 1, JOB_BLOCK_MAX},
		{"environment", spec->env.size, 0, JOB_BLOCK_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].value < rows[i].min || rows[i].value > rows[i].max)
			return err_set(err, -EINVAL,
				       "submit: %s: is %" PRIu64 ", %" PRIu64 " to %" PRIu64
				       " are allowed",
				       rows[i].field, rows[i].value, rows[i].min, rows[i].max);
	if (spec->index != JOB_NO_INDEX && spec->index >= JOB_ARRAY_MAX)
		return err_set(err, -EINVAL, "submit: array: index %u, at most %u are allowed",
			       spec->index, JOB_ARRAY_MAX - 1);
	return 0;
}

static int check_command(const struct job_spec *spec, struct uw_err *err)
{
	uint32_t arguments = job_block_count(&spec->argv);

	if (arguments == UINT32_MAX || !spec->argv.data[0])
		return err_set(err, -EINVAL, "submit: command: is empty or has no end");
	if (job_block_count(&spec->env) == UINT32_MAX)
		return err_set(err, -EINVAL, "submit: environment: has no end");
	for (const char *at = job_block_next(&spec->env, NULL); at;
	     at = job_block_next(&spec->env, at))
		if (*at == '=' || !strchr(at, '='))
			return err_set(err, -EINVAL,
				       "submit: environment: '%.40s' is not NAME=value", at);
	if (!spec->cwd || spec->cwd[0] != '/' || strnlen(spec->cwd, JOB_PATH_LEN) == JOB_PATH_LEN)
		return err_set(err, -EINVAL,
			       "submit: directory: is no absolute path of up to %d bytes",
			       JOB_PATH_LEN - 1);
	return 0;
}

int job_spec_check(const struct job_spec *spec, struct uw_err *err)
{
	int rc = check_words(spec, err);

	if (rc == 0)
		rc = check_numbers(spec, err);
	return rc ? rc : check_command(spec, err);
}

static const char *last_element(const char *path)
{
	const char *last = path;

	for (const char *at = path; *at; at++)
		if (*at == '/' && at[1])
			last = at + 1;
	return last;
}

void job_init(struct job *job, const struct job_spec *spec)
{
	*job = (struct job){
		.memory_bytes = spec->memory_bytes,
		.reserved_bytes = spec->memory_bytes,
		.time_us = spec->time_us,
		.time_limit_us = spec->time_limit_us,
		.input_bytes = spec->input_bytes,
		.index = spec->index,
		.uid = spec->uid,
		.gid = spec->gid,
		.flags = (uint16_t)spec->flags,
		.state = JOB_QUEUED,
		.priority = (uint8_t)spec->priority,
		.memory_priority = (uint8_t)spec->memory_priority,
		.retries = (uint8_t)spec->retries,
	};
	if (spec->held)
		job->state = JOB_HELD;
	else if (spec->after_count)
		job->state = JOB_WAITING;
	text_copy(job->name, sizeof(job->name),
		  spec->name[0]  ? spec->name
		  : spec->key[0] ? spec->key
				 : last_element(spec->argv.data));
}

const char *job_command_text(const struct job_spec *spec, char *buf, unsigned long size)
{
	unsigned long at = 0;

	for (uint32_t i = 0; i + 1 < spec->argv.size && at + 1 < size; i++) {
		char c = spec->argv.data[i];

		buf[at] = c;
		if (!c)
			buf[at] = ' ';
		else if (c < ' ' || c > '~')
			buf[at] = '?';
		at++;
	}
	buf[at] = '\0';
	return buf;
}
