// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job's line comes first and has its name, its user and its end; those of its steps follow, and
 * have what they used. A script's step runs beside those that it begins: both count.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/jobs/footprints.h"

#define FIELDS_MAX 128U

enum sacct_column {
	COLUMN_JOB,
	COLUMN_STATE,
	COLUMN_RSS,
	COLUMN_NAME,
	COLUMN_COMMENT,
	COLUMN_UID,
	COLUMN_USER,
	COLUMN_ASKED,
	COLUMN_TASKS,
	COLUMN_NODES,
	COLUMN__COUNT
};

static const char *const headings[COLUMN__COUNT] = {
	[COLUMN_JOB] = "JobID",    [COLUMN_STATE] = "State",     [COLUMN_RSS] = "MaxRSS",
	[COLUMN_NAME] = "JobName", [COLUMN_COMMENT] = "Comment", [COLUMN_UID] = "UID",
	[COLUMN_USER] = "User",    [COLUMN_ASKED] = "ReqMem",    [COLUMN_TASKS] = "NTasks",
	[COLUMN_NODES] = "NNodes",
};

struct sacct {
	struct footprints *list;
	int at[COLUMN__COUNT]; /* -1: it is not there */
	char *field[FIELDS_MAX];
	struct footprint job; /* runs 0: none, or one that says nothing */
	bool held;            /* it ended for want of memory */
	uint64_t script_bytes, steps_bytes;
};

static void split(struct sacct *sacct, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	for (uint32_t i = 0; i < FIELDS_MAX; i++)
		sacct->field[i] = strsep(&line, "|");
}

static const char *get(const struct sacct *sacct, enum sacct_column column)
{
	const char *text = sacct->at[column] < 0 ? NULL : sacct->field[sacct->at[column]];

	return text ? text : "";
}

static bool has(const struct sacct *sacct, enum sacct_column column)
{
	return sacct->at[column] >= 0;
}

static int read_heading(struct sacct *sacct, char *line, struct uw_err *err)
{
	split(sacct, line);
	for (int column = 0; column < COLUMN__COUNT; column++) {
		sacct->at[column] = -1;
		for (int i = 0; i < (int)FIELDS_MAX && sacct->field[i]; i++)
			if (!strcmp(sacct->field[i], headings[column]))
				sacct->at[column] = i;
	}
	if (has(sacct, COLUMN_JOB) && has(sacct, COLUMN_STATE) && has(sacct, COLUMN_RSS) &&
	    (has(sacct, COLUMN_NAME) || has(sacct, COLUMN_COMMENT)) &&
	    (has(sacct, COLUMN_UID) || has(sacct, COLUMN_USER)))
		return 0;
	return err_set(err, -EINVAL,
		       "it is no JSON, and its first line no heading of sacct -P -o "
		       "JobID,JobName,UID,State,ReqMem,NTasks,NNodes,MaxRSS,Comment");
}

/* "40000K", "1.5G", of older ones "500Mn"; without a unit they are bytes. */
static uint64_t bytes_of(const char *text)
{
	char *end;
	double value = strtod(text, &end);
	static const char units[] = "KMGTP";
	const char *unit = *end ? strchr(units, *end) : NULL;

	for (long i = unit ? unit - units : -1; i >= 0; i--)
		value *= 1024;
	return value > 0 && value < (double)(1ULL << 60) ? (uint64_t)value : 0;
}

static bool read_uid(const struct sacct *sacct, uint32_t *ret_uid)
{
	const char *user = get(sacct, COLUMN_USER);
	const struct passwd *entry;
	uint64_t uid;

	if (!units_parse_uint(get(sacct, COLUMN_UID), 0, UINT32_MAX - 1, &uid)) {
		*ret_uid = (uint32_t)uid;
		return true;
	}
	entry = *user ? getpwnam(user) : NULL;
	if (entry)
		*ret_uid = entry->pw_uid;
	return entry;
}

static bool read_key(const struct sacct *sacct, char ret_key[static JOB_KEY_LEN])
{
	static const char mark[] = "uw-key=";
	const char *said = strstr(get(sacct, COLUMN_COMMENT), mark);
	char key[2 * JOB_KEY_LEN];

	said = said ? said + strlen(mark) : get(sacct, COLUMN_NAME);
	snprintf(key, sizeof(key), "%.*s", (int)strcspn(said, " ;,"), said);
	return text_copy(ret_key, JOB_KEY_LEN, key) && text_is_word(ret_key, JOB_KEY_LEN);
}

/* ---- a job and its steps ---- */

static int end_job(struct sacct *sacct)
{
	struct footprint job = sacct->job;

	sacct->job.runs = 0;
	job.max_bytes = sacct->script_bytes + sacct->steps_bytes;
	if (sacct->held)
		job.max_held_bytes = job.max_bytes;
	return job.runs ? footprints_add(sacct->list, &job) : 0;
}

static int begin_job(struct sacct *sacct)
{
	bool done = !strcmp(get(sacct, COLUMN_STATE), "COMPLETED");
	int rc = end_job(sacct);

	sacct->script_bytes = sacct->steps_bytes = 0;
	sacct->held = !strcmp(get(sacct, COLUMN_STATE), "OUT_OF_MEMORY");
	sacct->job = (struct footprint){
		.asked_bytes = (double)bytes_of(get(sacct, COLUMN_ASKED)),
	};
	if ((done || sacct->held) && read_uid(sacct, &sacct->job.uid) &&
	    read_key(sacct, sacct->job.key))
		sacct->job.runs = 1;
	return rc;
}

/* MaxRSS is of the largest of its tasks, of which a node has its part. */
static uint64_t bytes_on_a_node(const struct sacct *sacct)
{
	uint64_t tasks = 1, nodes = 1;

	units_parse_uint(get(sacct, COLUMN_TASKS), 1, UINT32_MAX, &tasks);
	units_parse_uint(get(sacct, COLUMN_NODES), 1, UINT32_MAX, &nodes);
	return bytes_of(get(sacct, COLUMN_RSS)) * ((tasks + nodes - 1) / nodes);
}

static void add_step(struct sacct *sacct, const char *step)
{
	uint64_t bytes = bytes_on_a_node(sacct);
	bool is_script = !strcmp(step, ".batch");
	uint64_t *to = is_script ? &sacct->script_bytes : &sacct->steps_bytes;

	if (bytes > *to)
		*to = bytes;
}

static int read_line(struct sacct *sacct, char *line)
{
	const char *step;

	split(sacct, line);
	step = strchr(get(sacct, COLUMN_JOB), '.');
	if (!step)
		return begin_job(sacct);
	add_step(sacct, step);
	return 0;
}

int footprints_add_sacct(struct footprints *list, FILE *in, struct uw_err *err)
{
	AUTO_FREE struct sacct *sacct = calloc(1, sizeof(*sacct));
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	int rc = sacct ? 0 : -ENOMEM;

	if (rc)
		return err_set(err, rc, "out of memory");
	sacct->list = list;
	if (getline(&line, &size, in) < 0)
		return err_set(err, -EINVAL, "it is empty");
	rc = read_heading(sacct, line, err);
	if (rc)
		return rc;
	while (!rc && getline(&line, &size, in) > 0)
		rc = read_line(sacct, line);
	rc = rc ? rc : end_job(sacct);
	return rc ? err_set(err, rc, "out of memory") : 0;
}
