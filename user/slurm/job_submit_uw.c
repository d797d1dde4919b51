// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * job_submit_uw.so, which slurmctld loads where slurm.conf says JobSubmitPlugins=uw: a job with
 * --uw-key that asks for more memory than its key's runs have needed is given what they have, and
 * its comment says so. What they have needed stands in a file that the site writes; it is read
 * again when it has changed. Without the file, or with one that makes no sense, jobs are left as
 * they are. Slurm calls with a lock held.
 */
#include <errno.h>
#include <slurm/slurm.h>
#include <slurm/spank.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/slurm/key_env.h"
#include "user/slurm/requests.h"

#define REQUESTS_PATH "/etc/slurm/uw-requests.json"

const char plugin_name[] = "what uwctl has learned";
const char plugin_type[] = "job_submit/uw";
const uint32_t plugin_version = SLURM_VERSION_NUMBER;

int init(void);
int fini(void);
int job_submit(struct job_descriptor *job, uint32_t uid, char **ret_message);
int job_modify(struct job_descriptor *job, void *record, uint32_t uid, char **ret_message);

/* Of slurmctld, which frees the comment: it is no text of malloc's. */
void slurm_xstrfmtcat(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static struct slurm_requests known;
static struct timespec read_at;
static ino_t read_inode;

int init(void)
{
	return SLURM_SUCCESS;
}

int fini(void)
{
	slurm_requests_done(&known);
	return SLURM_SUCCESS;
}

static void read_again(void)
{
	json_error_t error;
	AUTO_JSON json_t *answer = json_load_file(REQUESTS_PATH, 0, &error);
	struct uw_err err = {0};

	slurm_requests_done(&known);
	if (!answer)
		slurm_error("job_submit/uw: %s: %s", REQUESTS_PATH, error.text);
	else if (slurm_requests_read(answer, &known, &err))
		slurm_error("job_submit/uw: %s: %s", REQUESTS_PATH, err.text);
	else
		slurm_info("job_submit/uw: %s: %u requests", REQUESTS_PATH, known.count);
}

static void read_if_changed(void)
{
	struct stat st;

	if (stat(REQUESTS_PATH, &st)) {
		slurm_requests_done(&known);
		read_inode = 0;
		return;
	}
	if (st.st_ino == read_inode && st.st_mtim.tv_sec == read_at.tv_sec &&
	    st.st_mtim.tv_nsec == read_at.tv_nsec)
		return;
	read_inode = st.st_ino;
	read_at = st.st_mtim;
	read_again();
}

/* Of a node's. False: by processor, or all of a node, which is not for us to lower. */
static bool read_asked(const struct job_descriptor *job, uint64_t *ret_mib)
{
	if (job->pn_min_memory == NO_VAL64)
		*ret_mib = SLURM_ASKS_NOTHING;
	else
		*ret_mib = job->pn_min_memory;
	return job->pn_min_memory == NO_VAL64 ||
	       (job->pn_min_memory && !(job->pn_min_memory & MEM_PER_CPU));
}

static void lower(struct job_descriptor *job, uint32_t uid, const char *key)
{
	const struct slurm_request *request;
	char text[SLURM_COMMENT_LEN];
	uint64_t asked_mib;

	if (!read_asked(job, &asked_mib))
		return;
	request = slurm_request_for(&known, uid, key, asked_mib);
	if (!request)
		return;
	job->pn_min_memory = request->mem_mib;
	slurm_xstrfmtcat(&job->comment, "%s%s", job->comment ? "; " : "",
			 slurm_request_comment(request, asked_mib, text));
	slurm_info("job_submit/uw: uid %u: %s", uid, text);
}

int job_submit(struct job_descriptor *job, uint32_t uid, char **ret_message)
{
	const char *key = slurm_key_in(job->spank_job_env, job->spank_job_env_size);

	(void)ret_message;
	if (!key)
		return SLURM_SUCCESS;
	read_if_changed();
	lower(job, job->user_id == NO_VAL ? uid : job->user_id, key);
	return SLURM_SUCCESS;
}

/* Who changes a job knows what for. */
int job_modify(struct job_descriptor *job, void *record, uint32_t uid, char **ret_message)
{
	(void)job;
	(void)record;
	(void)uid;
	(void)ret_message;
	return SLURM_SUCCESS;
}
